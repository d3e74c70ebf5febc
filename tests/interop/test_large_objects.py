"""Two gigabytes through the server: the size that a whole-slide image has."""

import os
import sys
from pathlib import Path

import pytest

from tests.support.bulk import large_instance, retrieved_matches, store_multipart
from tests.support.client import DICOM, MULTIPART_DICOM, STORED
from tests.support.instances import an_instance, instance_path, study_path
from tests.support.memory import peak_bytes, reset_peaks, resident_bytes
from tests.support.process import serving

pytestmark = [
    pytest.mark.skipif("AZDICOM_TEST_CONTAINER" not in os.environ, reason="moves 6 GB: run by `make interop`"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc"),
]

FRAMES = 2060
"""Of one MiB: more than 2³¹ bytes, where numbers of 32 bits with sign end."""
MAX_GROWTH_BYTES = 150 * 1024 * 1024


def test_two_gigabytes_are_stored_and_retrieved_in_bounded_memory(tmp_path: Path) -> None:
    """Store §4.3, retrieve §6.2, §7: multipart in, single part and multipart out, frames from both ends."""
    instance = large_instance(FRAMES)
    path = instance_path(instance.dataset)
    with serving(tmp_path / "data", tmp_path) as server:
        emulator = server.emulator
        emulator.store(an_instance())
        idle = resident_bytes(server.pid)
        reset_peaks(server.pid)

        assert store_multipart(emulator, instance).status == 200
        assert retrieved_matches(emulator, path, DICOM + STORED, instance)
        assert retrieved_matches(emulator, study_path(instance.dataset), MULTIPART_DICOM + STORED, instance)
        frames = emulator.get(f"{path}/frames/1,{FRAMES}", accept="*/*").parts()

        assert [frame.content for frame in frames] == [instance.frame(1), instance.frame(FRAMES)]
        assert peak_bytes(server.pid) - idle < MAX_GROWTH_BYTES
        assert emulator.delete(path).status == 204
