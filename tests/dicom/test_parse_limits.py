"""What a data set may cost in memory, whatever its size."""

import struct

import pytest

from azdicom_emulator.dicom.parse import NotDicomError, parse
from azdicom_emulator.dicom.scan import MAX_KEPT_BYTES
from tests.support.instances import an_instance, part10

TEXT_BYTES = 16 * 1024 * 1024


def with_texts(count: int, *, is_nested: bool) -> bytes:
    """A file with `count` private attributes of VR UT, in one data set or an item each."""
    head = part10(an_instance(has_pixel_data=False)) + struct.pack("<HH2sH", 0x0041, 0x0010, b"LO", 4) + b"TEST"
    text = b"x" * TEXT_BYTES
    elements = [struct.pack("<HH2sHI", 0x0041, 0x1000 + number, b"UT", 0, TEXT_BYTES) + text for number in range(count)]
    if not is_nested:
        return head + b"".join(elements)
    items = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(element)) + element for element in elements)
    return head + struct.pack("<HH2sHI", 0x0041, 0x1000, b"SQ", 0, len(items)) + items


@pytest.mark.parametrize("is_nested", [False, True], ids=["top level", "items"])
def test_text_of_more_than_a_bound_is_unreadable(is_nested: bool) -> None:
    """Store §5: metadata is made in memory, several times the size of its text."""
    fitting = MAX_KEPT_BYTES // TEXT_BYTES

    assert parse(with_texts(fitting - 1, is_nested=is_nested)).data_set
    with pytest.raises(NotDicomError, match="values of more than"):
        parse(with_texts(fitting + 1, is_nested=is_nested))
