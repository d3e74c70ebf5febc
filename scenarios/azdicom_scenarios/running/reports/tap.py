"""Results as TAP version 14, one test point for each run."""

import json
from collections.abc import Iterator

from azdicom_scenarios.running.reports.texts import failure_text
from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.runner import Report


def render(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "TAP version 14"
    yield f"1..{len(report.results)}"
    for number, result in enumerate(report.results, start=1):
        yield from _point(number, result)


def _point(number: int, result: RunResult) -> Iterator[str]:
    name = result.id.replace("\\", "\\\\").replace("#", "\\#")
    ok = "not ok" if result.outcome is Outcome.FAILED else "ok"
    skip = f" # SKIP {result.reason}" if result.outcome is Outcome.SKIPPED else ""
    yield f"{ok} {number} - {name}{skip}"
    yield "  ---"
    yield f"  duration_ms: {result.duration_s * 1000:.1f}"
    yield f"  file: {json.dumps(result.file)}"
    if result.outcome is Outcome.FAILED:
        yield "  message: |"
        yield from (f"    {line}".rstrip() for line in failure_text(result).splitlines())
    yield "  ..."
