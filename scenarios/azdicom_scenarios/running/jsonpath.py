"""Places in a JSON document by JSONPath: names, indices, slices, wildcards, descendants, simple filters (RFC 9535)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from azdicom_scenarios.running.matching import equal

NAME = re.compile(r"[^\W\d][\w$-]*|\d[\w$-]*|\$[\w$-]+")
"""More than the standard has: a tag such as 00080060 may stand without quotes."""
INDEX = re.compile(r"\s*(-?\d+)\s*\]")
SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+))?\s*\]")
QUOTED = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]""")
FILTER = re.compile(
    r"""\s*\?\s*\(?\s*@(?P<path>[^=!<>()]*?)\s*(?:(?P<order>==|!=|<=|>=|<|>)\s*"""
    r"""(?P<value>'[^']*'|"[^"]*"|-?\d+(?:\.\d+)?|true|false|null))?\s*\)?\s*\]"""
)
HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda one, other: equal(one, other),
    "!=": lambda one, other: not equal(one, other),
    "<": lambda one, other: _comparable(one, other) and one < other,
    "<=": lambda one, other: _comparable(one, other) and one <= other,
    ">": lambda one, other: _comparable(one, other) and one > other,
    ">=": lambda one, other: _comparable(one, other) and one >= other,
}
CONSTANTS = {"true": True, "false": False, "null": None}

Selector = Callable[[Any], Iterator[Any]]


class JsonPathError(ValueError):
    """The text is no JSONPath; `offset` is the character at which it stops being one."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(f"'{text}' is no JSONPath at character {offset + 1}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class JsonPath:
    """is_single: it can lead to one place at most."""

    selectors: tuple[Selector, ...]
    is_single: bool

    def find(self, document: Any) -> list[Any]:
        """What is there, in document order."""
        found = [document]
        for select in self.selectors:
            found = [each for value in found for each in select(value)]
        return found


@lru_cache(maxsize=1024)
def parse(text: str) -> JsonPath:
    """Raises JsonPathError."""
    if not text.startswith("$"):
        raise JsonPathError(text, 0)
    return _parsed(text, 1)


def _parsed(text: str, at: int) -> JsonPath:
    selectors: list[Selector] = []
    is_single = True
    while at < len(text):
        if text.startswith("..", at):
            selectors.append(_descendants)
            select, _, at = _bracketed(text, at + 3) if text[at + 2 : at + 3] == "[" else _dotted(text, at + 2)
            single = False
        elif text[at] == ".":
            select, single, at = _dotted(text, at + 1)
        elif text[at] == "[":
            select, single, at = _bracketed(text, at + 1)
        else:
            raise JsonPathError(text, at)
        selectors.append(select)
        is_single = is_single and single
    return JsonPath(tuple(selectors), is_single)


def _dotted(text: str, at: int) -> tuple[Selector, bool, int]:
    if text[at : at + 1] == "*":
        return _children, False, at + 1
    found = NAME.match(text, at)
    if found is None:
        raise JsonPathError(text, at)
    return _member(found[0]), True, found.end()


def _bracketed(text: str, at: int) -> tuple[Selector, bool, int]:
    if text[at : at + 2] == "*]":
        return _children, False, at + 2
    if found := INDEX.match(text, at):
        return _item(int(found[1])), True, found.end()
    if found := QUOTED.match(text, at):
        name = re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2])
        return _member(name), True, found.end()
    if found := SLICE.match(text, at):
        start, stop, step = (int(each) if each else None for each in found.groups())
        return _slice(start, stop, step), False, found.end()
    if found := FILTER.match(text, at):
        inner = _parsed("$" + found["path"], 1)
        return _filter(inner, found["order"], _constant(found["value"])), False, found.end()
    raise JsonPathError(text, at)


def _member(name: str) -> Selector:
    def select(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return select


def _item(index: int) -> Selector:
    def select(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return select


def _slice(start: int | None, stop: int | None, step: int | None) -> Selector:
    def select(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and step != 0:
            yield from value[start:stop:step]

    return select


def _filter(inner: JsonPath, order: str | None, wanted: Any) -> Selector:
    def holds(value: Any) -> bool:
        found = inner.find(value)
        return bool(found) if order is None else any(HOLDS[order](each, wanted) for each in found)

    def select(value: Any) -> Iterator[Any]:
        return (each for each in _children(value) if holds(each))

    return select


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _descendants(child)


def _constant(text: str | None) -> Any:
    if text is None or text in CONSTANTS:
        return CONSTANTS.get(text or "null")
    if text[0] in "'\"":
        return text[1:-1]
    return float(text) if "." in text else int(text)


def _comparable(one: Any, other: Any) -> bool:
    kind = str if isinstance(other, str) else int | float
    return isinstance(one, kind) and isinstance(other, kind)
