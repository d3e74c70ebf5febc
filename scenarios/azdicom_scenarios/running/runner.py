"""Runs many scenarios: in which order, how many at once, which of them alone, and when it is enough."""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from random import Random

from azdicom_scenarios.model import Scenario
from azdicom_scenarios.running.emulators import ConfigError
from azdicom_scenarios.running.pairing import OnPair
from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.run import Options, Planned, Run
from azdicom_scenarios.running.side import Stopping
from azdicom_scenarios.running.targets import Target, has_faults

log = logging.getLogger(__name__)

INTERRUPTED = "interrupted"
POLL_S = 0.2
"""How long the main thread waits at a time, so that Ctrl+C reaches it on every system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """jobs: runs at once. max_time_s: when no more are begun, and those under way end; None: no limit."""

    jobs: int = 1
    fail_fast: bool = False
    shuffle: bool = False
    max_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """results: in the order in which they were planned. seed, salt: that would give the same run again."""

    results: tuple[RunResult, ...]
    duration_s: float
    seed: int
    was_interrupted: bool = False
    is_over_time: bool = False

    def count(self, outcome: Outcome) -> int:
        return sum(result.outcome is outcome for result in self.results)

    @property
    def routes(self) -> frozenset[str]:
        return frozenset(route for result in self.results for route in result.routes)


def plan(scenarios: Iterable[Scenario]) -> list[Planned]:
    """One run for each scenario, or for each row of its parameters, in their order."""
    return [Planned(scenario, row) for scenario in scenarios for row in scenario.parameters or (None,)]


def run_scenarios(
    scenarios: Iterable[Scenario | Planned],
    target: Target,
    *,
    options: Options | None = None,
    schedule: Schedule | None = None,
    on_result: Callable[[RunResult], object] | None = None,
    on_pair: OnPair | None = None,
) -> Report:
    """Runs them all and closes `target`. on_result: gets each result when it is there, in the caller's thread.

    on_pair: with two sides, gets each pair of answers, compared (`azdicom_proxy.parity.model.Compared`), in the order
    of the run's steps, from the thread of the run. Ctrl+C ends it after the teardowns of what is under way.
    """
    runs = [run for each in scenarios for run in ([each] if isinstance(each, Planned) else plan([each]))]
    options = options or Options()
    if not options.salt:
        options = replace(options, salt=secrets.token_hex(4))
    return _Runner(runs, target, options, schedule or Schedule(), on_result, on_pair).run()


@dataclass(slots=True)
class _Runner:
    runs: Sequence[Planned]
    target: Target
    options: Options
    schedule: Schedule
    on_result: Callable[[RunResult], object] | None
    on_pair: OnPair | None
    stopping: Stopping = field(default_factory=Stopping)
    results: dict[int, RunResult] = field(default_factory=dict)
    was_interrupted: bool = False
    is_over_time: bool = False
    under_way: dict[Future[RunResult], int] = field(default_factory=dict)

    def run(self) -> Report:
        started = time.monotonic()
        try:
            self._run_all(started)
        finally:
            self.target.close()
        ordered = tuple(self.results[number] for number in sorted(self.results))
        duration_s = time.monotonic() - started
        return Report(ordered, duration_s, self.options.seed, self.was_interrupted, self.is_over_time)

    def _run_all(self, started: float) -> None:
        together, alone = self._split()
        with ThreadPoolExecutor(self.schedule.jobs, thread_name_prefix="scenario") as executor:
            try:
                self._drain(executor, together, self.schedule.jobs, started)
                self._drain(executor, alone, 1, started)
            except KeyboardInterrupt:
                self.was_interrupted = True
                self.stopping.ask(INTERRUPTED)
                self._take_done(ALL_COMPLETED, None)  # the teardowns; a second Ctrl+C ends this wait
        self._collect_rest()

    def _split(self) -> tuple[list[int], list[int]]:
        """Those that may run beside others, and those that change what all of them see on a shared service."""
        order = list(range(len(self.runs)))
        if self.schedule.shuffle:
            Random(self.options.seed).shuffle(order)
        if not self.target.is_shared or self.schedule.jobs == 1:
            return order, []
        alone = [number for number in order if _is_exclusive(self.runs[number].scenario)]
        return [number for number in order if number not in alone], alone

    def _drain(self, executor: ThreadPoolExecutor, numbers: Sequence[int], jobs: int, started: float) -> None:
        waiting = iter(numbers)
        while True:
            self._check_time(started)
            for number in self._next(waiting, jobs - len(self.under_way)):
                self.under_way[executor.submit(self._one, self.runs[number])] = number
            if not self.under_way:
                return
            self._take_done(FIRST_COMPLETED, POLL_S)

    def _take_done(self, until: str, timeout_s: float | None) -> None:
        done, _ = wait(self.under_way, timeout=timeout_s, return_when=until)
        for future in done:
            self._take(self.under_way.pop(future), future.result())

    def _next(self, waiting: Iterator[int], free: int) -> Iterator[int]:
        while free and not self.stopping.event.is_set() and (number := next(waiting, None)) is not None:
            free -= 1
            yield number

    def _take(self, number: int, result: RunResult) -> None:
        self.results[number] = result
        if self.on_result is not None:
            self.on_result(result)
        if self.schedule.fail_fast and result.outcome is Outcome.FAILED:
            self.stopping.ask("not run: another failed (--fail-fast)")

    def _check_time(self, started: float) -> None:
        limit = self.schedule.max_time_s
        if limit is not None and time.monotonic() - started > limit:
            self.is_over_time = True
            self.stopping.ask(f"over --max-time {limit:g} s")

    def _collect_rest(self) -> None:
        """What was not begun is skipped, with the reason."""
        for number, planned in enumerate(self.runs):
            if number not in self.results:
                self._take(number, planned.result(Outcome.SKIPPED, self.stopping.reason))

    def _one(self, planned: Planned) -> RunResult:
        refusal = self.target.refusal(planned.scenario)
        if refusal is not None:
            return planned.result(Outcome.SKIPPED, refusal)
        try:
            with self.target.opened(planned.scenario) as endpoints:
                return Run(planned, endpoints, self.options, self.stopping, self.on_pair).run()
        except ConfigError as error:
            return planned.result(Outcome.FAILED, f"{planned.scenario.settings.mark}: {error}")
        except Exception as error:  # a worker's outermost frame: the other runs go on
            log.exception("%s", planned.id)
            return planned.result(Outcome.FAILED, f"internal error: {type(error).__name__}: {error}")


def _is_exclusive(scenario: Scenario) -> bool:
    return scenario.settings.is_exclusive or has_faults(scenario)
