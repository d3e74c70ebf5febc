"""What became of scenarios: each run's outcome, its steps, and what was not as expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from azdicom_proxy.parity.model import Compared
from azdicom_scenarios.model import Mark
from azdicom_scenarios.running.exchanges import Exchange, as_curl


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One thing that is not as expected. what: `status`, `header ETag`, `json $[0]`, `dicom PatientName`, …"""

    mark: Mark
    what: str
    expected: str
    actual: str

    def as_json(self) -> dict[str, Any]:
        return {"at": str(self.mark), "what": self.what, "expected": self.expected, "actual": self.actual}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What was not as expected in one exchange. side: "" where there is one only; step: 0 for the fixtures."""

    step: int
    title: str
    mismatches: tuple[Mismatch, ...]
    exchange: Exchange | None = None
    side: str = ""
    attempts: int = 1

    def as_json(self) -> dict[str, Any]:
        exchange = self.exchange
        return {
            "step": self.step,
            "title": self.title,
            **({"side": self.side} if self.side else {}),
            "attempts": self.attempts,
            "mismatches": [each.as_json() for each in self.mismatches],
            **({"exchange": exchange.line(), "curl": as_curl(exchange)} if exchange is not None else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """number: as `--step` takes it. exchanges: the last of each repetition."""

    number: int
    title: str
    outcome: Outcome
    duration_s: float
    reason: str = ""
    failures: tuple[Failure, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    compared: tuple[Compared, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "title": self.title,
            "outcome": self.outcome.value,
            **({"reason": self.reason} if self.reason else {}),
            "seconds": round(self.duration_s, 4),
            "exchanges": [each.line() for each in self.exchanges],
            **({"parity": [each.verdict.value for each in self.compared]} if self.compared else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One run of a scenario. parameter: the row's id, "" where there are none. file: as it was named.

    reason: why it was skipped, or failed outside of a step. variables: what was captured. journal: the last exchanges
    before the first failure. notes: what a person should know though nothing failed. routes: exercised ones.
    """

    name: str
    parameter: str
    file: str
    outcome: Outcome
    duration_s: float
    reason: str = ""
    tags: tuple[str, ...] = ()
    steps: tuple[StepResult, ...] = ()
    failures: tuple[Failure, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    journal: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    routes: frozenset[str] = frozenset()
    has_cassette_miss: bool = False

    @property
    def id(self) -> str:
        """`name[row]`."""
        return f"{self.name}[{self.parameter}]" if self.parameter else self.name

    @property
    def key(self) -> str:
        """What names the run in `.azdicom/last.json`."""
        return f"{self.file}::{self.id}"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "parameter": self.parameter,
            "file": self.file,
            "tags": list(self.tags),
            "outcome": self.outcome.value,
            "seconds": round(self.duration_s, 4),
            **({"reason": self.reason} if self.reason else {}),
            "steps": [each.as_json() for each in self.steps],
            "failures": [each.as_json() for each in self.failures],
            "variables": dict(self.variables),
            "journal": list(self.journal),
            "notes": list(self.notes),
        }
