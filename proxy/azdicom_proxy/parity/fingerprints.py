"""Equal findings as one: how often, in which answers, and some examples."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from azdicom_emulator.dicom.dictionary import entry_of
from azdicom_proxy.parity.examples import Example
from azdicom_proxy.parity.model import Difference, Severity
from azdicom_proxy.parity.rules import silencing_rule

CHARACTERS = 10
RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Key(NamedTuple):
    """What makes findings equal. rule: what decided about them before they were counted."""

    route: str
    at: str
    kind: str
    severity: Severity
    rule: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same in every run, on every machine."""
        text = "\n".join((self.route, self.at, self.kind, self.severity))
        return hashlib.sha256(text.encode()).hexdigest()[:CHARACTERS]


@dataclass(slots=True, kw_only=True)
class Fingerprint:
    """One kind of finding. difference: the first that was found."""

    key: Key
    difference: Difference
    text: str
    count: int = 0
    exchanges: int = 0
    status_classes: set[str] = field(default_factory=set)
    media_types: set[str] = field(default_factory=set)
    examples: list[Example] = field(default_factory=list)

    def as_json(self, judged: Difference) -> dict[str, Any]:
        """judged: the difference with the severity that it has in the end."""
        tag = self.difference.tag
        entry = entry_of(int(tag, 16)) if tag else None
        return {
            "fingerprint": self.key.fingerprint,
            "severity": judged.severity.value,
            "route": self.key.route,
            "status_classes": sorted(self.status_classes),
            "media_types": sorted(self.media_types),
            "at": self.key.at,
            "kind": self.key.kind,
            "tag": tag,
            "name": entry.name if entry else None,
            "text": self.text,
            "count": self.count,
            "exchanges": self.exchanges,
            "rule": judged.rule,
            "silence": silencing_rule(self.key.route, self.key.at),
            "examples": [example.as_json() for example in self.examples],
        }


def worst_first(row: dict[str, Any]) -> tuple[int, int, str, str, str]:
    """The order of fingerprints in a report."""
    return (RANKS[Severity(row["severity"])], -row["count"], row["route"], row["at"], row["kind"])
