"""Matchers of the model from their records."""

from collections.abc import Callable
from typing import Any

from azdicom_scenarios.loading.records import Record
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
    Json,
    JsonType,
    Length,
    Mark,
    Matcher,
    Matches,
    Not,
    Order,
    Unordered,
)


def equals(mark: Mark, value: Json) -> Matcher:
    return Equals(mark=mark, value=value)


def of_record(record: Record) -> Matcher:
    """Of a mapping of one key, that matcher; of several, all of them."""
    found = [_MAKERS[name](record.at(name), value) for name, value in record.values.items() if name in _MAKERS]
    return found[0] if len(found) == 1 else AllOf(mark=record.mark, matchers=tuple(found))


def has_any(record: Record) -> bool:
    return any(name in _MAKERS for name in record.values)


def _comparing(order: Order) -> Callable[[Mark, Any], Matcher]:
    return lambda mark, value: Compare(mark=mark, order=order, value=value)


_MAKERS: dict[str, Callable[[Mark, Any], Matcher]] = {
    "equals": lambda mark, value: Equals(mark=mark, value=value),
    "not": lambda mark, value: Not(mark=mark, matcher=value),
    "contains": lambda mark, value: Contains(mark=mark, value=value),
    "matches": lambda mark, value: Matches(mark=mark, pattern=value),
    "exists": lambda mark, value: Exists(mark=mark, expected=value),
    "any_of": lambda mark, value: AnyOf(mark=mark, matchers=tuple(value)),
    "all_of": lambda mark, value: AllOf(mark=mark, matchers=tuple(value)),
    "length": lambda mark, value: Length(mark=mark, matcher=value),
    **{str(order): _comparing(order) for order in Order},
    "approx": lambda mark, value: Approx(mark=mark, value=value.get("value"), tolerance=value.get("tol")),
    "unordered": lambda mark, value: Unordered(mark=mark, matchers=tuple(value)),
    "uid": lambda mark, value: IsUid(mark=mark, expected=value),
    "type": lambda mark, value: HasType(mark=mark, type=JsonType(str(value))),
    "vr": lambda mark, value: HasVr(mark=mark, vr=str(value)),
}
