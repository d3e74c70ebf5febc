"""Two sides' answers to the same steps, paired and compared (record-replay §10, §13.1)."""

from collections.abc import Callable, Sequence
from datetime import date
from itertools import count

from azdicom_proxy.cassette.naming import locate, route_of
from azdicom_proxy.parity.compare import IdentityPairs, compare
from azdicom_proxy.parity.model import Compared, Pair, Severity
from azdicom_proxy.parity.places import Place
from azdicom_proxy.parity.rules import Do, Rule, Rules
from azdicom_scenarios.model import ParityRule, Scenario, Step
from azdicom_scenarios.running.exchanges import Exchange
from azdicom_scenarios.running.results import Failure, Mismatch

OnPair = Callable[[Compared], object]
"""Gets each pair, compared, as it is there; may be called in another thread, one at a time for each run."""


class Pairing:
    """Of one run with two sides. on_pair: gets each outcome."""

    def __init__(self, scenario: Scenario, name: str, on_pair: OnPair | None) -> None:
        self._name = name
        self._rules = Rules(tuple(_rule(each) for each in scenario.parity))
        self._identities = IdentityPairs()
        self._on_pair = on_pair
        self._numbers = count(1)

    def compared(self, step: Step, upstream: Sequence[Exchange], local: Sequence[Exchange]) -> list[Compared]:
        """A pair for each exchange that both sides have answered; of parallel ones those that went alike."""
        ours, theirs = (_answered(step, each) for each in (upstream, local))
        outcomes = []
        for one, other in zip(ours, theirs, strict=False):
            pair = self._pair(step, one, other)
            self._identities.learn(pair)
            outcome = self._rules.judged(compare(pair, identities=self._identities))
            if self._on_pair is not None:
                self._on_pair(outcome)
            outcomes.append(outcome)
        return outcomes

    def _pair(self, step: Step, one: Exchange, other: Exchange) -> Pair:
        request, upstream = one.recorded()
        addressed, local = other.recorded()
        assert one.answer is not None
        assert other.answer is not None
        return Pair(
            id=f"{self._name} #{next(self._numbers)} {step.title}",
            route=route_of(request.method, request.uri),
            request=request,
            upstream=upstream,
            local=local,
            upstream_ms=one.answer.duration_s * 1000,
            local_ms=other.answer.duration_s * 1000,
            local_uri=addressed.uri,
        )


def parity_failure(step: Step, compared: Sequence[Compared], exchange: Exchange | None) -> Failure | None:
    """What a client could notice, for a step that expects parity. None: nothing."""
    assert step.expect is not None
    misses = tuple(
        Mismatch(
            mark=step.expect.mark,
            what=f"parity: {difference.where or difference.at}",
            expected=difference.upstream or "nothing",
            actual=difference.local or "nothing",
        )
        for outcome in compared
        for difference in outcome.differences
        if difference.severity is Severity.BREAKING
    )
    if not misses:
        return None
    return Failure(step=step.number, title=step.title, mismatches=misses, exchange=exchange, side="emulator")


def _answered(step: Step, exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Those with an answer and a route; parallel ones in order of their statuses, since any may have been the first."""
    answered = [each for each in exchanges if each.answer is not None and locate(each.request.method, each.url).route]
    if step.is_parallel:
        answered.sort(key=lambda each: each.answer.status if each.answer is not None else 0)
    return answered


def _rule(written: ParityRule) -> Rule:
    """Of a scenario's `parity` block, which lint has checked."""
    rule = written.rule
    do = rule["do"]
    tolerance = float(str(do["tolerance"])) if isinstance(do, dict) else 0.0
    return Rule(
        do=Do.TOLERANCE if isinstance(do, dict) else Do(str(do)),
        because=str(rule["because"]),
        route=str(rule.get("route", "*")),
        at=Place.parse(str(rule["at"])) if "at" in rule else None,
        tolerance=tolerance,
        until=date.fromisoformat(str(written.until)) if written.until is not None else None,
        source=f"{written.mark.file}:{written.mark.line}",
    )
