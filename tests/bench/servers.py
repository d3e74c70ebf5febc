"""The server under test as a child process: its cold start and its memory."""

import http.client
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-m", "azdicom_emulator", "serve", "--log-level=warning")
START_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Server:
    base_url: str
    pid: int
    started_in_s: float
    """From the start of the process to the first 200 on /health."""

    def memory_mb(self) -> float:
        """Proportional set size of the process and its children, in MB (Linux; 0 elsewhere)."""
        return sum(_pss_bytes(pid) for pid in (self.pid, *_children(self.pid))) / 1e6


@contextmanager
def serving() -> Iterator[Server]:
    """`azdicom serve` over an empty temporary folder, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="azdicom-bench-") as folder:
        port = free_port()
        started = time.perf_counter()
        process = subprocess.Popen((*COMMAND, f"--port={port}", f"--data-dir={folder}/data"), stdout=subprocess.DEVNULL)
        try:
            _wait_for_health(port, process)
            yield Server(f"http://127.0.0.1:{port}/v2", process.pid, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait()


def cold_start_s(runs: int = 5) -> float:
    """Median of `runs` starts, from the start of the process to the first 200 on /health."""
    times = []
    for _ in range(runs):
        with serving() as server:
            times.append(server.started_in_s)
    return statistics.median(times)


def _wait_for_health(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.perf_counter() + START_TIMEOUT_S
    while time.perf_counter() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT_S)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except ConnectionError:
            if process.poll() is not None:
                raise RuntimeError(f"azdicom serve ended with {process.returncode}") from None
            time.sleep(0.002)
        finally:
            connection.close()
    raise RuntimeError(f"no 200 on /health within {START_TIMEOUT_S} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            children += [child, *_children(child)]
    return children


def _pss_bytes(pid: int) -> int:
    path = Path(f"/proc/{pid}/smaps_rollup")
    if not path.exists():
        return 0
    return next((int(line.split()[1]) * 1024 for line in path.read_text().splitlines() if line.startswith("Pss:")), 0)
