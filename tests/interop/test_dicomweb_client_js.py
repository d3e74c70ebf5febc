"""The JavaScript package dicomweb-client, which viewers such as OHIF use, as a browser runs it."""

import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_series, part10

pytestmark = pytest.mark.skipif(
    "AZDICOM_TEST_CONTAINER" not in os.environ, reason="installs packages from npm: run by `make interop`"
)

SOURCES = Path(__file__).parent / "js"
INSTALL_TIMEOUT_S = 120
RUN_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of the calls, beside the packages that it needs."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("js")
    for source in SOURCES.iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    installed = subprocess.run(
        (npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    return folder / "client.js"


@pytest.fixture(scope="module")
def series() -> list[Dataset]:
    first = an_instance(frames=3, rows=48, columns=64)
    return [first, *(another_in_series(first, rows=48, columns=64) for _ in range(3))]


@pytest.fixture(scope="module")
def results(
    script: Path, series: list[Dataset], shared_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the client made of the answers to all its calls."""
    folder = tmp_path_factory.mktemp("files")
    paths = [folder / f"{number}.dcm" for number in range(len(series))]
    for path, dataset in zip(paths, series, strict=True):
        path.write_bytes(part10(dataset))
    done = subprocess.run(
        ("node", str(script), shared_emulator.service_url, *map(str, paths)),
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def test_stores_a_series_in_one_request(results: dict[str, Any], series: list[Dataset]) -> None:
    """PS3.18 §10.5; store §4.1: its body begins with CR LF and ends without."""
    assert results["stored"] == [dataset.SOPInstanceUID for dataset in series]
    assert results["storedAgain"] == 409


def test_searches_studies_series_and_instances(results: dict[str, Any]) -> None:
    """PS3.18 §10.6: filters, paging; an answer of 204 is an empty list."""
    names = ("studies", "series", "instances", "nothingFound")

    assert [results[name] for name in names] == [1, 1, 1, 0]


def test_retrieves_metadata(results: dict[str, Any], series: list[Dataset]) -> None:
    """PS3.18 §10.4, metadata; retrieve §8: of study, series and instance."""
    assert results["studyMetadata"] == [dataset.SOPInstanceUID for dataset in series]
    assert results["seriesMetadata"] == len(series)
    assert results["instanceMetadata"] == series[0].SOPInstanceUID


def test_retrieves_instances_series_and_study(results: dict[str, Any], series: list[Dataset]) -> None:
    """PS3.18 §10.4; retrieve §4.4: byte for byte; several instances only where the Accept header says `*`."""
    files = [digest(part10(dataset)) for dataset in series]

    assert [results["instance"], results["instanceByDefault"]] == [files[0], files[0]]
    assert results["wholeSeries"] == files
    assert results["wholeStudy"] == files
    assert (results["seriesByDefault"], results["unknownInstance"]) == (406, 404)


def test_retrieves_frames(results: dict[str, Any], series: list[Dataset]) -> None:
    """PS3.18 §10.4, frames; retrieve §7: uncompressed, as stored, as JPEG 2000; in the order asked for."""
    size = 48 * 64 * 2
    frames = [digest(series[0].PixelData[size : 2 * size]), digest(series[0].PixelData[:size])]

    assert results["frames"] == frames
    assert results["framesAsStored"] == frames
    assert results["jpeg2000"] == "ff4fff51"


def test_retrieves_pictures(results: dict[str, Any]) -> None:
    """PS3.18 §10.4, rendered resources; retrieve §10."""
    assert (results["png"], results["jpeg"]) == ("PNG", "ffd8")
