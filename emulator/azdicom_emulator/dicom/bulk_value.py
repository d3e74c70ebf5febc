"""Where the value of one top-level element is in a file (PS3.5 §7)."""

from contextlib import suppress
from dataclasses import dataclass
from os import PathLike

from azdicom_emulator.dicom.pixels.elements import UNDEFINED_LENGTH, Element, Part10, end_of, open_part10
from azdicom_emulator.dicom.pixels.errors import MalformedFileError

_DELIMITER_BYTES = 8
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Where a value is: bytes `offset` to `offset + size_bytes` of the file."""

    offset: int
    size_bytes: int


def find_value(path: str | PathLike[str], tag: int) -> ValueRange | None:
    """Where the value of top-level element `tag` is in a file that is not deflated; None: no such element.

    A value of undefined length comes with its items, without the delimiter that closes it; one that the end of the file
    cuts off, as far as it is there. Raises OSError.
    """
    with suppress(MalformedFileError):
        part10 = open_part10(path)
        with part10.stream:
            return _find(part10, tag)
    return None


def inflate_value(path: str | PathLike[str], tag: int, destination: str | PathLike[str]) -> ValueRange | None:
    """`find_value` of a deflated file: copies the value to `destination`, a file that exists. Raises OSError."""
    with suppress(MalformedFileError):
        part10 = open_part10(path)
        with part10.stream, open(destination, "r+b") as sink:
            found = _find(part10, tag)
            if found is None:
                return None
            part10.stream.seek(found.offset)
            for begin in range(0, found.size_bytes, _BLOCK_BYTES):
                sink.write(part10.stream.read(min(_BLOCK_BYTES, found.size_bytes - begin)))
            return ValueRange(0, found.size_bytes)
    return None


def _find(part10: Part10, tag: int) -> ValueRange | None:
    for element in part10.elements():
        if element.tag == tag:
            return ValueRange(element.value_offset, _end_of_value(part10, element) - element.value_offset)
    return None


def _end_of_value(part10: Part10, element: Element) -> int:
    if element.length != UNDEFINED_LENGTH:
        return min(element.value_offset + element.length, part10.size)
    try:
        return end_of(part10.stream, element, part10.encoding) - _DELIMITER_BYTES
    except MalformedFileError:
        return part10.size
