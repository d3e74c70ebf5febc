"""How long the two sides took: a bounded sample of durations, and its percentiles."""

from array import array
from random import Random

KEPT = 10_000
"""Durations in a sample; of more, each has the same chance to be in it."""


class Latencies:
    """Durations in milliseconds."""

    def __init__(self) -> None:
        self._sample = array("d")
        self._count = 0
        self._chance = Random(0)

    def add(self, duration_ms: float | None) -> None:
        if duration_ms is None:
            return
        self._count += 1
        if len(self._sample) < KEPT:
            self._sample.append(duration_ms)
        elif (at := self._chance.randrange(self._count)) < KEPT:
            self._sample[at] = duration_ms

    def as_json(self) -> dict[str, float | int | None]:
        ordered = sorted(self._sample)
        return {"count": self._count, "p50_ms": _percentile(ordered, 50), "p95_ms": _percentile(ordered, 95)}


def _percentile(ordered: list[float], percent: int) -> float | None:
    """By the nearest rank: the smallest value that is not less than `percent` of all."""
    if not ordered:
        return None
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 2)
