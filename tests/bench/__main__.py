"""`python -m tests.bench`: measures, prints the table and keeps it in docs/benchmarks.md."""

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click

from tests.bench import proxy, report, servers
from tests.bench.load import Job, Measured, run
from tests.bench.workloads import FIRST_FREE_NUMBER, STUDIES, WORKLOADS, Workload, check, preload

KEPT_IN = Path(__file__).parents[2] / "docs" / "benchmarks.md"
NUMBERS_PER_RUN = 1_000_000
OWN = "azdicom"

Key = tuple[str, int, str]


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Rounds over all workloads; medians are shown.")
@click.option("--seconds", default=2.0, show_default=True, help="Length of one run.")
@click.option("--only", default="", metavar="TEXT", help="Only workloads with TEXT in their name; nothing is kept.")
@click.option("--target", "others", multiple=True, metavar="NAME=URL", help="Another service to measure beside.")
@click.option("--output", type=click.Path(path_type=Path), default=KEPT_IN, help="File to keep the report in.")
def main(rounds: int, seconds: float, only: str, others: tuple[str, ...], output: Path) -> None:
    """Measure the emulator, and other services beside it, with the same requests."""
    workloads = [workload for workload in WORKLOADS if only in workload.name]
    machine = report.machine()
    cold_start = servers.cold_start_s()
    with servers.serving() as server, _load_process() as load:
        idle = server.memory_mb()
        targets = {OWN: server.base_url, **dict(_target(text) for text in others)}
        for name, url in targets.items():
            _say(f"preloading {name}")
            load.submit(preload, url).result()
            for workload in workloads:
                if problem := check(workload, url):
                    _say(f"{name}: {workload.name}: {problem}")
        measured = _measure(load, workloads, targets, rounds, seconds)
        loaded = server.memory_mb()
        through_proxy = ""
        if only in proxy.NAME:
            through_proxy = proxy.section(server.base_url, load, rounds, seconds, _say)
    rows = [report.Row(*key, rounds=results) for key, results in measured.items()]
    text = _document(rows, machine, cold_start, idle, loaded, rounds, seconds) + through_proxy
    click.echo(text)
    if not only:
        output.write_text(text)


def _measure(
    load: ProcessPoolExecutor, workloads: list[Workload], targets: dict[str, str], rounds: int, seconds: float
) -> dict[Key, list[Measured]]:
    """Round by round over all workloads and targets, so that a slow minute of the machine spreads over all."""
    measured: dict[Key, list[Measured]] = {}
    first = FIRST_FREE_NUMBER
    for round_ in range(rounds):
        for workload in workloads:
            _say(f"round {round_ + 1} of {rounds}: {workload.name}")
            for connections in workload.connections:
                for name, url in targets.items():
                    job = Job(url, workload.requests, connections, seconds, first)
                    measured.setdefault((workload.name, connections, name), []).append(load.submit(run, job).result())
                    first += NUMBERS_PER_RUN
    return measured


def _document(
    rows: list[report.Row],
    machine: str,
    cold_start: float,
    idle: float,
    loaded: float,
    rounds: int,
    seconds: float,
) -> str:
    notes = [f"- {note}" for row in rows for note in row.notes()]
    how = (
        f"Measured on {report.today()} by `make bench` ({machine}): medians of {rounds} interleaved rounds of"
        f" {seconds:g} s, the load client on the same machine, over {STUDIES:,} studies. Machines differ: compare"
        " numbers of one run."
    )
    return "\n".join(
        (
            "# Benchmarks",
            "",
            how,
            "",
            "| start and memory | |",
            "| --- | ---: |",
            f"| cold start, process start to first 200 on /health, median of 5 | {cold_start:.2f} s |",
            f"| memory after the start (PSS) | {idle:.0f} MB |",
            f"| memory after all workloads (PSS, worker processes included) | {loaded:.0f} MB |",
            "",
            report.table(rows),
            "",
            *(notes or ["No wrong answers."]),
            "",
        )
    )


@contextmanager
def _load_process() -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as load:
        yield load


def _target(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not NAME=URL", param_hint="--target")
    return name, url


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    sys.exit(main())
