"""2 GB through a recording proxy: bounded memory, and nearly the speed of the way without it."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.proxy.commands import started
from tests.proxy.large_bodies import BLOCK, bottomless_upstream, peak_memory_mb, retrieve, sha256_of, store

MEBIBYTES = 2048
MEMORY_MB = 150

pytestmark = [
    pytest.mark.skipif("AZDICOM_TEST_CONTAINER" not in os.environ, reason="moves 8 GB: make interop runs it"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc"),
]


def timed(work: Callable[[], object]) -> tuple[object, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def test_2_gb_are_stored_and_retrieved_in_150_mb_of_memory(tmp_path: Path) -> None:
    """Size and hash are right; the times, with and without the proxy, are printed for the benchmark's reader."""
    expected = sha256_of(MEBIBYTES)
    with bottomless_upstream() as upstream:
        host, port = upstream.url.removeprefix("http://").split(":")
        direct = host, int(port)
        options = ("--mode=record", "--cassette=c.yaml", f"--upstream={upstream.url}", "--timeout=600")
        with started(tmp_path, "proxy", *options) as proxy:
            for name, work in (("retrieve", retrieve), ("store", store)):
                _, without_s = timed(lambda work=work: work(direct, MEBIBYTES))  # type: ignore[misc]
                got, with_s = timed(lambda work=work: work(proxy.client.address, MEBIBYTES))  # type: ignore[misc]
                assert got == ((MEBIBYTES * len(BLOCK), expected) if name == "retrieve" else expected)
                sys.stdout.write(f"{name} of 2 GB: {without_s:.2f} s directly, {with_s:.2f} s recorded\n")
            peak_mb = peak_memory_mb(proxy.pid)
            proxy.process.send_signal(signal.SIGTERM)
            assert proxy.ends() == 0

    assert peak_mb < MEMORY_MB
