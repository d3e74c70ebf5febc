"""How alike two services are: by route, in both directions, and in all."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from azdicom_proxy.parity.model import Verdict

MINOR_COUNTS = 0.5


@dataclass(slots=True)
class RouteScore:
    """Of one route. The facts are those of the exchanges that were compared."""

    route: str
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    facts_upstream: int = 0
    facts_local: int = 0
    facts_same: int = 0

    @property
    def compared(self) -> int:
        return self.verdicts[Verdict.SAME] + self.verdicts[Verdict.MINOR] + self.verdicts[Verdict.BREAKING]

    @property
    def score(self) -> float | None:
        """Percent; None where nothing was compared."""
        alike = self.verdicts[Verdict.SAME] + MINOR_COUNTS * self.verdicts[Verdict.MINOR]
        return percent(alike, self.compared)

    def as_json(self) -> dict[str, Any]:
        return {
            "route": self.route,
            "compared": self.compared,
            **{verdict.value: self.verdicts[verdict] for verdict in Verdict},
            "score": self.score,
            "recall": percent(self.facts_same, self.facts_upstream),
            "precision": percent(self.facts_same, self.facts_local),
        }


def total_of(routes: Sequence[RouteScore]) -> dict[str, Any]:
    """Sums of exchanges; the score is the mean over the routes, so that a busy one does not drown the others."""
    scores = [route.score for route in routes if route.score is not None]
    same = sum(route.facts_same for route in routes)
    return {
        "compared": sum(route.compared for route in routes),
        **{verdict.value: sum(route.verdicts[verdict] for route in routes) for verdict in Verdict},
        "score": round(fmean(scores), 2) if scores else None,
        "recall": percent(same, sum(route.facts_upstream for route in routes)),
        "precision": percent(same, sum(route.facts_local for route in routes)),
    }


def percent(part: float, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
