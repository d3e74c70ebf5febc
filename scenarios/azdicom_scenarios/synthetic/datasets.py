"""A data set of one synthetic instance: identification, what its kind asks for, and its pixels or document."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID

from azdicom_scenarios.synthetic import pictures
from azdicom_scenarios.synthetic.build import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION, MANUFACTURER
from azdicom_scenarios.synthetic.documents import pdf
from azdicom_scenarios.synthetic.kinds import Attributes, Place, has_eight_bits
from azdicom_scenarios.synthetic.pixel_data import add_bits, add_pixels
from azdicom_scenarios.synthetic.slides import as_numbers, tile_planes
from azdicom_scenarios.synthetic.spec import SeriesSpec, StudySpec

_DESCRIPTIONS = {
    "CT": "Chest, axial",
    "MR": "Brain, axial T1",
    "US": "Abdomen",
    "CR": "Chest, PA",
    "OT": "Secondary capture",
    "SM": "Whole slide",
    "SEG": "Nodules",
    "SR": "Report",
    "DOC": "Letter",
}
_PAINTERS = {"US": "fan", "CR": "radiograph"}
"""What a phantom of these modalities is; of the others it is a slice of a body."""

_LARGEST = {"CT": 2400, "MR": 2047}
"""The brightest value of these modalities; 4095 of others with more than 8 bits."""


def make_dataset(spec: StudySpec, place: Place, identity: Attributes, particular: Attributes) -> FileDataset:
    """The instance at `place`, its file meta information included; writing it as a file is left to the caller."""
    series = place.series
    syntax = UID(series.transfer_syntax_uid)
    dataset = FileDataset(
        BytesIO(),
        {},
        file_meta=_file_meta(identity, syntax),
        preamble=bytes(128),
        is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )
    with disable_value_validation():
        _set(dataset, _common(spec, series) | identity | particular)
        _add_content(dataset, place)
        _set(dataset, dict(series.attributes))
    return dataset


def _common(spec: StudySpec, series: SeriesSpec) -> Attributes:
    """Patient, general study, general series and general equipment (PS3.3 §C.7.1–§C.7.5)."""
    patient = spec.patient
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": patient.name,
        "PatientID": patient.id,
        "PatientBirthDate": patient.birth_date,
        "PatientSex": patient.sex,
        "StudyDate": spec.date,
        "StudyTime": "100000",
        "StudyID": spec.alias[:16],
        "StudyDescription": spec.description,
        "AccessionNumber": spec.accession,
        "ReferringPhysicianName": "Referring^Rita",
        "SeriesDate": spec.date,
        "SeriesTime": "100500",
        "Modality": series.modality,
        "SeriesDescription": series.description or _DESCRIPTIONS[series.modality],
        "Manufacturer": MANUFACTURER,
        "ManufacturerModelName": "Synthetic",
        "DeviceSerialNumber": "1",
        "SoftwareVersions": "1",
    }


def _add_content(dataset: FileDataset, place: Place) -> None:
    series = place.series
    if series.modality == "SEG":
        steps = np.linspace(0, 1, series.frames + 2)[1:-1]
        masks = [pictures.disc(series.rows, series.columns, float(position)) for position in steps]
        add_bits(dataset, np.stack(masks))
    elif series.has_pixels:
        add_pixels(dataset, _frames(place), series.transfer_syntax_uid)
    elif series.modality == "DOC":
        document = _letter(dataset, place.label)
        dataset.EncapsulatedDocumentLength = len(document)
        dataset.add_new("EncapsulatedDocument", "OB", document + b"\0" * (len(document) % 2))


def _frames(place: Place) -> NDArray[Any]:
    """(frames, rows, columns) or (…, 3) of the numbers that are stored."""
    series = place.series
    if series.modality == "SM":
        planes = tile_planes(series, place.position, place.label)
    else:
        planes = np.stack([_plane(place, frame) for frame in range(series.frames)])
    if has_eight_bits(series):
        return as_numbers(planes, 255, np.uint8)
    return as_numbers(planes, _LARGEST.get(series.modality, 4095), np.uint16)


def _plane(place: Place, frame: int) -> pictures.Plane:
    series = place.series
    kind = _PAINTERS.get(series.modality, "phantom") if series.pixels == "phantom" else series.pixels
    position = place.position if series.frames == 1 else (frame + 0.5) / series.frames
    label = place.label if series.frames == 1 else f"{place.label} f{frame + 1}"
    plane = pictures.picture(kind, series.rows, series.columns, position=position)
    if series.is_colour:
        plane = pictures.coloured(plane, hue=0.08 + 0.5 * position)
    return pictures.with_label(plane, label)


def _letter(dataset: Dataset, title: str) -> bytes:
    lines = [
        f"Patient: {dataset.PatientName} ({dataset.PatientID})",
        f"Study of {dataset.StudyDate}: {dataset.StudyDescription}",
        "",
        "This letter was made for a test. It says nothing about anybody.",
    ]
    return pdf(title, lines)


def _file_meta(identity: Attributes, syntax: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(identity["SOPClassUID"])
    meta.MediaStorageSOPInstanceUID = UID(identity["SOPInstanceUID"])
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    return meta


def _set(dataset: Dataset, attributes: Attributes) -> None:
    """Sets values by keyword; a list of mappings becomes a sequence."""
    for keyword, value in attributes.items():
        if keyword.endswith("Sequence") and isinstance(value, list):
            items = []
            for item in value:
                items.append(nested := Dataset())
                _set(nested, item)
            setattr(dataset, keyword, items)
        else:
            setattr(dataset, keyword, value)
