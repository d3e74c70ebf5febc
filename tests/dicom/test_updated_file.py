"""Files with elements added and replaced: everything else stays to the byte, in every transfer syntax (async §2.5)."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from azdicom_emulator.dicom.json_data_set import DataSet, parse_data_set
from azdicom_emulator.dicom.pixels.errors import MalformedFileError
from azdicom_emulator.dicom.updated_file import write_updated
from azdicom_emulator.dicom.updated_metadata import updated_metadata
from tests.support.instances import an_instance, part10

NAME, ID, COMMENTS, CONFIDENTIALITY = "00100010", "00100020", "00104000", "00403001"
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
]


def changes(**elements: tuple[str, list[Any]]) -> DataSet:
    """Elements by tag with a `t` in front: (VR, values)."""
    return parse_data_set({tag[1:]: {"vr": vr, "Value": values} for tag, (vr, values) in elements.items()})


def updated(folder: Path, source: bytes, wanted: DataSet) -> bytes:
    (folder / "source.dcm").write_bytes(source)
    sink = io.BytesIO()
    write_updated(folder / "source.dcm", wanted, sink)
    return sink.getvalue()


def read(content: bytes) -> FileDataset:
    return dcmread(io.BytesIO(content))


NEW = changes(
    t00100010=("PN", [{"Alphabetic": "New^Name"}]),
    t00100020=("LO", ["A", "B"]),
    t00101030=("DS", [70.5]),
    t00104000=("LT", ["odd"]),
    t00403001=("LO", ["last of the allowed tags"]),
)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_elements_are_added_and_replaced_and_all_others_stay(tmp_path: Path, syntax: str) -> None:
    """Service source: elements of the change data set are added or replaced; pixel data untouched."""
    source = an_instance(PatientName="Old^Name", transfer_syntax=syntax, StudyDescription="kept")

    result = read(updated(tmp_path, part10(source), NEW))

    assert result.file_meta.TransferSyntaxUID == syntax
    assert (str(result.PatientName), list(result.PatientID), result.PatientWeight) == ("New^Name", ["A", "B"], 70.5)
    assert result.PatientComments == "odd"
    changed = {0x00100010, 0x00100020, 0x00101030, 0x00104000, 0x00403001}
    before, after = ({element.tag: element for element in each} for each in (read(part10(source)), result))
    assert set(after) == set(before) | changed
    assert all(after[tag] == element for tag, element in before.items() if tag not in changed)
    assert list(after) == sorted(after)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless], ids=lambda x: x.name)
def test_pixel_data_is_copied_to_the_byte(tmp_path: Path, syntax: str) -> None:
    """Service source: pixel data untouched."""
    source = part10(an_instance(transfer_syntax=syntax, frames=3))
    pixels = source[source.rindex(b"\xe0\x7f\x10\x00") :]

    assert updated(tmp_path, source, NEW).endswith(pixels)


def test_the_file_says_who_wrote_it(tmp_path: Path) -> None:
    """Azure: Bulk update: (0002,0012) is 1.3.6.1.4.1.311.129, (0002,0013) the version; the rest of the group stays."""
    source = an_instance()
    source.file_meta.SourceApplicationEntityTitle = "SENDER"

    result = read(updated(tmp_path, part10(source), NEW))

    assert result.preamble == bytes(128)
    assert result.file_meta.ImplementationClassUID == "1.3.6.1.4.1.311.129"
    assert str(result.file_meta.ImplementationVersionName).startswith("azdicom ")
    assert result.file_meta.SourceApplicationEntityTitle == "SENDER"
    assert result.file_meta.MediaStorageSOPInstanceUID == source.SOPInstanceUID
    group_length = result.file_meta.FileMetaInformationGroupLength
    content = updated(tmp_path, part10(source), NEW)
    assert content[132 + 12 + group_length :][:2] == b"\x08\x00"


def test_a_file_without_meta_information_gets_some(tmp_path: Path) -> None:
    """store §5: such files are stored; PS3.10 §7.1 says what the group must have."""
    source = part10(an_instance(PatientName="Old"))
    bare = source[source.index(b"\x08\x00\x16\x00UI") :]

    result = read(updated(tmp_path, bare, NEW))

    assert result.file_meta.MediaStorageSOPClassUID == result.SOPClassUID
    assert result.file_meta.MediaStorageSOPInstanceUID == result.SOPInstanceUID
    assert result.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize(
    ("character_set", "name", "written"),
    [
        ("ISO_IR 100", "Müller^Jörg", "Müller^Jörg".encode("latin-1")),
        ("ISO_IR 192", "Müller^山田", "Müller^山田".encode()),
        ("ISO_IR 144", "Люкceмбypг", "Люкceмбypг".encode("iso8859-5")),
        ("GB18030", "Wang^小东", "Wang^小东".encode("gb18030")),
        (None, "Müller", b"M?ller"),
        ("ISO_IR 100", "山田", b"??"),
    ],
    ids=["latin 1", "utf-8", "cyrillic", "gb18030", "no character set", "not in the character set"],
)
def test_text_is_written_in_the_character_set_of_the_file(
    tmp_path: Path, character_set: str | None, name: str, written: bytes
) -> None:
    """PS3.5 §6.1.2.3; service source: text is encoded by (0008,0005), `?` in place of what that does not have."""
    source = part10(an_instance(SpecificCharacterSet=character_set, PatientName="Old"))

    content = updated(tmp_path, source, changes(t00100010=("PN", [{"Alphabetic": name}])))

    padded = written + b" " * (len(written) % 2)
    assert b"\x10\x00\x10\x00PN" + struct.pack("<H", len(padded)) + padded in content
    if b"?" not in written:
        assert str(read(content).PatientName) == name


def test_name_groups_use_the_code_extensions_of_the_file(tmp_path: Path) -> None:
    """PS3.5 §H.3.1: the Japanese example, ideographic and phonetic groups in ISO 2022 IR 87."""
    source = part10(an_instance(SpecificCharacterSet=["", "ISO 2022 IR 87"]))
    name = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}

    content = updated(tmp_path, source, changes(t00100010=("PN", [name])))

    assert b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B" in content
    assert str(read(content).PatientName) == "=".join(name.values())


def test_sequences_of_undefined_length_in_front_are_passed_over(tmp_path: Path) -> None:
    """PS3.5 §7.5: what is inside an item is no top-level element."""
    item = Dataset()
    item.PatientName = "Inside^An^Item"
    source = an_instance(PatientName="Old", ReferencedPatientSequence=[item])
    source["ReferencedPatientSequence"].is_undefined_length = True

    result = read(updated(tmp_path, part10(source), NEW))

    assert str(result.PatientName) == "New^Name"
    assert str(result.ReferencedPatientSequence[0].PatientName) == "Inside^An^Item"


def test_elements_out_of_order_are_put_in_order_and_doubles_go(tmp_path: Path) -> None:
    """PS3.5 §7.1 demands ascending tags; of two elements with one tag the parser takes the last."""
    source = part10(an_instance(PatientName="Old"))
    extra = b"\x10\x00\x10\x00PN\x04\x00Late" + b"\x08\x00\x30\x10LO\x04\x00late"
    at = source.rindex(b"\xe0\x7f\x10\x00")

    content = updated(tmp_path, source[:at] + extra + source[at:], NEW)

    assert str(read(content).PatientName) == "New^Name"
    assert content.count(b"\x10\x00\x10\x00PN") == 1
    assert content.index(b"\x08\x00\x30\x10LO") < content.index(b"\x10\x00\x10\x00PN")


def test_a_group_length_that_would_be_wrong_goes(tmp_path: Path) -> None:
    """PS3.5 §7.2: group lengths are retired; one that lies misleads readers."""
    source = part10(an_instance())
    for group in (b"\x10\x00", b"\x28\x00"):
        first = min(source.index(group + number) for number in (b"\x10\x00", b"\x02\x00") if group + number in source)
        source = source[:first] + group + b"\0\0UL\x04\0\x10\0\0\0" + source[first:]

    content = updated(tmp_path, source, NEW)

    assert b"\x10\x00\x00\x00UL" not in content
    assert b"\x28\x00\x00\x00UL" in content


def test_what_is_cut_off_is_copied_as_far_as_it_is_there(tmp_path: Path) -> None:
    """store §5: a file that ends early is stored."""
    source = part10(an_instance(PatientName="Old"))[:-100]

    content = updated(tmp_path, source, NEW)

    assert content.endswith(source[-200:])
    assert b"New^Name" in content


def test_a_value_too_long_for_its_vr_becomes_unknown(tmp_path: Path) -> None:
    """PS3.5 §6.2.2: a length of 16 bits does not hold it, so the VR is UN."""
    many = ["x" * 64] * 2000

    content = updated(tmp_path, part10(an_instance()), changes(t00101000=("LO", many)))

    assert b"\x10\x00\x00\x10UN\0\0" + struct.pack("<I", 65 * 2000) in content
    assert read(content).SOPInstanceUID


@pytest.mark.parametrize("content", [b"", b"no DICOM file at all, whatever its name says"], ids=["empty", "text"])
def test_what_is_no_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Own design: a damaged file fails its instance, and so its study."""
    with pytest.raises(MalformedFileError):
        updated(tmp_path, content, NEW)


def test_metadata_keeps_the_spelling_of_what_does_not_change() -> None:
    """retrieve §8.3: numbers are spelled as stored."""
    metadata = b'{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00280030":{"vr":"DS","Value":[0.50,1E-5]}}'

    result = updated_metadata(metadata, changes(t00100010=("PN", [{"Alphabetic": "Ä"}])))

    expected = '"00100010":{"vr":"PN","Value":[{"Alphabetic":"Ä"}]},'.encode()
    assert result == metadata.replace(b'"00280030"', expected + b'"00280030"')


def test_metadata_without_elements_gets_the_new_ones() -> None:
    """Service source: an element without a value is there, and empty."""
    assert updated_metadata(b"{}", changes(t00100030=("DA", []))) == b'{"00100030":{"vr":"DA"}}'
