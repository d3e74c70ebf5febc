"""Documents of synthetic studies: reports and encapsulated PDFs (PS3.3 §A.35.1, §A.45.1), and a PDF of one page."""

from collections.abc import Sequence

from azdicom_scenarios.synthetic.kinds import Attributes, Place, code

_OBJECTS = (
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 297] /Contents 4 0 R"
    " /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>",
    "",  # the page's content
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
)


def report(place: Place) -> Attributes:
    return {
        "InstanceNumber": str(place.index + 1),
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "ContentDate": place.date,
        "ContentTime": "101500",
        "ReferencedPerformedProcedureStepSequence": [],
        "PerformedProcedureCodeSequence": [],
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
        "ConceptNameCodeSequence": [code("18782-3", "LN", "Radiology Study observation (narrative)")],
        "ContentSequence": [
            _section(("121070", "Findings"), ("121071", "Finding"), "Both lungs are clear. Two nodules in the middle."),
            _section(("121076", "Conclusions"), ("121077", "Conclusion"), "A phantom, in good health."),
        ],
    }


def document(place: Place) -> Attributes:
    return {
        "InstanceNumber": str(place.index + 1),
        "ConversionType": "SYN",
        "ContentDate": place.date,
        "ContentTime": "101500",
        "AcquisitionDateTime": "",
        "BurnedInAnnotation": "YES",
        "DocumentTitle": place.label,
        "ConceptNameCodeSequence": [code("18748-4", "LN", "Diagnostic imaging study")],
        "VerificationFlag": "UNVERIFIED",
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
    }


def pdf(title: str, lines: Sequence[str]) -> bytes:
    """A PDF 1.4 file of one page: a coloured heading, `lines` below it (ISO 32000-1 §7.5)."""
    content = ["0.16 0.33 0.52 rg 0 245 420 52 re f", f"BT /F2 18 Tf 1 1 1 rg 24 264 Td ({_escaped(title)}) Tj ET"]
    content += ["BT /F1 11 Tf 0.1 0.1 0.1 rg 24 220 Td 16 TL", *(f"({_escaped(line)}) Tj T*" for line in lines), "ET"]
    stream = "\n".join(content)
    objects = list(_OBJECTS)
    objects[3] = f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"
    body, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("ascii")


def _escaped(text: str) -> str:
    """`text` as the inside of a PDF string; what is not ASCII becomes a question mark."""
    ascii_text = text.encode("ascii", "replace").decode("ascii")
    return ascii_text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _section(section: tuple[str, str], item: tuple[str, str], text: str) -> Attributes:
    """A heading with one text below it; both are codes of DCM with their meanings (PS3.16 Annex D)."""
    return {
        "RelationshipType": "CONTAINS",
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
        "ConceptNameCodeSequence": [code(section[0], "DCM", section[1])],
        "ContentSequence": [
            {
                "RelationshipType": "CONTAINS",
                "ValueType": "TEXT",
                "ConceptNameCodeSequence": [code(item[0], "DCM", item[1])],
                "TextValue": text,
            }
        ],
    }
