"""Where the value of one top-level element is in a file, without reading it (PS3.5 §7)."""

from dataclasses import dataclass
from os import PathLike

from azdicom_emulator.dicom.pixels.elements import UNDEFINED_LENGTH, Element, Part10, end_of, open_part10
from azdicom_emulator.dicom.pixels.errors import MalformedFileError
from azdicom_emulator.dicom.syntax import DEFLATED

_DELIMITER_BYTES = 8


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Where a value is: bytes `offset` to `offset + size_bytes` of the file."""

    offset: int
    size_bytes: int


def find_value(path: str | PathLike[str], tag: int) -> ValueRange | bytes | None:
    """The value of top-level element `tag` as encoded: its place, or its bytes where the data set is deflated.

    A value of undefined length comes with its items, without the delimiter that closes it; one that the end of the file
    cuts off, as far as it is there. None: no such element. Raises OSError.
    """
    try:
        part10 = open_part10(path)
    except MalformedFileError:
        return None
    with part10.stream:
        try:
            found = _find(part10, tag)
        except MalformedFileError:
            return None
        if found is None or part10.transfer_syntax_uid not in DEFLATED:
            return found
        part10.stream.seek(found.offset)
        return part10.stream.read(found.size_bytes)


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
