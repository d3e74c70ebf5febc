"""The report on a terminal: a line for each route, then the worst findings."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from azdicom_proxy.parity.reports.texts import (
    MARKS,
    attribute,
    counts_line,
    cut,
    findings,
    has_values,
    mark_of,
    milliseconds,
    percent,
    score_line,
    value,
)

TOP = 10
COLORS = {"✓": "green", "~": "yellow", "✗": "red", "·": "bright_black", "-": "bright_black"}
COLUMNS = ("compared", "same", "minor", "breaking")


def render(result: Mapping[str, Any], *, full: bool = False) -> str:
    """Text with terminal colours, which `click.echo` takes out where nobody sees them. full: no limits."""
    return "\n".join(_lines(result, full)) + "\n"


def _lines(result: Mapping[str, Any], full: bool) -> Iterator[str]:
    yield from _routes(result["routes"])
    found = findings(result)
    shown = found if full else found[:TOP]
    for number, row in enumerate(shown, 1):
        yield ""
        yield from _finding(number, row, None if full else 120, full=full)
    if len(found) > len(shown):
        yield ""
        yield f"{len(found) - len(shown)} more findings: --full, --html or --json shows them."
    yield ""
    yield from _summary(result, full)


def _routes(routes: list[dict[str, Any]]) -> Iterator[str]:
    if not routes:
        yield "nothing was exercised"
        return
    width = max(len(cut(route["route"], None)) for route in routes)
    yield click.style(f"  {'route':<{width}}  {'  '.join(f'{name:>8}' for name in COLUMNS)}     score", bold=True)
    for route in routes:
        numbers = "  ".join(f"{route[name]:>8}" for name in COLUMNS)
        others = ", ".join(f"{route[name]} {name}" for name in ("unseeded", "skipped") if route[name])
        line = f"{_mark(mark_of(route))} {cut(route['route'], None):<{width}}  {numbers}  {percent(route['score']):>8}"
        yield f"{line}  ({others})" if others else line


def _finding(number: int, row: Mapping[str, Any], limit: int | None, *, full: bool) -> Iterator[str]:
    """At most six lines."""
    times = f"{row['count']} time{'s' if row['count'] != 1 else ''}"
    route = click.style(cut(row["route"], limit), bold=True)
    yield f"{_mark(MARKS[row['severity']])} {number}. {route}  {cut(attribute(row), limit)}"
    yield f"    {cut(row['text'], limit)} ({row['kind']}, {times}, {row['fingerprint']})"
    examples = row["examples"] if full else row["examples"][:1]
    for example in examples:
        if has_values(example):
            yield f"    upstream  {value(example['upstream'], limit)}"
            yield f"    local     {value(example['local'], limit)}"
        yield f"    example   {cut(example['exchange'] + '  ' + example['where'], limit)}"
        yield f"    {cut(example['curl'], None)}"
    if full:
        yield "    silence with the rule"
        yield from (f"      {line}" for line in row["silence"].splitlines())
        if row["rule"]:
            yield f"    by the rule {cut(row['rule'], limit)}"


def _summary(result: Mapping[str, Any], full: bool) -> Iterator[str]:
    summary, latency = result["summary"], result["latency"]
    yield counts_line(summary)
    yield click.style(score_line(result), bold=True)
    if latency["upstream"]["count"] or latency["local"]["count"]:
        yield "p50/p95  " + ", ".join(
            f"{side} {milliseconds(latency[side]['p50_ms'])}/{milliseconds(latency[side]['p95_ms'])}"
            for side in ("upstream", "local")
        )
    yield from _not_compared(result["not_compared"], full)
    never = result["coverage"]["never_exercised"]
    if never:
        shown = never if full else never[:5]
        more = f", and {len(never) - len(shown)} more" if len(never) > len(shown) else ""
        yield f"never exercised: {', '.join(shown)}{more}"
    for rule in result["rules"]["unused"]:
        yield f"unused rule: {cut(rule['source'] + ': ' + rule['because'])}"
    if result["run"]["hydrated"]:
        yield f"hydrated: {len(result['run']['hydrated'])} instances were fetched from the upstream"


def _not_compared(rows: list[dict[str, Any]], full: bool) -> Iterator[str]:
    for row in rows if full else rows[:5]:
        yield f"{row['verdict']}: {row['count']} × {cut(row['route'])}: {cut(row['reason'])}"


def _mark(mark: str) -> str:
    return click.style(mark, fg=COLORS[mark])
