"""The results as Markdown: medians of the rounds, one row for each workload, number of connections and target."""

import datetime
import importlib.metadata
import os
import platform
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Measured

PACKAGES = ("aiohttp", "duckdb", "pydicom")


@dataclass(frozen=True, slots=True)
class Row:
    """The rounds of one workload against one target."""

    workload: str
    connections: int
    target: str
    rounds: Sequence[Measured]

    def cells(self) -> tuple[str, ...]:
        rate = statistics.median(round_.instances / round_.elapsed_s for round_ in self.rounds)
        requests = statistics.median(len(round_.latencies_s) / round_.elapsed_s for round_ in self.rounds)
        volume = statistics.median(
            (round_.bytes_sent + round_.bytes_received) / round_.elapsed_s / 1e6 for round_ in self.rounds
        )
        p50, p95 = (
            statistics.median(_percentile(r.latencies_s, share) * 1000 for r in self.rounds) for share in (50, 95)
        )
        return (
            self.workload,
            str(self.connections),
            self.target,
            number(requests),
            number(rate),
            number(volume),
            number(p50),
            number(p95),
        )

    def notes(self) -> Iterable[str]:
        wrong = sum((round_.wrong for round_ in self.rounds), start=Counter[str]())
        for text, count in wrong.most_common(3):
            yield f"{self.workload}, {self.target}: {count} wrong answers, such as {text!r}"
        cpu = statistics.median(round_.client_cpu_s / round_.elapsed_s for round_ in self.rounds)
        if cpu > 0.8:
            yield f"{self.workload}, {self.connections} connections: the load client used {cpu:.0%} of a core itself"


def table(rows: Sequence[Row]) -> str:
    """Without the column of targets when there is only one."""
    head = ("workload", "connections", "target", "requests/s", "instances/s", "MB/s", "p50 ms", "p95 ms")
    lines = [head, tuple("---" if index < 1 else "---:" for index in range(len(head))), *(row.cells() for row in rows)]
    if len({row.target for row in rows}) == 1:
        lines = [line[:2] + line[3:] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Processor, memory, system and versions, in one line."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if "MemTotal" in line), 0)
    versions = ", ".join(f"{name} {version}" for name in PACKAGES if (version := _version(name)))
    return (
        f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, {versions}; load average at the start {os.getloadavg()[0]:.1f}"
    )


def today() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


def number(value: float) -> str:
    """Three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _percentile(values: Sequence[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
