"""Azurite, Microsoft's storage emulator: installed by npm into a cache folder, started on free loopback ports."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.waiting import eventually

VERSION = "3.35.0"
FOLDER = Path(__file__).parents[2] / ".cache" / "azurite"
PROGRAM = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account and the key of every Azurite, as its documentation prints them."""
LISTENING = re.compile(r"Azurite (Blob|Queue) service is successfully listening at http://127\.0\.0\.1:(\d+)")
INSTALL_TIMEOUT_S = 300
START_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite with its blob and its queue service."""

    blob_port: int
    queue_port: int

    @property
    def blob_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.blob_port}/{ACCOUNT}"

    @property
    def queue_endpoint(self) -> str:
        return f"http://127.0.0.1:{self.queue_port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        """For the blob and for the queue service."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob_endpoint};QueueEndpoint={self.queue_endpoint};"
        )


@contextmanager
def running_azurite() -> Iterator[Azurite]:
    """Azurite until the block ends; it keeps its data in memory. Skips the test where it cannot be had."""
    node = _installed()
    options = [f"--{service}{what}" for service in ("blob", "queue", "table") for what in ("Port=0", "Host=127.0.0.1")]
    more = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    log = FOLDER / f"azurite-{os.getpid()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (node, PROGRAM, *options, *more), stdout=output, stderr=output, start_new_session=True, cwd=FOLDER
        )
    try:
        ports = eventually(lambda: _ports(process, log), within_s=START_TIMEOUT_S, what="the start of Azurite")
        assert ports is not None
        yield Azurite(ports["Blob"], ports["Queue"])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.unlink()


def _ports(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, int] | None:
    """Of both services by name; None: they do not listen yet."""
    said = log.read_text()
    assert process.poll() is None, f"Azurite ended with {process.returncode}\n{said}"
    found = {name: int(port) for name, port in LISTENING.findall(said)}
    return found if len(found) == 2 else None


def _installed() -> str:
    """Node's path. Installs Azurite on first use, which takes half a minute."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs Azurite, and so Node.js with npm: https://nodejs.org")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / "install.lock"):
        package = PROGRAM.parents[2] / "package.json"
        if package.exists() and f'"version": "{VERSION}"' in package.read_text():
            return node
        command = (npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", FOLDER, f"azurite@{VERSION}")
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install Azurite: {done.stderr.strip()[-500:]}")
    return node
