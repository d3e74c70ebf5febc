"""Text under a Specific Character Set: what is encoded is decoded to the same (PS3.5 §6.1.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes

from azdicom_emulator.dicom.charset import decoder, encoder

WITHOUT_CONTROLS = st.text(st.characters(exclude_categories=["C"], max_codepoint=0xFFFF), max_size=20)
CHARACTER_SETS = [
    "",
    "ISO_IR 100",
    "ISO_IR 144",
    "ISO_IR 13",
    "ISO_IR 192",
    "GB18030",
    "GBK",
    "\\ISO 2022 IR 87",
    "\\ISO 2022 IR 149",
    "\\ISO 2022 IR 58",
    "ISO 2022 IR 13\\ISO 2022 IR 87",
    "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
]


@pytest.mark.parametrize("character_set", CHARACTER_SETS)
@given(text=WITHOUT_CONTROLS)
def test_what_is_encoded_is_decoded_to_the_same_but_for_question_marks(character_set: str, text: str) -> None:
    """PS3.5 §6.1.2: a character that the sets do not have is lost, and no other one."""
    encode, decode = encoder(character_set, is_person_name=True), decoder(character_set, is_person_name=True)

    again = decode(encode(text))

    if "?" not in again.replace("?", "", text.count("?")):
        assert again == text


@pytest.mark.parametrize(
    ("character_set", "text"),
    [
        ("ISO_IR 100", "Buc^Jérôme"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO 2022 IR 13\\ISO 2022 IR 87", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("ISO 2022 IR 100\\ISO 2022 IR 144", "Müller=Люкceмбypг"),
    ],
)
def test_names_of_the_standard_are_whole(character_set: str, text: str) -> None:
    """PS3.5 Annexes H, I, J and K: their examples, encoded and decoded by two implementations."""
    encoded = encoder(character_set, is_person_name=True)(text)

    assert decoder(character_set, is_person_name=True)(encoded) == text
    encodings = convert_encodings(character_set.split("\\"))
    assert decode_bytes(encoded, encodings, {ord("^"), ord("=")}) == text
