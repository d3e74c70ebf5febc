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
from azdicom_emulator.dicom.syntax import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, Action, Syntax

Source: TypeAlias = bytes | memoryview | mmap.mmap

UNDEFINED_LENGTH = 0xFFFF_FFFF

# A sequence costs three levels of JSON, and JSON readers give up early (.NET at 64 levels, orjson at 254).
MAX_DEPTH = 64

# Far above real data sets (20,000 frames of 60 attributes each have 1.2 million); bounds time and memory.
MAX_ELEMENTS = 2_000_000

# How many fragments are looked at before the pages that they lie in are given back.
FRAGMENTS_MAPPED = 64

MAX_VALUE_BYTES = 64 * 1024 * 1024

# Of all values but binary ones: what metadata is made of, several times over, in memory.
MAX_KEPT_BYTES = 64 * 1024 * 1024

# The hot loop does not count; every so many bytes it is left to do so.
_WINDOW_BYTES = 16 * 1024 * 1024

_DELIMITATION_GROUP, _ITEM, _SEQUENCE_END = 0xFFFE, 0xE000, 0xE0DD
_SWAPPED_DELIMITATION_GROUP = 0xFEFF


class NotDicomError(Exception):
    """The bytes are no DICOM file, or one that nobody should be asked to read; the message says why."""


class _Slices:
    """A memoryview whose slices are bytes."""

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __getitem__(self, key: slice) -> bytes:
        return bytes(self._view[key])


class _Sequence:
    """An open sequence: its items so far, where it ends at the latest, the syntax inside, the frame around it."""

    __slots__ = ("end", "items", "parent", "syntax")

    def __init__(self, parent: "_Frame", end: int, syntax: Syntax) -> None:
        self.parent = parent
        self.end = end
        self.syntax = syntax
        self.items: list[DataSet] = []


class _Frame:
    """A data set being read: the root, or an item of `sequence`. It ends at position `end` at the latest.

    has_signed_pixels: by its own Pixel Representation or that of the data set around it.
    """

    __slots__ = ("data_set", "end", "has_signed_pixels", "sequence", "syntax")

    def __init__(self, syntax: Syntax, end: int, sequence: _Sequence | None) -> None:
        self.syntax = syntax
        self.end = end
        self.sequence = sequence
        self.data_set: DataSet = []
        self.has_signed_pixels: bool = sequence is not None and sequence.parent.has_signed_pixels


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
        self.last_header = self.size - 8
        self.elements = 0
        self.kept_bytes = 0
        self.depth = 0
        self.root = _Frame(syntax, self.size, None)
        self.frame: _Frame | None = self.root

    def run(self, position: int) -> DataSet:
        while (frame := self.frame) is not None:
            before = len(frame.data_set)
            position = self._elements(frame, position)
            self._count(len(frame.data_set) - before)
            if self.size > MAX_KEPT_BYTES:
                self._count_bytes(frame.data_set[before:])
            if self.frame is frame and (position >= frame.end or position > self.last_header):
                position = self._end_item(frame, position)
        return self.root.data_set

    def _count(self, elements: int) -> None:
        self.elements += elements
        if self.elements > MAX_ELEMENTS:
            raise NotDicomError(f"more than {MAX_ELEMENTS} elements")

    def _count_bytes(self, elements: DataSet) -> None:
        self.kept_bytes += sum(len(value) for _, value in elements if type(value) is bytes)
        if self.kept_bytes > MAX_KEPT_BYTES:
            raise NotDicomError(f"values of more than {MAX_KEPT_BYTES} bytes")

    def _elements(self, frame: _Frame, position: int) -> int:
        """Reads elements of `frame` until it ends, another item begins, or the window does; returns the position."""
        source, data, size = self.source, self.data, self.size
        header, plain, append = frame.syntax.header, frame.syntax.plain.get, frame.data_set.append
        end = min(frame.end, self.last_header + 1, position + _WINDOW_BYTES)
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
            if self.frame is not frame:
                break
        return position

    def _other_element(self, frame: _Frame, key: bytes, length: int, position: int) -> int:
        """Reads an element that is not plain, or cut off; returns the position after it, or inside its first item."""
        self._count(1)
        layout = frame.syntax.layout(key)
        if layout.length_at is not None:
            if position + layout.length_at + 4 > self.size:
                return self.size
            (length,) = frame.syntax.length(self.source, position + layout.length_at)
        start = position + layout.value_at
        match layout.action:
            case Action.SEQUENCE:
                return self._begin_sequence(frame, layout.attribute, frame.syntax, start, length)
            case Action.DOUBTFUL_SEQUENCE:
                syntax = self._syntax_inside(frame.syntax, start)
                return self._begin_sequence(frame, layout.attribute, syntax, start, length)
            case Action.BINARY:
                return self._binary(frame, layout.attribute, start, length)
            case Action.ITEM | Action.ITEM_END | Action.SEQUENCE_END:
                return self._delimiter(frame, layout.action, start)
            case _:
                return self._value(frame, layout.action, layout.attribute, start, length)

    def _value(self, frame: _Frame, action: Action, attribute: Attribute, start: int, length: int) -> int:
        stop = start + length
        if stop > self.size:
            return self.size
        if action is Action.SKIP:
            return stop
        if length > MAX_VALUE_BYTES:
            raise NotDicomError(f"a value of more than {MAX_VALUE_BYTES} bytes in {attribute}")
        value = self.data[start:stop]
        if action is Action.PIXEL_REPRESENTATION:
            frame.has_signed_pixels = value == b"\x01\x00"
        if action is Action.SIGNED_OR_NOT and frame.has_signed_pixels:
            attribute = attribute_of(attribute.tag, "SS")
        if action is Action.SWAP or (action is Action.SIGNED_OR_NOT and frame.syntax is EXPLICIT_BIG):
            value = _swapped(value, attribute.vr)
        frame.data_set.append((attribute, value))
        return stop

    def _binary(self, frame: _Frame, attribute: Attribute, start: int, length: int) -> int:
        if length != UNDEFINED_LENGTH:
            stop = min(start + length, self.size)
        elif attribute.vr == "UN":
            # PS3.5 §6.2.2, note: what follows is a sequence whose VR got lost.
            syntax = self._syntax_inside(frame.syntax, start)
            return self._begin_sequence(frame, attribute_of(attribute.tag, "SQ"), syntax, start, length)
        else:
            stop = self._skip_fragments(frame.syntax, start)
        frame.data_set.append((attribute, BinaryValue(start, stop - start)))
        return stop

    def _skip_fragments(self, syntax: Syntax, position: int) -> int:
        """The position after encapsulated pixel data (PS3.5 §A.4); all of the rest when its end is missing."""
        fragments = 0
        while position <= self.last_header:
            group, number, length = syntax.item(self.source, position)
            position += 8
            if group != _DELIMITATION_GROUP or number != _ITEM:
                self._count(fragments)
                return position if (group, number) == (_DELIMITATION_GROUP, _SEQUENCE_END) else self.size
            position += length
            fragments += 1
            if fragments % FRAGMENTS_MAPPED == 0:
                self._unmap_pages()
            if fragments > MAX_ELEMENTS:
                break
        self._count(fragments)
        return self.size

    def _unmap_pages(self) -> None:
        """The system maps pages around each header that is looked at: they add up to the size of the file."""
        mapped = self.source.obj if isinstance(self.source, memoryview) else self.source
        if isinstance(mapped, mmap.mmap) and hasattr(mapped, "madvise"):
            mapped.madvise(mmap.MADV_DONTNEED)

    def _begin_sequence(self, frame: _Frame, attribute: Attribute, syntax: Syntax, start: int, length: int) -> int:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotDicomError(f"sequences nested more than {MAX_DEPTH} deep")
        sequence = _Sequence(frame, self.size if length == UNDEFINED_LENGTH else start + length, syntax)
        frame.data_set.append((attribute, sequence.items))
        return self._next_item(sequence, start)

    def _syntax_inside(self, syntax: Syntax, position: int) -> Syntax:
        """The syntax of a private or UN sequence: implicit VR by PS3.5 §6.2.2, or that of its first element."""
        while position + 16 <= self.size:
            group, number, length = syntax.item(self.source, position)
            if group != _DELIMITATION_GROUP or number != _ITEM:
                return IMPLICIT_LITTLE if group == _SWAPPED_DELIMITATION_GROUP else syntax
            if length:
                is_explicit = self.data[position + 12 : position + 14].decode("latin-1") in VRS
                if is_explicit == syntax.is_explicit:
                    return syntax
                return EXPLICIT_LITTLE if is_explicit else IMPLICIT_LITTLE
            position += 8
        return syntax

    def _next_item(self, sequence: _Sequence, position: int) -> int:
        """Enters the item at `position` or, if there is none, leaves the sequence; returns the position after that."""
        if position < sequence.end and position <= self.last_header:
            group, number, length = sequence.syntax.item(self.source, position)
            if group == _DELIMITATION_GROUP and number == _ITEM:
                self._count(1)
                position += 8
                end = self.size if length == UNDEFINED_LENGTH else position + length
                self.frame = item = _Frame(sequence.syntax, end, sequence)
                sequence.items.append(item.data_set)
                return position
            if group == _DELIMITATION_GROUP and number == _SEQUENCE_END:
                position += 8
        self._end_sequence(sequence)
        return position

    def _end_sequence(self, sequence: _Sequence) -> None:
        self.frame = sequence.parent
        self.depth -= 1

    def _end_item(self, frame: _Frame, position: int) -> int:
        put_in_tag_order(frame.data_set)
        if frame.sequence is None:
            self.frame = None
            return position
        return self._next_item(frame.sequence, position)

    def _delimiter(self, frame: _Frame, action: Action, position: int) -> int:
        """Ends the item or, where its own delimiter is missing, the sequence; one in the root ends everything."""
        if frame.sequence is not None and action is Action.SEQUENCE_END:
            put_in_tag_order(frame.data_set)
            self._end_sequence(frame.sequence)
            return position
        if frame.sequence is not None and action is Action.ITEM:
            return self._end_item(frame, position - 8)
        return self._end_item(frame, position)


def _swapped(value: bytes, vr: str) -> bytes:
    """Big endian numbers as little endian; an AT is two numbers of 16 bits."""
    size = 2 if vr == "AT" else NUMBER_SIZES_BYTES[vr]
    whole = len(value) // size * size
    swapped = bytearray(whole)
    for byte in range(size):
        swapped[byte::size] = value[size - 1 - byte : whole : size]
    return bytes(swapped)
