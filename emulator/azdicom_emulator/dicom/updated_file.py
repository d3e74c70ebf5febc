"""Writes a DICOM file again with some text elements added or replaced at the top level; the rest is copied as it is."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from os import PathLike
from typing import BinaryIO, NamedTuple, Protocol

from azdicom_emulator.dicom.charset import decode_ascii, encoder
from azdicom_emulator.dicom.dictionary import entry_of
from azdicom_emulator.dicom.elements import CHARACTER_SET_VRS
from azdicom_emulator.dicom.json_data_set import DataSet, value_text
from azdicom_emulator.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, PREAMBLE_BYTES, PREFIX
from azdicom_emulator.dicom.pixels.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    SHORT_VRS,
    Encoding,
    Part10,
    end_of,
    open_part10,
    read_element,
)
from azdicom_emulator.dicom.pixels.errors import MalformedFileError
from azdicom_emulator.dicom.syntax import DEFLATED, GE_PRIVATE_IMPLICIT_VR
from azdicom_emulator.dicom.text import SPECIFIC_CHARACTER_SET

PIXEL_GROUP = 0x7FE00000
SOP_CLASS_UID, SOP_INSTANCE_UID = 0x00080016, 0x00080018
META_LENGTH, META_VERSION = 0x00020000, 0x00020001
META_SOP_CLASS, META_SOP_INSTANCE, META_TRANSFER_SYNTAX = 0x00020002, 0x00020003, 0x00020010
META_CLASS_UID, META_VERSION_NAME = 0x00020012, 0x00020013
MAX_SHORT_LENGTH = 0xFFFF
BLOCK_BYTES = 1024 * 1024


class Sink(Protocol):
    def write(self, content: bytes, /) -> object: ...


class _Piece(NamedTuple):
    """A top-level element: where it begins and ends in the source."""

    tag: int
    start: int
    end: int


class _New(NamedTuple):
    """A top-level element as it is to be written."""

    tag: int
    written: bytes


class _Deflating:
    """Compresses what is written (PS3.5 §A.5)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._size = 0

    def write(self, content: bytes) -> None:
        self._pass_on(self._compressor.compress(content))

    def finish(self) -> None:
        self._pass_on(self._compressor.flush())
        self._sink.write(b"\0" * (self._size % 2))

    def _pass_on(self, compressed: bytes) -> None:
        self._size += len(compressed)
        self._sink.write(compressed)


def write_updated(source: str | PathLike[str], changes: DataSet, sink: BinaryIO) -> None:
    """Writes `source` to `sink` with `changes`, DICOM JSON of text VRs, in its transfer syntax and its character set.

    Characters that (0008,0005) does not have become `?`, as the service writes them. Only headers are read of what
    comes before the pixel data; that is copied block by block. Raises MalformedFileError, OSError. Blocking.
    """
    part10 = open_part10(source)
    with closing(part10.stream):
        if part10.transfer_syntax_uid == GE_PRIVATE_IMPLICIT_VR:
            part10 = replace(part10, encoding=IMPLICIT_LITTLE)
        pieces, rest = _pieces(part10)
        if not pieces:
            raise MalformedFileError("there is no data set")
        sink.write(bytes(PREAMBLE_BYTES) + PREFIX + _meta(part10, pieces))
        if part10.transfer_syntax_uid not in DEFLATED:
            _write_data_set(part10, pieces, rest, changes, sink)
            return
        deflating = _Deflating(sink)
        _write_data_set(part10, pieces, rest, changes, deflating)
        deflating.finish()


def _pieces(part10: Part10) -> tuple[list[_Piece], int]:
    """The elements in front of the pixel data by tag, and where the rest begins, which nobody needs to look at.

    A file that is cut off, or damaged, has more of a rest.
    """
    pieces: list[_Piece] = []
    position = part10.start
    try:
        while position < part10.size:
            element = read_element(part10.stream, position, part10.encoding)
            if element.tag >= PIXEL_GROUP or element.tag in (ITEM_DELIMITATION, SEQUENCE_DELIMITATION):
                break
            end = end_of(part10.stream, element, part10.encoding)
            if end > part10.size:
                break
            pieces.append(_Piece(element.tag, position, end))
            position = end
    except MalformedFileError:
        pass
    # Of elements with one tag the last counts, in a file that is not in order (PS3.5 §7.1) as the parser reads it.
    last_of_each = {piece.tag: piece for piece in pieces}
    return [last_of_each[tag] for tag in sorted(last_of_each)], position


def _write_data_set(part10: Part10, pieces: list[_Piece], rest: int, changes: DataSet, sink: Sink) -> None:
    written = _elements(changes, _character_set(part10, pieces), part10.encoding)
    groups = {tag >> 16 for tag in written}
    kept = [
        piece
        for piece in pieces
        # The lengths of groups that change would be wrong.
        if piece.tag not in written and not (piece.tag & 0xFFFF == 0 and piece.tag >> 16 in groups)
    ]
    for each in _joined(sorted([*kept, *(_New(*each) for each in written.items())])):
        if isinstance(each, bytes):
            sink.write(each)
        else:
            _copy(part10.stream, *each, sink)
    _copy(part10.stream, rest, part10.size, sink)


def _joined(elements: Iterable[_Piece | _New]) -> Iterator[bytes | tuple[int, int]]:
    """Bytes to write, and spans of the source to copy: neighbours there are one."""
    start = end = 0
    for each in elements:
        if isinstance(each, _New):
            yield start, end
            start = end = 0
            yield each.written
        elif each.start == end:
            end = each.end
        else:
            yield start, end
            start, end = each.start, each.end
    yield start, end


def _elements(changes: DataSet, character_set: str, encoding: Encoding) -> dict[int, bytes]:
    """The changes as they stand in the file, by tag."""
    written = {}
    for path, element in changes.items():
        vr = element["vr"]
        encode = encoder(character_set if vr in CHARACTER_SET_VRS else "", is_person_name=vr == "PN")
        written[int(path, 16)] = _element(int(path, 16), vr, encode(value_text(element)), encoding)
    return written


def _element(tag: int, vr: str, value: bytes, encoding: Encoding) -> bytes:
    """Header and value, padded to even length (PS3.5 §7.1)."""
    if len(value) % 2:
        value += b"\0" if vr in ("OB", "UI", "UN") else b" "
    order = encoding.byte_order
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if encoding.is_implicit_vr:
        return head + struct.pack(order + "I", len(value)) + value
    if vr in SHORT_VRS and len(value) <= MAX_SHORT_LENGTH:
        return head + vr.encode() + struct.pack(order + "H", len(value)) + value
    # What is too long for a VR of short length is UN (PS3.5 §6.2.2).
    return head + (b"UN" if vr in SHORT_VRS else vr.encode()) + struct.pack(order + "2xI", len(value)) + value


def _character_set(part10: Part10, pieces: list[_Piece]) -> str:
    return decode_ascii(_value(part10, pieces, SPECIFIC_CHARACTER_SET)).strip(" \0")


def _value(part10: Part10, pieces: list[_Piece], tag: int) -> bytes:
    """Of an element of defined length; nothing when it is absent."""
    for piece in pieces:
        if piece.tag == tag:
            return part10.value(read_element(part10.stream, piece.start, part10.encoding))
    return b""


def _meta(part10: Part10, pieces: list[_Piece]) -> bytes:
    """The file meta information, with this program as its writer (PS3.10 §7.1); made up where the file has none."""
    meta: Mapping[int, tuple[str, bytes]] = {
        META_VERSION: ("OB", b"\x00\x01"),
        META_SOP_CLASS: ("UI", _value(part10, pieces, SOP_CLASS_UID)),
        META_SOP_INSTANCE: ("UI", _value(part10, pieces, SOP_INSTANCE_UID)),
        META_TRANSFER_SYNTAX: ("UI", part10.transfer_syntax_uid.encode("ascii", "replace")),
        **part10.meta,
        META_CLASS_UID: ("UI", IMPLEMENTATION_CLASS_UID.encode()),
        META_VERSION_NAME: ("SH", IMPLEMENTATION_VERSION_NAME.encode()),
    }
    written = b"".join(
        _element(tag, vr or _meta_vr(tag), value, EXPLICIT_LITTLE)
        for tag, (vr, value) in sorted(meta.items())
        if tag != META_LENGTH
    )
    return _element(META_LENGTH, "UL", struct.pack("<I", len(written)), EXPLICIT_LITTLE) + written


def _meta_vr(tag: int) -> str:
    """Of an element that a file has without, against PS3.10 §7.1."""
    entry = entry_of(tag)
    return entry.vr if entry is not None else "UN"


def _copy(stream: BinaryIO, start: int, end: int, sink: Sink) -> None:
    stream.seek(start)
    left = end - start
    while left > 0:
        block = stream.read(min(BLOCK_BYTES, left))
        if not block:
            raise MalformedFileError("the file ends inside a value")
        sink.write(block)
        left -= len(block)
