"""Large bodies flow through a recording proxy without growing it."""

import signal
import sys
from pathlib import Path

import pytest

from azdicom_proxy.cassette.bodies import sha256_of as body_sha256
from azdicom_proxy.cassette.bodies import size_of
from azdicom_proxy.cassette.model import Omitted, SpooledFile
from azdicom_proxy.cassette.reading import load
from tests.proxy.commands import started
from tests.proxy.large_bodies import BLOCK, bottomless_upstream, peak_memory_mb, retrieve, sha256_of, store
from tests.support.waiting import eventually

MEBIBYTES = 300
MEMORY_MB = 150


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
@pytest.mark.parametrize(
    ("limit", "kept_as"), [("256MiB", Omitted), ("1GiB", SpooledFile)], ids=["over the limit", "within the limit"]
)
def test_300_mb_are_stored_and_retrieved_in_150_mb_of_memory(
    limit: str, kept_as: type[Omitted | SpooledFile], tmp_path: Path
) -> None:
    """Hash and size are the upstream's, in the client's hands and in the cassette."""
    expected = sha256_of(MEBIBYTES)
    with bottomless_upstream() as upstream:
        options = ("--mode=record", "--cassette=c.yaml", f"--upstream={upstream.url}", f"--max-record-body={limit}")
        with started(tmp_path, "proxy", *options) as proxy:
            assert store(proxy.client.address, MEBIBYTES) == expected
            assert retrieve(proxy.client.address, MEBIBYTES) == (MEBIBYTES * len(BLOCK), expected)
            recording = "/_azdicom/recordings/default"
            eventually(lambda: proxy.client.request("GET", recording).json()["recorded"] == 2, within_s=60)
            peak_mb = peak_memory_mb(proxy.pid)
            proxy.process.send_signal(signal.SIGTERM)
            assert proxy.ends() == 0

    assert peak_mb < MEMORY_MB
    stored, retrieved = load(tmp_path / "c.yaml").interactions
    for body in (stored.request.body, retrieved.response.body):
        assert isinstance(body, kept_as)
        assert (size_of(body), body_sha256(body)) == (MEBIBYTES * len(BLOCK), expected)
