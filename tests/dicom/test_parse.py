"""Reading DICOM files: forms of files, nesting, what is cut off, what is refused."""

import mmap
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.dicom import scan
from azdicom_emulator.dicom.elements import BinaryValue, DataSet
from azdicom_emulator.dicom.parse import NotDicomError, parse
from tests.dicom.encoding import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM_END,
    JPEG_BASELINE,
    SEQUENCE_END,
    UNDEFINED,
    explicit,
    file,
    implicit,
    item,
    padding,
)

STUDY = explicit(0x0020000D, "UI", b"1.2.3\0")
MODALITY = explicit(0x00080060, "CS", b"CT")
SEQUENCE = 0x00081140


def plain(data_set: DataSet) -> list[tuple[str, str, Any]]:
    """A data set to compare with: tags in hex, items as lists."""
    return [
        (f"{attribute.tag:08X}", attribute.vr, [plain(item) for item in value] if isinstance(value, list) else value)
        for attribute, value in data_set
    ]


def parsed(content: bytes) -> list[tuple[str, str, Any]]:
    return plain(parse(content).data_set)


@pytest.mark.parametrize(
    ("content", "transfer_syntax", "is_implicit"),
    [
        pytest.param(file(MODALITY + padding()), EXPLICIT_LITTLE, False, id="preamble, meta"),
        pytest.param(file(MODALITY + padding(), preamble=b"x" * 128), EXPLICIT_LITTLE, False, id="other preamble"),
        pytest.param(file(MODALITY + padding(), preamble=None), EXPLICIT_LITTLE, False, id="no preamble"),
        pytest.param(file(MODALITY + padding(), None), EXPLICIT_LITTLE, False, id="no meta"),
        pytest.param(file(MODALITY + padding(), None, preamble=None), EXPLICIT_LITTLE, False, id="data set only"),
        pytest.param(file(implicit(0x00080060, b"CT"), IMPLICIT_LITTLE), IMPLICIT_LITTLE, True, id="implicit"),
        pytest.param(
            file(implicit(0x00080060, b"CT") + implicit(0x00204000, bytes(132)), None, preamble=None),
            IMPLICIT_LITTLE,
            True,
            id="implicit data set only",
        ),
        pytest.param(file(explicit(0x00080060, "CS", b"CT", order=">"), EXPLICIT_BIG), EXPLICIT_BIG, False, id="big"),
        pytest.param(
            file(explicit(0x00080060, "CS", b"CT", order=">") + bytes(132), None, preamble=None),
            EXPLICIT_BIG,
            False,
            id="big endian data set only",
        ),
        pytest.param(file(zlib.compress(MODALITY, wbits=-15), DEFLATED), DEFLATED, False, id="deflated"),
        pytest.param(file(MODALITY, "1.2.3.4"), "1.2.3.4", False, id="unknown transfer syntax"),
        pytest.param(file(implicit(0x00080060, b"CT"), "1.2.840.113619.5.2"), "1.2.840.113619.5.2", True, id="GE"),
    ],
)
def test_every_form_of_file_is_read(content: bytes, transfer_syntax: str, is_implicit: bool) -> None:
    """PS3.10 §7.1; store §5: files without preamble or file meta information are accepted."""
    read = parse(content)

    assert (read.transfer_syntax_uid, read.is_implicit_vr) == (transfer_syntax, is_implicit)
    assert plain(read.data_set)[0] == ("00080060", "CS", b"CT")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"This is not DICOM. " * 20, id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(200), id="png"),
        pytest.param(b"\xff" * 500, id="ones"),
        pytest.param(bytes(128) + b"DICM", id="preamble only"),
        pytest.param(file(b""), id="file meta only"),
        pytest.param(bytes(128) + b"DICM" + b"<html>", id="preamble, then text"),
        pytest.param(MODALITY, id="shorter than a preamble"),
        pytest.param(file(b"not deflated at all", DEFLATED), id="not deflated"),
        pytest.param(file(MODALITY)[:150], id="cut off in the file meta information"),
    ],
)
def test_what_is_no_dicom_file_is_refused(content: bytes) -> None:
    """Store §5 and its end-to-end tests: garbage is a bare failure; service source for what ends too early."""
    with pytest.raises(NotDicomError):
        parse(content)


@pytest.mark.parametrize("sequence_length", ["defined", "undefined"])
@pytest.mark.parametrize("item_length", ["defined", "undefined"])
def test_sequences_are_read_with_and_without_lengths(sequence_length: str, item_length: str) -> None:
    """PS3.5 §7.5: both encodings of sequences and items, nested."""

    def encoded(*contents: bytes) -> bytes:
        items = b"".join(
            item(content) if item_length == "defined" else item(content + ITEM_END, length=UNDEFINED)
            for content in contents
        )
        if sequence_length == "defined":
            return explicit(SEQUENCE, "SQ", items)
        return explicit(SEQUENCE, "SQ", items + SEQUENCE_END, length=UNDEFINED)

    read = parsed(file(encoded(encoded(MODALITY, b""), b"", MODALITY) + STUDY))

    modality = ("00080060", "CS", b"CT")
    inner = ("00081140", "SQ", [[modality], []])
    assert read == [("00081140", "SQ", [[inner], [], [modality]]), ("0020000D", "UI", b"1.2.3\0")]


def test_numbers_of_big_endian_files_become_little_endian() -> None:
    """PS3.5 §7.3; AT is two numbers of 16 bits."""
    content = b"".join(
        (
            explicit(0x00280009, "AT", struct.pack(">HH", 0x0018, 0x1063), order=">"),
            explicit(0x00280010, "US", struct.pack(">2H", 512, 1), order=">"),
            explicit(0x00289001, "UL", struct.pack(">I", 70000), order=">"),
            explicit(0x00289999, "FD", struct.pack(">d", 0.5), order=">"),
        )
    )

    assert [value for _, _, value in parsed(file(content, EXPLICIT_BIG))] == [
        struct.pack("<HH", 0x0018, 0x1063),
        struct.pack("<2H", 512, 1),
        struct.pack("<I", 70000),
        struct.pack("<d", 0.5),
    ]


def test_vrs_of_implicit_vr_files_come_from_the_dictionary() -> None:
    """PS3.5 §6.2.2 and §7.8: repeating groups, private creators, private attributes, unknown attributes."""
    content = b"".join(
        implicit(tag, b"\1\0")
        for tag in (
            0x00080060,
            0x00090010,
            0x00091001,
            0x00111234,
            0x00280010,
            0x00280199,
            0x60010010,
            0x60020010,
            0x7FE00010,
        )
    )

    assert [(tag, vr) for tag, vr, _ in parsed(file(content, IMPLICIT_LITTLE))] == [
        ("00080060", "CS"),
        ("00090010", "LO"),
        ("00091001", "UN"),
        ("00111234", "UN"),
        ("00280010", "US"),
        ("00280199", "UN"),
        ("60010010", "LO"),
        ("60020010", "US"),
        ("7FE00010", "OW"),
    ]


@pytest.mark.parametrize(("representation", "vr"), [(b"\0\0", "US"), (b"\1\0", "SS"), (None, "US")])
def test_pixel_representation_decides_between_signed_and_unsigned(representation: bytes | None, vr: str) -> None:
    """PS3.5 §A.1: in implicit VR, US or SS follows Pixel Representation, also that of the data set around an item."""
    described = b"" if representation is None else implicit(0x00280103, representation)
    nested = implicit(0x00283010, item(implicit(0x00283002, bytes(6))))
    read = parsed(file(described + implicit(0x00280106, b"\5\0") + nested, IMPLICIT_LITTLE))

    assert ("00280106", vr, b"\5\0") in read
    assert read[-1] == ("00283010", "SQ", [[("00283002", vr, bytes(6))]])


def test_group_lengths_and_file_meta_are_no_part_of_the_data_set() -> None:
    """Store §8.2: group lengths and the meta group are not part of the data set."""
    group_length = explicit(0x00080000, "UL", struct.pack("<I", 12))

    assert parsed(file(group_length + MODALITY)) == [("00080060", "CS", b"CT")]


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(implicit(0x00080060, b"CT"), id="implicit inside"),
        pytest.param(MODALITY, id="explicit inside"),
    ],
)
@pytest.mark.parametrize("tag", [0x00091001, SEQUENCE])
def test_un_of_undefined_length_is_a_sequence(inner: bytes, tag: int) -> None:
    """PS3.5 §6.2.2, note 2: its content is implicit VR; service source: explicit VR is recognised."""
    content = item(inner + ITEM_END, length=UNDEFINED) + SEQUENCE_END

    read = parsed(file(explicit(tag, "UN", content, length=UNDEFINED) + STUDY))

    assert read == [(f"{tag:08X}", "SQ", [[("00080060", "CS", b"CT")]]), ("0020000D", "UI", b"1.2.3\0")]


def test_un_sequence_of_a_big_endian_file_is_little_endian_inside() -> None:
    """PS3.5 §6.2.2, note 2: implicit VR *little endian*."""
    content = item(implicit(0x00080060, b"CT")) + SEQUENCE_END
    sequence = explicit(0x00091001, "UN", content, length=UNDEFINED, order=">")
    rows = explicit(0x00280010, "US", b"\1\0", order=">")

    assert parsed(file(sequence + rows, EXPLICIT_BIG)) == [
        ("00091001", "SQ", [[("00080060", "CS", b"CT")]]),
        ("00280010", "US", b"\0\1"),
    ]


def test_un_of_a_public_attribute_has_the_dictionary_vr() -> None:
    """Service source: the reader looks up what a UN attribute is; private ones stay UN."""
    read = parsed(file(explicit(0x00080060, "UN", b"CT") + explicit(0x00091001, "UN", b"CT")))

    assert [(tag, vr) for tag, vr, _ in read] == [("00080060", "CS"), ("00091001", "UN")]


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        pytest.param(b"\x08\0\x60\0" + b"\2\0\0\0CT", ("00080060", "CS", b"CT"), id="implicit VR strayed in"),
        pytest.param(b"\x08\0\x60\0" + b"  \2\0CT", ("00080060", "CS", b"CT"), id="blank VR"),
    ],
)
def test_explicit_vr_elements_without_a_vr_are_read(element: bytes, expected: tuple[str, str, bytes]) -> None:
    """Service source: what is no VR is taken for the length of an implicit VR element; blanks for a forgotten VR."""
    for _ in range(2):  # the second time, headers are remembered
        assert parsed(file(element + STUDY)) == [expected, ("0020000D", "UI", b"1.2.3\0")]


def test_attributes_out_of_order_are_sorted_and_the_last_of_equal_ones_stays() -> None:
    """Metadata has its keys in ascending order (retrieve §8.3), each once."""
    again = explicit(0x00080060, "CS", b"MR")

    assert parsed(file(STUDY + MODALITY + again)) == [("00080060", "CS", b"MR"), ("0020000D", "UI", b"1.2.3\0")]


def test_binary_values_are_skipped_and_their_place_is_kept() -> None:
    """The content of OB, OW and their like stays in the file."""
    content = file(explicit(0x00420011, "OB", b"%PDF") + explicit(0x7FE00010, "OW", bytes(10)))

    (_, _, document), (_, _, pixels) = parsed(content)

    assert content[document.offset : document.offset + document.length_bytes] == b"%PDF"
    assert pixels == BinaryValue(len(content) - 10, 10)


def test_elements_after_encapsulated_pixel_data_are_read() -> None:
    """PS3.5 §A.4: fragments are skipped, their delimiter is found."""
    fragments = item() + item(b"\xff\xd8\xff\xd9") + SEQUENCE_END
    after = explicit(0x7FE10010, "LO", b"MAKER ")

    read = parsed(file(explicit(0x7FE00010, "OB", fragments, length=UNDEFINED) + after, JPEG_BASELINE))

    assert [tag for tag, _, _ in read] == ["7FE00010", "7FE10010"]


@pytest.mark.parametrize(
    ("content", "tags"),
    [
        pytest.param(file(MODALITY + explicit(0x7FE00010, "OW", bytes(9), length=5000)), 2, id="in pixel data"),
        pytest.param(
            file(MODALITY + explicit(0x7FE00010, "OB", item() + item(b"\xff\xd8", length=90), length=UNDEFINED)),
            2,
            id="in a fragment",
        ),
        pytest.param(file(MODALITY + STUDY)[:-1], 1, id="in a value"),
        pytest.param(file(MODALITY + STUDY)[:-8], 1, id="in a header"),
        pytest.param(file(MODALITY + explicit(0x00091001, "OB", b"")[:9]), 1, id="in a long header"),
        pytest.param(file(MODALITY + explicit(SEQUENCE, "SQ", item(STUDY)[:9])), 2, id="in an item"),
        pytest.param(file(MODALITY + explicit(SEQUENCE, "SQ", b"\1\2\3", length=UNDEFINED)), 2, id="in an item header"),
    ],
)
def test_files_that_end_early_give_what_is_there(content: bytes, tags: int) -> None:
    """Store §5: cut off in pixel data they are stored, cut off before identifiers these are missing."""
    assert len(parsed(content)) == tags


def test_wrong_lengths_end_the_data_set_quietly() -> None:
    """A value longer than the file, and one that swallows its neighbours."""
    assert parsed(file(MODALITY + explicit(0x00081030, "LO", b"x", length=60000) + STUDY)) == [
        ("00080060", "CS", b"CT")
    ]
    swallowed = parsed(file(explicit(SEQUENCE, "SQ", item(MODALITY, length=4000), length=8) + STUDY))
    assert swallowed[0][0] == "00081140"


def test_an_item_that_lacks_its_delimiter_ends_with_the_sequence() -> None:
    """Service source: some writers forget the item delimiter."""
    sequence = explicit(SEQUENCE, "SQ", item(MODALITY, length=UNDEFINED) + SEQUENCE_END, length=UNDEFINED)

    assert [tag for tag, _, _ in parsed(file(sequence + STUDY))] == ["00081140", "0020000D"]


@pytest.mark.parametrize("depth", [scan.MAX_DEPTH, scan.MAX_DEPTH + 1, 10_000])
@pytest.mark.parametrize("has_lengths", [True, False])
def test_nesting_is_bounded(depth: int, has_lengths: bool) -> None:
    """A data set cannot make the reader, or any reader of its JSON, run out of stack."""
    content = b""
    if has_lengths:
        for _ in range(depth):
            content = explicit(SEQUENCE, "SQ", item(content))
    else:
        content = (explicit(SEQUENCE, "SQ", length=UNDEFINED) + item(length=UNDEFINED)) * depth

    if depth <= scan.MAX_DEPTH:
        assert len(parse(file(content)).data_set) == 1
    else:
        with pytest.raises(NotDicomError, match="nested"):
            parse(file(content))


def test_inflating_is_bounded() -> None:
    """A small deflated file cannot fill the memory."""
    bomb = file(zlib.compress(MODALITY + bytes(20_000_000), 9, wbits=-15), DEFLATED)
    tracemalloc.start()
    try:
        with pytest.raises(NotDicomError, match="inflates"):
            parse(bomb, max_inflated_bytes=1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5_000_000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(explicit(0x00080060, "CS") * 2000, id="elements"),
        pytest.param(explicit(0x00080000, "UL") * 2000, id="group lengths"),
        pytest.param(explicit(SEQUENCE, "SQ", item() * 2000), id="items"),
        pytest.param(explicit(SEQUENCE, "SQ") * 2000, id="sequences"),
        pytest.param(explicit(0x7FE00010, "OB", item() * 2000, length=UNDEFINED), id="fragments"),
    ],
)
def test_the_number_of_elements_is_bounded(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty elements by the million cannot keep a worker busy, nor fill the memory."""
    monkeypatch.setattr(scan, "MAX_ELEMENTS", 1000)

    with pytest.raises(NotDicomError, match="more than 1000 elements"):
        parse(file(content))


def test_a_text_value_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is loaded, so it cannot be of any length."""
    monkeypatch.setattr(scan, "MAX_VALUE_BYTES", 1000)

    with pytest.raises(NotDicomError, match="more than 1000 bytes"):
        parse(file(explicit(0x0040A160, "UT", b"x" * 1001)))


def test_a_mapped_file_is_read_without_loading_pixel_data(tmp_path: Path) -> None:
    """Two gigabytes cost no more time and memory than two kilobytes."""
    path = tmp_path / "large.dcm"
    size = 2**31
    head = file(MODALITY + explicit(0x7FE00010, "OW", length=size))
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(len(head) + size)
        stream.seek(0, 2)
        stream.write(explicit(0x7FE10010, "LO", b"MAKER "))
    tracemalloc.start()
    try:
        with path.open("rb") as written, mmap.mmap(written.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            read = plain(parse(mapped).data_set)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000
    assert read[1:] == [("7FE00010", "OW", BinaryValue(len(head), size)), ("7FE10010", "LO", b"MAKER ")]


def test_a_memoryview_is_read_like_bytes() -> None:
    content = file(MODALITY + explicit(SEQUENCE, "SQ", item(STUDY)) + explicit(0x00280106, "SS", b"\1\0"))

    assert plain(parse(memoryview(content)).data_set) == parsed(content)
