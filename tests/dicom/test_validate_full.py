"""Full validation: the texts of version 2's warnings, VR by VR."""

import pytest

from azdicom_emulator.dicom.parse import parse
from azdicom_emulator.dicom.validate_full import failures
from tests.dicom.encoding import explicit, file, item

PRIVATE = 0x00091001  # of any VR and any number of values


def texts(*elements: bytes) -> list[tuple[str, str]]:
    """Tag and text of all that fails in a data set."""
    data_set = parse(file(b"".join(elements))).data_set
    return [(f"{attribute.tag:08X}", text) for attribute, text, _ in failures(data_set)]


def text_of(vr: str, value: str | bytes, *character_set: bytes) -> str | None:
    """What is wrong with a value, None if it passes."""
    encoded = value if isinstance(value, bytes) else value.encode()
    found = texts(*character_set, explicit(PRIVATE, vr, encoded))
    return found[0][1] if found else None


AE_LONG = "value exceeds maximum length of 16 characters"
CS_INVALID = "value contains invalid character. Only uppercase character, digits, space and underscore alre allowed"
DA_PATTERN = "one of the date values does not match the pattern YYYYMMDD"
DT_PATTERN = "value does not mach pattern YYYY[MM[DD[HH[MM[SS[.F{1-6}]]]]]]"
RANGES = "value contains too many range separators '-'"
NO_DECIMAL = "value is no decimal string"
NO_INTEGER = "value is not an integer string"
TOO_LARGE = "value too large to fit 32 bit integer"
TM_PATTERN = "value does not mach pattern HH or HHMM or HHMMSS or HHMMSS.F{1-6}"
UI_CHARACTERS = "value contains invalid characters other than '0'-'9' and '.'"
UI_ZEROS = "components must not have leading zeros"
UI_EMPTY = "a component can not be empty"
INVALID = "value contains invalid character"
CONTROL = "value contains invalid control character"
EAST = "positive UTC hours component exceeds 14 (allowed range is -1200 to +1400)"
WEST = "negative UTC hours component exceeds 12 (allowed range is -1200 to +1400)"


@pytest.mark.parametrize(
    ("vr", "value", "detail"),
    [
        ("AE", "A" * 17, AE_LONG),
        ("AE", "A\x1bB", CONTROL),
        ("AE", "A\nB", CONTROL),
        ("AS", "46", "value does not have pattern 000[DWMY]"),
        ("AS", "046y", "value does not have pattern 000[DWMY]"),
        ("CS", "A" * 17, "value exceeds maximum length of 16 characters"),
        ("CS", "ct", CS_INVALID),
        ("CS", "A-B", CS_INVALID),
        ("CS", "X\0X", CS_INVALID),
        ("DA", "20200101-20200102-20200103", RANGES),
        ("DA", "NotAValidDate", DA_PATTERN),
        ("DA", "2020.01.01", DA_PATTERN),
        ("DA", "202001", DA_PATTERN),
        ("DA", "20201301", "month component exceeds the value 12"),
        ("DA", "20200132", "day component exceeds the value 31"),
        ("DA", "20200101\0", DA_PATTERN),
        ("DS", "0.19431099999999998", "value exceeds maximum length of 16 characters"),
        ("DS", "1,5", NO_DECIMAL),
        ("DS", "01.5", NO_DECIMAL),
        ("DS", "1.5\0", NO_DECIMAL),
        ("DS", "NaN", NO_DECIMAL),
        ("DT", "20200101-0000", "negative UTC hours component with value -0000 is not allowed"),
        ("DT", "-", "both dateTime components in range cannot be empty"),
        ("DT", "2020-2021-2022-2023-2024", RANGES),
        ("DT", "2020-2021-2022", "value is in invalid range format"),
        ("DT", "2020+0100+0200", "value contains too many UTC separators '+' or '-'"),
        ("DT", "2020+01", "value does not match the UTC pattern &ZZXX"),
        ("DT", "2020+1500", EAST),
        ("DT", "2020-1300-2021-1300", WEST),
        ("DT", "2020+0160", "UTC minutes component exceeds 59"),
        ("DT", "202", DT_PATTERN),
        ("DT", "20200101120000.", DT_PATTERN),
        ("DT", "20200101120000.1234567", DT_PATTERN),
        ("DT", "20200101120061", "seconds component exceeds 60"),
        ("DT", "202001011260", "minutes component exceeds 59"),
        ("DT", "2020010124", "hours component exceeds 23"),
        ("DT", "20200132", "day component exceeds 31"),
        ("DT", "20200100", "day component cannot be 0"),
        ("DT", "202013", "month component exceeds 12"),
        ("DT", "202000", "month component cannot be 0"),
        ("DT", "20201332246161", "seconds component exceeds 60"),
        ("DT", "2020\0", DT_PATTERN),
        ("IS", "1.5", NO_INTEGER),
        ("IS", "1A", NO_INTEGER),
        ("IS", "5\0", NO_INTEGER),
        ("IS", "2147483648", TOO_LARGE),
        ("IS", "-2147483649", TOO_LARGE),
        ("IS", "9" * 5000, TOO_LARGE),
        ("LO", "A" * 65, "value exceeds maximum length of 64 characters"),
        ("LO", "A\nB", INVALID),
        ("LO", "A\0B", INVALID),
        ("LT", "A" * 10241, "value exceeds maximum length of 10240 characters"),
        ("PN", "a=b=c=d", "value contains too many groups"),
        ("PN", "a=" + "b" * 65, "value exceeds maximum length of 64 characters"),
        ("PN", "a\nb", CONTROL),
        ("PN", "a^b^c^d^e^f", "value contains too many components"),
        ("SH", "A" * 17, "value exceeds maximum length of 16 characters"),
        ("SH", "A" * 17 + "\n", INVALID),
        ("ST", "A" * 1025, "value exceeds maximum length of 1024 characters"),
        ("TM", "10-11-12", RANGES),
        ("TM", "10:15:30", TM_PATTERN),
        ("TM", "101", TM_PATTERN),
        ("TM", "101530.", TM_PATTERN),
        ("TM", "101530\0", TM_PATTERN),
        ("TM", "24", "hour component exceeds 23"),
        ("TM", "1060", "minutes component exceeds 59"),
        ("TM", "101561", "seconds component exceeds 60"),
        ("UI", "1" * 65, "value exceeds maximum length of 64 characters"),
        ("UI", "1.2.a", UI_CHARACTERS),
        ("UI", "0.1", UI_ZEROS),
        ("UI", "1.02", UI_ZEROS),
        ("UI", ".1", UI_EMPTY),
        ("UI", "1..2", UI_EMPTY),
        ("UI", "1.2.", UI_EMPTY),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_an_invalid_value_is_told_with_its_reason(vr: str, value: str, detail: str) -> None:
    """Store §8.2, the table; texts as the service's DICOM library has them."""
    shown = value.rstrip("\0") if vr not in ("DA", "DS", "DT", "IS", "TM") else value

    assert text_of(vr, value) == f'Content "{shown}" does not validate VR {vr}: {detail}'


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("AE", "STORE_SCP"),
        ("AE", "lower case too "),
        ("AS", "046Y"),
        ("CS", "MONOCHROME2 "),
        ("DA", "20200101"),
        ("DA", "20200101-"),
        ("DA", "-20200101"),
        ("DA", "20200230"),
        ("DA", "20200000"),
        ("DS", "0.5"),
        ("DS", ".5"),
        ("DS", "5."),
        ("DS", " -1.5E+3 "),
        ("DS", "0"),
        ("DT", "20200101101530.123456+0100"),
        ("DT", "2020-1200"),
        ("DT", "2020-0500-2021-0500"),
        ("DT", "2020-0500-2021"),
        ("DT", "2020-2021-0500"),
        ("DT", "2020-2021"),
        ("DT", "2020-"),
        ("DT", "2020010123"),
        ("IS", "+5"),
        ("IS", " 007 "),
        ("IS", "-2147483648"),
        ("LO", "A" * 64),
        ("LO", "A\x1bB"),
        ("LT", "line\r\nline\\not a separator"),
        ("PN", "a^b^c^d^e=f^g^h^i^j=k"),
        ("SH", "A" * 16),
        ("ST", "A\\B"),
        ("TM", "10"),
        ("TM", "101530.123456"),
        ("TM", "1015-1130"),
        ("TM", "235960"),
        ("UC", "anything\x01" * 300),
        ("UI", "1.2.840.10008.1.2"),
        ("UI", "1.2.3 "),
        ("UR", "not a URI\x01"),
        ("UT", "x" * 20_000),
        ("UT", "\x01"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_valid_value_passes(vr: str, value: str) -> None:
    """Store §8.2, the table; of UC, UR and UT the content is not checked."""
    assert text_of(vr, value) is None


@pytest.mark.parametrize(
    "vr", ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "US"]
)
@pytest.mark.parametrize("value", ["", "  ", "    "])
def test_an_empty_value_passes(vr: str, value: str) -> None:
    """Store §8.2: empty values never warn (service unit tests); padding alone is empty."""
    if vr == "UI":
        value = value.replace(" ", "\0")

    assert text_of(vr, value) is None


@pytest.mark.parametrize("vr", ["AE", "CS", "DA", "DS", "IS", "LO", "PN", "SH", "TM", "UI"])
def test_empty_values_among_others_pass(vr: str) -> None:
    """Store §8.2: empty values never warn."""
    valid = {"DA": "20200101", "IS": "1", "DS": "1", "TM": "10", "UI": "1.2"}.get(vr, "A")

    assert text_of(vr, f"{valid}\\\\{valid}") is None


def test_a_value_of_spaces_among_others_is_no_application_entity() -> None:
    """Store §8.2, row AE: trailing padding of the whole element goes first, so that a single value cannot be blank."""
    expected = 'Content "  " does not validate VR AE: value may not consist only of spaces'

    assert text_of("AE", "A\\  \\B") == expected


def test_the_first_failing_value_is_shown() -> None:
    """Store §8.2: values are split at the backslash and each is checked."""
    assert text_of("CS", "GOOD\\bad\\worse") == f'Content "bad" does not validate VR CS: {CS_INVALID}'


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        *[(vr, "ABC\0\0") for vr in ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")],
        ("AS", "012M\0"),
        ("UI", "1.2.3\0\0"),
        ("CS", "A\0\\B\0"),
    ],
)
def test_trailing_nuls_are_padding(vr: str, value: str) -> None:
    """Store §8.2: asserted for CS, LO and UI by the service's end-to-end tests."""
    assert text_of(vr, value) is None


def test_lengths_are_counted_as_dot_net_does() -> None:
    """The service counts UTF-16 code units: a character beyond the basic plane is two."""
    utf8 = explicit(0x00080005, "CS", b"ISO_IR 192")

    assert text_of("SH", "é" * 16, utf8) is None
    assert text_of("SH", "𝄞" * 8, utf8) is None
    assert text_of("SH", "𝄞" * 9, utf8) == f'Content "{"𝄞" * 9}" does not validate VR SH: {AE_LONG}'


def test_c1_controls_are_control_characters() -> None:
    """.NET's IsControl, which the service uses, includes U+0080 to U+009F."""
    latin1 = explicit(0x00080005, "CS", b"ISO_IR 100")

    assert text_of("LO", b"a\x85b", latin1) == f'Content "a\x85b" does not validate VR LO: {INVALID}'


def test_text_without_a_character_set_is_ascii() -> None:
    """The service's library decodes it so: a byte beyond ASCII becomes a question mark, which CS does not allow."""
    assert text_of("LO", b"M\xfcller") is None
    assert text_of("CS", b"M\xdcLLER") == f'Content "M?LLER" does not validate VR CS: {CS_INVALID}'


@pytest.mark.parametrize(
    ("tag", "vr", "value", "element", "count", "multiplicity"),
    [
        (0x00081030, "LO", b"A\\B", "(0008,1030) LO Study Description", 2, "1"),
        (0x00280030, "DS", b"1 ", "(0028,0030) DS Pixel Spacing", 1, "2"),
        (0x00200037, "DS", b"1\\0\\0\\0\\1", "(0020,0037) DS Image Orientation (Patient)", 5, "6"),
        (0x00280010, "US", b"\1\0\1\0", "(0028,0010) US Rows", 2, "1"),
        (0x00080008, "CS", b"ORIGINAL", "(0008,0008) CS Image Type", 1, "2-n"),
        (0x60020010, "US", b"\1\0\1\0", "(6002,0010) US Overlay Rows", 2, "1"),
        (0x00100010, "PN", b"A\\B\\C\\D", "(0010,0010) PN Patient's Name", 4, "1-3"),
        (0x00100020, "LO", b"A\\B", "(0010,0020) LO Patient ID", 2, "1"),
    ],
)
def test_the_number_of_values_must_be_that_of_the_dictionary(
    tag: int, vr: str, value: bytes, element: str, count: int, multiplicity: str
) -> None:
    """Store §8.2, value multiplicity: the element itself is shown, in place of a value."""
    detail = f"Number of items {count} does not match ValueMultiplicity {multiplicity}"

    assert texts(explicit(tag, vr, value)) == [
        (f"{tag:08X}", f'Content "{element}" does not validate VR {vr}: {detail}')
    ]


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        pytest.param(0x00091001, "LO", b"A\\B\\C", id="private"),
        pytest.param(0x00280011, "UC", b"A\\B", id="UC"),
        pytest.param(0x00080090, "PN", b"A\\B", id="PN other than Patient's Name"),
        pytest.param(0x00100010, "PN", b"A\\B\\C", id="Patient's Name with three"),
        pytest.param(0x00281299, "US", b"\1\0\1\0", id="unknown public"),
        pytest.param(0x00204000, "LT", b"A\\B\\C", id="LT has no separator"),
        pytest.param(0x00420011, "OB", bytes(5), id="OB"),
        pytest.param(0x00186016, "UL", b"", id="empty"),
    ],
)
def test_the_number_of_values_does_not_matter_everywhere(tag: int, vr: str, value: bytes) -> None:
    """Store §8.2, value multiplicity: the exceptions."""
    assert texts(explicit(tag, vr, value)) == []


def test_content_is_checked_before_the_number_of_values() -> None:
    """Store §8.2: value multiplicity comes after the content."""
    assert texts(explicit(0x00080060, "CS", b"ct\\mr"))[0][1] == f'Content "ct" does not validate VR CS: {CS_INVALID}'


def test_attributes_are_visited_top_level_first_then_the_latest_item() -> None:
    """Store §7 step 4."""

    def bad(tag: int) -> bytes:
        return explicit(tag, "CS", b"x ")

    first = explicit(0x00081111, "SQ", item(bad(0x00080101)) + item(explicit(0x00081199, "SQ", item(bad(0x00080102)))))
    second = explicit(0x00081115, "SQ", item(bad(0x00080103)))

    found = [tag for tag, _ in texts(first, second, bad(0x00185100))]

    assert found == ["00185100", "00080103", "00080102", "00080101"]
