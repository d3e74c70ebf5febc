"""Short texts that several reports have in common."""

from collections.abc import Mapping
from typing import Any

MARKS = {"same": "✓", "minor": "~", "breaking": "✗", "noise": "·", "unseeded": "-", "skipped": "-"}
ABSENT = "(absent)"
CUT_CHARACTERS = 120
VERDICTS = ("same", "minor", "breaking", "unseeded", "skipped")


def percent(value: float | None) -> str:
    """`98.5 %`; a dash where nothing was compared."""
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".") + " %"


def milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def cut(text: str, limit: int | None = CUT_CHARACTERS) -> str:
    """One line of at most `limit` characters, the middle left out. None: no limit."""
    line = printable(text)
    if limit is None or len(line) <= limit:
        return line
    half = (limit - 3) // 2
    return f"{line[:half]} … {line[-half:]}"


def printable(text: str) -> str:
    """One line without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def value(text: str | None, limit: int | None = CUT_CHARACTERS) -> str:
    return ABSENT if text is None else cut(text, limit)


def has_values(example: Mapping[str, Any]) -> bool:
    """Whether there is something to set side by side; of other pixels there is not."""
    return example["upstream"] is not None or example["local"] is not None


def attribute(row: Mapping[str, Any]) -> str:
    """`(0010,0020) Patient ID` of a fingerprint; its place where no attribute is concerned."""
    tag = row["tag"]
    if not tag:
        return str(row["at"])
    number = f"({tag[:4]},{tag[4:]})"
    return f"{number} {row['name']}" if row["name"] else number


def mark_of(route: Mapping[str, Any]) -> str:
    """Of a route: its worst verdict's; a dash where nothing was compared."""
    worst = next((name for name in ("breaking", "minor", "same") if route[name]), "skipped")
    return MARKS[worst]


def coverage_line(coverage: Mapping[str, Any]) -> str:
    """What a score is worth; no report shows one without it."""
    return (
        f"coverage {percent(coverage['percent'])} ({coverage['exercised']} of {coverage['known']} kinds of answers,"
        f" {coverage['routes_exercised']} of {coverage['routes_known']} routes)"
    )


def score_line(result: Mapping[str, Any]) -> str:
    """The score with its coverage."""
    summary = result["summary"]
    return (
        f"score {percent(summary['score'])}, recall {percent(summary['recall'])},"
        f" precision {percent(summary['precision'])}; {coverage_line(result['coverage'])}"
    )


def counts_line(summary: Mapping[str, Any]) -> str:
    """`12 compared: 10 same, 1 minor, 1 breaking; 3 unseeded, 0 skipped`."""
    return (
        f"{summary['compared']} compared: {summary['same']} same, {summary['minor']} minor,"
        f" {summary['breaking']} breaking; {summary['unseeded']} unseeded, {summary['skipped']} skipped"
    )


def findings(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The fingerprints that are no noise, worst first."""
    return [row for row in result["fingerprints"] if row["severity"] != "noise"]


def sides(run: Mapping[str, Any]) -> str:
    return f"{run['upstream'] or 'upstream'} and {run['local'] or 'local'}"


def _escaped(letter: str) -> str:
    return " " if letter in "\r\n\t" else letter.encode("unicode_escape").decode()
