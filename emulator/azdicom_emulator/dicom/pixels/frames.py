"""Where the frames of a file are, and their stored bytes (retrieve §7; PS3.5 §8.2 and A.4)."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from struct import iter_unpack
from typing import BinaryIO

from azdicom_emulator.dicom.pixels.elements import (
    ITEM,
    UNDEFINED_LENGTH,
    Element,
    Part10,
    open_part10,
    read_element,
)
from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError, MalformedFileError
from azdicom_emulator.dicom.pixels.image import EXTENDED_OFFSET_TABLE, PIXEL_DATA, ImageFile
from azdicom_emulator.dicom.pixels.limits import MAX_FRAGMENTS
from azdicom_emulator.dicom.syntax import (
    DEFLATED,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

NATIVE_TRANSFER_SYNTAXES = frozenset(
    {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
    }
)


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Where the frames are, in bytes from the start of the file (deflated files: of the inflated data set).

    number_of_frames: those that the data really hold, whatever NumberOfFrames says. Memory: none per native frame,
    16 bytes per fragment. May be kept as long as the file is, and sent to another process.
    """

    transfer_syntax_uid: str
    number_of_frames: int
    _start: int = 0
    _frame_bits: int = 0
    _offsets: "array[int] | None" = None
    _lengths: "array[int] | None" = None
    _first_fragments: "array[int] | None" = None

    @property
    def is_encapsulated(self) -> bool:
        return self._offsets is not None

    @property
    def is_bit_packed(self) -> bool:
        """Frames of a 1-bit image may begin inside a byte: `slices` then covers the bytes that they touch."""
        return bool(self._frame_bits % 8)

    def first_bit(self, frame_number: int) -> int:
        """Index of a frame's first bit in the first byte of its slice, least significant first; 0…7."""
        return (frame_number - 1) * self._frame_bits % 8

    def slices(self, frame_number: int) -> tuple[tuple[int, int], ...]:
        """The (offset, length) ranges whose bytes joined are the frame; `frame_number` is 1-based.

        Raises FrameNotFoundError.
        """
        if not 1 <= frame_number <= self.number_of_frames:
            raise FrameNotFoundError(f"frame {frame_number} of {self.number_of_frames}")
        if self._offsets is None or self._lengths is None:
            first_bit = (frame_number - 1) * self._frame_bits
            begin, end = first_bit // 8, -(-(first_bit + self._frame_bits) // 8)
            return ((self._start + begin, end - begin),)
        first, last = frame_number - 1, frame_number
        if self._first_fragments is not None:
            first, last = self._first_fragments[frame_number - 1], self._first_fragments[frame_number]
        return tuple(zip(self._offsets[first:last], self._lengths[first:last], strict=True))


def locate_frames(path: str | PathLike[str]) -> FrameTable:
    """Finds the frames of a file by its headers alone.

    Raises FrameNotFoundError when the file is malformed or lacks Rows, Columns, BitsAllocated or PixelData, OSError.
    """
    try:
        with ImageFile(path) as image:
            return frame_table(image)
    except MalformedFileError as error:
        raise FrameNotFoundError(str(error)) from error


def frame_table(image: ImageFile) -> FrameTable:
    """`locate_frames` of an open file. Raises FrameNotFoundError, MalformedFileError."""
    frame_bits = image.pixel_format().frame_bits
    pixel_data = image.elements[PIXEL_DATA]
    if image.transfer_syntax_uid in NATIVE_TRANSFER_SYNTAXES:
        if pixel_data.length == UNDEFINED_LENGTH:
            raise FrameNotFoundError("encapsulated pixel data in a native transfer syntax")
        held = min(pixel_data.length, image.part10.size - pixel_data.value_offset) * 8 // frame_bits
        return FrameTable(
            image.transfer_syntax_uid, min(image.number_of_frames, held), pixel_data.value_offset, frame_bits
        )
    if pixel_data.length != UNDEFINED_LENGTH:
        raise FrameNotFoundError("pixel data of a compressed transfer syntax is not encapsulated")
    return _encapsulated(image, pixel_data)


def read_frame(path: str | PathLike[str], table: FrameTable, frame_number: int) -> bytes:
    """The stored bytes of one frame (1-based); fragments are joined, a padding byte is kept, single bits are moved to
    the first byte's lowest bit (PS3.5 §8.1.1). Raises FrameNotFoundError, OSError.
    """
    return read_frames(path, table, (frame_number,))[frame_number]


def read_frames(path: str | PathLike[str], table: FrameTable, frame_numbers: Iterable[int]) -> dict[int, bytes]:
    """`read_frame` of several frames, by number; a deflated file is inflated once."""
    ranges = {frame_number: table.slices(frame_number) for frame_number in frame_numbers}
    with _data_stream(path, table) as stream:
        return {number: read_slices(stream, table, number, ranges[number]) for number in ranges}


def read_slices(
    stream: BinaryIO, table: FrameTable, frame_number: int, ranges: tuple[tuple[int, int], ...] | None = None
) -> bytes:
    """`read_frame` from the stream of an open file."""
    parts = []
    for offset, length in ranges or table.slices(frame_number):
        stream.seek(offset)
        parts.append(stream.read(length))
    data = parts[0] if len(parts) == 1 else b"".join(parts)
    return aligned(data, table, frame_number) if table.is_bit_packed else data


def _data_stream(path: str | PathLike[str], table: FrameTable) -> BinaryIO:
    if table.transfer_syntax_uid not in DEFLATED:
        return open(path, "rb")
    try:
        return open_part10(path).stream
    except MalformedFileError as error:
        raise FrameNotFoundError(str(error)) from error


def aligned(data: bytes, table: FrameTable, frame_number: int) -> bytes:
    """The bits of a frame from bit 0 on, unused bits of the last byte 0."""
    bits = int.from_bytes(data, "little") >> table.first_bit(frame_number)
    bits &= (1 << table._frame_bits) - 1
    return bits.to_bytes(-(-table._frame_bits // 8), "little")


def _encapsulated(image: ImageFile, pixel_data: Element) -> FrameTable:
    part10, frames = image.part10, image.number_of_frames
    basic_offset_table, offsets, lengths = _fragments(part10, pixel_data)
    if frames == 1 and len(offsets) > 1:
        return FrameTable(image.transfer_syntax_uid, 1, 0, 0, offsets, lengths, array("L", [0, len(offsets)]))
    if len(offsets) <= frames:
        return FrameTable(image.transfer_syntax_uid, len(offsets), 0, 0, offsets, lengths)
    starts = basic_offset_table or _words(image.value(EXTENDED_OFFSET_TABLE) or b"", part10, "Q")
    first_fragments = _first_fragments(starts, offsets)
    held = min(frames, len(first_fragments) - 1)
    return FrameTable(image.transfer_syntax_uid, held, 0, 0, offsets, lengths, first_fragments)


def _fragments(part10: Part10, pixel_data: Element) -> "tuple[list[int], array[int], array[int]]":
    """The basic offset table, and offset and length of every fragment that the file holds whole."""
    table = read_element(part10.stream, pixel_data.value_offset, part10.encoding)
    if table.tag != ITEM:
        raise MalformedFileError("encapsulated pixel data does not begin with an offset table")
    offsets, lengths = array("Q"), array("Q")
    position = table.value_offset + table.length
    while position + 8 <= part10.size:
        item = read_element(part10.stream, position, part10.encoding)
        position = item.value_offset + item.length
        if item.tag != ITEM or position > part10.size:
            break
        if len(offsets) == MAX_FRAGMENTS:
            raise FrameNotFoundError(f"more than {MAX_FRAGMENTS} fragments")
        offsets.append(item.value_offset)
        lengths.append(item.length)
    return _words(part10.value(table), part10, "I"), offsets, lengths


def _words(value: bytes, part10: Part10, code: str) -> list[int]:
    size = {"I": 4, "Q": 8}[code]
    return [word for (word,) in iter_unpack(part10.encoding.byte_order + code, value[: len(value) // size * size])]


def _first_fragments(starts: list[int], offsets: "array[int]") -> "array[int]":
    """Index of the first fragment of each frame, and the number of fragments last.

    starts: where frames begin, from the first fragment's item header on (PS3.5 A.4).
    """
    if not starts:
        raise FrameNotFoundError("several fragments a frame and no offset table")
    index_of = {offset - offsets[0]: index for index, offset in enumerate(offsets)}
    firsts = [index_of.get(start, -1) for start in starts]
    if firsts[0] != 0 or any(first >= following for first, following in pairwise(firsts)):
        raise FrameNotFoundError("the offset table does not point at fragments in order")
    return array("L", [*firsts, len(offsets)])
