"""Data sets for the tests: valid ones with fresh UIDs, overridden by what a test is about."""

import struct
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from pydicom import FileDataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    generate_uid,
)

PrivateElement = tuple[int, str, int, str, Any]
"""Group, private creator, element offset in the creator's block, VR, value."""

UNCOMPRESSED = {ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian}


def an_instance(
    *,
    frames: int | None = None,
    rows: int = 32,
    columns: int = 32,
    samples: int = 1,
    transfer_syntax: str = ExplicitVRLittleEndian,
    pixels: bytes | None = None,
    has_pixel_data: bool = True,
    private: Iterable[PrivateElement] = (),
    raw: Mapping[int, tuple[str, bytes]] | None = None,
    **attributes: Any,
) -> FileDataset:
    """A small image instance that stores without warnings, with fresh UIDs.

    attributes: DICOM keywords; None removes the attribute, "" leaves it empty, anything else overrides, valid or not.
    frames: None leaves NumberOfFrames out. samples: 1 (16-bit MONOCHROME2) or 3 (8-bit RGB).
    transfer_syntax: an uncompressed one, or one that pydicom can encode to (RLE, JPEG 2000, JPEG-LS).
    pixels: native little-endian bytes of all frames in place of the generated ramp.
    raw: tag to (VR, encoded value): written as given, for values that pydicom refuses to hold.
    """
    sop_class = _sop_class(frames, samples)
    syntax = UID(transfer_syntax)
    dataset = FileDataset(
        BytesIO(),
        {},
        file_meta=_file_meta(syntax),
        preamble=b"\0" * 128,
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )
    with disable_value_validation():
        for keyword, value in (_identity(sop_class) | _image(frames, rows, columns, samples) | attributes).items():
            if value is None:
                if keyword in dataset:
                    delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        for group, creator, offset, vr, value in private:
            dataset.private_block(group, creator, create=True).add_new(offset, vr, value)
        for tag, (vr, encoded) in (raw or {}).items():
            dataset[tag] = RawDataElement(Tag(tag), vr, len(encoded), encoded, 0, False, True)
    if has_pixel_data:
        content = _ramp(frames or 1, rows, columns, samples) if pixels is None else pixels
        _add_pixel_data(dataset, content, syntax)
    with disable_value_validation():
        dataset.file_meta.MediaStorageSOPClassUID = UID(str(dataset.get("SOPClassUID") or sop_class))
        dataset.file_meta.MediaStorageSOPInstanceUID = UID(str(dataset.get("SOPInstanceUID") or generate_uid()))
    return dataset


def another_in_series(of: Dataset, **attributes: Any) -> FileDataset:
    """An instance of the study and series that `of` belongs to."""
    return another_in_study(of, SeriesInstanceUID=of.SeriesInstanceUID, **attributes)


def another_in_study(of: Dataset, **attributes: Any) -> FileDataset:
    """An instance of a new series in the study, and of the patient, that `of` belongs to."""
    shared = {keyword: of.get(keyword) for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate")}
    return an_instance(**shared | attributes)


def part10(dataset: Dataset, *, preamble: bytes | None = None) -> bytes:
    """`dataset` as a DICOM file. preamble: 128 bytes in place of the data set's own."""
    buffer = BytesIO()
    with disable_value_validation():
        dataset.save_as(buffer, enforce_file_format=True)
    content = buffer.getvalue()
    return content if preamble is None else preamble + content[128:]


def read(content: bytes) -> FileDataset:
    """The data set of a DICOM file."""
    return dcmread(BytesIO(content))


def study_path(dataset: Dataset) -> str:
    return f"/studies/{dataset.StudyInstanceUID}"


def series_path(dataset: Dataset) -> str:
    return f"{study_path(dataset)}/series/{dataset.SeriesInstanceUID}"


def instance_path(dataset: Dataset) -> str:
    return f"{series_path(dataset)}/instances/{dataset.SOPInstanceUID}"


def _sop_class(frames: int | None, samples: int) -> str:
    if samples == 3:
        return MultiFrameTrueColorSecondaryCaptureImageStorage
    if frames is None:
        return CTImageStorage
    return MultiFrameGrayscaleWordSecondaryCaptureImageStorage


def _file_meta(transfer_syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = transfer_syntax
    return meta


def _identity(sop_class: str) -> dict[str, Any]:
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": sop_class,
        "SOPInstanceUID": generate_uid(),
        "StudyDate": "20240117",
        "StudyTime": "101530",
        "AccessionNumber": "ACC0001",
        "Modality": "CT",
        "ReferringPhysicianName": "Referrer^Robin",
        "StudyDescription": "CT CHEST",
        "SeriesDescription": "CHEST 5.0",
        "ManufacturerModelName": "Model 1",
        "PatientName": "Doe^Jane",
        "PatientID": f"P{generate_uid()[-12:]}",
        "PatientBirthDate": "19600101",
        "PatientSex": "F",
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "StudyID": "1",
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "PerformedProcedureStepStartDate": "20240117",
    }


def _image(frames: int | None, rows: int, columns: int, samples: int) -> dict[str, Any]:
    bits = 8 if samples == 3 else 16
    image: dict[str, Any] = {
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "RGB" if samples == 3 else "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": bits,
        "BitsStored": bits if samples == 3 else 12,
        "HighBit": bits - 1 if samples == 3 else 11,
        "PixelRepresentation": 0,
    }
    if samples == 3:
        image["PlanarConfiguration"] = 0
    if frames is not None:
        image["NumberOfFrames"] = frames
    return image


def _ramp(frames: int, rows: int, columns: int, samples: int) -> bytes:
    """Native little-endian pixels of all frames: a ramp that begins elsewhere in each frame, so that frames differ."""
    count = rows * columns * samples
    if samples == 3:
        return b"".join(bytes((i + 40 * frame) % 256 for i in range(count)) for frame in range(frames))
    return b"".join(
        struct.pack(f"<{count}H", *((i * 16 + 100 * frame) % 4096 for i in range(count))) for frame in range(frames)
    )


def _add_pixel_data(dataset: FileDataset, content: bytes, transfer_syntax: UID) -> None:
    vr = "OB" if dataset.get("BitsAllocated") == 8 else "OW"
    if transfer_syntax == ExplicitVRBigEndian and vr == "OW":
        content = struct.pack(f">{len(content) // 2}H", *struct.unpack(f"<{len(content) // 2}H", content))
    if transfer_syntax in UNCOMPRESSED:
        dataset.add_new("PixelData", vr, content + b"\0" * (len(content) % 2))
        return
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.add_new("PixelData", vr, content + b"\0" * (len(content) % 2))
    dataset.compress(transfer_syntax, generate_instance_uid=False)
