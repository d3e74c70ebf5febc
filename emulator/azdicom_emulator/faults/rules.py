"""A fault rule: which exchanges it is about, how often it acts, and what it does (record-replay §14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from azdicom_emulator.faults.actions import Actions

VERSION = re.compile(r"/v[0-9][^/]*(?=/|$)", re.IGNORECASE)
PARTITION = re.compile(r"/partitions/[^/]+(?=/)", re.IGNORECASE)
_GLOB = re.compile(r"\*\*/|\*\*|\*|\{\w+\}")
_REGEX = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}


class Where(StrEnum):
    """Whether the request is carried out before the client's answer goes wrong."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules look at. path: decoded, without query; body_bytes: as declared, None where it is not."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body_bytes: int | None


@dataclass(frozen=True, slots=True)
class RouteGlob:
    """`METHOD /path`: `*` and `{name}` stand for one segment, `**` for any number. methods: empty for every method.

    The path may leave out the version, and the partition too; case and a trailing slash do not matter.
    """

    methods: frozenset[str]
    path: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> "RouteGlob":
        """Raises ValueError."""
        *methods, path = text.split()
        if len(methods) > 1 or not path.startswith(("/", "*")):
            raise ValueError(f"'{text}': expected METHOD /path, such as POST /studies or GET **/frames/*")
        named = frozenset(methods[0].upper().split("|")) if methods and methods[0] != "*" else frozenset[str]()
        return cls(named, re.compile(_regex(path.rstrip("/") or "/"), re.IGNORECASE | re.DOTALL))

    def covers(self, method: str, path: str) -> bool:
        if self.methods and method not in self.methods:
            return False
        return any(self.path.fullmatch(each) for each in _spellings(path))


@dataclass(frozen=True, slots=True)
class Condition:
    """What else must hold. Values are globs; of a body whose length is not declared `body_larger_than` never holds."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body_larger_than: int | None = None

    def holds(self, asked: Asked) -> bool:
        if self.body_larger_than is not None and (asked.body_bytes or 0) <= self.body_larger_than:
            return False
        return all(_has(asked.headers, name, glob) for name, glob in self.headers.items()) and all(
            _has(asked.query, name, glob) for name, glob in self.query.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """after: so many matching requests pass first; every: each so-manieth is chosen; times: it stops then.

    written: the rule as it was given, for whoever asks.
    """

    name: str
    route: RouteGlob
    condition: Condition
    probability: float
    after: int
    every: int
    times: int | None
    where: Where
    actions: Actions
    written: Mapping[str, Any]

    def matches(self, asked: Asked) -> bool:
        return self.route.covers(asked.method, asked.path) and self.condition.holds(asked)


def decoded_path(raw_path: str) -> str:
    """The path that rules see of a request line's target."""
    return unquote(raw_path.partition("?")[0])


def _spellings(path: str) -> tuple[str, ...]:
    """The path, the path without version, and that without partition."""
    whole = path.rstrip("/") or "/"
    version = VERSION.match(whole)
    if version is None:
        return (whole,)
    below = whole[version.end() :] or "/"
    partition = PARTITION.match(below)
    return (whole, below) if partition is None else (whole, below, below[partition.end() :])


def _regex(glob: str) -> str:
    pieces, at = [], 0
    for found in _GLOB.finditer(glob):
        pieces += [re.escape(glob[at : found.start()]), _REGEX.get(found[0], "[^/]+")]
        at = found.end()
    return "".join([*pieces, re.escape(glob[at:])])


def _has(values: Mapping[str, str], name: str, glob: str) -> bool:
    value = values.get(name)
    return value is not None and fnmatchcase(value, glob)
