"""The tour of Microsoft's DICOMweb tutorials (Use DICOMweb Standard APIs with cURL, C#, Python), request by request.

Three look-alikes of its files: blue-circle, green-square and red-triangle belong to one study, in which green-square
and red-triangle share a series.
"""

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from tests.support.client import DICOM, Emulator
from tests.support.instances import an_instance, instance_path, part10, series_path, study_path

SIZE = 96
MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
STUDY, CIRCLE_SERIES, SHARED_SERIES = generate_uid(), generate_uid(), generate_uid()
COLOURS = {"blue-circle": (0, 0, 255), "green-square": (0, 255, 0), "red-triangle": (255, 0, 0)}
Shapes = dict[str, Dataset]


def drawing(shape: str) -> bytes:
    """White pixels with the shape in its colour."""
    down, right = np.mgrid[0:SIZE, 0:SIZE] - SIZE // 2
    inside = {
        "blue-circle": down**2 + right**2 < 900,
        "green-square": (abs(down) < 28) & (abs(right) < 28),
        "red-triangle": (down > -28) & (down < 28) & (abs(right) < (down + 28) / 2),
    }[shape]
    pixels = np.full((SIZE, SIZE, 3), 255, np.uint8)
    pixels[inside] = COLOURS[shape]
    return pixels.tobytes()


@pytest.fixture
def shapes() -> Shapes:
    def instance(shape: str, series: str) -> Dataset:
        return an_instance(
            rows=SIZE,
            columns=SIZE,
            samples=3,
            pixels=drawing(shape),
            SOPClassUID=SecondaryCaptureImageStorage,
            StudyInstanceUID=STUDY,
            SeriesInstanceUID=series,
            PatientName="Anony Mous",
            PatientID="ID1",
            StudyDate="20200922",
            Modality="OT",
        )

    return {
        "blue-circle": instance("blue-circle", CIRCLE_SERIES),
        "green-square": instance("green-square", SHARED_SERIES),
        "red-triangle": instance("red-triangle", SHARED_SERIES),
    }


def test_the_tutorial_from_store_to_delete(emulator: Emulator, shapes: Shapes) -> None:
    """azure-docs, dicomweb-standard-apis-curl: each section in its order, with the status that it promises."""
    circle, square, triangle = shapes.values()

    # Store instances using multipart/related
    assert emulator.store_response(triangle).status == 200
    # Store instances for a specific study
    into_study = emulator.store_response(circle, study=str(STUDY))
    assert into_study.status == 200
    assert into_study.json()["00081190"]["Value"] == [f"{emulator.service_url}/studies/{STUDY}"]
    # Store single instance (nonstandard)
    assert emulator.post("/studies", part10(square), content_type=DICOM).status == 200
    # Storing the same instance again is a conflict
    assert emulator.store_response(square).status == 409

    # Retrieve all instances within a study, and the metadata of all of them
    stored = [part10(triangle), part10(circle), part10(square)]
    assert [part.content for part in emulator.get(study_path(square), accept=MULTIPART).parts()] == stored
    assert len(emulator.metadata(study_path(square))) == 3
    # Retrieve all instances within a series, and their metadata
    in_series = emulator.get(series_path(square), accept=MULTIPART).parts()
    assert [part.content for part in in_series] == [part10(triangle), part10(square)]
    assert len(emulator.metadata(series_path(square))) == 2
    # Retrieve a single instance within a series of a study, and its metadata
    assert emulator.retrieve(square) == part10(square)
    (metadata,) = emulator.metadata(instance_path(square))
    assert metadata["00080018"]["Value"] == [square.SOPInstanceUID]
    # Retrieve one or more frames from a single instance
    frame = emulator.get(instance_path(square) + "/frames/1", accept="application/octet-stream")
    assert frame.content == drawing("green-square")
    # Retrieve the rendered instance: a green square in the middle
    rendered = emulator.get(instance_path(square) + "/rendered", accept="image/png")
    middle = Image.open(io.BytesIO(rendered.content)).convert("RGB").getpixel((SIZE // 2, SIZE // 2))
    assert middle == COLOURS["green-square"]

    # Search for studies, series and instances, then inside the study and the series
    assert len(emulator.search_studies(StudyInstanceUID=str(STUDY))) == 1
    assert len(emulator.search_series(SeriesInstanceUID=str(SHARED_SERIES))) == 1
    assert len(emulator.search_series(str(STUDY), SeriesInstanceUID=str(SHARED_SERIES))) == 1
    assert len(emulator.search_instances(SOPInstanceUID=str(square.SOPInstanceUID))) == 1
    assert len(emulator.search_instances(str(STUDY), SOPInstanceUID=str(square.SOPInstanceUID))) == 1
    found = emulator.search_instances(str(STUDY), str(SHARED_SERIES), SOPInstanceUID=str(square.SOPInstanceUID))
    assert [item["00080018"]["Value"] for item in found] == [[square.SOPInstanceUID]]

    # Delete a specific instance, a specific series, a specific study
    assert emulator.delete(instance_path(square)).status == 204
    assert emulator.delete(series_path(square)).status == 204
    assert emulator.delete(study_path(square)).status == 204
    # What is gone is not found
    assert emulator.get(study_path(square), accept=MULTIPART).status == 404
    assert emulator.search_studies(StudyInstanceUID=str(STUDY)) == []
    # The change feed has it all
    assert [change["action"] for change in emulator.changes()] == ["Create"] * 3 + ["Delete"] * 3
