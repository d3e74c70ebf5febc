"""UIDs of paths, and the preamble of files."""

import pytest

from azdicom_emulator.dicom.part10 import has_preamble
from azdicom_emulator.dicom.uid import validate_uid


@pytest.mark.parametrize(
    ("value", "digits", "alphanumeric"),
    [
        ("1.2.840.10008.1.2", True, True),
        ("1.2.3  ", True, True),
        ("0", True, True),
        ("1.02..3", True, True),
        (".1", True, True),
        ("1" * 64, True, True),
        ("1" * 65, False, False),
        ("", False, False),
        (" ", False, False),
        ("1.2.", False, False),
        (" 1.2", False, False),
        ("1.2\n", False, False),
        ("1.2\0", False, False),
        ("1/2", False, False),
        ("..", False, False),
        ("١.٢", False, False),
        ("study-1.a", False, True),
        ("abc.123", False, True),
        ("11|", False, False),
    ],
)
def test_uids_are_checked_by_alphabet(value: str, digits: bool, alphanumeric: bool) -> None:
    """Store §8.1, row UI; the quirk uid.alphabet (http §7) is the documentation's rule."""
    assert validate_uid(value) is digits
    assert validate_uid(value, alphabet="alphanumeric") is alphanumeric


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (bytes(128) + b"DICM", True),
        (b"MZ" + bytes(126) + b"DICM\x02\0", True),
        (bytes(128) + b"DICN", False),
        (bytes(127) + b"DICM", False),
        (b"DICM", False),
        (b"", False),
    ],
)
def test_a_preamble_is_known_by_its_prefix(head: bytes, expected: bool) -> None:
    """PS3.10 §7.1."""
    assert has_preamble(head) is expected
    assert has_preamble(memoryview(head)) is expected
