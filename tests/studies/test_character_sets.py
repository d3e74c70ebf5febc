"""Names in the world's scripts over HTTP: right in metadata and search, untouched in the file."""

import struct

import pytest
from pydicom.dataset import Dataset

from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path, part10

STUDY_DESCRIPTION = 0x00081030
Name = dict[str, str]

# Specific Character Set, bytes of the name, its component groups. Multi-byte names are those of PS3.5 Annexes H to K.
NAMES: dict[str, tuple[str, bytes, Name]] = {
    "Japanese, ISO 2022 IR 87": (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
    ),
    "Japanese, ISO 2022 IR 13 and 87": (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        {"Alphabetic": "ﾔﾏﾀﾞ^ﾀﾛｳ", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
    ),
    "Japanese, ISO 2022 IR 159": (
        "\\ISO 2022 IR 87\\ISO 2022 IR 159",
        b"Uchida^Taro=\x1b$B\x46\x62\x45\x44\x1b(B^\x1b$BB@O:\x1b(B",
        {"Alphabetic": "Uchida^Taro", "Ideographic": "内田^太郎"},
    ),
    "Korean, ISO 2022 IR 149": (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        {"Alphabetic": "Hong^Gildong", "Ideographic": "洪^吉洞", "Phonetic": "홍^길동"},
    ),
    "Chinese, GB18030": (
        "GB18030",
        b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=",
        {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"},
    ),
    "Chinese, GBK": ("GBK", "Wang=王^小东".encode("gbk"), {"Alphabetic": "Wang", "Ideographic": "王^小东"}),
    "Chinese, ISO 2022 IR 58": (
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        {"Alphabetic": "Zhang^XiaoDong", "Ideographic": "张^小东"},
    ),
    "UTF-8": (
        "ISO_IR 192",
        "Wang^XiaoDong=王^小東=ワン".encode(),
        {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東", "Phonetic": "ワン"},
    ),
    "Latin-1": ("ISO_IR 100", b"Buc^J\xe9r\xf4me", {"Alphabetic": "Buc^Jérôme"}),
    "Latin-2": ("ISO_IR 101", b"Wa\xb3\xeasa", {"Alphabetic": "Wałęsa"}),
    "Latin-9": ("ISO_IR 203", b"\xbcuvre", {"Alphabetic": "Œuvre"}),
    "Cyrillic": ("ISO_IR 144", "Люксембург".encode("iso8859-5"), {"Alphabetic": "Люксембург"}),
    "Greek": ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", {"Alphabetic": "Διονυσιος"}),
    "Arabic": ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", {"Alphabetic": "قباني^لنزار"}),
    "Hebrew": ("ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", {"Alphabetic": "שרון^דבורה"}),
    "Thai": ("ISO_IR 166", b"\xb9\xd2\xc1", {"Alphabetic": "นาม"}),
    "ISO 2022 with Greek inside": (
        "ISO 2022 IR 100\\ISO 2022 IR 126",
        b"Dionys=\x1b-F\xc4\xe9\xef\xed",
        {"Alphabetic": "Dionys", "Ideographic": "Διον"},
    ),
}


def named(character_set: str, name: bytes) -> tuple[Dataset, bytes]:
    """An instance, and its file with this name as encoded: pydicom would not write what it cannot decode."""
    dataset = an_instance(PatientName="PLACE", SpecificCharacterSet="ISO_IR 100")
    content = part10(dataset)
    for header, placeholder, value in (
        (b"\x08\x00\x05\x00CS", b"ISO_IR 100", character_set.encode()),
        (b"\x10\x00\x10\x00PN", b"PLACE ", name),
    ):
        value += b" " * (len(value) % 2)
        written = header + struct.pack("<H", len(placeholder)) + placeholder
        assert content.count(written) == 1
        content = content.replace(written, header + struct.pack("<H", len(value)) + value)
    return dataset, content


@pytest.mark.parametrize(("character_set", "encoded", "name"), NAMES.values(), ids=NAMES)
def test_a_name_is_right_in_metadata_and_search_and_untouched_in_the_file(
    shared_emulator: Emulator, character_set: str, encoded: bytes, name: Name
) -> None:
    """PS3.5 §6.1, Annexes H to K; retrieve §8.3: decoded by (0008,0005), sent as UTF-8; store §5: the file is kept."""
    dataset, content = named(character_set, encoded)

    answer = shared_emulator.store_response(content)

    assert answer.status == 200, answer.text
    (metadata,) = shared_emulator.metadata(instance_path(dataset))
    assert metadata["00100010"] == {"vr": "PN", "Value": [name]}
    assert metadata["00080005"]["Value"] == [term or None for term in character_set.split("\\")]
    (found,) = shared_emulator.search_studies(StudyInstanceUID=str(dataset.StudyInstanceUID))
    assert found["00100010"] == {"vr": "PN", "Value": [name]}
    assert shared_emulator.retrieve(dataset) == content


@pytest.mark.parametrize(("character_set", "encoded", "name"), NAMES.values(), ids=NAMES)
def test_a_name_is_found_by_its_text(shared_emulator: Emulator, character_set: str, encoded: bytes, name: Name) -> None:
    """Search §5.5: filters are UTF-8, whatever the file's character set; a name matches as a whole."""
    dataset, content = named(character_set, encoded)
    assert shared_emulator.store_response(content).status == 200
    groups = [name.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")]
    whole = "=".join(groups).rstrip("=") + ("=" if encoded.endswith(b"=") else "")

    found = shared_emulator.search_studies(PatientName=whole, limit=200)

    assert str(dataset.StudyInstanceUID) in [study["0020000D"]["Value"][0] for study in found]


@pytest.mark.parametrize(
    ("character_set", "encoded", "shown"),
    [
        ("ISO_IR 192", b"M\xfcller", "M\ufffdller"),
        ("ISO_IR 6", b"M\xfcller", "M?ller"),
        ("ISO_IR 999", b"M\xfcller", "M?ller"),
        ("", b"M\xfcller", "M?ller"),
        ("ISO_IR 100", "Müller".encode(), "MÃ¼ller"),
        ("\\ISO 2022 IR 87", b"A\x1b$B;3E", "A山\ufffd"),
        ("\\ISO 2022 IR 149", b"A\x1b$)C\xfb", "A\ufffd"),
        ("GB18030", b"A\x81", "A\ufffd"),
    ],
    ids=["not UTF-8", "not ASCII", "unknown", "none", "UTF-8 as Latin-1", "cut JIS", "cut KS X", "cut GB18030"],
)
def test_a_wrong_character_set_spoils_the_text_only(
    shared_emulator: Emulator, character_set: str, encoded: bytes, shown: str
) -> None:
    """PS3.3 §C.12.1.1.2; store §5: stored, with replacement characters in the JSON; the file keeps its bytes."""
    dataset, content = named(character_set, encoded)

    answer = shared_emulator.store_response(content)

    assert answer.status == 200, answer.text
    (metadata,) = shared_emulator.metadata(instance_path(dataset))
    assert metadata["00100010"]["Value"] == [{"Alphabetic": shown}]
    assert shared_emulator.retrieve(dataset) == content


def test_text_that_is_too_long_in_characters_is_measured_in_characters(shared_emulator: Emulator) -> None:
    """Store §8.2: 64 characters of 3 bytes fit LO, 65 do not; PS3.5 §6.2 counts characters, too."""
    for length, status in ((64, 200), (65, 202)):
        text = ("山" * length).encode()
        dataset = an_instance(
            SpecificCharacterSet="ISO_IR 192", raw={STUDY_DESCRIPTION: ("LO", text + b" " * (len(text) % 2))}
        )
        assert shared_emulator.store_response(dataset).status == status


def test_an_item_may_have_a_character_set_of_its_own(shared_emulator: Emulator) -> None:
    """PS3.5 §7.5.3: else it has that of the data set around it."""
    dataset = an_instance(SpecificCharacterSet="ISO_IR 100", PatientName="Müller")
    items = []
    for character_set, name in (("ISO_IR 144", "Жук"), (None, "Jérôme")):
        item = Dataset()
        if character_set is not None:
            item.SpecificCharacterSet = character_set
        item.PatientName = name
        items.append(item)
    dataset.ReferencedPatientSequence = items
    shared_emulator.store(dataset)

    (metadata,) = shared_emulator.metadata(instance_path(dataset))

    names = [item["00100010"]["Value"][0]["Alphabetic"] for item in metadata["00081120"]["Value"]]
    assert names == ["Жук", "Jérôme"]
