"""Whole files in explicit VR little endian and JPEG 2000 lossless."""

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from tests.dicom.pixels.images import (
    ENCODERS,
    Pixels,
    a_dataset,
    colours,
    compressed_file,
    encapsulated_file,
    even,
    grey_ramp,
    jpeg,
    native_file,
    write,
)

from azdicom_emulator.dicom.pixels import elements
from azdicom_emulator.dicom.pixels.errors import TranscodingError
from azdicom_emulator.dicom.pixels.transcode import transcode

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
LOSSLESS = ("1.2.840.10008.1.2.4.57", JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)
TARGETS = (ExplicitVRLittleEndian, JPEG2000Lossless)
LAYOUT = {"PhotometricInterpretation", "PlanarConfiguration", "PixelData"}
SAMPLES = Path(pydicom.data.__file__).parent / "test_files"


def transcoded(path: Path, target: str) -> Dataset:
    """The result as pydicom reads it, every element parsed."""
    dataset = dcmread(BytesIO(transcode(path, target)))
    assert dataset.file_meta.TransferSyntaxUID == target
    dataset.walk(lambda _dataset, element: element.value)
    return dataset


def a_file(path: Path, pixels: Pixels, transfer_syntax_uid: str, **attributes: Any) -> Path:
    make = compressed_file if transfer_syntax_uid in ENCODERS else native_file
    return make(path, pixels, transfer_syntax_uid, **attributes)


@pytest.mark.parametrize("target", TARGETS, ids=["explicit", "jpeg-2000"])
@pytest.mark.parametrize("transfer_syntax_uid", [*NATIVE, *LOSSLESS])
@pytest.mark.parametrize(
    "pixels", [grey_ramp("u1"), grey_ramp("u2"), grey_ramp("i2"), colours()], ids=["8", "16", "signed-16", "rgb"]
)
def test_pixels_are_the_same_after_transcoding(
    tmp_path: Path, pixels: NDArray[Any], transfer_syntax_uid: str, target: str
) -> None:
    """Retrieve §9: sources that work, to both targets."""
    result = transcoded(a_file(tmp_path / "a.dcm", pixels, transfer_syntax_uid), target)
    assert result.pixel_array.tolist() == pixels.tolist()
    colour = "YBR_RCT" if target == JPEG2000Lossless else "RGB"
    assert result.PhotometricInterpretation == (colour if pixels.ndim == 3 else "MONOCHROME2")


@pytest.mark.parametrize("target", TARGETS, ids=["explicit", "jpeg-2000"])
@pytest.mark.parametrize("transfer_syntax_uid", [*NATIVE, *LOSSLESS])
def test_every_frame_is_transcoded(tmp_path: Path, transfer_syntax_uid: str, target: str) -> None:
    """Retrieve §9: multi-frame, an odd number of bytes a frame included."""
    columns = 36 if "JPEG Lossless" in UID(transfer_syntax_uid).name else 35  # GDCM encodes even frames only
    frame = grey_ramp("u1", 33, columns)
    pixels = np.stack([frame, frame[::-1], frame[:, ::-1]])
    result = transcoded(a_file(tmp_path / "a.dcm", pixels, transfer_syntax_uid, number_of_frames=3), target)
    assert result.pixel_array.tolist() == pixels.tolist()


@pytest.mark.parametrize(
    ("before", "transfer_syntax_uid", "target", "after"),
    [
        ("YBR_RCT", JPEG2000Lossless, ExplicitVRLittleEndian, "RGB"),
        ("YBR_ICT", "1.2.840.10008.1.2.4.91", ExplicitVRLittleEndian, "RGB"),
        ("RGB", RLELossless, ExplicitVRLittleEndian, "RGB"),
        ("YBR_FULL", RLELossless, ExplicitVRLittleEndian, "YBR_FULL"),
        ("YBR_FULL", JPEGLosslessSV1, ExplicitVRLittleEndian, "YBR_FULL"),
        ("YBR_FULL_422", JPEGLSLossless, ExplicitVRLittleEndian, "YBR_FULL"),
        ("YBR_FULL", JPEGBaseline8Bit, ExplicitVRLittleEndian, "RGB"),
        ("YBR_FULL_422", JPEGBaseline8Bit, ExplicitVRLittleEndian, "RGB"),
        ("YBR_FULL", JPEGBaseline8Bit, JPEG2000Lossless, "YBR_RCT"),
        ("RGB", ExplicitVRLittleEndian, JPEG2000Lossless, "YBR_RCT"),
        ("YBR_FULL", ExplicitVRLittleEndian, JPEG2000Lossless, "YBR_FULL"),
        ("YBR_ICT", "1.2.840.10008.1.2.4.91", JPEG2000Lossless, "YBR_RCT"),
    ],
)
def test_photometric_interpretation_after_transcoding(
    tmp_path: Path, before: str, transfer_syntax_uid: str, target: str, after: str
) -> None:
    """Retrieve §9, table "From → to"."""
    path = a_file(tmp_path / "a.dcm", colours(), transfer_syntax_uid, PhotometricInterpretation=before)
    result = transcoded(path, target)
    assert (result.PhotometricInterpretation, result.PlanarConfiguration) == (after, 0)


def test_planar_native_pixels_are_interleaved_for_jpeg_2000_only(tmp_path: Path) -> None:
    """PS3.5 §8.2.4: planar configuration 0 in a codestream; a native file is kept as it is."""
    dataset = a_dataset(colours(), PlanarConfiguration=1)
    dataset.PixelData = colours().transpose(2, 0, 1).tobytes()
    dataset["PixelData"].VR = "OB"
    path = write(tmp_path / "a.dcm", dataset, ImplicitVRLittleEndian)
    results = [transcoded(path, target) for target in TARGETS]
    assert [result.PlanarConfiguration for result in results] == [1, 0]
    assert all(result.pixel_array.tolist() == colours().tolist() for result in results)


def test_subsampled_native_pixels_are_completed_for_jpeg_2000(tmp_path: Path) -> None:
    """PS3.3 §C.7.6.3.1.2: two pixels share their colour differences."""
    path = SAMPLES / "SC_ybr_full_422_uncompressed.dcm"
    result = transcoded(path, JPEG2000Lossless)
    assert result.PhotometricInterpretation == "YBR_FULL"
    assert result.pixel_array.shape == (100, 100, 3)
    assert transcoded(path, ExplicitVRLittleEndian).PixelData == dcmread(path).PixelData


def test_each_jpeg_2000_frame_is_one_fragment_behind_an_offset_table(tmp_path: Path) -> None:
    """Sample files of the service: one fragment a frame, a filled basic offset table."""
    pixels = np.stack([colours(), colours()[::-1]])
    value = transcoded(native_file(tmp_path / "a.dcm", pixels, number_of_frames=2), JPEG2000Lossless).PixelData
    second = struct.unpack_from("<I", value, 12)[0]
    assert value[8:12] == bytes(4)
    assert value[16 + 8 :][:4] == value[16 + second + 8 :][:4] == b"\xff\x4f\xff\x51"
    assert second % 2 == 0


def test_the_meta_group_names_the_service(tmp_path: Path) -> None:
    """Retrieve §6.3: Implementation Class UID 1.3.6.1.4.1.311.129; preamble of zeros; the rest is kept."""
    path = native_file(tmp_path / "a.dcm", grey_ramp(), ImplicitVRLittleEndian)
    content = transcode(path, ExplicitVRLittleEndian)
    meta, before = dcmread(BytesIO(content)).file_meta, dcmread(path).file_meta
    assert content[:132] == bytes(128) + b"DICM"
    assert meta.ImplementationClassUID == "1.3.6.1.4.1.311.129"
    assert "azdicom" in str(meta.ImplementationVersionName)
    assert meta.MediaStorageSOPInstanceUID == before.MediaStorageSOPInstanceUID
    end_of_meta = 132 + 12 + meta.FileMetaInformationGroupLength
    assert content[end_of_meta : end_of_meta + 2] == b"\x08\x00"


def with_all_kinds_of_attributes(dataset: Dataset) -> Dataset:
    dataset.PatientName = "Yamada^Tarou"
    dataset.SelectorULValue = [1, 2**31]
    dataset.SelectorFDValue = [0.5, -1e300]
    dataset.SelectorSLValue = -5
    dataset.SelectorATValue = [0x00100010, 0x7FE00010]
    dataset.SelectorUTValue = "odd"
    dataset.SmallestImagePixelValue = 3
    item, nested = Dataset(), Dataset()
    nested.ReferencedFrameNumber = [1, 2, 3]
    nested.SelectorOWValue = b"\x01\x02\x03\x04"
    item.ReferencedImageSequence = [nested, Dataset()]
    item.ReferencedSOPInstanceUID = "1.2.3"
    dataset.ReferencedStudySequence = [item, Dataset()]
    dataset.SourceImageSequence = []
    return dataset


@pytest.mark.parametrize("is_undefined", [False, True], ids=["defined", "undefined"])
@pytest.mark.parametrize("transfer_syntax_uid", NATIVE, ids=lambda uid: uid.name)
def test_attributes_are_kept(tmp_path: Path, transfer_syntax_uid: str, is_undefined: bool) -> None:
    """Retrieve §9: implicit or big endian → 1.2.1, same data set; sequences of defined and undefined length."""
    dataset = with_all_kinds_of_attributes(a_dataset(grey_ramp()))
    for sequence in ("ReferencedStudySequence", "SourceImageSequence"):
        dataset[sequence].is_undefined_length = is_undefined
        for item in dataset[sequence].value:
            item.is_undefined_length_sequence_item = is_undefined
    is_big = transfer_syntax_uid == ExplicitVRBigEndian
    dataset.PixelData = grey_ramp().astype(">u2" if is_big else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    if is_big:
        dataset.ReferencedStudySequence[0].ReferencedImageSequence[0].SelectorOWValue = b"\x02\x01\x04\x03"
    path = write(tmp_path / "a.dcm", dataset, transfer_syntax_uid)
    expected = with_all_kinds_of_attributes(a_dataset(grey_ramp(), SOPInstanceUID=dataset.SOPInstanceUID))
    expected.PixelData = grey_ramp().tobytes()
    expected["PixelData"].VR = "OW"
    expected["SmallestImagePixelValue"].VR = "US"
    result = transcoded(path, ExplicitVRLittleEndian)
    assert result.to_json_dict() == expected.to_json_dict()


def test_private_and_unknown_attributes_are_kept(tmp_path: Path) -> None:
    """Private elements keep their VR where the file tells it."""
    dataset = a_dataset(grey_ramp())
    block = dataset.private_block(0x0009, "ACME", create=True)
    block.add_new(0x01, "SH", "secret")
    block.add_new(0x02, "OB", b"\x00\x01\x02\x03")
    dataset.add_new(0x00081FF0, "UN", b"unknown!")
    dataset.PixelData = grey_ramp().tobytes()
    dataset["PixelData"].VR = "OW"
    result = transcoded(write(tmp_path / "a.dcm", dataset), JPEG2000Lossless)
    for tag in (0x00090010, 0x00091001, 0x00091002, 0x00081FF0):
        assert (result[tag].VR, result[tag].value) == (dataset[tag].VR, dataset[tag].value)


def test_private_attributes_of_an_implicit_file_become_un(tmp_path: Path) -> None:
    """PS3.5 §6.2.2: without a dictionary the VR is not known; creators are LO."""
    dataset = a_dataset(grey_ramp())
    dataset.private_block(0x0009, "ACME", create=True).add_new(0x01, "SH", "secret")
    dataset.PixelData = grey_ramp().tobytes()
    path = write(tmp_path / "a.dcm", dataset, ImplicitVRLittleEndian)
    content = transcode(path, ExplicitVRLittleEndian)
    assert b"\x09\x00\x10\x00LO\x04\x00ACME" in content
    assert b"\x09\x00\x01\x10UN\x00\x00\x06\x00\x00\x00secret" in content


@pytest.mark.parametrize(("representation", "vr"), [(0, b"US"), (1, b"SS")])
def test_pixel_representation_decides_between_us_and_ss(tmp_path: Path, representation: int, vr: bytes) -> None:
    """PS3.5 A.1: implicit VR leaves it open."""
    pixels = grey_ramp("i2" if representation else "u2")
    path = native_file(tmp_path / "a.dcm", pixels, ImplicitVRLittleEndian, SmallestImagePixelValue=7)
    assert b"\x28\x00\x06\x01" + vr + b"\x02\x00\x07\x00" in transcode(path, ExplicitVRLittleEndian)


def test_a_value_too_long_for_its_vr_becomes_un(tmp_path: Path) -> None:
    """PS3.5 §6.2.2: a 16-bit length cannot say it."""
    dataset = a_dataset(grey_ramp("u1"), SelectorUSValue=[7] * 40000)
    dataset.PixelData = grey_ramp("u1").tobytes()
    result = transcoded(write(tmp_path / "a.dcm", dataset, ImplicitVRLittleEndian), ExplicitVRLittleEndian)
    assert result["SelectorUSValue"].value in ([7] * 40000, struct.pack("<H", 7) * 40000)


def test_offset_tables_do_not_survive(tmp_path: Path) -> None:
    """PS3.3 §C.7.6.3.1.8: they describe the fragments that are gone."""
    source = compressed_file(tmp_path / "a.dcm", grey_ramp(), RLELossless)
    dataset = dcmread(source)
    dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = bytes(8), struct.pack("<Q", 4)
    dataset.save_as(source)
    for target in TARGETS:
        result = transcoded(source, target)
        assert "ExtendedOffsetTable" not in result
        assert "ExtendedOffsetTableLengths" not in result


@pytest.mark.parametrize("target", TARGETS, ids=["explicit", "jpeg-2000"])
def test_a_file_without_pixel_data_is_rewritten(tmp_path: Path, target: str) -> None:
    """Retrieve §9: works always."""
    dataset = with_all_kinds_of_attributes(Dataset())
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.3"
    path = write(tmp_path / "a.dcm", dataset, ImplicitVRLittleEndian)
    assert transcoded(path, target).to_json_dict() == dataset.to_json_dict()


def test_elements_behind_the_pixel_data_are_kept(tmp_path: Path) -> None:
    """PS3.10: data set trailing padding, and digital signatures in group FFFA."""
    dataset = a_dataset(grey_ramp())
    dataset.PixelData = grey_ramp().tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.DataSetTrailingPadding = bytes(10)
    result = transcoded(write(tmp_path / "a.dcm", dataset), JPEG2000Lossless)
    assert result.DataSetTrailingPadding == bytes(10)


def test_lossy_image_compression_is_not_touched(tmp_path: Path) -> None:
    """Retrieve §9: decoding does not change it."""
    dataset = a_dataset(colours(), PhotometricInterpretation="YBR_FULL", LossyImageCompression="01")
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [even(jpeg(colours()))], JPEGBaseline8Bit)
    assert transcoded(path, ExplicitVRLittleEndian).LossyImageCompression == "01"


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "SC_rgb_rle_16bit_2frame.dcm", "examples_palette.dcm", "liver_1frame.dcm"]
)
def test_pydicoms_samples_keep_their_pixels(name: str) -> None:
    """pydicom's own decoders as oracle."""
    expected = dcmread(SAMPLES / name).pixel_array
    assert (transcoded(SAMPLES / name, ExplicitVRLittleEndian).pixel_array == expected).all()


@pytest.mark.parametrize("target", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50", "*", ""])
def test_other_targets_are_refused(tmp_path: Path, target: str) -> None:
    """Retrieve §9: nothing else can be asked for."""
    with pytest.raises(TranscodingError):
        transcode(native_file(tmp_path / "a.dcm", grey_ramp()), target)


@pytest.mark.parametrize("target", TARGETS, ids=["explicit", "jpeg-2000"])
@pytest.mark.parametrize("transfer_syntax_uid", [ExplicitVRLittleEndian, RLELossless])
def test_fewer_frames_than_declared_are_refused(tmp_path: Path, transfer_syntax_uid: str, target: str) -> None:
    """A count that lies is found out before memory is taken."""
    path = a_file(tmp_path / "a.dcm", grey_ramp(), transfer_syntax_uid, NumberOfFrames=2**31 - 1)
    with pytest.raises(TranscodingError, match="NumberOfFrames"):
        transcode(path, target)


def test_thirty_two_bit_pixels_are_not_encoded(tmp_path: Path) -> None:
    """OpenJPEG takes up to 24 bits."""
    path = native_file(tmp_path / "a.dcm", grey_ramp("u4"))
    with pytest.raises(TranscodingError, match="32 bits"):
        transcode(path, JPEG2000Lossless)


def test_more_decoded_pixels_than_the_limit_are_refused(tmp_path: Path) -> None:
    """Twenty frames of 8000 × 8000 declared in a few bytes; nothing is decoded."""
    dataset = a_dataset(grey_ramp("u1"), Rows=8000, Columns=8000, NumberOfFrames=20)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [b"\0\0"] * 20, RLELossless)
    with pytest.raises(TranscodingError, match="more than"):
        transcode(path, ExplicitVRLittleEndian)


def test_a_deflated_data_set_above_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes that inflate to megabytes."""
    monkeypatch.setattr(elements, "MAX_INFLATED_BYTES", 10_000_000)
    path = native_file(tmp_path / "a.dcm", grey_ramp("u1"), DeflatedExplicitVRLittleEndian)
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    content = path.read_bytes()
    meta_end = 132 + 12 + struct.unpack_from("<I", content, 140)[0]
    path.write_bytes(content[:meta_end] + bomb)
    with pytest.raises(TranscodingError, match="more than"):
        transcode(path, ExplicitVRLittleEndian)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    """Sequences in sequences, a thousand levels of undefined length."""
    path = native_file(tmp_path / "a.dcm", grey_ramp("u1"), ImplicitVRLittleEndian)
    content = path.read_bytes()
    sequence = struct.pack("<HHI", 0x0008, 0x1140, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    path.write_bytes(content[: content.index(b"\x08\x00\x16\x00")] + sequence * 1000)
    with pytest.raises(TranscodingError, match="nested"):
        transcode(path, ExplicitVRLittleEndian)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """An attribute that runs past the end of the file."""
    path = write(tmp_path / "a.dcm", with_all_kinds_of_attributes(a_dataset(grey_ramp())), ExplicitVRLittleEndian)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TranscodingError):
        transcode(path, ExplicitVRLittleEndian)
