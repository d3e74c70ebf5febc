"""Walking the data elements of a Part 10 file: where values are, without interpreting them (PS3.5 §7, PS3.10 §7)."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import BinaryIO, NamedTuple, cast

from azdicom_emulator.dicom.deflate import InflateError, inflate
from azdicom_emulator.dicom.part10 import PREAMBLE_BYTES, PREFIX, has_preamble
from azdicom_emulator.dicom.pixels.errors import MalformedFileError
from azdicom_emulator.dicom.pixels.limits import MAX_INFLATED_BYTES, MAX_NESTING
from azdicom_emulator.dicom.syntax import (
    DEFLATED,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM, ITEM_DELIMITATION, SEQUENCE_DELIMITATION = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
# VRs whose explicit length is 16 bits (PS3.5 table 7.1-2); every other one, future ones included, has 32.
SHORT_VRS = frozenset(
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO"}
    | {"LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"}
)

_TRANSFER_SYNTAX_UID = 0x00020010
_START_OF_META = PREAMBLE_BYTES + len(PREFIX)
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """How data elements are written."""

    is_implicit_vr: bool
    is_big_endian: bool

    @property
    def byte_order(self) -> str:
        """As `struct` and numpy spell it."""
        return ">" if self.is_big_endian else "<"


IMPLICIT_LITTLE = Encoding(is_implicit_vr=True, is_big_endian=False)
EXPLICIT_LITTLE = Encoding(is_implicit_vr=False, is_big_endian=False)
EXPLICIT_BIG = Encoding(is_implicit_vr=False, is_big_endian=True)
_ENCODINGS = {
    IMPLICIT_VR_LITTLE_ENDIAN: IMPLICIT_LITTLE,
    EXPLICIT_VR_LITTLE_ENDIAN: EXPLICIT_LITTLE,
    EXPLICIT_VR_BIG_ENDIAN: EXPLICIT_BIG,
}


class Element(NamedTuple):
    """The header of one data element. `vr` is empty in implicit VR; `offset` is where the header starts."""

    tag: int
    vr: str
    length: int
    offset: int
    value_offset: int


@dataclass(frozen=True, slots=True)
class Part10:
    """An opened file. `stream` holds the data set from `start` on; a deflated one is inflated, from 0 on."""

    stream: BinaryIO
    encoding: Encoding
    start: int
    size: int
    transfer_syntax_uid: str
    meta: dict[int, tuple[str, bytes]]

    def value(self, element: Element) -> bytes:
        """The bytes of a value of defined length. Raises MalformedFileError when the file ends before it."""
        if element.value_offset + element.length > self.size:
            raise MalformedFileError(f"value of {element.tag:08X} runs past the end of the file")
        self.stream.seek(element.value_offset)
        return self.stream.read(element.length)

    def elements(self, start: int | None = None, end: int | None = None) -> Iterator[Element]:
        """The data elements of one level, in file order; the next header is sought only when it is asked for."""
        position = self.start if start is None else start
        stop = self.size if end is None else end
        while position < stop:
            element = read_element(self.stream, position, self.encoding)
            if element.tag in (ITEM_DELIMITATION, SEQUENCE_DELIMITATION):
                return
            yield element
            position = end_of(self.stream, element, self.encoding)

    def items(self, sequence: Element) -> Iterator[tuple[int, int]]:
        """Start and end of the content of each item of a sequence (the end includes a delimiter, if there is one)."""
        position, stop = sequence.value_offset, self.size
        if sequence.length != UNDEFINED_LENGTH:
            stop = min(stop, position + sequence.length)
        while position < stop:
            item = read_element(self.stream, position, self.encoding)
            if item.tag != ITEM:
                return
            position = end_of(self.stream, item, self.encoding)
            yield item.value_offset, position


def open_part10(path: str | PathLike[str]) -> Part10:
    """Opens the file and reads its meta group; the caller closes `stream`. Raises MalformedFileError, OSError."""
    stream = open(path, "rb")  # noqa: SIM115 (handed to the caller)
    try:
        return _opened(stream)
    except BaseException:
        stream.close()
        raise


def _opened(stream: BinaryIO) -> Part10:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    # A file without preamble, and even without meta group, is one to the service (store §5).
    position = _START_OF_META if has_preamble(stream.read(_START_OF_META)) else 0
    opening = _opening_encoding(stream, position)
    meta: dict[int, tuple[str, bytes]] = {}
    while position < size:
        element = read_element(stream, position, opening)
        if element.tag >> 16 != 2:
            break
        position = element.value_offset + element.length
        if position > size:
            raise MalformedFileError("the file meta information is cut off")
        stream.seek(element.value_offset)
        meta[element.tag] = (element.vr, stream.read(element.length))
    syntax = meta.get(_TRANSFER_SYNTAX_UID, ("UI", b""))[1].decode("ascii", "replace").rstrip("\0 ")
    syntax = syntax or next(uid for uid, encoding in _ENCODINGS.items() if encoding == opening)
    if syntax in DEFLATED:
        inflated = _inflate(stream, position)
        return Part10(inflated, EXPLICIT_LITTLE, 0, inflated.seek(0, io.SEEK_END), syntax, meta)
    return Part10(stream, _ENCODINGS.get(syntax, EXPLICIT_LITTLE), position, size, syntax, meta)


def _opening_encoding(stream: BinaryIO, position: int) -> Encoding:
    """How the first element is written, which is all that a file without transfer syntax says of itself."""
    stream.seek(position)
    header = stream.read(6)
    has_vr = _is_vr(header[4:])
    if len(header) == 6 and header[1] == 0:
        return EXPLICIT_LITTLE if has_vr else IMPLICIT_LITTLE
    if len(header) == 6 and header[0] == 0 and has_vr:
        return EXPLICIT_BIG
    raise MalformedFileError("the first element is none of a DICOM file")


def _inflate(stream: BinaryIO, start: int) -> BinaryIO:
    """The data set behind `start`, at most MAX_INFLATED_BYTES; closes the file."""
    with stream:
        stream.seek(start)
        try:
            return cast(BinaryIO, inflate(iter(lambda: stream.read(_CHUNK), b""), MAX_INFLATED_BYTES))
        except InflateError as error:
            raise MalformedFileError(f"deflated data set {error}") from error


def read_element(stream: BinaryIO, position: int, encoding: Encoding) -> Element:
    """The header at `position`. Raises MalformedFileError at the end of the file."""
    stream.seek(position)
    head = stream.read(8)
    if len(head) < 8:
        raise MalformedFileError("the file ends inside a data element's header")
    order = encoding.byte_order
    group, number = struct.unpack(order + "HH", head[:4])
    tag = group << 16 | number
    vr_bytes = head[4:6]
    # Some writers slip implicit elements into explicit data sets: without two capital letters there is no VR.
    if encoding.is_implicit_vr or group == 0xFFFE or not _is_vr(vr_bytes):
        return Element(tag, "", struct.unpack(order + "I", head[4:])[0], position, position + 8)
    vr = vr_bytes.decode("ascii")
    if vr in SHORT_VRS:
        return Element(tag, vr, struct.unpack(order + "H", head[6:])[0], position, position + 8)
    rest = stream.read(4)
    if len(rest) < 4:
        raise MalformedFileError("the file ends inside a data element's header")
    return Element(tag, vr, struct.unpack(order + "I", rest)[0], position, position + 12)


def _is_vr(two_bytes: bytes) -> bool:
    return two_bytes.isalpha() and two_bytes.isupper()


def end_of(stream: BinaryIO, element: Element, encoding: Encoding, depth: int = 0) -> int:
    """Where the next element of the same level starts. Values of undefined length are walked through, not read."""
    if element.length != UNDEFINED_LENGTH:
        return element.value_offset + element.length
    if depth > MAX_NESTING:
        raise MalformedFileError(f"sequences nested deeper than {MAX_NESTING}")
    # A value of undefined length with VR UN is a sequence in implicit VR little endian (PS3.5 §6.2.2, note 2).
    inner = IMPLICIT_LITTLE if element.vr == "UN" else encoding
    closing = ITEM_DELIMITATION if element.tag == ITEM else SEQUENCE_DELIMITATION
    position = element.value_offset
    while True:
        child = read_element(stream, position, inner)
        if child.tag == closing:
            return child.value_offset
        position = end_of(stream, child, inner, depth + (element.tag == ITEM))
