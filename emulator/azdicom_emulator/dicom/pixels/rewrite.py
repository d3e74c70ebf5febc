"""Rewriting data elements in explicit VR little endian; values are moved, never interpreted (PS3.5 §7)."""

import struct
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from azdicom_emulator.dicom.pixels.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    Element,
    Part10,
)
from azdicom_emulator.dicom.pixels.errors import MalformedFileError
from azdicom_emulator.dicom.pixels.limits import MAX_NESTING

# Bytes that form one number, by VR; what is missing here has no byte order.
_UNIT = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
# The dictionary leaves these open. In little endian the bytes are the same, so only the label is chosen.
_AMBIGUOUS = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}
_CHUNK = 1024 * 1024


class Rewriter:
    """Copies elements of an open file to `sink` in explicit VR little endian."""

    def __init__(self, source: Part10, sink: BinaryIO, *, is_signed: bool) -> None:
        """is_signed: PixelRepresentation, which decides between US and SS where implicit VR leaves it open."""
        self._source = source
        self._sink = sink
        self._is_signed = is_signed

    def copy(self, element: Element, end: int) -> None:
        """Writes one top-level element; `end` is where it ends in the source. Raises MalformedFileError."""
        if end > self._source.size:
            raise MalformedFileError(f"value of {element.tag:08X} runs past the end of the file")
        if self._source.encoding == EXPLICIT_LITTLE and element.vr:
            self._copy_bytes(element.offset, end - element.offset)
        else:
            self._convert(element, self._source)

    def write(self, tag: int, vr: str, value: bytes) -> None:
        """Writes an element of our own; the value is padded to even length."""
        if len(value) % 2:
            value += b"\0" if vr in ("OB", "UI", "UN") else b" "
        self.write_header(tag, vr, len(value))
        self._sink.write(value)

    def write_header(self, tag: int, vr: str, length: int) -> None:
        """Writes the header of an element; a value too long for a short VR becomes UN (PS3.5 §6.2.2)."""
        if vr in SHORT_VRS and length > 0xFFFF:
            vr = "UN"
        group_and_element = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        length_field = struct.pack("<H", length) if vr in SHORT_VRS else struct.pack("<2xI", length)
        self._sink.write(group_and_element + vr.encode("ascii") + length_field)

    def _copy_bytes(self, start: int, length: int) -> None:
        self._source.stream.seek(start)
        while length:
            chunk = self._source.stream.read(min(length, _CHUNK))
            if not chunk:
                raise MalformedFileError("the file ends inside a value")
            self._sink.write(chunk)
            length -= len(chunk)

    def _convert(self, element: Element, source: Part10, depth: int = 0) -> None:
        vr = element.vr or self._dictionary_vr(element)
        if vr == "SQ" or element.length == UNDEFINED_LENGTH:
            # A value of undefined length with VR UN is a sequence in implicit VR little endian (PS3.5 §6.2.2, note 2).
            inside = replace(source, encoding=IMPLICIT_LITTLE) if element.vr == "UN" else source
            self._convert_sequence(element, inside, depth + 1)
            return
        value = source.value(element)
        unit = _UNIT.get(vr, 1)
        if source.encoding.is_big_endian and unit > 1:
            whole = len(value) // unit * unit
            value = np.frombuffer(value[:whole], f">u{unit}").astype(f"<u{unit}").tobytes() + value[whole:]
        self.write(element.tag, vr, value)

    def _convert_sequence(self, sequence: Element, source: Part10, depth: int) -> None:
        if depth > MAX_NESTING:
            raise MalformedFileError(f"sequences nested deeper than {MAX_NESTING}")
        self.write_header(sequence.tag, "SQ", UNDEFINED_LENGTH)
        for start, end in source.items(sequence):
            self._sink.write(_delimiter(ITEM, UNDEFINED_LENGTH))
            for element in source.elements(start, end):
                if element.tag & 0xFFFF:  # group lengths would be wrong now, and are retired
                    self._convert(element, source, depth)
            self._sink.write(_delimiter(ITEM_DELIMITATION, 0))
        self._sink.write(_delimiter(SEQUENCE_DELIMITATION, 0))

    def _dictionary_vr(self, element: Element) -> str:
        """The VR of an implicit element: private creators LO, other private and unknown ones UN."""
        from pydicom.datadict import dictionary_VR

        group, number = element.tag >> 16, element.tag & 0xFFFF
        if group % 2:
            return "LO" if 0x10 <= number <= 0xFF else "UN"
        try:
            vr = dictionary_VR(element.tag)
        except KeyError:
            return "UN"
        if vr == "US or SS":
            return "SS" if self._is_signed else "US"
        return _AMBIGUOUS.get(vr, vr)


def _delimiter(tag: int, length: int) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length)
