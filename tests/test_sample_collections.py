"""Every file that pydicom and pydicom-data install: stored and given back, or refused with a reason."""

import re
import warnings
from importlib.metadata import files
from pathlib import Path
from urllib.parse import urlsplit

import pydicom
import pytest

from tests.support.client import DICOM, DICOM_JSON, STORED, Emulator

COLLECTIONS = ("pydicom", "pydicom-data")
NOT_SAMPLES = {".py", ".pyc"}
UID = re.compile(r"[0-9.]{0,63}[0-9]")
REQUIRED = ("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID")


def installed_samples() -> list[Path]:
    """The data files of the installed distributions, with something of all that users send by mistake among them."""
    found = [
        Path(str(file.locate()))
        for name in COLLECTIONS
        for file in files(name) or []
        if "data" in file.parts and file.suffix not in NOT_SAMPLES
    ]
    return sorted(path for path in found if path.is_file())


def has_what_a_store_requires(path: Path) -> bool:
    """Whether pydicom finds the five required attributes in a file (conformance statement v2, Store)."""
    try:
        with warnings.catch_warnings(action="ignore"):
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            return all(keyword in dataset for keyword in REQUIRED) and all(
                UID.fullmatch(str(dataset[keyword].value)) for keyword in REQUIRED if keyword.endswith("UID")
            )
    except (NotImplementedError, OSError, ValueError):  # what pydicom says of files that are not DICOM
        return False


SAMPLES = installed_samples()


def test_the_collections_are_installed() -> None:
    """A guard: without it an empty list would pass."""
    assert len(SAMPLES) > 250


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: "/".join(path.parts[-3:]))
def test_sample_is_stored_and_given_back_or_refused_with_a_reason(shared_emulator: Emulator, path: Path) -> None:
    """Conformance statement v2, Store and Retrieve: a stored file comes back byte for byte, its preamble zeroed."""
    content = path.read_bytes()
    answer = shared_emulator.store_response(content)

    if not has_what_a_store_requires(path):
        assert (answer.status, answer.failure_reasons()) == (409, [43264])
        return
    assert answer.status in (200, 202), answer.text
    target = urlsplit(answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0]).path
    try:
        retrieved = shared_emulator.request("GET", target, headers={"Accept": DICOM + STORED})
        assert retrieved.status == 200
        has_preamble = content[128:132] == b"DICM"
        assert retrieved.content == (bytes(128) + content[128:] if has_preamble else content)
        metadata = shared_emulator.request("GET", f"{target}/metadata", headers={"Accept": DICOM_JSON})
        assert metadata.status == 200
        assert len(metadata.json()) == 1
    finally:
        # Some files are in both collections, or under several names in one.
        assert shared_emulator.request("DELETE", target).status == 204
