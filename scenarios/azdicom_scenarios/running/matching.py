"""Holds a value against a matcher: None when it fits, else what was expected and what there was (record-replay §12)."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from azdicom_scenarios.model import (
    AllOf,
    AnyOf,
    Approx,
    Compare,
    Contains,
    Equals,
    Exists,
    HasType,
    HasVr,
    IsUid,
    JsonType,
    Length,
    Mark,
    Matcher,
    Matches,
    Not,
    Order,
    Unordered,
)
from azdicom_scenarios.variables import Scope

UID = re.compile(r"(?=.{1,64}$)(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))+", re.ASCII)
"""PS3.5 §9.1."""
ORDERS: Mapping[Order, tuple[str, Callable[[Any, Any], bool]]] = {
    Order.GT: ("more than", lambda actual, limit: actual > limit),
    Order.GE: ("at least", lambda actual, limit: actual >= limit),
    Order.LT: ("less than", lambda actual, limit: actual < limit),
    Order.LE: ("at most", lambda actual, limit: actual <= limit),
}


class Absence(Enum):
    """There is no such header, attribute, or place in a document."""

    ABSENT = "nothing"


ABSENT: Final = Absence.ABSENT


@dataclass(frozen=True, slots=True)
class Found:
    """A value of an answer, JSON or a text. vr: of the attribute that it is from."""

    value: Any
    vr: str | None = None


@dataclass(frozen=True, slots=True)
class Unmet:
    """What does not fit; mark: of the matcher that says so."""

    mark: Mark
    expected: str
    actual: str


def unmet(matcher: Matcher, found: Found, scope: Scope) -> Unmet | None:
    """None: `found` is as `matcher` says."""
    value = found.value
    match matcher:
        case Exists():
            expected, fits = "something" if matcher.expected else "nothing", (value is not ABSENT) is matcher.expected
        case Not():
            if unmet(matcher.matcher, found, scope) is not None:
                return None
            expected, fits = f"not {described(matcher.matcher, scope)}", False
        case AllOf():
            return next((miss for each in matcher.matchers if (miss := unmet(each, found, scope)) is not None), None)
        case AnyOf():
            expected = described(matcher, scope)
            fits = any(unmet(each, found, scope) is None for each in matcher.matchers)
        case HasVr():
            actual_vr = value.get("vr") if isinstance(value, Mapping) else found.vr
            return None if actual_vr == matcher.vr else Unmet(matcher.mark, f"VR {matcher.vr}", f"VR {actual_vr}")
        case _ if value is ABSENT:
            expected, fits = described(matcher, scope), False
        case Length():
            return _unmet_length(matcher, value, scope)
        case _:
            expected, fits = described(matcher, scope), _fits(matcher, value, scope)
    return None if fits else Unmet(matcher.mark, expected, shown(value))


def described(matcher: Matcher, scope: Scope) -> str:
    """What a matcher expects, for people."""
    match matcher:
        case Equals():
            return shown(scope.fill(matcher.value))
        case Contains():
            return f"something that contains {shown(scope.fill(matcher.value))}"
        case Matches():
            return f"text that matches {scope.substitute(matcher.pattern.value)}"
        case Compare():
            return f"{ORDERS[matcher.order][0]} {scope.substitute(matcher.value.value)}"
        case Approx():
            return f"{scope.substitute(matcher.value.value)} ± {scope.substitute(matcher.tolerance.value)}"
        case IsUid():
            return "a valid UID" if matcher.expected else "no valid UID"
        case HasType():
            return f"a value of type {matcher.type}"
        case HasVr():
            return f"VR {matcher.vr}"
        case Exists():
            return "something" if matcher.expected else "nothing"
        case Not():
            return f"not {described(matcher.matcher, scope)}"
        case Length():
            return f"length {described(matcher.matcher, scope)}"
        case AnyOf():
            return "one of " + ", ".join(described(each, scope) for each in matcher.matchers)
        case AllOf():
            return " and ".join(described(each, scope) for each in matcher.matchers)
        case Unordered():
            return "in any order " + ", ".join(described(each, scope) for each in matcher.matchers)


def shown(value: Any) -> str:
    """A value as it is written in a message: texts bare, everything else as JSON."""
    if value is ABSENT:
        return "nothing"
    if isinstance(value, str):
        return value if value and value == value.strip() else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def equal(expected: Any, actual: Any) -> bool:
    """A text also equals the number that it writes, since a filled-in text has no other type; true is no number."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual or (isinstance(expected, str) and expected == str(actual).lower())
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return expected.keys() == actual.keys() and all(equal(expected[key], actual[key]) for key in expected)
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(equal, expected, actual))
    if isinstance(expected, str) and isinstance(actual, int | float):
        number = _number(expected)
        return number is not None and number == actual
    return bool(expected == actual)


def _fits(matcher: Matcher, value: Any, scope: Scope) -> bool:
    match matcher:
        case Equals():
            return equal(scope.fill(matcher.value), value)
        case Contains():
            return _contains(value, scope.fill(matcher.value))
        case Matches():
            return re.fullmatch(scope.substitute(matcher.pattern.value), _text(value), re.DOTALL) is not None
        case Compare():
            return _compares(ORDERS[matcher.order][1], value, scope.substitute(matcher.value.value))
        case Approx():
            actual, wanted = _number(_text(value)), _number(scope.substitute(matcher.value.value))
            tolerance = _number(scope.substitute(matcher.tolerance.value))
            return None not in (actual, wanted, tolerance) and abs(actual - wanted) <= tolerance  # type: ignore[operator]
        case Unordered():
            return isinstance(value, list) and _paired(matcher.matchers, value, scope)
        case IsUid():
            return (isinstance(value, str) and UID.fullmatch(value) is not None) is matcher.expected
        case HasType():
            return matcher.type in _types(value)
    raise AssertionError(matcher)  # the others are answered before


def _unmet_length(matcher: Length, value: Any, scope: Scope) -> Unmet | None:
    if not isinstance(value, str | list | Mapping):
        return Unmet(matcher.mark, described(matcher, scope), shown(value))
    miss = unmet(matcher.matcher, Found(len(value)), scope)
    return None if miss is None else Unmet(miss.mark, f"length {miss.expected}", f"length {len(value)}")


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, str):
        return str(wanted) in value
    if isinstance(value, Mapping):
        if isinstance(wanted, Mapping):
            return all(key in value and equal(each, value[key]) for key, each in wanted.items())
        return wanted in value
    if isinstance(value, list):
        if isinstance(wanted, Mapping):
            return any(isinstance(item, Mapping) and _contains(item, wanted) for item in value)
        return any(equal(wanted, item) for item in value)
    return False


def _compares(holds: Callable[[Any, Any], bool], value: Any, limit: str) -> bool:
    actual, wanted = _number(_text(value)), _number(limit)
    if actual is not None and wanted is not None:
        return holds(actual, wanted)
    return isinstance(value, str) and holds(value, limit)


def _paired(matchers: Sequence[Matcher], values: list[Any], scope: Scope) -> bool:
    """Whether each value has a matcher of its own; augmenting paths, so that one that fits two takes the right one."""
    if len(matchers) != len(values):
        return False
    taken: dict[int, int] = {}

    def place(matcher: int, tried: set[int]) -> bool:
        for position, value in enumerate(values):
            if position in tried or unmet(matchers[matcher], Found(value), scope) is not None:
                continue
            tried.add(position)
            if position not in taken or place(taken[position], tried):
                taken[position] = matcher
                return True
        return False

    return all(place(matcher, set()) for matcher in range(len(matchers)))


def _types(value: Any) -> frozenset[JsonType]:
    match value:
        case bool():
            return frozenset({JsonType.BOOLEAN})
        case int():
            return frozenset({JsonType.INTEGER, JsonType.NUMBER})
        case float():
            return frozenset({JsonType.NUMBER})
        case str():
            return frozenset({JsonType.STRING})
        case list():
            return frozenset({JsonType.ARRAY})
        case None:
            return frozenset({JsonType.NULL})
    return frozenset({JsonType.OBJECT})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
