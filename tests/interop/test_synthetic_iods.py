"""Synthetic instances as dciodvfy of dicom3tools sees them: valid by the modules of their IODs (PS3.3)."""

import shutil
import subprocess
from pathlib import Path

import pytest

from azdicom_scenarios.synthetic.build import build
from azdicom_scenarios.synthetic.spec import TRANSFER_SYNTAXES, SeriesSpec, StudySpec

DCIODVFY = shutil.which("dciodvfy")
UNREADABLE = "deflated"
"""dciodvfy of Debian cannot inflate."""

pytestmark = pytest.mark.skipif(DCIODVFY is None, reason="dciodvfy is not installed: apt install dicom3tools")

IMAGES = [
    SeriesSpec(modality=modality, transfer_syntax=syntax, frames=frames, rows=48, columns=60)
    for modality, frames in (("CT", 1), ("MR", 1), ("CR", 1), ("US", 1), ("US", 3), ("OT", 1), ("OT", 3), ("SM", 4))
    for syntax in TRANSFER_SYNTAXES
    if syntax != UNREADABLE and not (syntax == "jpeg-baseline" and modality in ("CT", "MR"))
]
OTHERS = [
    SeriesSpec(modality="OT", colour=True),
    SeriesSpec(modality="OT", colour=True, frames=3),
    SeriesSpec(modality="CT", frames=3),
    SeriesSpec(modality="SM", colour=False, frames=4),
    SeriesSpec(modality="US", colour=False),
    SeriesSpec(modality="SR"),
    SeriesSpec(modality="DOC"),
]


@pytest.mark.parametrize(
    "series",
    [*IMAGES, *OTHERS],
    ids=lambda series: (
        f"{series.modality}-{series.frames}-{'colour' if series.is_colour else 'grey'}-{series.transfer_syntax}"
    ),
)
def test_an_instance_is_valid(tmp_path: Path, series: SeriesSpec) -> None:
    """Neither errors nor warnings."""
    assert complaints(StudySpec(alias="valid", accession="A-1", series=(series,)), tmp_path) == []


def test_a_segmentation_of_a_stack_is_valid(tmp_path: Path) -> None:
    """With the images that it refers to, and without them."""
    stack, segmentation = SeriesSpec(instances=2), SeriesSpec(modality="SEG", frames=2)

    assert complaints(StudySpec(alias="stack", series=(stack, segmentation)), tmp_path) == []
    assert complaints(StudySpec(alias="alone", series=(segmentation,)), tmp_path) == []


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """The check itself: an attribute that its IOD demands was taken away."""
    wrong = SeriesSpec(modality="CT", attributes={"KVP": "", "ImageType": "", "Modality": ""})

    assert complaints(StudySpec(alias="wrong", series=(wrong,)), tmp_path) != []


def complaints(spec: StudySpec, folder: Path) -> list[str]:
    """What dciodvfy says of the instances, errors and warnings."""
    assert DCIODVFY is not None
    found = []
    for instance in build(spec, 1, "interop").i:
        path = folder / instance.file_name
        path.write_bytes(instance.content)
        said = subprocess.run([DCIODVFY, str(path)], capture_output=True, text=True)
        lines = (said.stdout + said.stderr).splitlines()
        found += [line for line in lines if "Error" in line or "Warning" in line]
    return found
