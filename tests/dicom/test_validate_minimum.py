"""Minimum validation: what refuses an instance, with code and text."""

import pytest

from azdicom_emulator.dicom.elements import attribute_of
from azdicom_emulator.dicom.validate_minimum import MinimumFailure, minimum_failure, minimum_message

PRIVATE = 0x00091001

UID = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)
INVALID = "Value contains invalid character."
COMPONENTS = "Value contains more than 5 components."


def check(vr: str, value: bytes, *, character_set: str = "", strip_nuls: bool = True) -> MinimumFailure | None:
    attribute = attribute_of(PRIVATE, vr)
    return minimum_failure(attribute, value, expected_vr=vr, character_set=character_set, strip_nuls=strip_nuls)


@pytest.mark.parametrize(
    ("vr", "value", "code", "detail"),
    [
        ("AE", b"A" * 17, 2, "Value length exceeds maximum length of 16."),
        ("CS", b"A" * 17, 2, "Value length exceeds maximum length of 16."),
        ("SH", b"A" * 17, 2, "Value length exceeds maximum length of 16."),
        ("AS", b"46", 3, "Value length is not 4."),
        ("AS", b"", 3, "Value length is not 4."),
        ("DA", b"20200230", 1100, "Value cannot be parsed as a valid date."),
        ("DA", b"20200101-20200102", 1100, "Value cannot be parsed as a valid date."),
        ("DT", b"202013", 1300, "Value cannot be parsed as a valid DateTime."),
        ("TM", b"25", 1400, "Value cannot be parsed as a valid Time."),
        ("IS", b"1.5", 1500, "Value cannot be parsed as a valid integer string."),
        ("FD", b"", 3, "Value length is not 8."),
        ("FD", bytes(7), 3, "Value length is not 8."),
        ("FL", bytes(3), 3, "Value length is not 4."),
        ("SL", b"", 3, "Value length is not 4."),
        ("UL", bytes(2), 3, "Value length is not 4."),
        ("SS", b"", 3, "Value length is not 2."),
        ("US", bytes(1), 3, "Value length is not 2."),
        ("LO", b"A" * 65, 2, "Value length exceeds maximum length of 64."),
        ("LO", b"A\nB", 4, INVALID),
        ("LO", b"\x000123\0", 4, INVALID),
        ("PN", b"a=b=c=d", 1000, COMPONENTS),
        ("PN", b"a" * 65, 1001, "One or more group of person name exceeds maxium length of 64."),
        ("PN", b"a\nb", 4, INVALID),
        ("PN", b"a^b^c^d^e^f", 1002, COMPONENTS),
        ("UI", b"1" * 65, 1200, UID),
        ("UI", b"abc.123", 1200, UID),
        ("UI", b"11|", 1200, UID),
        ("UI", b"1.2.", 1200, UID),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_an_invalid_value_is_told_with_code_and_text(vr: str, value: bytes, code: int, detail: str) -> None:
    """Store §8.1, the table; `maxium` and the text for too many groups are the service's own."""
    assert check(vr, value) == MinimumFailure(code, detail)


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("AE", b"A" * 16),
        ("CS", b"lower-case too"),
        ("SH", b"A\nB"),
        ("AS", b"XXXX"),
        ("DA", b"20200229"),
        ("DT", b"2020-0500"),
        ("TM", b"101530.5"),
        ("IS", b" 5 "),
        ("FD", bytes(9)),
        ("US", bytes(4)),
        ("LO", b"A\x1bB"),
        ("PN", b"a^b^c^d^e=b=c"),
        ("UI", b"0.01..2"),
        ("UI", b".1"),
        ("UI", b"1.2.3 "),
        ("DS", b"no decimal"),
        ("UT", b"\x01"),
        *[(vr, b"") for vr in ("AE", "CS", "SH", "DA", "DT", "TM", "IS", "LO", "PN", "UI")],
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_valid_value_passes(vr: str, value: bytes) -> None:
    """Store §8.1: less strict than the standard."""
    assert check(vr, value) is None


def test_only_the_first_value_is_looked_at() -> None:
    """Store §8.1."""
    assert check("DA", b"20200101\\nonsense") is None
    assert check("DA", b"nonsense\\20200101") is not None


def test_trailing_nuls_are_padding_in_version_2_only() -> None:
    """Store §7 step 3, §13; a UID is padded with NUL in either."""
    assert check("LO", b"123\0\0") is None
    assert check("LO", b"123\0\0", strip_nuls=False) == MinimumFailure(4, INVALID)
    assert check("UI", b"1.2\0\0", strip_nuls=False) is None


def test_another_vr_than_expected_fails() -> None:
    """Store §8.1, row any: the code is 5, the text speaks of a query tag whatever the attribute is."""
    failure = minimum_failure(attribute_of(0x00100020, "SH"), b"1", expected_vr="LO", character_set="", strip_nuls=True)

    assert failure == MinimumFailure(
        5, "The extended query tag 'PatientID' is expected to have VR 'LO' but has 'SH' in file."
    )


def test_lengths_are_those_of_decoded_text() -> None:
    """64 characters of two bytes each are 64 characters."""
    assert check("LO", ("é" * 64).encode(), character_set="ISO_IR 192") is None
    assert check("LO", ("é" * 65).encode(), character_set="ISO_IR 192") is not None


@pytest.mark.parametrize(("tag", "name"), [(0x00100020, "PatientID"), (PRIVATE, "00091001")])
def test_messages_name_the_element(tag: int, name: str) -> None:
    """Store §8.1: the keyword, or 8 hex digits of a private tag."""
    message = minimum_message(tag, "LO", MinimumFailure(4, INVALID))

    assert message == f"Dicom element '{name}' failed validation for VR 'LO': {INVALID}"
