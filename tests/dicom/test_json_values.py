"""DICOM JSON of attributes, VR by VR, and of whole data sets."""

import json
import struct
from typing import Any

import orjson
import pytest

from azdicom_emulator.dicom import scan
from azdicom_emulator.dicom.json_model import UnrepresentableError, data_set_json
from azdicom_emulator.dicom.parse import parse
from tests.dicom.encoding import IMPLICIT_LITTLE, explicit, file, implicit, item

PRIVATE = 0x00091001


def encoded(*elements: bytes, **options: Any) -> str:
    return data_set_json(parse(file(b"".join(elements))).data_set, **options).decode()


def attribute(vr: str, value: bytes, *before: bytes) -> str:
    """The JSON text of one private attribute."""
    text = encoded(explicit(PRIVATE, vr, value), *before)
    return text[text.index('"00091001":') + len('"00091001":') :].removesuffix("}")


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("LO", b"", '{"vr":"LO"}'),
        ("LO", b"    ", '{"vr":"LO"}'),
        ("LO", b" A \\\\B  ", '{"vr":"LO","Value":[" A ",null,"B"]}'),
        ("LO", b"A\\ ", '{"vr":"LO","Value":["A",null]}'),
        ("LO", b'say "\\\x1b', '{"vr":"LO","Value":["say \\"","\\u001b"]}'),
        ("CS", b"CT\0", '{"vr":"CS","Value":["CT\\u0000"]}'),
        ("UI", b"1.2.3\0\0", '{"vr":"UI","Value":["1.2.3"]}'),
        ("UI", b"1.2.3 ", '{"vr":"UI","Value":["1.2.3 "]}'),
        ("UI", b"\0", '{"vr":"UI"}'),
        ("LT", b"", '{"vr":"LT","Value":[null]}'),
        ("ST", b"  ", '{"vr":"ST","Value":[null]}'),
        ("UT", b"", '{"vr":"UT","Value":[null]}'),
        ("UR", b"", '{"vr":"UR","Value":[null]}'),
        ("UC", b"", '{"vr":"UC"}'),
        ("LT", b"A\\B\r\n ", '{"vr":"LT","Value":["A\\\\B\\r\\n"]}'),
        ("UC", b"A\\B", '{"vr":"UC","Value":["A","B"]}'),
        ("DA", b"2020.01.01", '{"vr":"DA","Value":["2020.01.01"]}'),
        ("TM", b"101530.5 ", '{"vr":"TM","Value":["101530.5"]}'),
        ("PN", b"Doe^Jane", '{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]}'),
        ("PN", b"A=B=C", '{"vr":"PN","Value":[{"Alphabetic":"A","Ideographic":"B","Phonetic":"C"}]}'),
        ("PN", b"A==C\\\\=B", '{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":"C"},null,{"Ideographic":"B"}]}'),
        ("PN", b"A= =C", '{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":"C"}]}'),
        ("PN", b"", '{"vr":"PN"}'),
        ("PN", b"=", '{"vr":"PN","Value":[{}]}'),
        ("IS", b" 001 \\-5\\+7", '{"vr":"IS","Value":[1,-5,7]}'),
        ("IS", b"1\\\\2", '{"vr":"IS","Value":[1,null,2]}'),
        ("IS", b"1\\1A", '{"vr":"IS","Value":["1","1A"]}'),
        ("IS", b"1.5", '{"vr":"IS","Value":["1.5"]}'),
        ("IS", b"2147483648", '{"vr":"IS","Value":["2147483648"]}'),
        ("IS", b"9" * 5000, '{"vr":"IS","Value":["' + "9" * 5000 + '"]}'),
        ("IS", b"", '{"vr":"IS"}'),
        ("DS", b"0.5\\0.5 ", '{"vr":"DS","Value":[0.5,0.5]}'),
        ("DS", b" 1.50 \\-0.25", '{"vr":"DS","Value":[1.50,-0.25]}'),
        ("DS", b"+7\\007\\-01.5\\.5\\5.", '{"vr":"DS","Value":[7,7,-1.5,0.5,5]}'),
        ("DS", b"1.5E+3\\2e-3", '{"vr":"DS","Value":[1500,0.002]}'),
        ("DS", b"18446744073709551", '{"vr":"DS","Value":[18446744070000000]}'),
        ("DS", b"0.19431099999999998", '{"vr":"DS","Value":[0.194311]}'),
        ("DS", b"-1234567890123.45678", '{"vr":"DS","Value":[-1234567890000]}'),
        ("DS", b"1e40", '{"vr":"DS","Value":[1e+40]}'),
        ("DS", b"1e-40", '{"vr":"DS","Value":[0]}'),
        ("DS", b"1e999999999", '{"vr":"DS","Value":["1e999999999"]}'),
        ("DS", b"1\\\\2", '{"vr":"DS","Value":[1,null,2]}'),
        ("DS", b"1\\NaN", '{"vr":"DS","Value":["1","NaN"]}'),
        ("DS", b"1,5", '{"vr":"DS","Value":["1,5"]}'),
        ("DS", b"3.5\0", '{"vr":"DS","Value":[3.5]}'),
        ("DS", b"", '{"vr":"DS"}'),
        ("AT", struct.pack("<4H", 0x0028, 0x0010, 0x7FE0, 0x00AF), '{"vr":"AT","Value":["00280010","7FE000AF"]}'),
        ("US", struct.pack("<2H", 979, 65535), '{"vr":"US","Value":[979,65535]}'),
        ("US", b"", '{"vr":"US"}'),
        ("US", b"\1", '{"vr":"US"}'),
        ("SS", struct.pack("<h", -1), '{"vr":"SS","Value":[-1]}'),
        ("UL", struct.pack("<I", 2**32 - 1), '{"vr":"UL","Value":[4294967295]}'),
        ("SL", struct.pack("<i", -(2**31)), '{"vr":"SL","Value":[-2147483648]}'),
        ("UV", struct.pack("<Q", 2**64 - 1), '{"vr":"UV","Value":[18446744073709551615]}'),
        ("SV", struct.pack("<q", -(2**63)), '{"vr":"SV","Value":[-9223372036854775808]}'),
        ("FL", struct.pack("<2f", 0.1, 979.0), '{"vr":"FL","Value":[0.1,979]}'),
        ("FL", struct.pack("<f", 1 / 3), '{"vr":"FL","Value":[0.33333334]}'),
        ("FL", struct.pack("<2f", float("nan"), 1.5), '{"vr":"FL","Value":["NaN",1.5]}'),
        ("FD", struct.pack("<3d", 0.1, -2.0, 1e300), '{"vr":"FD","Value":[0.1,-2,1e+300]}'),
        ("FD", b"", '{"vr":"FD"}'),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_an_attribute_is_encoded_by_its_vr(vr: str, value: bytes, expected: str) -> None:
    """Retrieve §8.3, the table."""
    assert attribute(vr, value) == expected


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("FD", struct.pack("<d", float("nan"))),
        ("FD", struct.pack("<d", float("inf"))),
        ("FL", struct.pack("<f", float("-inf"))),
    ],
)
def test_numbers_that_are_not_finite_cannot_be_encoded(vr: str, value: bytes) -> None:
    """Store §8.2, retrieve §8.3: the store reports a processing failure; NaN passes in FL only."""
    with pytest.raises(UnrepresentableError):
        attribute(vr, value)


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
def test_binary_attributes_are_left_out_at_every_level(vr: str) -> None:
    """Retrieve §8.2: no BulkDataURI, no InlineBinary."""
    binary = explicit(PRIVATE, vr, bytes(8))

    assert encoded(binary, explicit(0x00081140, "SQ", item(binary))) == '{"00081140":{"vr":"SQ","Value":[{}]}}'


def test_sequences_hold_objects() -> None:
    """Retrieve §8.3, row SQ: an empty sequence has no Value, an empty item is an empty object."""
    nested = explicit(0x00081140, "SQ", item(explicit(0x00080060, "CS", b"CT")) + item())

    assert encoded(nested, explicit(0x00081199, "SQ")) == (
        '{"00081140":{"vr":"SQ","Value":[{"00080060":{"vr":"CS","Value":["CT"]}},{}]},"00081199":{"vr":"SQ"}}'
    )


def test_group_lengths_are_left_out_in_items_too() -> None:
    """Retrieve §8.2."""
    group_length = explicit(0x00080000, "UL", bytes(4))

    assert encoded(group_length, explicit(0x00081140, "SQ", item(group_length))) == (
        '{"00081140":{"vr":"SQ","Value":[{}]}}'
    )


def test_keys_are_upper_case_and_ascend() -> None:
    """Retrieve §8.3, row key; signed comparison would put group FFFC first."""
    text = encoded(explicit(0xFFFB1001, "CS", b"B"), explicit(0x002A10AB, "CS", b"A"), explicit(0x00080060, "CS", b"C"))

    assert list(json.loads(text)) == ["00080060", "002A10AB", "FFFB1001"]


def test_tags_are_dropped_from_the_top_level_only() -> None:
    """Store §7 step 8: a nested attribute of a dropped tag stays."""
    modality = explicit(0x00080060, "CS", b"CT")
    sequence = explicit(0x00081140, "SQ", item(modality))

    assert encoded(modality, sequence, without={0x00080060}) == (
        '{"00081140":{"vr":"SQ","Value":[{"00080060":{"vr":"CS","Value":["CT"]}}]}}'
    )
    assert encoded(modality, sequence, without={0x00081140}) == '{"00080060":{"vr":"CS","Value":["CT"]}}'


def test_private_attributes_of_known_vr_stay_with_their_creator() -> None:
    """Retrieve §8.2 and the service's end-to-end tests; in implicit VR they are UN and vanish."""
    creator, private = explicit(0x00090010, "LO", b"MAKER "), explicit(PRIVATE, "SH", b"X ")
    hidden = file(implicit(0x00090010, b"MAKER ") + implicit(PRIVATE, b"X "), IMPLICIT_LITTLE)

    assert list(json.loads(encoded(creator, private))) == ["00090010", "00091001"]
    assert list(json.loads(data_set_json(parse(hidden).data_set))) == ["00090010"]


def test_the_deepest_data_set_can_be_encoded_and_read() -> None:
    """Whoever reads metadata has a limit of its own; ours is below it."""
    content = explicit(0x00080060, "CS", b"CT")
    for _ in range(scan.MAX_DEPTH):
        content = explicit(0x00081140, "SQ", item(content))

    assert orjson.loads(orjson.dumps(orjson.loads(encoded(content))))


@pytest.mark.parametrize(
    ("character_set", "value", "expected"),
    [
        pytest.param("ISO_IR 192", "Müller^Ж=山田", "Müller^Ж=山田", id="UTF-8"),
        pytest.param("ISO_IR 100", "Müller".encode("latin-1"), "Müller", id="Latin-1"),
        pytest.param("ISO_IR 144", "Люкceмбypг".encode("iso8859-5"), "Люкceмбypг", id="Cyrillic"),
        pytest.param("ISO_IR 13", "ﾔﾏﾀﾞ".encode("shift_jis"), "ﾔﾏﾀﾞ", id="Katakana"),
        pytest.param("GB18030", "王^小东".encode("gb18030"), "王^小东", id="GB18030"),
        pytest.param("GBK", "王^小东".encode("gbk"), "王^小东", id="GBK"),
        pytest.param("ISO 2022 IR 6\\ISO 2022 IR 100", b"M\x1b-A\xfcller", "Müller", id="Latin-1 extension"),
        pytest.param("\\ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B", "Yamada=山田^太郎", id="Kanji"),
        pytest.param("\\ISO 2022 IR 149", b"Hong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce", "Hong=洪^吉", id="Hangul"),
        pytest.param("\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5", "Zhang=张", id="simplified Chinese"),
        pytest.param("ISO IR 100", b"M\xfcller", "Müller", id="misspelt"),
        pytest.param("NO SUCH SET", b"M\xfcller", "M?ller", id="unknown"),
        pytest.param("", b"M\xfcller", "M?ller", id="none"),
        pytest.param("ISO_IR 192", b"M\xfcller", "M\ufffdller", id="wrong"),
        pytest.param("\\ISO 2022 IR 87", b"A\x1b$B\xff\xff\x1b", None, id="broken escape"),
    ],
)
def test_text_is_decoded_by_the_character_set(character_set: str, value: bytes | str, expected: str | None) -> None:
    """PS3.5 §6.1.2; retrieve §8.3, row text; a wrong character set is never an error."""
    raw = value.encode() if isinstance(value, str) else value
    text = encoded(explicit(0x00080005, "CS", character_set.encode()), explicit(PRIVATE, "PN", raw))

    names = json.loads(text)["00091001"]["Value"]
    assert len(names) == 1
    if expected is not None:
        groups = zip(("Alphabetic", "Ideographic", "Phonetic"), expected.split("="), strict=False)
        assert names == [dict(groups)]
        assert expected.split("=")[-1] in text  # raw UTF-8, not escaped


def test_only_vrs_that_a_character_set_concerns_are_decoded_by_it() -> None:
    """PS3.5 §6.1.2.3: CS is ASCII always; a byte beyond it is a question mark (service source)."""
    utf8 = explicit(0x00080005, "CS", b"ISO_IR 192")

    assert json.loads(encoded(utf8, explicit(PRIVATE, "CS", "Ä".encode())))["00091001"]["Value"] == ["??"]


def test_a_backslash_inside_a_two_byte_character_separates_nothing() -> None:
    """GB18030 has 5C as a second byte: text is decoded before it is split."""
    gb18030 = explicit(0x00080005, "CS", b"GB18030 ")
    assert b"\\" in "乗".encode("gb18030")

    assert json.loads(encoded(gb18030, explicit(PRIVATE, "LO", "乗\\A".encode("gb18030"))))["00091001"]["Value"] == [
        "乗",
        "A",
    ]


def test_items_may_have_a_character_set_of_their_own() -> None:
    """PS3.5 §7.5.3: an item inherits it, or overrides it for itself and what it contains."""
    name = explicit(0x00100010, "PN", "Ж".encode())
    nested = explicit(0x00081199, "SQ", item(name))
    own = explicit(0x00080005, "CS", b"ISO_IR 192")
    sequence = explicit(0x00081140, "SQ", item(own + nested) + item(name))

    first, second = json.loads(encoded(explicit(0x00080005, "CS", b"ISO_IR 100"), sequence))["00081140"]["Value"]

    assert first["00081199"]["Value"][0]["00100010"]["Value"] == [{"Alphabetic": "Ж"}]
    assert second["00100010"]["Value"] == [{"Alphabetic": "Ð\x96"}]


def test_the_character_set_is_returned_as_stored() -> None:
    """Retrieve §8.3, row text: the JSON is UTF-8, (0008,0005) still says what the file has."""
    assert encoded(explicit(0x00080005, "CS", b"\\ISO 2022 IR 87")) == (
        '{"00080005":{"vr":"CS","Value":[null,"ISO 2022 IR 87"]}}'
    )
