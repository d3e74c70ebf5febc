"""Frames: where they are and what bytes they have."""

import pickle
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)
from tests.dicom.pixels.images import a_dataset, encapsulated_file, grey_ramp, native_file, relabelled, write

from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError
from azdicom_emulator.dicom.pixels.frames import locate_frames, read_frame

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
STACK = np.arange(3 * 4 * 6, dtype="u2").reshape(3, 4, 6)
GREY = np.zeros((4, 6), "u1")


@contextmanager
def at_most(memory_bytes: int) -> Iterator[None]:
    """Fails when the block allocates more."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < memory_bytes


@pytest.mark.parametrize("transfer_syntax_uid", NATIVE, ids=lambda uid: uid.name)
def test_a_native_frame_is_its_slice_of_the_pixel_data(tmp_path: Path, transfer_syntax_uid: str) -> None:
    """Retrieve §7: original transfer syntax, bytes of the frame as stored."""
    path = native_file(tmp_path / "a.dcm", STACK, transfer_syntax_uid, number_of_frames=3)
    table = locate_frames(path)
    stored = STACK.astype(">u2" if transfer_syntax_uid == ExplicitVRBigEndian else "<u2")
    assert [read_frame(path, table, n) for n in (1, 2, 3)] == [frame.tobytes() for frame in stored]
    assert table.transfer_syntax_uid == transfer_syntax_uid


@pytest.mark.parametrize("frame_number", [0, -1, 4, 2**40])
def test_a_frame_number_out_of_range_is_not_found(tmp_path: Path, frame_number: int) -> None:
    """Retrieve §7: higher than NumberOfFrames → 404."""
    path = native_file(tmp_path / "a.dcm", STACK, number_of_frames=3)
    with pytest.raises(FrameNotFoundError):
        read_frame(path, locate_frames(path), frame_number)


def test_without_number_of_frames_there_is_one(tmp_path: Path) -> None:
    """Retrieve §7: absent means 1."""
    path = native_file(tmp_path / "a.dcm", STACK[0])
    table = locate_frames(path)
    assert table.number_of_frames == 1
    assert read_frame(path, table, 1) == STACK[0].tobytes()


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated", "PixelData"])
def test_without_what_describes_pixels_no_frame_is_found(tmp_path: Path, keyword: str) -> None:
    """Retrieve §7: Rows, Columns, BitsAllocated, PixelData not all present → 404."""
    dataset = a_dataset(STACK[0])
    dataset.PixelData = STACK[0].tobytes()
    dataset["PixelData"].VR = "OW"
    del dataset[keyword]
    with pytest.raises(FrameNotFoundError):
        locate_frames(write(tmp_path / "a.dcm", dataset))


@pytest.mark.parametrize("content", [b"", b"\0" * 132, b"no DICOM at all" * 20], ids=["empty", "no-prefix", "text"])
def test_a_file_that_is_not_dicom_has_no_frames(tmp_path: Path, content: bytes) -> None:
    """PS3.10 §7.1: preamble and prefix."""
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    with pytest.raises(FrameNotFoundError):
        locate_frames(path)


def test_frames_beyond_the_data_are_not_found_whatever_number_of_frames_says(tmp_path: Path) -> None:
    """A count that lies costs neither memory nor time."""
    path = native_file(tmp_path / "a.dcm", STACK, number_of_frames=3, NumberOfFrames=2**31 - 1)
    with at_most(memory_bytes=1_000_000):
        table = locate_frames(path)
    assert table.number_of_frames == 3
    with pytest.raises(FrameNotFoundError):
        table.slices(4)


def test_a_frame_cut_off_at_the_end_of_the_file_is_not_found(tmp_path: Path) -> None:
    """Only whole frames are answered."""
    path = native_file(tmp_path / "a.dcm", STACK, number_of_frames=3)
    path.write_bytes(path.read_bytes()[:-10])
    table = locate_frames(path)
    assert table.number_of_frames == 2
    assert read_frame(path, table, 2) == STACK[1].tobytes()


def test_as_many_fragments_as_frames_are_the_frames_and_keep_their_padding(tmp_path: Path) -> None:
    """Retrieve §7: fragment n is frame n, the offset table is not looked at and may be empty."""
    fragments = [b"one\0", b"three and four\0\0", b"xx"]
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(GREY, NumberOfFrames=3), fragments, offsets=[7, 7, 7])
    table = locate_frames(path)
    assert [read_frame(path, table, n) for n in (1, 2, 3)] == fragments


@pytest.mark.parametrize("offsets", [(), (0,)], ids=["empty-table", "table"])
def test_all_fragments_of_a_single_frame_are_joined(tmp_path: Path, offsets: tuple[int, ...]) -> None:
    """Retrieve §7: one frame in several fragments, with or without offset table."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(GREY), [b"abcd", b"ef", b"ghij"], offsets=offsets)
    table = locate_frames(path)
    assert read_frame(path, table, 1) == b"abcdefghij"
    assert [length for _, length in table.slices(1)] == [4, 2, 4]


def test_fragments_are_gathered_by_the_basic_offset_table(tmp_path: Path) -> None:
    """Retrieve §7: fragments ≠ frames; PS3.5 A.4: offsets count from the first fragment's item."""
    fragments = [b"aa", b"bbbb", b"cc", b"dd", b"ee"]
    dataset = a_dataset(GREY, NumberOfFrames=2)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, fragments, offsets=[0, 10 + 12])
    table = locate_frames(path)
    assert [read_frame(path, table, n) for n in (1, 2)] == [b"aabbbb", b"ccddee"]


def test_fragments_are_gathered_by_the_extended_offset_table(tmp_path: Path) -> None:
    """PS3.3 §C.7.6.3.1.8: 64-bit offsets, an empty basic table."""
    dataset = a_dataset(GREY, NumberOfFrames=2)
    dataset.ExtendedOffsetTable = struct.pack("<2Q", 0, 10)
    dataset.ExtendedOffsetTableLengths = struct.pack("<2Q", 2, 6)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [b"aa", b"bbbb", b"cc"])
    table = locate_frames(path)
    assert [read_frame(path, table, n) for n in (1, 2)] == [b"aa", b"bbbbcc"]


@pytest.mark.parametrize(
    "offsets", [(), (0, 3), (10, 20), (10, 0), (0, 4000)], ids=["empty", "inside", "not-first", "descending", "beyond"]
)
def test_fragments_that_no_table_assigns_are_not_frames(tmp_path: Path, offsets: tuple[int, ...]) -> None:
    """Retrieve §7: with an empty table there is no defined answer; a wrong one gives none either."""
    dataset = a_dataset(GREY, NumberOfFrames=2)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [b"aa", b"bb", b"cc"], offsets=offsets)
    with pytest.raises(FrameNotFoundError):
        locate_frames(path)


def test_fewer_fragments_than_frames_leave_the_last_frames_unfound(tmp_path: Path) -> None:
    """A count that lies, encapsulated."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(GREY, NumberOfFrames=9), [b"aa", b"bb"])
    table = locate_frames(path)
    assert table.number_of_frames == 2
    assert read_frame(path, table, 2) == b"bb"


def test_a_fragment_cut_off_at_the_end_of_the_file_is_no_frame(tmp_path: Path) -> None:
    """The item header alone is not enough."""
    dataset = a_dataset(GREY, NumberOfFrames=2)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [b"first!", b"second"])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"second") + 3])
    assert locate_frames(path).number_of_frames == 1


def test_encapsulated_pixel_data_in_a_native_transfer_syntax_have_no_frames(tmp_path: Path) -> None:
    """PS3.5 A.4: encapsulated exactly in compressed transfer syntaxes."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(GREY), [b"aa"])
    with pytest.raises(FrameNotFoundError):
        locate_frames(relabelled(path, ExplicitVRLittleEndian))


def test_native_pixel_data_in_a_compressed_transfer_syntax_have_no_frames(tmp_path: Path) -> None:
    """PS3.5 A.4: the other way round."""
    path = native_file(tmp_path / "a.dcm", GREY)
    with pytest.raises(FrameNotFoundError):
        locate_frames(relabelled(path, JPEG2000Lossless))


def test_single_bit_frames_are_moved_to_the_first_bit(tmp_path: Path) -> None:
    """PS3.5 §8.1.1: pixels follow each other without gaps, so the second frame of 15 begins in the second byte."""
    bits = np.random.default_rng(7).integers(0, 2, (3, 3, 5), "u1")
    dataset = a_dataset(bits, number_of_frames=3, BitsAllocated=1, BitsStored=1)
    dataset.PixelData = np.packbits(bits, bitorder="little").tobytes()
    path = write(tmp_path / "a.dcm", dataset)
    table = locate_frames(path)
    assert table.is_bit_packed
    for index in range(3):
        expected = np.packbits(bits[index], bitorder="little").tobytes()
        assert read_frame(path, table, index + 1) == expected


def test_a_subsampled_native_frame_has_two_samples_a_pixel(tmp_path: Path) -> None:
    """PS3.3 §C.7.6.3.1.2: YBR_FULL_422; an odd column is completed."""
    data = np.arange(2 * 2 * 6 * 2, dtype="u1").reshape(2, 2, 12)
    dataset = a_dataset(np.zeros((2, 5, 3), "u1"), PhotometricInterpretation="YBR_FULL_422", NumberOfFrames=2)
    dataset.PixelData = data.tobytes()
    dataset["PixelData"].VR = "OB"
    path = write(tmp_path / "a.dcm", dataset)
    assert read_frame(path, locate_frames(path), 2) == data[1].tobytes()


def test_a_table_can_go_to_another_process(tmp_path: Path) -> None:
    """Tables are kept per stored version and handed to workers."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(GREY), [b"ab", b"cd"])
    assert read_frame(path, pickle.loads(pickle.dumps(locate_frames(path))), 1) == b"abcd"


def test_one_frame_of_a_huge_native_file_is_read_alone(tmp_path: Path) -> None:
    """A sparse file of 2 GB: neither memory nor time grows with it."""
    rows = columns = 512
    frames = 2**31 // (rows * columns * 2) - 1
    path = native_file(tmp_path / "a.dcm", np.zeros((rows, columns), "u2"), NumberOfFrames=frames)
    content = path.read_bytes()
    header, size = content[: -rows * columns * 2], frames * rows * columns * 2
    marked = frames - 2
    with path.open("wb") as file:
        file.write(header[:-4] + struct.pack("<I", size))
        file.seek(len(header) + (marked - 1) * rows * columns * 2)
        file.write(b"here")
        file.truncate(len(header) + size)
    with at_most(memory_bytes=2_000_000):
        table = locate_frames(path)
        frame = read_frame(path, table, marked)
    assert table.number_of_frames == frames
    assert frame == b"here".ljust(rows * columns * 2, b"\0")


def test_fragments_of_a_huge_file_are_hopped_over(tmp_path: Path) -> None:
    """A sparse file of 2 GB in four fragments: only their headers are read."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(GREY, NumberOfFrames=4), [b"\0\0"] * 4)
    start = path.read_bytes().index(struct.pack("<HHI", 0xFFFE, 0xE000, 2))
    length = 2**29
    with path.open("r+b") as file:
        for index in range(4):
            file.seek(start + index * (8 + length))
            file.write(struct.pack("<HHI", 0xFFFE, 0xE000, length) + b"%d" % index)
        file.seek(start + 4 * (8 + length))
        file.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
    with at_most(memory_bytes=2_000_000):
        table = locate_frames(path)
    assert [length for n in (1, 2, 3, 4) for _, length in table.slices(n)] == [length] * 4


def test_sequences_before_the_pixel_data_are_skipped_whatever_their_form(tmp_path: Path) -> None:
    """PS3.5 §7.5: sequences and items of undefined length, with pixel attributes of an icon inside."""
    dataset = a_dataset(grey_ramp("u1"))
    icon = a_dataset(np.zeros((2, 2), "u1"))
    dataset.IconImageSequence = [icon]
    dataset["IconImageSequence"].is_undefined_length = True
    icon.is_undefined_length_sequence_item = True
    dataset.PixelData = grey_ramp("u1").tobytes()
    dataset["PixelData"].VR = "OB"
    path = write(tmp_path / "a.dcm", dataset)
    assert read_frame(path, locate_frames(path), 1) == grey_ramp("u1").tobytes()
