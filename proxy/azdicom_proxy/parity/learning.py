"""Learns what is noise: asks the upstream a second time, and compares it with itself (docs/parity.md)."""

from collections import Counter
from dataclasses import replace
from enum import StrEnum
from threading import Lock
from typing import Any

from azdicom_proxy.matching.timeline import SAFE_METHODS
from azdicom_proxy.parity.model import Compared, Difference, Severity
from azdicom_proxy.parity.noise_profile import Counts, Profile, Spot
from azdicom_proxy.parity.redaction import tags_in

ASK_FIRST = 3
ASK_ONE_IN = 20
MAX_BYTES = 4 * 1024 * 1024
ENOUGH_NOISE = 2
NOISE_FACTOR = 1.5
REAL_PER_TOTAL = 0.01
REAL_PER_BOTH = 0.20
LEARNED = "learned"

IDENTITIES = frozenset(("00080018", "0020000D", "0020000E", "00081155", "00020003"))
"""SOP, Series and Study Instance UIDs, where data sets and store responses have them."""
SET_KINDS = frozenset(("missing", "extra"))
NEVER = frozenset(("status", "header:Content-Type", "local-error", "body"))
ITEM = "[*]"


class Opinion(StrEnum):
    """What the counts of a place say."""

    NOISE = "noise"
    REAL = "real"
    UNDECIDED = "undecided"


class Learning:
    """first: ask again the first so many times on a route, 0: never; thread-safe.

    An exchange that was asked again is learned from with `learn`; differences are judged by all that is known then.
    """

    def __init__(self, profile: Profile | None = None, *, first: int = ASK_FIRST, max_bytes: int = MAX_BYTES) -> None:
        self.profile = profile or Profile.empty()
        self._first = first
        self._max_bytes = max_bytes
        self._seen: Counter[str] = Counter()
        self._lock = Lock()
        self.has_learned = False
        """Since the profile was loaded: then it is worth saving."""

    def should_ask_again(self, route: str, method: str, size_bytes: int) -> bool:
        """Counts an exchange of the route; never true for a method that changes something, or a large answer."""
        if not self._first or method not in SAFE_METHODS or size_bytes > self._max_bytes:
            return False
        with self._lock:
            self._seen[route] += 1
            seen = self._seen[route]
        return seen <= self._first or (seen - self._first) % ASK_ONE_IN == 0

    def learn(self, first_vs_second: Compared, upstream_vs_local: Compared | None = None) -> None:
        """first_vs_second: the upstream's answer with its second one; upstream_vs_local: the pair's own comparison."""
        route = first_vs_second.pair.route
        noise = _places(first_vs_second)
        raw = _places(upstream_vs_local) if upstream_vs_local is not None else set()
        with self._lock:
            self.has_learned = True
            self.profile.asked[route] = self.profile.asked.get(route, 0) + 1
            for at in noise | raw:
                counts = self.profile.spots.setdefault(Spot(route, at), Counts())
                counts.noise += at in noise
                counts.raw += at in raw

    def judge(self, route: str, difference: Difference) -> Difference:
        """The difference as what was learned about its place has it; as it is where that is nothing."""
        if difference.severity is Severity.NOISE or is_protected(difference):
            return difference
        with self._lock:
            counts = self.profile.spots.get(Spot(route, difference.at))
            total = self.profile.asked.get(route, 0)
            if counts is None or not counts.noise:
                return difference
            opinion, rule = opinion_of(counts, total), f"{LEARNED}: {explanation(counts, total)}"
        if opinion is Opinion.NOISE:
            return replace(difference, severity=Severity.NOISE, rule=rule)
        if opinion is Opinion.UNDECIDED:
            return replace(difference, severity=Severity.MINOR, rule=rule)
        return difference

    def as_json(self) -> list[dict[str, Any]]:
        """One row for each place in which the upstream differed from itself."""
        with self._lock:
            return [
                {
                    "route": spot.route,
                    "at": spot.at,
                    "raw": counts.raw,
                    "noise": counts.noise,
                    "total": self.profile.asked.get(spot.route, 0),
                    "opinion": opinion_of(counts, self.profile.asked.get(spot.route, 0)).value,
                }
                for spot, counts in sorted(self.profile.spots.items())
                if counts.noise
            ]


def opinion_of(counts: Counts, total: int) -> Opinion:
    """What the counts say, of `total` exchanges that were asked twice."""
    raw, noise = counts.raw, counts.noise
    if noise >= ENOUGH_NOISE and raw <= noise * NOISE_FACTOR:
        return Opinion.NOISE
    apart = abs(raw - noise)
    if raw > noise and total and apart / total > REAL_PER_TOTAL and apart / (raw + noise) > REAL_PER_BOTH:
        return Opinion.REAL
    return Opinion.UNDECIDED


def explanation(counts: Counts, total: int) -> str:
    """The counts in words."""
    return (
        f"of {total} answers asked for twice the upstream differed from itself here in {counts.noise},"
        f" the local side from it in {counts.raw}"
    )


def is_protected(difference: Difference) -> bool:
    """Whether no noise can excuse it: status, media type, whole bodies, identities, and which results there are."""
    at = difference.at
    if at in NEVER or at.endswith("header:Content-Type") or (difference.tag or "").upper() in IDENTITIES:
        return True
    if any(tag.upper() in IDENTITIES for tag in tags_in(at)):
        return True
    return difference.kind in SET_KINDS and at.endswith(ITEM)


def _places(compared: Compared) -> set[str]:
    """Where something differed that is no noise already."""
    return {each.at for each in compared.differences if each.severity is not Severity.NOISE and not is_protected(each)}
