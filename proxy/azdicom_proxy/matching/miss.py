"""Why nothing recorded answers a request, and what came nearest: the same text for client, log and test report."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from azdicom_proxy.cassette.model import Interaction, RecordedRequest
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.matching import bodies, matchers
from azdicom_proxy.matching.matchers import BODY, WEIGHTS

MAX_NEAREST = 3
_RECORD_HINT = "record it: azdicom proxy --mode record --record-mode new_episodes --cassette {path} --upstream URL"


class MissKind(StrEnum):
    """In the words of the explanation."""

    NO_FILE = "no cassette file"
    EMPTY = "cassette empty"
    NO_ROUTE = "no such route"
    DIFFERS = "differs"
    ALREADY_PLAYED = "already played"
    OUT_OF_ORDER = "out of order"


@dataclass(frozen=True, slots=True)
class Nearest:
    """A recorded interaction that does not match. differences: by matcher, the lines that say how."""

    interaction: Interaction
    agreeing: int
    compared: int
    differences: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """request: as it was compared, scrubbed. played, total: interactions of the cassette."""

    kind: MissKind
    request: RecordedRequest
    path: Path | None
    played: int
    total: int
    nearest: tuple[Nearest, ...] = ()

    def text(self) -> str:
        """Several lines; the sides are called `request` and `recorded`."""
        state = f"({self.total} interactions, {self.played} played)" if self.kind is not MissKind.NO_FILE else ""
        cassette = f"cassette {self.path.as_posix() if self.path else '(none)'} {state}".rstrip()
        lines = [f"MISS  {_line(self.request)}        {cassette}", f"reason:  {self._reason()}"]
        for number, nearest in enumerate(self.nearest):
            lines += _nearest_lines(nearest) if number == 0 else [_also_line(nearest)]
        lines.append(f"hint:    {self._hint()}")
        return "\n".join(lines)

    def _reason(self) -> str:
        if self.kind is MissKind.NO_ROUTE:
            return f"no such route: nothing recorded for {route_of(self.request.method, self.request.uri)}"
        return str(self.kind)

    def _hint(self) -> str:
        record = _RECORD_HINT.format(path=self.path.as_posix() if self.path else "CASSETTE")
        if self.kind is MissKind.ALREADY_PLAYED:
            return f"--repeat all, or {record}"
        if self.kind is MissKind.OUT_OF_ORDER:
            return f"--order timeline, or {record}"
        if self.kind is MissKind.DIFFERS and self.nearest and self.nearest[0].differences:
            edits = " ".join(f"--match-on -{name}" for name, _ in self.nearest[0].differences)
            return f"{edits}, or {record}"
        return record


Results = list[tuple[str, bool]]
"""By matcher, whether the recorded request agrees."""


def nearest_first(
    request: RecordedRequest, compared: list[tuple[Interaction, Results]]
) -> list[tuple[Interaction, Results]]:
    """Sorted: what agrees in more, weighted, comes first; of equals the older."""
    route = route_of(request.method, request.uri)

    def order(entry: tuple[Interaction, Results]) -> tuple[int, int]:
        interaction, results = entry
        score = WEIGHTS["route"] * (interaction.route == route)
        score += sum(WEIGHTS.get(name, 1) for name, agrees in results if agrees)
        return -score, interaction.seq

    return sorted(compared, key=order)


def nearest_of(
    request: RecordedRequest, compared: list[tuple[Interaction, Results]], body_lines: "BodyLines"
) -> tuple[Nearest, ...]:
    """The best of the interactions, at most 3, explained."""
    best = nearest_first(request, compared)[:MAX_NEAREST]
    return tuple(_nearest(request, interaction, results, body_lines) for interaction, results in best)


class BodyLines:
    """Explains differing bodies, computed only for what is shown."""

    def __init__(self, level: bodies.BodyLevel) -> None:
        self._level = level

    def __call__(self, request: RecordedRequest, recorded: RecordedRequest) -> list[str]:
        return bodies.explain(bodies.body_value(request, self._level), bodies.body_value(recorded, self._level))


def _nearest(request: RecordedRequest, interaction: Interaction, results: Results, body_lines: BodyLines) -> Nearest:
    differences = []
    for name, agrees in results:
        if not agrees:
            explained = (
                body_lines(request, interaction.request)
                if name == BODY
                else matchers.explain(name, request, interaction.request)
            )
            differences.append((name, tuple(explained)))
    agreeing = sum(agrees for _, agrees in results)
    return Nearest(interaction, agreeing, len(results), tuple(differences))


def _nearest_lines(nearest: Nearest) -> list[str]:
    line = _line(nearest.interaction.request)
    count = f"({nearest.agreeing} of {nearest.compared} matchers agree)"
    lines = [f"nearest: {nearest.interaction.id}   {line}     {count}"]
    for name, differences in nearest.differences:
        lines += [f"  {name:<8} {difference}" for difference in differences]
    return lines


def _also_line(nearest: Nearest) -> str:
    named = []
    for name, lines in nearest.differences:
        keys = ", ".join(line.partition(":")[0] for line in lines) if name == "query" else ""
        named.append(f"{name} ({keys})" if keys else name)
    what = f"differs in {', '.join(named)}" if named else str(MissKind.ALREADY_PLAYED)
    return f"also:    {nearest.interaction.id}   {what}"


def _line(request: RecordedRequest) -> str:
    parts = urlsplit(request.uri)
    return f"{request.method} {parts.path}{'?' if parts.query else ''}{parts.query}"
