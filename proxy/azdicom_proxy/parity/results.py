"""Gathers what a parity run finds: fingerprints, scores by route, coverage, latency."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple, Protocol

from azdicom_emulator import __version__
from azdicom_proxy.cassette.bodies import media_type_of, size_of
from azdicom_proxy.parity.coverage import Cell, Coverage, status_class
from azdicom_proxy.parity.examples import Details, details_of, example_of, text_of
from azdicom_proxy.parity.fingerprints import Fingerprint, Key, worst_first
from azdicom_proxy.parity.latencies import Latencies
from azdicom_proxy.parity.model import Compared, Difference, Pair, Severity, Verdict
from azdicom_proxy.parity.redaction import Redaction, personal_parameters
from azdicom_proxy.parity.rules import Rules, verdict_of
from azdicom_proxy.parity.scores import RouteScore, total_of
from azdicom_proxy.parity.tables import personal_values
from azdicom_proxy.upstream.address import Address

SCHEMA = 1
EXAMPLES = 5
"""Of each fingerprint."""
MAX_DETAILS = 60
"""Exchanges with data sets and pictures."""
MAX_EXCHANGES = 10_000
NOT_COMPARED = frozenset((Verdict.UNSEEDED, Verdict.SKIPPED))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What was compared with what. started: aware; phi_shown: names and ids of patients may be in the report."""

    mode: str = "diff"
    upstream: str = ""
    local: str = ""
    source: str = ""
    """The cassette, scenario or file that the requests came from."""
    seed: int | None = None
    phi_shown: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))


class Noise(Protocol):
    """What was learned about the places in which the upstream differs from itself."""

    def judge(self, route: str, difference: Difference) -> Difference:
        """The difference with another severity, and the rule that says why, where something was learned."""

    def as_json(self) -> list[dict[str, Any]]:
        """What was learned, place by place."""


class Outcome(NamedTuple):
    """What exchanges may have in common. keys: of their differences; reason: why they were not compared."""

    route: str
    verdict: Verdict
    keys: frozenset[Key]
    reason: str


@dataclass(slots=True)
class Tally:
    """Of all exchanges with one outcome."""

    exchanges: int = 0
    facts_upstream: int = 0
    facts_local: int = 0
    facts_same: int = 0


class Results:
    """`add` what was compared, from any thread; `as_json()` whenever somebody asks.

    rules: applied to what is added; noise: asked when the result is made, since it learns during the run.
    """

    def __init__(
        self,
        run: RunInfo | None = None,
        *,
        rules: Rules | None = None,
        noise: Noise | None = None,
        examples: int = EXAMPLES,
    ) -> None:
        self.run = run or RunInfo()
        self.hydrated: list[str] = []
        """Instances that were fetched from the upstream, as people are to read them."""
        self._rules = rules or Rules()
        self._noise = noise
        self._examples = examples
        self._redaction = Redaction(phi_shown=self.run.phi_shown, hosts=_hidden_hosts(self.run.upstream))
        self._lock = Lock()
        self._fingerprints: dict[Key, Fingerprint] = {}
        self._tallies: defaultdict[Outcome, Tally] = defaultdict(Tally)
        self._exchanges: list[tuple[str, Outcome, float | None, float | None]] = []
        self._details: dict[str, Details] = {}
        self._cells: set[Cell] = set()
        self._latencies: defaultdict[str, tuple[Latencies, Latencies]] = defaultdict(lambda: (Latencies(), Latencies()))

    def add(self, compared: Compared) -> Compared:
        """Counts it; returns it as the rules see it. Bodies are read now, so that their files can go afterwards."""
        judged = self._rules.judged(compared)
        with self._lock:
            self._redaction.remember(personal_parameters(judged.pair.request.uri))
            outcome = self._outcome(judged)
            self._count(judged, outcome)
            if judged.verdict not in NOT_COMPARED:
                self._cover(judged.pair)
                if judged.differences:
                    self._keep(judged)
        return judged

    def as_json(self) -> dict[str, Any]:
        """The whole result until now (docs/parity.md, "The result as JSON")."""
        with self._lock:
            judged = {key: self._judged(key) for key in self._fingerprints}
            routes = self._routes(judged)
            coverage = Coverage(frozenset(self._cells)).as_json()
            ended = datetime.now(UTC)
            fingerprints = [each.as_json(judged[key]) for key, each in self._fingerprints.items()]
            return {
                "schema": SCHEMA,
                "run": {
                    **asdict(self.run),
                    "upstream": self._redaction.uri(self.run.upstream),
                    "started": self.run.started.isoformat(timespec="seconds"),
                    "duration_s": round((ended - self.run.started).total_seconds(), 3),
                    "tool": f"azdicom {__version__}",
                    "hydrated": list(self.hydrated),
                },
                "summary": {
                    **total_of(routes),
                    "fingerprints": _by_severity(fingerprints),
                    "coverage": coverage["percent"],
                },
                "routes": [
                    {**route.as_json(), "latency": self._latency(route.route)}
                    for route in sorted(routes, key=lambda each: each.route)
                ],
                "fingerprints": sorted(fingerprints, key=worst_first),
                "not_compared": self._not_compared(),
                "exchanges": [_exchange_row(*each, judged=judged) for each in self._exchanges],
                "exchanges_left_out": sum(tally.exchanges for tally in self._tallies.values()) - len(self._exchanges),
                "details": {name: details.as_json() for name, details in self._details.items()},
                "rules": {**self._rules.as_json(), "learned": self._noise.as_json() if self._noise else []},
                "coverage": coverage,
                "latency": self._latency(""),
            }

    # Counting, with the lock held.

    def _outcome(self, compared: Compared) -> Outcome:
        counts = Counter(_key(compared.pair.route, each) for each in compared.differences)
        first = {_key(compared.pair.route, each): each for each in reversed(compared.differences)}
        for key, count in counts.items():
            fingerprint = self._fingerprints.get(key)
            if fingerprint is None:
                text = text_of(first[key], self._redaction)
                fingerprint = self._fingerprints[key] = Fingerprint(key=key, difference=first[key], text=text)
            fingerprint.count += count
            fingerprint.exchanges += 1
            fingerprint.status_classes.add(status_class(compared.pair.upstream.status))
            fingerprint.media_types.add(media_type_of(compared.pair.upstream.headers))
        return Outcome(compared.pair.route, compared.verdict, frozenset(counts), compared.reason)

    def _count(self, compared: Compared, outcome: Outcome) -> None:
        tally = self._tallies[outcome]
        tally.exchanges += 1
        tally.facts_upstream += compared.facts_upstream
        tally.facts_local += compared.facts_local
        tally.facts_same += compared.facts_same
        pair = compared.pair
        if len(self._exchanges) < MAX_EXCHANGES:
            self._exchanges.append((pair.id, outcome, pair.upstream_ms, pair.local_ms))

    def _cover(self, pair: Pair) -> None:
        media_type = media_type_of(pair.upstream.headers) if size_of(pair.upstream.body) else ""
        self._cells.add(Cell(pair.route, status_class(pair.upstream.status), media_type))
        for route in (pair.route, ""):
            upstream, local = self._latencies[route]
            upstream.add(pair.upstream_ms)
            local.add(pair.local_ms)

    def _keep(self, compared: Compared) -> None:
        """Examples for the fingerprints that have too few, and details where the exchange is the first of one."""
        wanting: dict[Key, Difference] = {}
        for difference in compared.differences:
            key = _key(compared.pair.route, difference)
            if len(self._fingerprints[key].examples) < self._examples:
                wanting.setdefault(key, difference)
        if not wanting:
            return
        for response in (compared.pair.upstream, compared.pair.local):
            self._redaction.remember(personal_values(response))
        is_first = False
        for key, difference in wanting.items():
            fingerprint = self._fingerprints[key]
            is_first |= not fingerprint.examples and difference.severity is not Severity.NOISE
            fingerprint.examples.append(example_of(compared.pair, difference, self._redaction))
        if is_first and len(self._details) < MAX_DETAILS:
            self._details[compared.pair.id] = details_of(compared, self._redaction)

    # The result, with the lock held.

    def _judged(self, key: Key) -> Difference:
        """What the finding is in the end: a rule of the user's goes before what was learned."""
        difference = self._fingerprints[key].difference
        if self._noise is None or difference.rule is not None:
            return difference
        return self._noise.judge(key.route, difference)

    def _routes(self, judged: dict[Key, Difference]) -> list[RouteScore]:
        scores: dict[str, RouteScore] = {}
        for outcome, tally in self._tallies.items():
            score = scores.setdefault(outcome.route, RouteScore(outcome.route))
            verdict = _verdict(outcome, judged)
            score.verdicts[verdict] += tally.exchanges
            if verdict in NOT_COMPARED:
                continue
            is_excused = verdict is Verdict.SAME and outcome.verdict is not Verdict.SAME
            score.facts_upstream += tally.facts_same if is_excused else tally.facts_upstream
            score.facts_local += tally.facts_same if is_excused else tally.facts_local
            score.facts_same += tally.facts_same
        return list(scores.values())

    def _not_compared(self) -> list[dict[str, Any]]:
        counts: Counter[tuple[str, str, str]] = Counter()
        for outcome, tally in self._tallies.items():
            if outcome.verdict in NOT_COMPARED:
                counts[outcome.verdict.value, outcome.reason, outcome.route] += tally.exchanges
        return [
            {"verdict": verdict, "reason": self._redaction.text(reason), "route": route, "count": count}
            for (verdict, reason, route), count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        ]

    def _latency(self, route: str) -> dict[str, Any]:
        upstream, local = self._latencies[route] if route in self._latencies else (Latencies(), Latencies())
        return {"upstream": upstream.as_json(), "local": local.as_json()}


def _hidden_hosts(upstream: str) -> Iterable[str]:
    """The upstream's host, which a report is not to tell, unless it is this machine."""
    try:
        address = Address.parse(upstream)
    except ValueError:
        return ()
    return () if address.is_loopback else (address.authority,)


def _key(route: str, difference: Difference) -> Key:
    return Key(route, difference.at, difference.kind, difference.severity, difference.rule)


def _verdict(outcome: Outcome, judged: dict[Key, Difference]) -> Verdict:
    if outcome.verdict in NOT_COMPARED:
        return outcome.verdict
    return verdict_of(judged[key].severity for key in outcome.keys)


def _exchange_row(
    identifier: str,
    outcome: Outcome,
    upstream_ms: float | None,
    local_ms: float | None,
    judged: dict[Key, Difference],
) -> dict[str, Any]:
    findings = sorted(key.fingerprint for key in outcome.keys if judged[key].severity is not Severity.NOISE)
    return {
        "id": identifier,
        "route": outcome.route,
        "verdict": _verdict(outcome, judged).value,
        "reason": outcome.reason,
        "upstream_ms": upstream_ms,
        "local_ms": local_ms,
        "fingerprints": findings,
    }


def _by_severity(fingerprints: Iterable[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(row["severity"] for row in fingerprints)
    return {severity.value: counts[severity.value] for severity in Severity}
