"""The data sets of an answer as DICOM JSON objects, and the attributes in them (PS3.18 Annex F)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azdicom_proxy import media_types
from azdicom_proxy.cassette.bodies import split_multipart
from azdicom_proxy.cassette.model import Headers, Inline, Part
from azdicom_scenarios.running.matching import ABSENT, Found

DataSet = Mapping[str, Any]

DICOM = "application/dicom"
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
SEGMENT = re.compile(r"(\w+)(?:\[(\d+)\])?")
HEX_TAG = re.compile(r"[0-9A-Fa-f]{8}")
TRANSFER_SYNTAX = "00020010"
"""Of the file meta information, shown with the attributes of a file's data set."""


class NoDataSetError(ValueError):
    """The body has no data sets; the text says why."""


class BadTagPathError(ValueError):
    """The text names no attribute."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a multipart body, or a whole body."""

    headers: Headers
    content: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def data_sets(self) -> list[DataSet]:
        """Raises NoDataSetError."""
        media_type = (self.header("content-type") or "").partition(";")[0].strip().lower()
        if media_type == DICOM:
            return [_of_file(self.content)]
        return _of_json(self.content, media_type)


def parts_of(headers: Headers, content: bytes) -> tuple[Piece, ...] | None:
    """The parts of a multipart body; None: it is none, or it is broken."""
    content_type = next((value for key, value in headers if key.lower() == "content-type"), "")
    multipart = split_multipart(content_type, Inline(content))
    return None if multipart is None else tuple(map(_piece, multipart.parts))


def data_sets_of(headers: Headers, content: bytes) -> list[DataSet]:
    """All data sets: of a DICOM JSON array or object, of a DICOM file, or of all parts. Raises NoDataSetError."""
    if not content:
        return []
    content_type = next((value for key, value in headers if key.lower() == "content-type"), "")
    if not media_types.parse(content_type).essence.startswith("multipart/"):
        return Piece(headers, content).data_sets()
    parts = parts_of(headers, content)
    if parts is None:
        raise NoDataSetError("the multipart body is broken")
    return [data_set for part in parts for data_set in part.data_sets()]


def attribute(data_set: DataSet, path: str) -> Found:
    """The value at a tag path: texts and numbers as they are, names with their groups, several values as a list.

    `Sequence.Attribute` is in the first item, `Sequence[1].Attribute` in the second; a sequence itself is a list of
    items, `Attribute[1]` the second of several values. Empty attributes give "". Raises BadTagPathError.
    """
    *outer, last = segments_of(path)
    for tag, index in outer:
        items = data_set.get(tag, {}).get("Value", [])
        if (index or 0) >= len(items):
            return Found(ABSENT)
        data_set = items[index or 0]
    tag, index = last
    element = data_set.get(tag)
    if element is None:
        return Found(ABSENT)
    vr = element.get("vr")
    if "InlineBinary" in element or "BulkDataURI" in element:
        return Found(element.get("InlineBinary", element.get("BulkDataURI")), vr)
    values = [_plain(value, vr) for value in element.get("Value", [])]
    if index is not None:
        return Found(values[index] if index < len(values) else ABSENT, vr)
    if vr == "SQ" or len(values) > 1:
        return Found(values, vr)
    return Found(values[0] if values else "", vr)


def tag_of(name: str) -> str:
    """The key in a DICOM JSON object for a keyword or 8 hex digits. Raises BadTagPathError."""
    if HEX_TAG.fullmatch(name):
        return name.upper()
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(name)
    if tag is None:
        raise BadTagPathError(f"'{name}' is no attribute: a keyword of PS3.6 or 8 hex digits is expected")
    return f"{tag:08X}"


def segments_of(path: str) -> list[tuple[str, int | None]]:
    """Tag and index of each segment of a tag path; None: no index is written. Raises BadTagPathError."""
    segments = []
    for text in path.split("."):
        found = SEGMENT.fullmatch(text)
        if found is None:
            raise BadTagPathError(f"'{path}' is no tag path, such as PatientName or ReferencedSOPSequence[0].00081155")
        segments.append((tag_of(found[1]), int(found[2]) if found[2] else None))
    return segments


def _plain(value: Any, vr: str | None) -> Any:
    if value is None:
        return ""
    if isinstance(value, dict) and vr == "PN":
        return "=".join(value.get(group, "") for group in NAME_GROUPS).rstrip("=")
    return value


def _of_json(content: bytes, media_type: str) -> list[DataSet]:
    try:
        document = json.loads(content)
    except ValueError:
        kind = media_type or "of no type"
        raise NoDataSetError(f"the body ({kind}) is neither DICOM JSON nor a DICOM file") from None
    data_sets = document if isinstance(document, list) else [document]
    if not all(isinstance(each, dict) for each in data_sets):
        raise NoDataSetError("the JSON in the body has no data sets")
    return data_sets


def _of_file(content: bytes) -> DataSet:
    from azdicom_emulator.dicom.json_model import UnrepresentableError, data_set_json
    from azdicom_emulator.dicom.parse import NotDicomError, parse

    try:
        file = parse(content)
        data_set: dict[str, Any] = json.loads(data_set_json(file.data_set))
    except (NotDicomError, UnrepresentableError) as error:
        raise NoDataSetError(f"the DICOM file cannot be read: {error}") from None
    return {TRANSFER_SYNTAX: {"vr": "UI", "Value": [file.transfer_syntax_uid]}, **data_set}


def _piece(part: Part) -> Piece:
    assert isinstance(part.body, Inline)
    return Piece(part.headers, part.body.content)
