"""The report as a summary in Markdown, for the page of a CI job."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

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
    sides,
    value,
)

TOP = 10
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~$&@])")


def render(result: Mapping[str, Any]) -> str:
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"## Parity of {_plain(sides(result['run']))}"
    yield ""
    yield f"**{score_line(result)}**"
    yield ""
    yield f"{counts_line(result['summary'])}."
    yield ""
    yield from _routes(result["routes"])
    found = findings(result)
    if found:
        yield f"### Findings ({len(found)})"
        yield ""
    for row in found[:TOP]:
        yield from _finding(row)
    if len(found) > TOP:
        yield f"{len(found) - TOP} more are in the other reports."
        yield ""
    yield from _rest(result)


def _routes(routes: list[dict[str, Any]]) -> Iterator[str]:
    if not routes:
        return
    yield "| | route | compared | same | minor | breaking | score | p50 upstream / local |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for route in routes:
        numbers = " | ".join(str(route[name]) for name in ("compared", "same", "minor", "breaking"))
        times = " / ".join(milliseconds(route["latency"][side]["p50_ms"]) for side in ("upstream", "local"))
        yield f"| {mark_of(route)} | {_code(route['route'])} | {numbers} | {percent(route['score'])} | {times} |"
    yield ""


def _finding(row: Mapping[str, Any]) -> Iterator[str]:
    what = f"{row['route']}: {attribute(row)}: {cut(row['text'])}"
    yield "<details>"
    yield f"<summary>{MARKS[row['severity']]} {_plain(what)} ({row['count']} ×)</summary>"
    yield ""
    for example in row["examples"][:1]:
        if has_values(example):
            yield f"- upstream: {_code(value(example['upstream']))}"
            yield f"- local: {_code(value(example['local']))}"
        yield f"- example: {_code(cut(example['exchange'] + ' ' + example['where']))}"
        yield ""
        yield from _block("sh", cut(example["curl"], None))
    yield from _block("yaml", row["silence"])
    yield "</details>"
    yield ""


def _rest(result: Mapping[str, Any]) -> Iterator[str]:
    for row in result["not_compared"][:TOP]:
        yield f"- {row['verdict']}: {row['count']} × {_code(row['route'])}: {_plain(cut(row['reason']))}"
    for rule in result["rules"]["unused"]:
        yield f"- unused rule: {_plain(cut(rule['source'] + ': ' + rule['because']))}"
    never = result["coverage"]["never_exercised"]
    if never:
        yield ""
        yield f"<details><summary>{len(never)} routes were never exercised</summary>"
        yield ""
        yield from (f"- {_code(route)}" for route in never)
        yield ""
        yield "</details>"


def _block(language: str, text: str) -> Iterator[str]:
    """Fenced by more backticks than there are in a row within."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield f"{fence}{language}"
    yield text
    yield fence
    yield ""


def _code(text: str) -> str:
    """A code span, also in a table."""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{ticks}{pad}{text}{pad}{ticks}".replace("|", "\\|")


def _plain(text: str) -> str:
    """Nothing in it is markup: neither Markdown's nor HTML's, nor a mention of somebody."""
    return SPECIAL.sub(lambda found: f"&#{ord(found[1])};", text)
