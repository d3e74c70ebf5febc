"""Which rule acts on which exchange: counting, chance, and what the rules have done so far (record-replay §14)."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from azdicom_emulator.faults.memory import EarlierAnswers, OperationViews
from azdicom_emulator.faults.rules import Asked, Rule


@dataclass(slots=True)
class RuleState:
    """One rule at work. matches: requests that it is about; firings: those that it acted on."""

    rule: Rule
    random: Random
    matches: int = 0
    firings: int = 0
    views: OperationViews = field(default_factory=OperationViews)

    def fires(self) -> bool:
        """Whether it acts on this match, the `matches`th."""
        rule = self.rule
        number = self.matches - rule.after
        if number <= 0 or number % rule.every:
            return False
        if rule.times is not None and self.firings >= rule.times:
            return False
        # Drawn for every request that gets this far: the same seed has the same victims.
        return rule.probability >= 1 or self.random.random() < rule.probability

    def withdraw(self) -> None:
        """It was chosen, and there was nothing that it could change."""
        self.firings -= 1


class FaultEngine:
    """The rules of a server in their order; the first that fires wins. Belongs to the event loop."""

    def __init__(self, rules: Iterable[Rule], seed: int) -> None:
        self.seed = seed
        self.states = tuple(RuleState(rule, Random(f"{seed}/{rule.name}")) for rule in rules)
        self.earlier = (
            EarlierAnswers() if any(state.rule.actions.stale_read is not None for state in self.states) else None
        )
        """What stale reads are answered from; None: no rule has any."""
        self.closed = asyncio.Event()
        """Set when the rules are replaced or the server stops: whoever hangs goes on."""

    def choose(self, asked: Asked) -> RuleState | None:
        """The rule that acts on a request. None: none does.

        A rule whose turn it is not (`after`, `every`, `times`, `probability`) leaves the request to those behind it.
        """
        for state in self.states:
            if not state.rule.matches(asked):
                continue
            state.matches += 1
            if state.fires():
                state.firings += 1
                return state
        return None

    def close(self) -> None:
        self.closed.set()

    def summary(self) -> list[dict[str, object]]:
        """Each rule with how often it matched and fired."""
        return [
            {
                "name": state.rule.name,
                "route": state.rule.written.get("route", "**"),
                "matches": state.matches,
                "firings": state.firings,
            }
            for state in self.states
        ]
