"""Two gigabytes of DICOM through a proxy that records or compares them, in bounded memory."""

import os
import signal
import sys
from pathlib import Path

import pytest

from azdicom_proxy.cassette.bodies import size_of
from azdicom_proxy.cassette.model import Multipart
from azdicom_proxy.cassette.reading import load
from tests.parity.outcomes import differences, outcomes
from tests.proxy.commands import started
from tests.support.bulk import large_instance, retrieved_matches, store_multipart
from tests.support.client import DICOM, MULTIPART_DICOM, STORED
from tests.support.instances import an_instance, instance_path, study_path
from tests.support.memory import peak_bytes, reset_peaks, resident_bytes
from tests.support.process import serving
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.skipif("AZDICOM_TEST_CONTAINER" not in os.environ, reason="moves 15 GB: run by `make interop`"),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc"),
]

FRAMES = 2040
"""Of one MiB: a little less than the 2 GB that the service takes by default."""
MAX_BYTES = 150 * 1024 * 1024
WITHIN_S = 120
WHOLE = "--max-record-body=4GiB"


def test_two_gigabytes_are_compared_in_bounded_memory(tmp_path: Path) -> None:
    """record-replay §16, 5: the client's bytes are right, both sides agree, and nothing grows with the size."""
    instance = large_instance(FRAMES)
    path = instance_path(instance.dataset)
    with (
        serving(tmp_path / "data", tmp_path, "--strict") as server,
        started(
            tmp_path, "proxy", "--mode=diff", f"--upstream={server.emulator.base_url}", "--max-record-body=4GiB"
        ) as proxy,
    ):
        client = proxy.client
        client.store(an_instance())
        outcomes(client, 1)
        idle = resident_bytes(proxy.pid)
        reset_peaks(proxy.pid)

        assert store_multipart(client, instance).status == 200
        outcomes(client, 2, within_s=WITHIN_S)
        assert retrieved_matches(client, path, DICOM + STORED, instance)
        outcomes(client, 3, within_s=WITHIN_S)
        assert retrieved_matches(client, study_path(instance.dataset), MULTIPART_DICOM + STORED, instance)

        assert outcomes(client, 4, within_s=WITHIN_S) == {"same": 4}
        assert differences(client) == {}
        assert peak_bytes(proxy.pid) - idle < MAX_BYTES


def test_two_gigabytes_are_recorded_in_150_mb_of_memory(tmp_path: Path) -> None:
    """record-replay §16, 5: the bodies are multipart, taken apart into their files, which say what was sent."""
    instance = large_instance(FRAMES)
    with (
        serving(tmp_path / "data", tmp_path) as server,
        started(
            tmp_path, "proxy", f"--upstream={server.emulator.base_url}", "--mode=record", "--cassette=c.yaml", WHOLE
        ) as proxy,
    ):
        client = proxy.client
        assert store_multipart(client, instance).status == 200
        assert retrieved_matches(client, study_path(instance.dataset), MULTIPART_DICOM + STORED, instance)
        recording = "/_azdicom/recordings/default"
        eventually(lambda: client.request("GET", recording).json()["recorded"] == 2, within_s=WITHIN_S)
        peak = peak_bytes(proxy.pid)
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.ends() == 0

    assert peak < MAX_BYTES
    stored, retrieved = load(tmp_path / "c.yaml").interactions
    for body in (stored.request.body, retrieved.response.body):
        assert isinstance(body, Multipart)
        assert [(part.sop, size_of(part.body)) for part in body.parts] == [
            (instance.dataset.SOPInstanceUID, instance.size_bytes)
        ]
