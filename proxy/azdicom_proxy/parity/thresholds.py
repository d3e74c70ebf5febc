"""When a parity run has failed: differences that are too bad, or a score that is too low."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from azdicom_proxy.exit_codes import ExitCode


class FailOn(StrEnum):
    """The least bad difference that fails a run."""

    BREAKING = "breaking"
    MINOR = "minor"
    ANY = "any"
    NEVER = "never"


FAILING: Mapping[FailOn, tuple[str, ...]] = {
    FailOn.BREAKING: ("breaking",),
    FailOn.MINOR: ("breaking", "minor"),
    FailOn.ANY: ("breaking", "minor", "unseeded", "skipped"),
    FailOn.NEVER: (),
}
"""Verdicts of exchanges. `any` also wants everything to have been compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """min_score: percent, 0 for none; strict_rules: a rule that was not used fails as well."""

    fail_on: FailOn = FailOn.BREAKING
    min_score: float = 0.0
    strict_rules: bool = False

    def failures(self, result: Mapping[str, Any]) -> list[str]:
        """One line for each reason why the run failed; [] when it did not. result: of `Results.as_json`."""
        summary = result["summary"]
        lines = [
            f"{summary[verdict]} of {_total(summary)} exchanges: {verdict} (--fail-on {self.fail_on})"
            for verdict in FAILING[self.fail_on]
            if summary[verdict]
        ]
        if self.min_score and summary["score"] is None:
            lines.append(f"nothing was compared, so there is no score to reach --min-score {self.min_score:g}")
        elif self.min_score and summary["score"] < self.min_score:
            lines.append(f"score {summary['score']:g} % is under --min-score {self.min_score:g}")
        unused = result["rules"]["unused"]
        if self.strict_rules and unused:
            lines.append(f"{len(unused)} rules were not used (--strict-rules)")
        return lines

    def exit_code(self, result: Mapping[str, Any]) -> ExitCode:
        return ExitCode.FAILED if self.failures(result) else ExitCode.OK


def _total(summary: Mapping[str, Any]) -> int:
    return sum(int(summary[verdict]) for verdict in ("compared", "unseeded", "skipped"))
