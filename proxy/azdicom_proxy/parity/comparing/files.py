"""DICOM files compared: the transfer syntax, then tag by tag with group 0002, then the pixels."""

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

from azdicom_emulator.dicom.deflate import InflateError, inflated_bytes
from azdicom_emulator.dicom.elements import DataSet
from azdicom_emulator.dicom.json_values import UnrepresentableError, json_values
from azdicom_emulator.dicom.parse import MAX_INFLATED_BYTES, NotDicomError, parse
from azdicom_emulator.dicom.part10 import has_preamble
from azdicom_emulator.dicom.scan import scan
from azdicom_emulator.dicom.syntax import DEFLATED, EXPLICIT_LITTLE, EXPLICIT_VR_LITTLE_ENDIAN, syntax_of
from azdicom_emulator.dicom.text import character_set_of
from azdicom_proxy.cassette.bodies import chunks_of, hash_of
from azdicom_proxy.cassette.model import Inline
from azdicom_proxy.cassette.sources import source_of
from azdicom_proxy.parity.comparing import data_sets, pixels
from azdicom_proxy.parity.comparing.findings import Findings, Place
from azdicom_proxy.parity.comparing.parts import Piece, are_equal, piece_of, read_at
from azdicom_proxy.parity.model import Severity

PREFIX = "dicom:"
TRANSFER_SYNTAX_UID = "00020010"
PIXEL_DATA = "7FE00010"
SOP_INSTANCE_UIDS = ("00080018", "00020003")
OF_THE_ENCODING = frozenset(
    ("00280004", "00280006", "00282110", "00282112", "00282114", "7FE00001", "7FE00002", PIXEL_DATA)
)
"""Photometric interpretation, planar configuration, lossy compression and offset tables follow the transfer syntax."""
OF_THE_PIXELS = frozenset(("00280002", "00280008", "00280010", "00280011", "00280100", "00280103"))
"""Samples, frames, rows, columns, bits allocated and sign: where one differs, pixels cannot be compared."""
SHOWN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Binary:
    """A value that stays in its file."""

    piece: Piece
    length_bytes: int

    def value(self) -> Hashable:
        """Equal for the same bytes."""
        return (self.length_bytes, hash_of(chunks_of(self.piece)))

    def __str__(self) -> str:
        start = read_at(self.piece, 0, min(SHOWN_BYTES, self.length_bytes)).hex()
        return f"{self.length_bytes} bytes: {start}{'…' if self.length_bytes > SHOWN_BYTES else ''}"


@dataclass(frozen=True, slots=True)
class File:
    """A DICOM file. elements: in the DICOM JSON model, group 0002 among them; body: the whole file."""

    body: Piece
    transfer_syntax_uid: str
    elements: dict[str, Any] = field(default_factory=dict)

    @property
    def sop_instance_uid(self) -> str:
        for tag in SOP_INSTANCE_UIDS:
            values = self.elements.get(tag, {}).get("Value")
            if values:
                return str(values[0])
        return ""


def open_file(body: Piece, transfer_syntax_uid: str | None = None) -> File | None:
    """Reads a file without its pixels; None: it is none. transfer_syntax_uid: in place of the one that it names."""
    with source_of(body) as source, source.view() as view:
        try:
            if not has_preamble(source[:132]):
                file = parse(view)
                return File(body, file.transfer_syntax_uid, _elements(file.data_set, body, ""))
            meta, declared, start = _file_meta(view, body)
            syntax = transfer_syntax_uid or declared or EXPLICIT_VR_LITTLE_ENDIAN
            if syntax in DEFLATED:
                content = bytes(inflated_bytes(source.chunks(start), MAX_INFLATED_BYTES))
                data_set = scan(content, 0, EXPLICIT_LITTLE)
                return File(body, declared, meta | _elements(data_set, Inline(content), ""))
            return File(body, declared, meta | _elements(scan(view, start, syntax_of(syntax)), body, ""))
        except (NotDicomError, InflateError):
            return None


def compare_files(upstream: Piece, local: Piece, place: Place, findings: Findings) -> None:
    """place: of the body, "" for a response that is one file."""
    if are_equal(upstream, local):
        file = open_file(upstream)
        findings.same(1 if file is None else data_sets.facts_of(file.elements))
        return
    ours, theirs = open_file(upstream), open_file(local)
    if ours is None or theirs is None:
        up, loc = ("no DICOM file" if each is None else "a DICOM file" for each in (ours, theirs))
        here = place if place.at else Place.of("body")
        findings.report(Severity.BREAKING, here, "value", "files that cannot be read differ", upstream=up, local=loc)
        return
    compare_opened(ours, theirs, place, findings)


def compare_opened(ours: File, theirs: File, place: Place, findings: Findings) -> None:
    """As `compare_files`, of files that have been read."""
    here = place.within(PREFIX)
    has_same_syntax = ours.transfer_syntax_uid == theirs.transfer_syntax_uid
    if has_same_syntax:
        findings.same()
    else:
        findings.report(
            Severity.BREAKING,
            here.key(TRANSFER_SYNTAX_UID),
            "value",
            "another transfer syntax",
            upstream=ours.transfer_syntax_uid,
            local=theirs.transfer_syntax_uid,
            tag=TRANSFER_SYNTAX_UID,
        )
    found = _tried(ours, theirs, here, findings)
    if found.fingerprints and not has_same_syntax:
        # The name alone may be wrong: then the bytes say the same when they are read alike.
        for again in _read_alike(ours, theirs):
            attempt = _tried(*again, here, findings)
            if not attempt.fingerprints:
                found, (ours, theirs) = attempt, again
    findings.take(found)
    tags = {each.tag for each in found.differences if each.severity is not Severity.NOISE}
    if not tags & OF_THE_PIXELS:
        _compare_pixels(ours, theirs, place, findings)


def _read_alike(ours: File, theirs: File) -> Iterator[tuple[File, File]]:
    """Both files, one of them read as if it had the other's transfer syntax."""
    if (again := open_file(theirs.body, ours.transfer_syntax_uid)) is not None:
        yield ours, again
    if (again := open_file(ours.body, theirs.transfer_syntax_uid)) is not None:
        yield again, theirs


def _tried(ours: File, theirs: File, here: Place, findings: Findings) -> Findings:
    left_out = {TRANSFER_SYNTAX_UID, PIXEL_DATA}
    if ours.transfer_syntax_uid != theirs.transfer_syntax_uid:
        left_out |= OF_THE_ENCODING
    one, other = (
        {tag: element for tag, element in each.elements.items() if tag not in left_out} for each in (ours, theirs)
    )
    scratch = findings.scratch()
    data_sets.compare_data_sets(one, other, here, scratch)
    return scratch


def _compare_pixels(ours: File, theirs: File, place: Place, findings: Findings) -> None:
    one, other = ours.elements.get(PIXEL_DATA), theirs.elements.get(PIXEL_DATA)
    if one is None or other is None:
        if one is not None or other is not None:
            up, loc = ({} if each is None else {PIXEL_DATA: each} for each in (one, other))
            data_sets.compare_data_sets(up, loc, place.within(PREFIX), findings)
    elif one["Binary"].value() == other["Binary"].value():
        findings.same()
    else:
        pixels.compare_files(ours.body, theirs.body, place, findings)


def _file_meta(view: memoryview, body: Piece) -> tuple[dict[str, Any], str, int]:
    """Group 0002 without its length, the transfer syntax UID, and where the data set begins (PS3.10 §7.1)."""
    position, uid = 132, ""
    elements: dict[str, Any] = {}
    while position + 8 <= len(view) and bytes(view[position : position + 2]) == b"\x02\x00":
        key, length = EXPLICIT_LITTLE.header(view, position)
        layout = EXPLICIT_LITTLE.layout(key)
        if layout.length_at is not None:
            (length,) = EXPLICIT_LITTLE.length(view, position + layout.length_at)
        start = position + layout.value_at
        position = start + length
        raw, attribute = bytes(view[start:position]), layout.attribute
        if attribute.tag == 0x00020010:
            uid = raw.decode("latin-1").strip(" \0")
        if attribute.tag != 0x00020000:
            elements[f"{attribute.tag:08X}"] = _element(attribute.vr, raw, "") or {
                "vr": attribute.vr,
                "Binary": Binary(piece_of(body, start, length), length),
            }
    return elements, uid, position


def _elements(data_set: DataSet, body: Piece, inherited: str) -> dict[str, Any]:
    character_set = character_set_of(data_set, inherited)
    elements: dict[str, Any] = {}
    for attribute, value in data_set:
        tag = f"{attribute.tag:08X}"
        if isinstance(value, list):
            elements[tag] = {"vr": "SQ", "Value": [_elements(item, body, character_set) for item in value]}
        elif isinstance(value, bytes):
            elements[tag] = _element(attribute.vr, value, character_set) or {"vr": attribute.vr, "Value": [value.hex()]}
        else:
            piece = piece_of(body, value.offset, value.length_bytes)
            elements[tag] = {"vr": attribute.vr, "Binary": Binary(piece, value.length_bytes)}
    return elements


def _element(vr: str, raw: bytes, character_set: str) -> dict[str, Any] | None:
    """None: the value has no form in DICOM JSON."""
    if vr in ("OB", "UN"):
        return None
    try:
        values = json_values(vr, raw, character_set)
    except UnrepresentableError:
        return None
    return {"vr": vr, "Value": json.loads(values)} if values else {"vr": vr}
