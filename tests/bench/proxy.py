"""What the proxy costs: the same requests directly and through it, and a cassette of 1,000 interactions replayed."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from azdicom_proxy.cassette.model import Cassette, Inline, Interaction, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.writing import write_cassette
from tests.bench.corpus import STUDY, uid
from tests.bench.load import Connection, Job, Measured, Request, run
from tests.bench.report import number
from tests.bench.workloads import retrieves

NAME = "proxy"
AZDICOM = (sys.executable, "-m", "azdicom_emulator")
INTERACTIONS = 1000
START_TIMEOUT_S = 30
PLACEHOLDER = "https://workspace-dicom.dicom.azurehealthcareapis.com"
CONNECTIONS = (1, 8)

Say = Callable[[str], None]


def health(number: int, connections: int, first: int) -> Iterator[Request]:
    """As small as requests get: what the way costs, not what is at its end."""
    while True:
        yield Request("GET", "/changefeed/latest", "Accept: application/json\r\n")


def recorded_searches(number: int, connections: int, first: int) -> Iterator[Request]:
    """The cassette's requests, one after the other."""
    position = number
    while True:
        yield Request("GET", f"/studies?StudyInstanceUID={uid(STUDY, position % INTERACTIONS)}")
        position += connections


WORKLOADS = (("small request", health), ("retrieve instance, 535 KB", retrieves))


def section(base_url: str, load: ProcessPoolExecutor, rounds: int, seconds: float, say: Say) -> str:
    """The measurements as a part of the report. base_url: of a preloaded emulator, with its version."""
    root, _, version = base_url.rpartition("/")
    diff = ("proxy", f"--upstream={root}", "--mode=diff")
    with started("proxy", f"--upstream={root}") as (passing, _), started(*diff) as (comparing, _):
        ways = (("", base_url, passing), (", diff mode against passthrough", f"{passing}/{version}", comparing))
        rows = [
            _row(f"{name}{how}", requests, (before, f"{url}/{version}"), load, rounds, seconds, say)
            for name, requests in WORKLOADS
            for how, before, url in ways
        ]
    say("replay of a cassette")
    start_s, replayed = _replay(load, rounds, seconds)
    rate = statistics.median(len(measured.latencies_s) / measured.elapsed_s for measured in replayed)
    head = ("", *(f"{kind}, {count} conn." for count in CONNECTIONS for kind in ("added ms p50", "throughput kept")))
    lines = [head, ("---", *("---:",) * (len(head) - 1)), *(row for row in rows)]
    return "\n".join(
        (
            "## Through the proxy",
            "",
            "`azdicom proxy` in passthrough between the load client and the emulator, against the emulator reached"
            " directly, in turns; and in diff mode, against passthrough.",
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            f"| replay of {INTERACTIONS:,} interactions | |",
            "| --- | ---: |",
            f"| process start to listening | {start_s:.2f} s |",
            f"| searches answered, 8 connections | {number(rate)} /s |",
            "",
        )
    )


def _row(
    name: str,
    requests: Callable[[int, int, int], Iterator[Request]],
    targets: tuple[str, str],
    load: ProcessPoolExecutor,
    rounds: int,
    seconds: float,
    say: Say,
) -> tuple[str, ...]:
    cells = [name]
    for connections in CONNECTIONS:
        say(f"{NAME}: {name}, {connections} connections")
        before: list[Measured] = []
        after: list[Measured] = []
        for _ in range(rounds):
            for measured, url in zip((before, after), targets, strict=True):
                measured.append(load.submit(run, Job(url, requests, connections, seconds)).result())
        cells.append(f"{_p50_ms(after) - _p50_ms(before):.2f}")
        cells.append(f"{_rate(after) / _rate(before):.0%}")
    return tuple(cells)


def _replay(load: ProcessPoolExecutor, rounds: int, seconds: float) -> tuple[float, list[Measured]]:
    """Seconds to the first answer's possibility, and the runs."""
    with tempfile.TemporaryDirectory(prefix="azdicom-bench-") as folder:
        path = Path(folder) / "searches.yaml"
        write_cassette(Cassette(interactions=tuple(map(_interaction, range(INTERACTIONS)))), path)
        starts = []
        for _ in range(rounds):
            with started("replay", str(path)) as (_, start_s):
                starts.append(start_s)
        with started("replay", str(path)) as (url, _):
            job = Job(f"{url}/v2", recorded_searches, 8, seconds)
            return statistics.median(starts), [load.submit(run, job).result() for _ in range(rounds)]


def _interaction(position: int) -> Interaction:
    study = uid(STUDY, position)
    found = [{"0020000D": {"vr": "UI", "Value": [study]}, "00081190": {"vr": "UR", "Value": [f"{PLACEHOLDER}/v2"]}}]
    return Interaction(
        request=RecordedRequest(
            "GET", f"{PLACEHOLDER}/v2/studies?StudyInstanceUID={study}", (("Accept", "application/dicom+json"),)
        ),
        response=RecordedResponse(
            200, "OK", (("Content-Type", "application/dicom+json"),), Inline(json.dumps(found).encode())
        ),
    )


@contextmanager
def started(*arguments: str) -> Iterator[tuple[str, float]]:
    """A running `azdicom` with `arguments`: its URL, and the seconds from its start until it listened."""
    with tempfile.TemporaryDirectory(prefix="azdicom-bench-") as folder:
        port_file = Path(folder) / "url"
        began = time.perf_counter()
        process = subprocess.Popen(
            (*AZDICOM, *arguments, "--port=0", f"--port-file={port_file}", "--quiet"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = _listening(port_file, process)
            elapsed = time.perf_counter() - began
            Connection(url).close()
            yield url, elapsed
        finally:
            process.terminate()
            process.wait()


def _listening(port_file: Path, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.perf_counter() + START_TIMEOUT_S
    while time.perf_counter() < deadline:
        if port_file.exists() and (url := port_file.read_text().strip()):
            return url
        if process.poll() is not None:
            raise RuntimeError(f"azdicom ended with {process.returncode}")
        time.sleep(0.002)
    raise RuntimeError(f"not listening within {START_TIMEOUT_S} s")


def _p50_ms(rounds: Sequence[Measured]) -> float:
    return statistics.median(statistics.median(measured.latencies_s) for measured in rounds) * 1000


def _rate(rounds: Sequence[Measured]) -> float:
    return statistics.median(len(measured.latencies_s) / measured.elapsed_s for measured in rounds)
