"""Instances for the load client: templates made once, of which each copy has UIDs and a patient of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from tests.support.instances import an_instance, part10

ROOT = "1.2.826.0.1.3680043.8.498"
STUDY, SERIES, INSTANCE = 1, 2, 3
FAMILY_NAMES = [first + last for first in ("Ba", "De", "Fi", "Go", "Ku", "La", "Me", "Ni") for last in ("berg", "lund")]
GIVEN_NAMES = [first + last for first in ("Ha", "Je", "Si", "To", "Vu", "Wa", "Xe", "Zi") for last in ("nna", "ram")]
DAYS = [f"20{year:02}{month:02}{day:02}" for year in range(14, 24) for month in range(1, 13) for day in range(1, 29)]

CT_ATTRIBUTES: Mapping[str, Any] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "InstanceCreationDate": "20240117",
    "InstanceCreationTime": "101530.250",
    "SeriesDate": "20240117",
    "AcquisitionDate": "20240117",
    "ContentDate": "20240117",
    "SeriesTime": "101200.1",
    "AcquisitionTime": "101205.2",
    "ContentTime": "101206.3",
    "Manufacturer": "Bench Medical",
    "InstitutionName": "General Hospital",
    "InstitutionAddress": "1 Main Street, Springfield",
    "StationName": "CTSTATION1",
    "PerformingPhysicianName": "Performer^Pat",
    "OperatorsName": "Operator^Olive",
    "NameOfPhysiciansReadingStudy": "Reader^Rae",
    "InstitutionalDepartmentName": "Radiology",
    "PatientAge": "064Y",
    "PatientSize": "1.75",
    "PatientWeight": "72.5",
    "OtherPatientNames": "Alias^Al",
    "EthnicGroup": "X",
    "PatientComments": "none",
    "BodyPartExamined": "CHEST",
    "ContrastBolusAgent": "APPLIED",
    "ScanOptions": "FAST_HELICAL",
    "SliceThickness": "5.0",
    "KVP": "120",
    "DataCollectionDiameter": "500",
    "DeviceSerialNumber": "12345",
    "SoftwareVersions": "5.2",
    "ProtocolName": "Thorax_Routine",
    "ReconstructionDiameter": "380",
    "DistanceSourceToDetector": "1085.6",
    "DistanceSourceToPatient": "595",
    "GantryDetectorTilt": "0",
    "TableHeight": "146",
    "RotationDirection": "CW",
    "ExposureTime": "500",
    "XRayTubeCurrent": "250",
    "Exposure": "125",
    "FilterType": "0",
    "GeneratorPower": "30",
    "FocalSpots": "1.2",
    "ConvolutionKernel": "B31f",
    "PatientPosition": "HFS",
    "AcquisitionNumber": "1",
    "ImagePositionPatient": ["-190", "-190", "-100.5"],
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "FrameOfReferenceUID": f"{ROOT}.77.1",
    "PositionReferenceIndicator": "XY",
    "SliceLocation": "-100.5",
    "ImageComments": "synthetic",
    "PixelSpacing": ["0.742", "0.742"],
    "SmallestImagePixelValue": 0,
    "LargestImagePixelValue": 4095,
    "WindowCenter": ["1040", "600"],
    "WindowWidth": ["400", "1500"],
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
    "RescaleType": "HU",
    "WindowCenterWidthExplanation": ["WINDOW1", "WINDOW2"],
    "RequestedProcedureDescription": "CT chest with contrast",
    "PerformedProcedureStepStartTime": "101100",
    "PerformedProcedureStepID": "PPS1",
    "PerformedProcedureStepDescription": "CT CHEST",
}


def uid(kind: int, number: int) -> str:
    """Of the same length for every number below 9 · 10¹¹."""
    return f"{ROOT}.{kind}.{100_000_000_000 + number}"


@dataclass(frozen=True, slots=True)
class Patient:
    """What searches look for, in texts of the same length for every number."""

    patient_id: str
    name: str
    study_date: str

    @classmethod
    def of(cls, number: int) -> "Patient":
        number %= 1_000_000_000
        family = FAMILY_NAMES[number % len(FAMILY_NAMES)]
        given = GIVEN_NAMES[number // len(FAMILY_NAMES) % len(GIVEN_NAMES)]
        return cls(f"P{1_000_000_000 + number}", f"{family}^{given}", DAYS[number % len(DAYS)])


@dataclass(frozen=True, slots=True)
class Template:
    """A DICOM file cut at the places that differ from copy to copy. `tail` is the pixel data, shared by all copies."""

    pieces: tuple[bytes, ...]
    fields: tuple[str, ...]
    tail: bytes
    size_bytes: int

    def copy(self, *, study: int, series: int, instance: int) -> tuple[bytes, bytes]:
        """The file of instance number `instance`, in two buffers; the patient is that of the study."""
        values = _values(study, series, instance)
        head = bytearray(self.pieces[0])
        for name, piece in zip(self.fields, self.pieces[1:], strict=True):
            head += values[name].encode() + piece
        return bytes(head), self.tail


@cache
def small_ct() -> Template:
    """64 × 64 pixels, about 100 attributes with sequences, 8 KiB in private elements: about 20 KB."""
    return _template(_ct(64, 64))


@cache
def ct() -> Template:
    """512 × 512 pixels and the same attributes: about 535 KB."""
    return _template(_ct(512, 512))


@cache
def multi_frame() -> Template:
    """100 frames of 256 × 256 pixels: 13 MB."""
    return _template(
        _with_placeholders(
            frames=100,
            rows=256,
            columns=256,
            pixels=bytes(range(256)) * (100 * 256 * 2),
            SOPClassUID=MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        )
    )


@cache
def header_only() -> Template:
    """No pixels, the searchable attributes: about 1 KB, to fill an index."""
    return _template(_with_placeholders(has_pixel_data=False))


def _ct(rows: int, columns: int) -> Dataset:
    dataset = _with_placeholders(
        rows=rows,
        columns=columns,
        private=[(0x0029, "BENCH", 0x10, "OB", bytes(8192)), (0x0029, "BENCH", 0x11, "LO", "private text")],
        **CT_ATTRIBUTES,
    )
    dataset.ProcedureCodeSequence = [_code("24627-2", "LN", "CT Chest")]
    dataset.AnatomicRegionSequence = [_code("51185008", "SCT", "Chest")]
    dataset.ReferencedImageSequence = [_reference(number) for number in range(2)]
    return dataset


def _values(study: int, series: int, instance: int) -> dict[str, str]:
    patient = Patient.of(study)
    return {
        "study": uid(STUDY, study),
        "series": uid(SERIES, series),
        "instance": uid(INSTANCE, instance),
        "patient_id": patient.patient_id,
        "name": patient.name,
        "date": patient.study_date,
    }


def _with_placeholders(**attributes: Any) -> Dataset:
    patient = Patient.of(0)
    return an_instance(
        StudyInstanceUID=uid(STUDY, 0),
        SeriesInstanceUID=uid(SERIES, 0),
        SOPInstanceUID=uid(INSTANCE, 0),
        PatientID=patient.patient_id,
        PatientName=patient.name,
        StudyDate=patient.study_date,
        PatientBirthDate="19600101",
        PerformedProcedureStepStartDate="20240118",
        **{"SOPClassUID": CTImageStorage} | attributes,
    )


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _reference(number: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, f"{ROOT}.78.{number + 1}"
    item.PurposeOfReferenceCodeSequence = [_code("121311", "DCM", "Localizer")]
    return item


def _template(dataset: Dataset) -> Template:
    content = part10(dataset)
    cut = content.find(b"\xe0\x7f\x10\x00") if "PixelData" in dataset else len(content)
    values = _values(0, 0, 0)
    found = sorted(
        (position, name) for name, value in values.items() for position in _positions(content[:cut], value.encode())
    )
    pieces, fields, end = [], [], 0
    for position, name in found:
        pieces.append(content[end:position])
        fields.append(name)
        end = position + len(values[name])
    pieces.append(content[end:cut])
    return Template(tuple(pieces), tuple(fields), content[cut:], len(content))


def _positions(content: bytes, value: bytes) -> list[int]:
    positions, start = [], -1
    while (start := content.find(value, start + 1)) >= 0:
        positions.append(start)
    return positions
