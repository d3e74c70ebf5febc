"""Which items of two arrays belong together: by key, then by being alike."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

MAX_TRIED = 400
"""Pairs of leftovers that are tried; beyond it they are told as missing and extra."""

Difference = Callable[[Any, Any], int]
"""In how many findings two items differ."""


@dataclass(slots=True)
class Pairing:
    """Indices. pairs: of items that belong together, in upstream's order; is_reordered: local has another order."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)

    @property
    def is_reordered(self) -> bool:
        local = [pair[1] for pair in self.pairs]
        return local != sorted(local)

    @property
    def moved(self) -> list[tuple[int, int]]:
        """The pairs that stand at another place among the pairs."""
        ranks = {local: rank for rank, local in enumerate(sorted(pair[1] for pair in self.pairs))}
        return [pair for rank, pair in enumerate(self.pairs) if ranks[pair[1]] != rank]


def by_key(
    upstream: Sequence[Any],
    local: Sequence[Any],
    keys: tuple[Sequence[Hashable], Sequence[Hashable]],
    differ: Difference,
) -> Pairing:
    """Items with the same key, the n-th with the n-th; of the others those that differ in one finding only."""
    theirs = {key: index for index, key in enumerate(_numbered(keys[1]))}
    pairing = Pairing()
    for index, key in enumerate(_numbered(keys[0])):
        if (other := theirs.pop(key, None)) is None:
            pairing.missing.append(index)
        else:
            pairing.pairs.append((index, other))
    pairing.extra = sorted(theirs.values())
    _join_leftovers(upstream, local, pairing, differ)
    return pairing


def by_position(
    upstream: Sequence[Any], local: Sequence[Any], canonical: tuple[Sequence[Hashable], Sequence[Hashable]]
) -> Pairing:
    """The n-th with the n-th if there are as many; otherwise equal ones are kept together.

    The same items in another order are paired with their equals.
    """
    ours, theirs = canonical
    pairing = Pairing()
    if len(ours) == len(theirs):
        if ours != theirs and Counter(ours) == Counter(theirs):
            return by_key(upstream, local, canonical, lambda one, other: 2)
        pairing.pairs = [(index, index) for index in range(len(ours))]
        return pairing
    for operation, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        paired = min(i2 - i1, j2 - j1) if operation in ("equal", "replace") else 0
        pairing.pairs += [(i1 + offset, j1 + offset) for offset in range(paired)]
        pairing.missing += range(i1 + paired, i2)
        pairing.extra += range(j1 + paired, j2)
    return pairing


def _numbered(keys: Sequence[Hashable]) -> list[tuple[Hashable, int]]:
    seen: Counter[Hashable] = Counter()
    numbered = []
    for key in keys:
        numbered.append((key, seen[key]))
        seen[key] += 1
    return numbered


def _join_leftovers(upstream: Sequence[Any], local: Sequence[Any], pairing: Pairing, differ: Difference) -> None:
    if not pairing.missing or not pairing.extra or len(pairing.missing) * len(pairing.extra) > MAX_TRIED:
        return
    for index in list(pairing.missing):
        for other in pairing.extra:
            if differ(upstream[index], local[other]) == 1:
                pairing.missing.remove(index)
                pairing.extra.remove(other)
                pairing.pairs.append((index, other))
                break
    pairing.pairs.sort()
