"""Counts of a whole run, and the part of the service's routes that it exercised."""

from typing import Any

from azdicom_proxy.parity.coverage import known_routes
from azdicom_scenarios.running.results import Outcome
from azdicom_scenarios.running.runner import Report

SCHEMA = 1


def summary_line(report: Report) -> str:
    """`12 passed, 1 failed, 2 skipped in 1.84s (coverage 61 % of 43 routes)`; a count of none is left out."""
    counts = [f"{number} {outcome.value}" for outcome in Outcome if (number := report.count(outcome))]
    known = known_routes()
    percent = round(100 * len(report.routes & set(known)) / len(known))
    return (
        f"{', '.join(counts) or 'nothing run'} in {report.duration_s:.2f}s "
        f"(coverage {percent} % of {len(known)} routes)"
    )


def as_json(report: Report) -> dict[str, Any]:
    """What `--json` writes (docs/running-scenarios.md)."""
    known = known_routes()
    return {
        "schema": SCHEMA,
        "seed": report.seed,
        "seconds": round(report.duration_s, 3),
        "interrupted": report.was_interrupted,
        "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
        "coverage": {
            "routes_known": len(known),
            "routes_exercised": [route for route in known if route in report.routes],
            "routes_never_exercised": [route for route in known if route not in report.routes],
        },
        "scenarios": [result.as_json() for result in report.results],
    }
