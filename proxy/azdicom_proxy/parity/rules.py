"""Rules of the user's own: what differences mean, by route and place (docs/parity.md, "Rules")."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any

from azdicom_proxy.parity.comparing.messages import template
from azdicom_proxy.parity.model import Compared, Difference, Severity, Verdict
from azdicom_proxy.parity.places import Place

SAY_WHY = "say why"
WORST_FIRST = (Severity.BREAKING, Severity.MINOR)
VERDICTS = {Severity.BREAKING: Verdict.BREAKING, Severity.MINOR: Verdict.MINOR}


class Do(StrEnum):
    """What becomes of a difference; the last three only of one that they explain."""

    IGNORE = "ignore"
    MINOR = "minor"
    BREAKING = "breaking"
    UNORDERED = "unordered"
    TOLERANCE = "tolerance"
    SAME_SHAPE = "same-shape"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """route: glob; at: None is every place; tolerance: largest difference of two numbers; source: `file:line`."""

    do: Do
    because: str
    route: str = "*"
    at: Place | None = None
    tolerance: float = 0.0
    until: date | None = None
    source: str = ""

    @property
    def name(self) -> str:
        return f"{self.source}: {self.because}" if self.source else self.because

    def severity_of(self, route: str, difference: Difference) -> Severity | None:
        """What the rule makes of a difference; None: it says nothing about it."""
        if not fnmatchcase(route, self.route) or (self.at is not None and not self.at.matches(difference)):
            return None
        match self.do:
            case Do.MINOR:
                return Severity.MINOR if difference.severity is Severity.BREAKING else difference.severity
            case Do.BREAKING:
                return Severity.BREAKING
            case Do.IGNORE:
                return Severity.NOISE
            case _:
                return Severity.NOISE if self._explains(difference) else None

    def _explains(self, difference: Difference) -> bool:
        if self.do is Do.UNORDERED:
            return difference.kind == "order"
        if difference.upstream is None or difference.local is None:
            return False
        if self.do is Do.SAME_SHAPE:
            return template(difference.upstream) == template(difference.local)
        ours, theirs = _numbers(difference.upstream), _numbers(difference.local)
        return (
            ours is not None
            and theirs is not None
            and len(ours) == len(theirs)
            and all(abs(one - other) <= self.tolerance for one, other in zip(ours, theirs, strict=True))
        )


@dataclass(slots=True)
class Rules:
    """The first rule that says something about a difference counts. Counts what each was used for; thread-safe."""

    rules: tuple[Rule, ...] = ()
    _used: Counter[int] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def judged(self, compared: Compared) -> Compared:
        """`compared` as the rules see it: severities, verdict, and the facts that no longer count as different."""
        if not self.rules or not compared.differences:
            return compared
        differences = tuple(self._judged(compared.pair.route, each) for each in compared.differences)
        if differences == compared.differences:
            return compared
        return with_differences(compared, differences)

    def unused(self) -> list[Rule]:
        with self._lock:
            return [rule for index, rule in enumerate(self.rules) if not self._used[index]]

    def as_json(self) -> dict[str, Any]:
        """`applied` with counts, and `unused`."""
        with self._lock:
            used = dict(self._used)
        rows = [
            {
                "source": rule.source,
                "route": rule.route,
                "at": rule.at.expression if rule.at else None,
                "do": rule.do.value,
                "because": rule.because,
                "until": rule.until.isoformat() if rule.until else None,
                "count": used.get(index, 0),
            }
            for index, rule in enumerate(self.rules)
        ]
        return {"applied": [row for row in rows if row["count"]], "unused": [row for row in rows if not row["count"]]}

    def _judged(self, route: str, difference: Difference) -> Difference:
        for index, rule in enumerate(self.rules):
            severity = rule.severity_of(route, difference)
            if severity is not None:
                with self._lock:
                    self._used[index] += 1
                if severity is difference.severity:
                    return difference
                return replace(difference, severity=severity, rule=rule.name)
        return difference


def with_differences(compared: Compared, differences: tuple[Difference, ...]) -> Compared:
    """`compared` with other severities. A fact whose difference became noise counts as stated by both sides.

    A missing or additional item may have stated several, which are only known where nothing else is left.
    """
    excused = [
        now.kind
        for before, now in zip(compared.differences, differences, strict=True)
        if now.severity is Severity.NOISE and before.severity is not Severity.NOISE
    ]
    verdict = compared.verdict
    if verdict not in (Verdict.UNSEEDED, Verdict.SKIPPED):
        verdict = verdict_of(each.severity for each in differences)
    missing, extra = excused.count("missing"), excused.count("extra")
    facts_upstream = max(compared.facts_upstream - missing, 0)
    facts_local = max(compared.facts_local - extra, 0)
    same = compared.facts_same + len(excused) - missing - extra
    if verdict is Verdict.SAME:
        facts_upstream = facts_local = same
    return replace(
        compared,
        verdict=verdict,
        differences=differences,
        facts_upstream=facts_upstream,
        facts_local=facts_local,
        facts_same=min(same, facts_upstream, facts_local),
    )


def verdict_of(severities: Iterable[Severity]) -> Verdict:
    """The worst severity's."""
    found = set(severities)
    return next((VERDICTS[severity] for severity in WORST_FIRST if severity in found), Verdict.SAME)


def silencing_rule(route: str, at: str) -> str:
    """The YAML list item that makes every difference of this route and place noise."""
    return "\n".join(
        (
            f"- route: {_quoted(route)}",
            f"  at: {_quoted(at)}",
            f"  do: {Do.IGNORE}",
            f"  because: {_quoted(SAY_WHY)}",
        )
    )


def _quoted(text: str) -> str:
    # A JSON string is a YAML one; in a route `*`, `?` and `[` would be wildcards, but no route has them.
    return json.dumps(text)


def _numbers(text: str) -> list[float] | None:
    """The numbers of a value: `12.5`, `1\\2`, `[1, 2]`; None: something in it is no number."""
    pieces = text.strip().removeprefix("[").removesuffix("]").replace("\\", ",").split(",")
    try:
        return [float(piece.strip().strip("\"'")) for piece in pieces]
    except ValueError:
        return None
