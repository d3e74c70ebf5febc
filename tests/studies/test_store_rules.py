"""STOW-RS over HTTP, rule by rule: what test_store.py does not already say."""

import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from tests.support.client import DICOM, DICOM_JSON, STORED, Emulator, Response
from tests.support.instances import an_instance, another_in_series, instance_path, part10, study_path
from tests.support.multipart import multipart_related

UID_DETAIL = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)
INVALID_CHARACTERS = "The query string included invalid characters."
SEVERAL_VALUES = "One or more indexed Dicom tag(s) have multiple values, only first value is indexed."
STUDY_UID, SERIES_UID, INSTANCE_UID, PATIENT_ID, SOP_CLASS = 0x0020000D, 0x0020000E, 0x00080018, 0x00100020, 0x00080016


def items(answer: Response) -> list[dict[str, Any]]:
    """The items of both sequences of a store's answer, failed ones first."""
    sequences = (answer.json().get(key, {}) for key in ("00081198", "00081199"))
    return [item for sequence in sequences for item in sequence.get("Value", [])]


def comments(answer: Response) -> list[str]:
    """The ErrorComments of all items."""
    attributes = [found for item in items(answer) for found in item.get("00741048", {}).get("Value", [])]
    return [attribute["00000902"]["Value"][0] for attribute in attributes]


def is_stored(emulator: Emulator, dataset: Dataset) -> bool:
    return emulator.get(instance_path(dataset) + "/metadata").status == 200


def without_file_meta(dataset: Dataset) -> bytes:
    """The data set alone."""
    content = part10(dataset)
    (length,) = struct.unpack_from("<I", content, 140)
    return content[144 + length :]


class TestOrderOfChecks:
    """Store §2: the first failure wins."""

    def test_the_query_string_comes_first(self, shared_emulator: Emulator) -> None:
        """Store §2 step 1: before the content type."""
        for query in ("a=<b", "a=%3cb", "a=%3Cb"):
            answer = shared_emulator.post(f"/studies?{query}", b"", content_type="text/plain")
            assert (answer.status, answer.text) == (400, INVALID_CHARACTERS)

    def test_the_content_type_comes_before_accept(self, shared_emulator: Emulator) -> None:
        """Store §2 step 2 before step 4."""
        assert shared_emulator.post("/studies", b"", content_type="image/png", accept="text/html").status == 415

    def test_accept_comes_before_a_missing_content_type(self, shared_emulator: Emulator) -> None:
        """Store §2 step 4 before step 6."""
        assert shared_emulator.post("/studies", b"", content_type=None, accept="text/html").status == 406
        assert shared_emulator.post("/studies", b"", content_type=None).status == 415

    def test_the_study_comes_before_a_content_type_that_nothing_reads(self, shared_emulator: Emulator) -> None:
        """Store §2 step 5 before step 6."""
        answer = shared_emulator.post("/studies/x", b"", content_type="application/dicom; a=b")

        assert (answer.status, "StudyInstanceUid" in answer.text) == (400, True)

    @pytest.mark.parametrize(
        "accept", ["text/html, application/dicom+json", "application/dicom+json;q=0, a/b", "a/b, */*"]
    )
    def test_one_accepted_entry_is_enough(self, shared_emulator: Emulator, accept: str) -> None:
        """Store §3: quality is ignored; the answer is DICOM JSON whatever was asked for."""
        answer = shared_emulator.store_response(an_instance(), accept=accept)

        assert (answer.status, answer.content_type) == (200, "application/dicom+json; charset=utf-8")


class TestFraming:
    """Store §4.1."""

    @pytest.mark.parametrize(
        "content_type",
        [
            'multipart/related; boundary="a b"; type="application/dicom"',
            "Multipart/Related; Boundary=ab",
            'multipart/related;boundary=ab;type="APPLICATION/DICOM"',
        ],
        ids=["quoted", "without type", "type in capitals"],
    )
    def test_the_header_is_read_as_a_media_type(self, shared_emulator: Emulator, content_type: str) -> None:
        """RFC 9110 §8.3.1: quotes, capitals, spaces; the `type` parameter may be absent."""
        boundary = b"a b" if "a b" in content_type else b"ab"
        body = b"--" + boundary + b"\r\nContent-Type: APPLICATION/dicom\r\n\r\n" + part10(an_instance())

        answer = shared_emulator.post("/studies", body + b"\r\n--" + boundary + b"--", content_type=content_type)

        assert answer.status == 200, answer.text

    def test_other_headers_of_a_part_do_not_matter(self, shared_emulator: Emulator) -> None:
        """Conformance statement v2, Store: cURL's form fields with a type of application/dicom."""
        head = (
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.dcm"\r\nContent-Location: x\r\n'
            b"MIME-Version: 1.0\r\nContent-Type: application/dicom\r\n\r\n"
        )

        answer = shared_emulator.post(
            "/studies", head + part10(an_instance()) + b"\r\n--b--\r\n", content_type="multipart/related; boundary=b"
        )

        assert (answer.status, answer.headers["Warning"]) == (200, None)

    @pytest.mark.parametrize("body", [b"--b--", b"--b\r\n\r\n--b--\r\n"], ids=["closing boundary", ".NET"])
    def test_no_part_is_204(self, shared_emulator: Emulator, body: bytes) -> None:
        """Service end-to-end tests; store §4.1, §10."""
        answer = shared_emulator.post("/studies", body, content_type="multipart/related; boundary=b")

        assert (answer.status, answer.content) == (204, b"")

    def test_text_around_the_parts_does_not_matter(self, shared_emulator: Emulator) -> None:
        """RFC 2046 §5.1.1; store §4.1."""
        content_type, body = multipart_related([part10(an_instance())])

        answer = shared_emulator.post("/studies", b"preamble\r\n" + body + b"epilogue", content_type=content_type)

        assert answer.status == 200

    def test_a_part_of_zero_bytes_fails_by_itself(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §4.1."""
        assert shared_emulator.store_response(b"").status == 409
        assert shared_emulator.store_response(b"", an_instance()).status == 202


class TestReading:
    """Store §5: what counts as DICOM."""

    @pytest.mark.parametrize(
        "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda uid: uid.name
    )
    def test_a_data_set_without_file_meta_is_stored_and_found_everywhere(
        self, shared_emulator: Emulator, syntax: str
    ) -> None:
        """Service source: the first element tells how it is encoded; then it is an instance like any other."""
        dataset = an_instance(transfer_syntax=syntax)
        content = without_file_meta(dataset)

        answer = shared_emulator.store_response(content)

        assert answer.status == (202 if syntax == ImplicitVRLittleEndian else 200), answer.text
        path = instance_path(dataset)
        retrieved = shared_emulator.get(path, accept=DICOM + STORED)
        assert (retrieved.content, retrieved.content_type) == (content, f"application/dicom; transfer-syntax={syntax}")
        assert shared_emulator.get(path, accept=DICOM).status == 200
        assert shared_emulator.get(f"{path}/frames/1", accept="*/*").status == 200
        assert shared_emulator.get(f"{path}/rendered", accept="image/png").status == 200

    def test_file_meta_without_preamble_is_stored(self, shared_emulator: Emulator) -> None:
        """Service source."""
        dataset = an_instance()
        content = part10(dataset)[132:]

        assert shared_emulator.store_response(content).status == 200
        assert shared_emulator.retrieve(dataset) == content
        assert shared_emulator.get(f"{instance_path(dataset)}/frames/1", accept="*/*").status == 200

    @pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.107", "1.2.3.4"])
    def test_any_transfer_syntax_is_stored(self, shared_emulator: Emulator, syntax: str) -> None:
        """Service end-to-end tests with MPEG-2 and HEVC."""
        dataset = an_instance(transfer_syntax=RLELossless)
        dataset.file_meta.TransferSyntaxUID = syntax

        assert shared_emulator.store_response(dataset).status == 200
        answer = shared_emulator.get(instance_path(dataset), accept=DICOM + STORED)
        assert answer.content_type == f"application/dicom; transfer-syntax={syntax}"

    @pytest.mark.parametrize(
        ("syntax", "has_private"), [(ExplicitVRLittleEndian, True), (ImplicitVRLittleEndian, False)]
    )
    def test_private_attributes_are_in_metadata_where_their_vr_is_known(
        self, shared_emulator: Emulator, syntax: str, has_private: bool
    ) -> None:
        """Service end-to-end tests: those of implicit VR files become UN and vanish."""
        dataset = an_instance(transfer_syntax=syntax, private=[(0x0011, "CREATOR", 1, "LO", "text")])
        shared_emulator.store_response(dataset)

        (metadata,) = shared_emulator.metadata(instance_path(dataset))

        assert ("00111001" in metadata) is has_private
        assert metadata["00110010"]["Value"] == ["CREATOR"]
        assert shared_emulator.retrieve(dataset) == part10(dataset)


class TestValidation:
    """Store §6 to §8, as a client sees them."""

    def test_only_the_first_missing_attribute_is_reported(self, shared_emulator: Emulator) -> None:
        """Store §6: in the order SOP class, study, series, instance, study mismatch, patient."""
        missing = {"SOPClassUID": None, "SeriesInstanceUID": None, "PatientID": None}

        answer = shared_emulator.store_response(an_instance(**missing), study="1.2.3")

        assert comments(answer) == ["DICOM100: (0008,0016) - The required tag '(0008,0016)' is missing."]

    def test_the_study_mismatch_comes_before_a_missing_patient(self, shared_emulator: Emulator) -> None:
        """Store §6."""
        answer = shared_emulator.store_response(an_instance(PatientID=None), study="1.2.3")

        assert len(comments(answer)) == 1
        assert "does not match" in comments(answer)[0]

    def test_an_identifier_with_two_values_counts_as_missing(self, shared_emulator: Emulator) -> None:
        """Store §6."""
        answer = shared_emulator.store_response(an_instance(raw={SERIES_UID: ("UI", b"1.2\\1.3\0")}))

        assert "DICOM100: (0020,000e) - The required tag '(0020,000e)' is missing." in comments(answer)
        assert answer.status == 409

    def test_the_study_of_the_path_may_differ_in_trailing_spaces(self, shared_emulator: Emulator) -> None:
        """Store §7 step 2."""
        dataset = an_instance()

        assert shared_emulator.store_response(dataset, study=f"{dataset.StudyInstanceUID}%20").status == 200

    @pytest.mark.parametrize("value", [b"abc.123\0", b"11|\0", b"1." + b"2" * 64, b"1.2."], ids=repr)
    @pytest.mark.parametrize("tag", [STUDY_UID, SERIES_UID, INSTANCE_UID, SOP_CLASS], ids=hex)
    def test_a_core_uid_that_is_none_refuses_the_instance(
        self, shared_emulator: Emulator, tag: int, value: bytes
    ) -> None:
        """Service end-to-end tests; store §8.1, row UI."""
        names = {
            STUDY_UID: "StudyInstanceUID",
            SERIES_UID: "SeriesInstanceUID",
            INSTANCE_UID: "SOPInstanceUID",
            SOP_CLASS: "SOPClassUID",
        }
        label = f"({tag >> 16:04x},{tag & 0xFFFF:04x})"

        for emulator in (shared_emulator, shared_emulator.v1):
            if emulator.version == "v1" and tag == SOP_CLASS:
                continue  # not indexed: version 1 only wants it to be there
            answer = emulator.store_response(an_instance(raw={tag: ("UI", value + b"\0" * (len(value) % 2))}))
            expected = f"DICOM100: {label} - Dicom element '{names[tag]}' failed validation for VR 'UI': {UID_DETAIL}"
            assert (answer.status, answer.failure_reasons(), comments(answer)[0]) == (409, [43264], expected)

    def test_errors_come_before_warnings_one_message_a_tag(self, shared_emulator: Emulator) -> None:
        """Store §7 steps 5 and 7: all collected messages; an error hides a warning on the same tag."""
        answer = shared_emulator.store_response(
            an_instance(StudyDate="never", raw={PATIENT_ID: ("LO", b"a\1"), 0x00080060: ("CS", b"ct")})
        )

        assert answer.status == 409
        found = comments(answer)
        assert found[0] == (
            "DICOM100: (0010,0020) - Dicom element 'PatientID' failed validation for VR 'LO': "
            "Value contains invalid character."
        )
        assert [comment[10:21] for comment in found] == ["(0010,0020)", "(0008,0020)", "(0008,0060)"]

    def test_a_warning_in_an_item_drops_the_same_tag_at_the_top_level(self, shared_emulator: Emulator) -> None:
        """Store §7 step 8: the nested attribute stays, a valid one at the top level goes."""
        dataset = an_instance(ContentDate="20240101")
        item = Dataset()
        item.add_new("ContentDate", "DA", "")
        dataset.ReferencedImageSequence = [item]
        content = part10(dataset)
        nested = b"\x08\x00\x23\x00DA\x00\x00"
        assert content.count(nested) == 1
        # The lengths of item and sequence around it are undefined only if they were: grow both.
        content = _grown(content, nested, b"\x08\x00\x23\x00DA\x04\x00nope")

        answer = shared_emulator.store_response(content)

        assert answer.status == 202, answer.text
        assert [comment[10:21] for comment in comments(answer)] == ["(0008,0023)"]
        (metadata,) = shared_emulator.metadata(instance_path(dataset))
        assert "00080023" not in metadata
        assert metadata["00081140"]["Value"] == [{"00080023": {"vr": "DA", "Value": ["nope"]}}]

    def test_the_same_tag_in_many_items_is_one_message(self, shared_emulator: Emulator) -> None:
        """Store §7 step 5."""
        dataset = an_instance()
        dataset.ReferencedImageSequence = [_item() for _ in range(10)]
        content = part10(dataset)

        answer = shared_emulator.store_response(content.replace(b"MODALITY", b"modality"))

        assert answer.status == 202
        assert len(comments(answer)) == 1

    @pytest.mark.parametrize("tag", [STUDY_UID, SERIES_UID, INSTANCE_UID], ids=hex)
    def test_identifiers_with_leading_zeros_are_warned_of_and_kept(self, shared_emulator: Emulator, tag: int) -> None:
        """Store §6, §8.2: never dropped although warned about."""
        keyword = {STUDY_UID: "StudyInstanceUID", SERIES_UID: "SeriesInstanceUID", INSTANCE_UID: "SOPInstanceUID"}[tag]
        dataset = an_instance(**{keyword: f"1.02.{an_instance().SOPInstanceUID[-20:].lstrip('0')}"})

        answer = shared_emulator.store_response(dataset)

        assert answer.status == 202
        assert "components must not have leading zeros" in comments(answer)[0]
        (metadata,) = shared_emulator.metadata(instance_path(dataset))
        assert metadata[f"{tag:08X}"]["Value"] == [dataset[tag].value]

    def test_a_sop_class_with_leading_zeros_is_dropped(self, shared_emulator: Emulator) -> None:
        """Store §8.2: ReferencedSOPClassUID of the item then has no value."""
        dataset = an_instance(SOPClassUID="1.2.03")

        answer = shared_emulator.store_response(dataset)

        assert answer.status == 202
        assert answer.json()["00081199"]["Value"][0]["00081150"] == {"vr": "UI"}
        assert "00080016" not in shared_emulator.metadata(instance_path(dataset))[0]

    @pytest.mark.parametrize(
        ("vr", "tag", "value", "status"),
        [
            ("CS", 0x00080060, b"CT\0\0", 200),
            ("LO", 0x00081030, b"text\0\0", 200),
            ("UI", 0x00080058, b"1.2.3\0\0\0", 200),
            ("CS", 0x00080060, b"X\0X ", 202),
            ("DA", 0x00080020, b"20240101\0\0", 202),
            ("IS", 0x00200013, b"1\0", 202),
        ],
        ids=["CS", "LO", "UI", "inside", "DA", "IS"],
    )
    def test_nul_padding_passes_silently_for_text(
        self, shared_emulator: Emulator, vr: str, tag: int, value: bytes, status: int
    ) -> None:
        """Service end-to-end tests; store §8.2, NUL padding: not for dates and numbers, not inside."""
        answer = shared_emulator.store_response(_with_raw(tag, vr, value))

        assert answer.status == status, answer.text

    def test_nul_padding_of_an_indexed_attribute_is_refused_in_version_1(self, shared_emulator: Emulator) -> None:
        """Store §13."""
        answer = shared_emulator.v1.store_response(_with_raw(0x00081030, "LO", b"text\0\0"))

        assert (answer.status, answer.failure_reasons()) == (409, [43264])
        assert comments(answer) == [
            "DICOM100: (0008,1030) - Dicom element 'StudyDescription' failed validation for VR 'LO': "
            "Value contains invalid character."
        ]

    def test_nul_inside_a_patient_id_is_refused(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests; store §8.2."""
        assert shared_emulator.store_response(_with_raw(PATIENT_ID, "LO", b"\x000123\0")).status == 409

    def test_several_values_in_version_1_are_a_header_only(self, shared_emulator: Emulator) -> None:
        """Store §12, §13: 200 and the header for any indexed attribute."""
        answer = shared_emulator.v1.store_response(_with_raw(0x00081030, "LO", b"one\\two "))

        assert answer.status == 200
        assert SEVERAL_VALUES in answer.headers["Warning"]

    def test_several_values_of_another_attribute_are_a_multiplicity_warning(self, shared_emulator: Emulator) -> None:
        """Store §8.2, value multiplicity; §12: no header in version 2."""
        answer = shared_emulator.store_response(_with_raw(0x00081030, "LO", b"one\\two "))

        assert (answer.status, answer.headers["Warning"]) == (202, None)
        assert comments(answer) == [
            'DICOM100: (0008,1030) - Content "(0008,1030) LO Study Description" does not validate VR LO: '
            "Number of items 2 does not match ValueMultiplicity 1"
        ]

    def test_the_header_is_set_even_if_the_instance_failed(self, shared_emulator: Emulator) -> None:
        """Store §12: in any readable file of the request."""
        dataset = an_instance()
        shared_emulator.store(dataset)
        again = _with_raw(PATIENT_ID, "LO", b"one\\two ", of=dataset)

        answer = shared_emulator.store_response(again)

        assert answer.status == 409
        assert SEVERAL_VALUES in answer.headers["Warning"]

    def test_version_1_looks_at_indexed_attributes_only(self, shared_emulator: Emulator) -> None:
        """Store §13: what is not indexed is not looked at and not dropped."""
        dataset = an_instance(ContentDate="never")

        answer = shared_emulator.v1.store_response(dataset)

        assert answer.status == 200
        assert shared_emulator.metadata(instance_path(dataset))[0]["00080023"]["Value"] == ["never"]

    @pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
    def test_numbers_that_json_does_not_have_are_a_processing_failure(
        self, shared_emulator: Emulator, value: str
    ) -> None:
        """Store §8.2, §10: reason 272 without messages; a float's NaN is the exception."""
        double = an_instance(RecommendedDisplayFrameRateInFloat=float(value), EventTimeOffset=None)
        double.add_new(0x00189073, "FD", float(value))  # Acquisition Duration

        answer = shared_emulator.store_response(double)

        assert (answer.status, answer.failure_reasons()) == (409, [272])
        assert comments(answer) == []
        assert items(answer)[0]["00081155"]["Value"] == [double.SOPInstanceUID]
        assert not is_stored(shared_emulator, double)


class TestIdentity:
    """Store §9."""

    def test_identifiers_may_equal_each_other(self, shared_emulator: Emulator) -> None:
        """Service unit tests."""
        uid = an_instance().SOPInstanceUID
        dataset = an_instance(StudyInstanceUID=uid, SeriesInstanceUID=uid, SOPInstanceUID=uid)

        assert shared_emulator.store_response(dataset).status == 200

    @pytest.mark.parametrize("padding", [b"  ", b"\0\0"], ids=["spaces", "NULs"])
    def test_padding_of_identifiers_stays_in_the_file_only(self, shared_emulator: Emulator, padding: bytes) -> None:
        """Service end-to-end tests: retrieve works with or without the spaces, and with the clean UID."""
        dataset = an_instance(StudyInstanceUID="1.2.3.44", SeriesInstanceUID="1.2.3.45")
        dataset.SOPInstanceUID = dataset.SOPInstanceUID[:30].rstrip(".") + "12"
        content = part10(dataset)
        uid = dataset.SOPInstanceUID.encode()
        uid += b"\0" * (len(uid) % 2)
        header = b"\x08\x00\x18\x00UI"
        written = header + struct.pack("<H", len(uid)) + uid
        assert content.count(written) == 1
        padded = dataset.SOPInstanceUID.encode() + padding
        padded += padding[:1] * (len(padded) % 2)
        content = content.replace(written, header + struct.pack("<H", len(padded)) + padded)

        answer = shared_emulator.store_response(content)

        assert answer.status in (200, 202), answer.text
        assert shared_emulator.retrieve(dataset) == content
        assert shared_emulator.get(instance_path(dataset) + "%20", accept="*/*").status == 200
        assert shared_emulator.store_response(dataset).failure_reasons() == [45070]
        assert shared_emulator.delete(instance_path(dataset)).status == 204

    def test_of_stores_at_the_same_time_one_wins(self, shared_emulator: Emulator) -> None:
        """Store §9: the others find it stored (45070) or still being stored (45071)."""
        dataset = an_instance(rows=300, columns=300)
        with ThreadPoolExecutor(8) as clients:
            answers = list(clients.map(lambda _: shared_emulator.store_response(dataset), range(8)))

        outcomes = sorted((answer.status, *answer.failure_reasons()) for answer in answers)
        assert outcomes[0] == (200,)
        assert set(outcomes[1:]) <= {(409, 45070), (409, 45071)}
        assert len(shared_emulator.metadata(study_path(dataset))) == 1

    def test_the_latest_value_wins_and_none_never_overwrites(self, shared_emulator: Emulator) -> None:
        """Service end-to-end tests: study attributes in search; a dropped value leaves the earlier one."""
        first = an_instance(StudyDescription="one", AccessionNumber="A1", PatientID="P1")
        shared_emulator.store(first)
        shared_emulator.store(another_in_series(first, StudyDescription="two", AccessionNumber="", PatientID="P1"))
        shared_emulator.store_response(
            another_in_series(first, StudyDescription="two", StudyDate="never", PatientID="")
        )

        (study,) = shared_emulator.search_studies(StudyInstanceUID=str(first.StudyInstanceUID))

        assert study["00081030"]["Value"] == ["two"]
        assert study["00080020"]["Value"] == [first.StudyDate]
        assert study["00100020"]["Value"] == ["P1"]


class TestAnswer:
    """Store §10 to §12."""

    def test_failed_items_show_invalid_identifiers_as_they_are(self, shared_emulator: Emulator) -> None:
        """Store §10: each only if present in the file."""
        (item,) = items(shared_emulator.store_response(an_instance(SOPInstanceUID="not.a.uid")))
        assert item["00081155"] == {"vr": "UI", "Value": ["not.a.uid"]}

        (item,) = items(shared_emulator.store_response(an_instance(SOPClassUID=None)))
        assert "00081150" not in item

    def test_the_json_is_compact_in_tag_order_and_minimally_escaped(self, shared_emulator: Emulator) -> None:
        """Store §10, JSON details: raw UTF-8, `\\\\` and `\\"` only."""
        dataset = an_instance(SpecificCharacterSet="ISO_IR 192", StudyDate='ä"<\\x')

        answer = shared_emulator.store_response(dataset, study=str(dataset.StudyInstanceUID))

        assert answer.status == 202
        assert answer.text.startswith('{"00081190":{"vr":"UR","Value":["http://')
        (item,) = items(answer)
        assert list(item) == ["00081150", "00081155", "00081190", "00081196", "00741048"]
        assert '\\"' in answer.text
        assert "\\u00" not in answer.text.lower()

    def test_headers_of_the_answer(self, shared_emulator: Emulator) -> None:
        """Store §12."""
        answer = shared_emulator.store_response(an_instance())

        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["api-supported-versions"]
        assert (answer.headers["Location"], answer.headers["ETag"]) == (None, None)

    def test_errors_are_plain_text(self, shared_emulator: Emulator) -> None:
        """Store §11: no quotes, no JSON."""
        answer = shared_emulator.post("/studies/x", b"", content_type=DICOM, accept=DICOM_JSON)

        assert (answer.status, answer.content_type) == (400, "text/plain; charset=utf-8")
        assert answer.text == f"Dicom element 'StudyInstanceUid' failed validation for VR 'UI': {UID_DETAIL}"


def _item() -> Dataset:
    item = Dataset()
    item.Modality = "MODALITY"
    return item


def _with_raw(tag: int, vr: str, value: bytes, *, of: Dataset | None = None) -> bytes:
    """The file of an instance with an element exactly as given, put where it belongs or in place of the old one."""
    dataset = an_instance() if of is None else of
    dataset[tag] = dataset[tag] if tag in dataset else _placeholder(tag, vr)
    content = part10(dataset)
    header = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    start = content.index(header, 144)
    (length,) = struct.unpack_from("<H", content, start + 6)
    return content[: start + 6] + struct.pack("<H", len(value)) + value + content[start + 8 + length :]


def _placeholder(tag: int, vr: str) -> Any:
    from pydicom.dataelem import DataElement

    return DataElement(tag, vr, "")


def _grown(content: bytes, old: bytes, new: bytes) -> bytes:
    """`content` with `old`, in the first item of a sequence, replaced by a longer `new`; both lengths are corrected."""
    start = content.index(old)
    for header_end in (start, start - 8):
        (length,) = struct.unpack_from("<I", content, header_end - 4)
        grown = struct.pack("<I", length + len(new) - len(old))
        content = content[: header_end - 4] + grown + content[header_end:]
    return content.replace(old, new)
