"""What the proxy costs: the same requests directly and through it, and a cassette of 1,000 interactions replayed."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from azdicom_proxy.cassette.model import Cassette, Inline, Interaction, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.writing import write_cassette
from tests.bench import relays
from tests.bench.corpus import STUDY, ct, uid
from tests.bench.load import Connection, Job, Measured, Request, run
from tests.bench.report import number
from tests.bench.workloads import Requests, retrieves, stores_of
from tests.proxy.large_bodies import bottomless_upstream, retrieve, store

NAME = "proxy"
AZDICOM = (sys.executable, "-m", "azdicom_emulator")
INTERACTIONS = 1000
START_TIMEOUT_S = 30
PLACEHOLDER = "https://workspace-dicom.dicom.azurehealthcareapis.com"
CONNECTIONS = (1, 8)
LARGE_MEBIBYTES = 2048
WHOLE = "--max-record-body=4GiB"
SETTLES_S = 2.0
"""A recorded body is hashed, and written to disk, behind its client's back."""

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


WORKLOADS: tuple[tuple[str, Requests], ...] = (
    ("small request", health),
    ("retrieve instance, 535 KB", retrieves),
    ("store, 535 KB", stores_of(ct)),
)
PAUSE_S = 0.1
"""Long enough for an exchange of 535 KB to be compared before the next begins."""


def section(base_url: str, load: ProcessPoolExecutor, rounds: int, seconds: float, say: Say) -> str:
    """The measurements as a part of the report. base_url: of a preloaded emulator, with its version."""
    root, _, version = base_url.rpartition("/")
    measure = _Measure(load, rounds, seconds, say)
    lines = ["## Through the proxy", "", *_relays(root, version, measure), "", *_diff_mode(root, version, measure), ""]
    say("bodies of 2 GB")
    lines += [*_large_bodies(rounds), ""]
    say("replay of a cassette")
    return "\n".join((*lines, *_replays(load, rounds, seconds), ""))


@dataclass(slots=True)
class _Measure:
    """Runs the same requests against several URLs in turns."""

    load: ProcessPoolExecutor
    rounds: int
    seconds: float
    say: Say
    first: int = 500_000_000

    def __call__(
        self, name: str, requests: Requests, urls: Sequence[str], connections: int, pause_s: float = 0.0
    ) -> list[list[Measured]]:
        """The runs of each URL."""
        self.say(f"{NAME}: {name}, {connections} connections")
        runs: list[list[Measured]] = [[] for _ in urls]
        for _ in range(self.rounds):
            for measured, url in zip(runs, urls, strict=True):
                job = Job(url, requests, connections, self.seconds, self.first, pause_s)
                measured.append(self.load.submit(run, job).result())
                self.first += 1_000_000
        return runs


def _relays(root: str, version: str, measure: _Measure) -> Iterator[str]:
    upstream = root.partition("://")[2]
    with ExitStack() as stack:
        ways = {"azdicom": stack.enter_context(started("proxy", f"--upstream={root}"))[0]}
        if relays.installed("nginx"):
            ways["nginx"] = stack.enter_context(relays.nginx(upstream))
            ways["nginx, buffers of 1 MiB"] = stack.enter_context(relays.nginx(upstream, relays.ONE_MEBIBYTE))
        if relays.installed("haproxy"):
            ways["HAProxy, splicing"] = stack.enter_context(relays.haproxy(upstream))
        yield (
            "`azdicom proxy` in passthrough between the load client and the emulator, against the emulator reached"
            " directly, in turns; and other relays in its place, of one worker each, as yardsticks. Client, relay and"
            " emulator share the machine's cores, which is what most of the difference comes from."
        )
        yield ""
        head = [f"{kind}, {count} conn." for count in CONNECTIONS for kind in ("added ms p50", "throughput kept")]
        yield from _table(("", "relay", *head))
        for name, requests in WORKLOADS:
            cells: dict[str, list[str]] = {way: [] for way in ways}
            for connections in CONNECTIONS:
                urls = [f"{url}/{version}" for url in (root, *ways.values())]
                direct, *relayed = measure(name, requests, urls, connections)
                for way, runs in zip(ways, relayed, strict=True):
                    cells[way] += [f"{_p50_ms(runs) - _p50_ms(direct):.2f}", f"{_rate(runs) / _rate(direct):.0%}"]
            for way in ways:
                yield f"| {' | '.join((name, way, *cells[way]))} |"


def _diff_mode(root: str, version: str, measure: _Measure) -> Iterator[str]:
    yield (
        f"Diff mode against passthrough, one request after the other with {PAUSE_S * 1000:.0f} ms between them, in"
        " which the exchange is compared: what a client notices of it."
    )
    yield ""
    yield from _table(("", "passthrough, ms p50", "diff, ms p50", "added"))
    with (
        started("proxy", f"--upstream={root}") as (passing, _),
        started("proxy", f"--upstream={root}", f"--local={root}", "--mode=diff") as (comparing, _),
    ):
        urls = [f"{url}/{version}" for url in (passing, comparing)]
        for name, requests in WORKLOADS[:2]:
            before, after = measure(f"{name}, diff mode", requests, urls, 1, PAUSE_S)
            added = _p50_ms(after) / _p50_ms(before) - 1
            yield f"| {name} | {_p50_ms(before):.2f} | {_p50_ms(after):.2f} | {added:+.1%} |"


def _large_bodies(rounds: int) -> Iterator[str]:
    yield (
        f"Seconds for a body of {LARGE_MEBIBYTES // 1024} GiB from and to an upstream that only makes and hashes it;"
        " recorded bodies are written to disk and hashed as well."
    )
    yield ""
    yield from _table(("", "direct", "passthrough", "record", "diff"))
    with (
        bottomless_upstream() as upstream,
        tempfile.TemporaryDirectory(prefix="azdicom-bench-") as folder,
        started("proxy", f"--upstream={upstream.url}") as (passing, _),
        started("proxy", f"--upstream={upstream.url}", "--mode=record", f"--cassette={folder}/c.yaml", WHOLE) as (
            recording,
            _,
        ),
        started("proxy", f"--upstream={upstream.url}", "--mode=diff", WHOLE) as (comparing, _),
    ):
        urls = (upstream.url, passing, recording, comparing)
        for name, work in (("retrieve", retrieve), ("store", store)):
            times: list[list[float]] = [[] for _ in urls]
            for _ in range(rounds):
                for measured, url in zip(times, urls, strict=True):
                    parts = urlsplit(url)
                    began = time.perf_counter()
                    work((parts.hostname or "", parts.port or 80), LARGE_MEBIBYTES)
                    measured.append(time.perf_counter() - began)
                    time.sleep(SETTLES_S)
            yield f"| {' | '.join((name, *(f'{statistics.median(each):.2f}' for each in times)))} |"


def _replays(load: ProcessPoolExecutor, rounds: int, seconds: float) -> Iterator[str]:
    start_s, replayed = _replay(load, rounds, seconds)
    rate = statistics.median(len(measured.latencies_s) / measured.elapsed_s for measured in replayed)
    yield from _table((f"replay of {INTERACTIONS:,} interactions", ""))
    yield f"| process start to listening | {start_s:.2f} s |"
    yield f"| searches answered, 8 connections | {number(rate)} /s |"


def _table(head: Sequence[str]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(('---', *('---:' for _ in head[1:])))} |"


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
