"""Scans the elements of a data set in one pass: no recursion, nothing copied but values that are text or numbers."""

import mmap
from typing import TypeAlias

from azdicom_emulator.dicom.elements import (
    NUMBER_SIZES_BYTES,
    VRS,
    Attribute,
    BinaryValue,
    DataSet,
    attribute_of,
    put_in_tag_order,
)
from azdicom_emulator.dicom.dictionary import is_private
from azdicom_emulator.dicom.syntax import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Action, Layout, Syntax

Source: TypeAlias = bytes | memoryview | mmap.mmap

UNDEFINED_LENGTH = 0xFFFF_FFFF

# A sequence costs three levels of JSON, and JSON readers give up early (.NET at 64 levels, orjson at 254).
MAX_DEPTH = 64

# Far above any real data set (one of 100,000 frames, 30 attributes each, has 3 million); bounds time and memory.
MAX_ELEMENTS = 4_000_000

MAX_VALUE_BYTES = 64 * 1024 * 1024

# The hot loop does not count; every so many bytes it is left to do so.
_WINDOW_BYTES = 16 * 1024 * 1024

_PIXEL_REPRESENTATION = 0x00280103
_ITEM_GROUP, _ITEM, _SEQUENCE_END = 0xFFFE, 0xE000, 0xE0DD


class NotDicomError(Exception):
    """The bytes are no DICOM file, or one that nobody should be asked to read; the message says why."""


class _Slices:
    """A memoryview whose slices are bytes."""

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __getitem__(self, key: slice) -> bytes:
        return bytes(self._view[key])


class _Frame:
    """A data set being read: the root, or the current item of a sequence. `end`, `sequence_end`: positions."""

    __slots__ = ("data_set", "end", "items", "sequence_end", "syntax")

    def __init__(self, syntax: Syntax, end: int, items: list[DataSet] | None, sequence_end: int) -> None:
        self.syntax = syntax
        self.end = end
        self.items = items
        self.sequence_end = sequence_end
        self.data_set: DataSet = []


def scan(source: Source, position: int, syntax: Syntax) -> DataSet:
    """The data set that begins at `position`; what is there of it, when the source ends early.

    An element whose value is cut off by the end is left out, unless the value is binary. Raises NotDicomError.
    """
    return _Scanner(source, syntax).run(position)


class _Scanner:
    def __init__(self, source: Source, syntax: Syntax) -> None:
        self.source = source
        self.data = _Slices(source) if isinstance(source, memoryview) else source
        self.size = len(source)
        self.seen = 0
        self.root = _Frame(syntax, self.size, None, self.size)
        self.frames = [self.root]

    def run(self, position: int) -> DataSet:
        while self.frames:
            frame = self.frames[-1]
            before = len(frame.data_set)
            position = self._elements(frame, position)
            self._count(len(frame.data_set) - before)
            if position >= min(frame.end, self.size - 7) and frame is self._innermost():
                position = self._end_item(position)
        return self.root.data_set

    def _innermost(self) -> _Frame | None:
        return self.frames[-1] if self.frames else None

    def _count(self, elements: int) -> None:
        self.seen += elements
        if self.seen > MAX_ELEMENTS:
            raise NotDicomError(f"more than {MAX_ELEMENTS} elements")

    def _elements(self, frame: _Frame, position: int) -> int:
        """Reads into `frame` until its end, a new or ended item, or the end of the window; returns the position."""
        source, data, size = self.source, self.data, self.size
        header, plain = frame.syntax.header, frame.syntax.plain.get
        append = frame.data_set.append
        frames, depth = self.frames, len(self.frames)
        end = min(frame.end, size - 7, position + _WINDOW_BYTES)
        while position < end:
            key, length = header(source, position)
            attribute = plain(key)
            if attribute is not None:
                stop = position + 8 + length
                if stop <= size and length <= MAX_VALUE_BYTES:
                    append((attribute, data[position + 8 : stop]))
                    position = stop
                    continue
            position = self._other_element(frame, key, length, position)
            if len(frames) != depth or frame is not frames[-1]:
                break
        return position
