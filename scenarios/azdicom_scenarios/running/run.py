"""One run of a scenario against one service, or two: fixtures, steps, teardown, and what became of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from azdicom_proxy.headers import ERROR_HEADER
from azdicom_proxy.upstream_auth import TokenUnavailableError
from azdicom_scenarios.model import ParameterRow, Scenario, Step
from azdicom_scenarios.running.endpoints import Endpoint, Kind
from azdicom_scenarios.running.ownership import Creations
from azdicom_scenarios.running.pairing import OnPair, Pairing, parity_failure
from azdicom_scenarios.running.preparing import Preparation, PreparingError, built_studies, scope_of, unsalted
from azdicom_scenarios.running.results import Failure, Outcome, RunResult, StepResult
from azdicom_scenarios.running.side import Side, StoppedError, Stopping
from azdicom_scenarios.running.snapshots import Snapshots
from azdicom_scenarios.running.steps import Performed, StepRunner
from azdicom_scenarios.variables import VariableError, as_text

UPSTREAM, LOCAL = "upstream", "emulator"
VALUE_SHOWN = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How scenarios are run. seed: of all generated values. salt: makes UIDs on shared services those of this run.

    keep: no teardown, and nothing is removed. last_step: steps after it are left out; None: all run.
    """

    seed: int = 0
    salt: str = ""
    keep: bool = False
    last_step: int | None = None
    updates_snapshots: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A scenario and a row of its parameters, None where it has none."""

    scenario: Scenario
    row: ParameterRow | None

    @property
    def id(self) -> str:
        return self.scenario.name if self.row is None else f"{self.scenario.name}[{self.row.id}]"

    @property
    def key(self) -> str:
        return f"{self.scenario.file}::{self.id}"

    def result(self, outcome: Outcome, reason: str = "", duration_s: float = 0.0) -> RunResult:
        return RunResult(
            name=self.scenario.name,
            parameter=self.row.id if self.row is not None else "",
            file=str(self.scenario.file),
            tags=self.scenario.tags,
            outcome=outcome,
            reason=reason,
            duration_s=duration_s,
        )


@dataclass(slots=True)
class _Log:
    """What a run has collected."""

    steps: list[StepResult] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    journal: tuple[str, ...] = ()
    reason: str = ""


class Run:
    """endpoints: one, or the upstream and the emulator that is compared with it."""

    def __init__(
        self,
        planned: Planned,
        endpoints: Sequence[Endpoint],
        options: Options,
        stopping: Stopping,
        on_pair: OnPair | None = None,
    ) -> None:
        self._planned = planned
        self._endpoints = endpoints
        self._options = options
        self._stopping = stopping
        self._pairing = Pairing(planned.scenario, planned.id, on_pair) if len(endpoints) > 1 else None
        self._sides: list[Side] = []
        self._uids: dict[str, str] = {}
        self._log = _Log()

    def run(self) -> RunResult:
        """Never raises for what scenario or service do wrong; the teardown has run, whatever happened."""
        started = time.perf_counter()
        log = self._log
        prepared: list[Preparation] = []
        try:
            self._sides = self._made_sides()
            prepared = [Preparation(self._planned.scenario, side, self._stopping) for side in self._sides]
            for preparation in prepared:
                preparation.prepare()
            self._run_steps(self._planned.scenario.steps)
        except PreparingError as error:
            self._fail(error.failure)
        except (StoppedError, TokenUnavailableError, VariableError) as error:
            log.reason = str(error)
            self._keep_journal()
        finally:
            if not self._options.keep:
                self._tear_down(prepared)
            for side in self._sides:
                side.close()
        for preparation in prepared:
            log.notes += preparation.notes
        return self._result(time.perf_counter() - started)

    def _made_sides(self) -> list[Side]:
        """Raises PreparingError."""
        scenario = self._planned.scenario
        names = (UPSTREAM, LOCAL) if self._pairing is not None else ("",)
        salt = self._options.salt if any(each.is_shared for each in self._endpoints) else ""
        sides = []
        for name, endpoint in zip(names, self._endpoints, strict=True):
            scope = scope_of(scenario, self._planned.row, seed=self._options.seed, salt=salt)
            studies = built_studies(scenario, self._planned.row, scope)
            if salt:
                self._uids = unsalted(studies)
            sides.append(
                Side(
                    endpoint,
                    scope,
                    name=name,
                    base=scenario.settings.base,
                    timeout_s=scenario.settings.timeout_s,
                    creations=Creations(is_guarded=endpoint.kind is Kind.LIVE),
                    studies=dict(studies),
                )
            )
        return sides

    def _run_steps(self, steps: Sequence[Step]) -> None:
        """Until one fails. Raises StoppedError."""
        last = self._options.last_step
        for step in steps:
            if last is not None and step.number > last:
                return
            self._stopping.check()
            if self._performed(step, self._stopping).outcome is Outcome.FAILED:
                return

    def _tear_down(self, prepared: Sequence[Preparation]) -> None:
        """All steps of the teardown, even after an interruption, then what the fixtures left on shared services."""
        unstoppable = Stopping()
        if len(prepared) == len(self._sides):
            for step in self._planned.scenario.teardown:
                self._performed(step, unstoppable)
        for side, preparation in zip(self._sides, prepared, strict=False):
            if side.endpoint.is_shared:
                preparation.remove()

    def _performed(self, step: Step, stopping: Stopping) -> StepResult:
        started = time.perf_counter()
        snapshots = Snapshots(
            self._planned.scenario.file,
            self._planned.row.id if self._planned.row is not None else "",
            updates=self._options.updates_snapshots,
            uids=self._uids,
        )
        performed = [StepRunner(side, snapshots, stopping).perform(step) for side in self._sides]
        failures = [failure for each in performed for failure in each.failures]
        compared = []
        if self._pairing is not None and not any(each.skipped for each in performed):
            compared = self._pairing.compared(step, performed[0].exchanges, performed[1].exchanges)
        if self._pairing is not None and step.expect is not None and step.expect.is_parity:
            failure = parity_failure(step, compared, next(iter(performed[1].exchanges), None))
            failures += [failure] if failure is not None else []
        for failure in failures:
            self._fail(failure)
        result = StepResult(
            number=step.number,
            title=step.title,
            outcome=_outcome(performed, failures),
            reason=next((each.skipped for each in performed if each.skipped), ""),
            duration_s=time.perf_counter() - started,
            failures=tuple(failures),
            exchanges=tuple(exchange for each in performed for exchange in each.exchanges),
            compared=tuple(compared),
        )
        self._log.steps.append(result)
        return result

    def _fail(self, failure: Failure) -> None:
        self._log.failures.append(failure)
        self._keep_journal()

    def _keep_journal(self) -> None:
        """As it is when the first thing goes wrong: the teardown would push that out."""
        if not self._log.journal:
            self._log.journal = tuple(line for side in self._sides for line in side.journal)

    def _result(self, duration_s: float) -> RunResult:
        log = self._log
        has_failed = bool(log.failures or log.reason)
        if log.notes and self._planned.scenario.settings.is_strict and not has_failed and self._is_alone:
            log.reason = log.notes[0]
            has_failed = True
        outcome = Outcome.FAILED if has_failed else Outcome.PASSED
        return replace(
            self._planned.result(outcome, log.reason, duration_s),
            steps=tuple(log.steps),
            failures=tuple(log.failures),
            variables=dict(self._variables()),
            journal=log.journal,
            notes=tuple(log.notes),
            routes=frozenset(route for side in self._sides for route in side.routes if route),
            has_cassette_miss=any(map(_is_miss, log.steps)),
        )

    @property
    def _is_alone(self) -> bool:
        """Nobody else can have caused what the notes say."""
        return not any(endpoint.is_shared for endpoint in self._endpoints)

    def _variables(self) -> Iterator[tuple[str, str]]:
        for side in self._sides:
            for name, value in side.captured.items():
                text = as_text(value)
                yield (
                    f"{side.name}.{name}" if side.name else name,
                    text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}…",
                )


def _outcome(performed: Sequence[Performed], failures: Sequence[Failure]) -> Outcome:
    if failures:
        return Outcome.FAILED
    return Outcome.SKIPPED if all(each.skipped for each in performed) else Outcome.PASSED


def _is_miss(step: StepResult) -> bool:
    return any(
        exchange.answer is not None and exchange.answer.header(ERROR_HEADER) == "cassette-miss"
        for exchange in step.exchanges
    )
