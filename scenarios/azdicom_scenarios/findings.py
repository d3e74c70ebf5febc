"""What is wrong with a scenario file, by rule and place (record-replay §13.5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from azdicom_scenarios.model import Mark


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class RuleEntry:
    level: Level
    summary: str


def _error(summary: str) -> RuleEntry:
    return RuleEntry(Level.ERROR, summary)


def _warning(summary: str) -> RuleEntry:
    return RuleEntry(Level.WARNING, summary)


RULES: dict[str, RuleEntry] = {
    "syntax": _error("not YAML, or YAML that scenarios may not have: tags, over 100 aliases, over 5 MB, two documents"),
    "duplicate-key": _error("a key stands twice in a mapping"),
    "unknown-key": _error("a key that is not allowed there"),
    "missing-key": _error("a key that must be there is not, or one of several that exclude each other"),
    "wrong-type": _error("a value of another kind than the key takes"),
    "missing-name": _error("a scenario without a name, or a row of parameters without an id"),
    "duplicate-name": _error("two scenarios, steps, rows or fixtures have the same name"),
    "undefined-variable": _error("a `${…}` that nothing defines, or that cannot be read"),
    "unused-capture": _warning("a captured variable that no later step uses"),
    "bad-tag": _error("no keyword of the DICOM dictionary, no tag of eight hex digits"),
    "bad-jsonpath": _error("no JSONPath such as $[0].00100020.Value[0]"),
    "bad-duration": _error("no duration such as 200ms, 10s, 2m or 1h"),
    "missing-file": _error("a file, or pattern of files, that does not exist"),
    "no-expectation": _warning("a step sends a request and expects nothing of the answer"),
    "unknown-route": _error("a path or method that the API does not have, in a step that does not expect 4xx"),
    "unquoted-number-in-dicom": _warning("a DICOM value without quotes that other YAML readers take for a number"),
    "sleep": _warning("a fixed sleep"),
    "live-delete": _warning("a DELETE of something that the scenario did not create, which live runs refuse"),
    "expired-rule": _error("a parity rule whose day has passed"),
}
"""Every rule, in the order of the documentation."""


@dataclass(frozen=True, slots=True)
class Finding:
    """rule: a key of RULES."""

    mark: Mark
    rule: str
    text: str

    @property
    def level(self) -> Level:
        return RULES[self.rule].level

    def __str__(self) -> str:
        return f"{self.mark}: {self.level}[{self.rule}]: {self.text}"

    def as_json(self) -> dict[str, Any]:
        mark = self.mark
        return {
            "file": mark.file,
            "line": mark.line,
            "column": mark.column,
            "level": str(self.level),
            "rule": self.rule,
            "text": self.text,
        }


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'status'?`, or nothing when no known word is close."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
