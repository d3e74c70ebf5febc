"""Makes sample.dcm, a synthetic phantom of three frames for the tour in README.md."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MultiFrameGrayscaleWordSecondaryCaptureImageStorage, RLELossless

STUDY = "1.2.826.0.1.3680043.8.498.1"
SERIES = f"{STUDY}.1"
INSTANCE = f"{SERIES}.1"
SIZE = 256
FRAMES = 3

ELLIPSES = (
    # centre x, centre y, half axis x, half axis y, value; the coordinates run from -1 to 1
    (0.00, 0.00, 0.85, 0.65, 1064),
    (0.00, 0.00, 0.78, 0.57, 1100),
    (-0.35, -0.05, 0.22, 0.35, 180),
    (0.35, -0.05, 0.22, 0.35, 190),
    (0.00, 0.35, 0.10, 0.10, 1900),
    (0.05, -0.10, 0.15, 0.20, 1180),
)


def phantom(frame: int) -> np.ndarray:
    """(256, 256) unsigned 16-bit picture of a chest; the lungs shrink from frame to frame."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    picture = np.full((SIZE, SIZE), 24, dtype="<u2")
    for center_x, center_y, axis_x, axis_y, value in ELLIPSES:
        shrink = 1 - 0.15 * frame if value < 1000 else 1
        inside = ((x - center_x) / (axis_x * shrink)) ** 2 + ((y - center_y) / (axis_y * shrink)) ** 2 < 1
        picture[inside] = value
    return picture


def sample() -> FileDataset:
    """A multi-frame secondary capture, RLE compressed, that stores without a warning."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = INSTANCE
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128, is_implicit_VR=False)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = STUDY, SERIES, INSTANCE
    dataset.StudyDate, dataset.StudyTime = "20240117", "101530"
    dataset.StudyDescription, dataset.SeriesDescription = "Synthetic chest", "Three frames"
    dataset.AccessionNumber, dataset.StudyID = "ACC0001", "1"
    dataset.ReferringPhysicianName = "Referrer^Robin"
    dataset.PatientName, dataset.PatientID = "Sample^Sam", "SAMPLE-1"
    dataset.PatientBirthDate, dataset.PatientSex = "19600101", "O"
    dataset.Modality, dataset.ConversionType = "OT", "SYN"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = SIZE, SIZE, FRAMES
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.WindowCenter, dataset.WindowWidth = 1000, 2000
    dataset.PixelData = b"".join(phantom(frame).tobytes() for frame in range(FRAMES))
    dataset["PixelData"].VR = "OW"
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset


if __name__ == "__main__":
    sample().save_as(Path(__file__).with_name("sample.dcm"), enforce_file_format=True)
