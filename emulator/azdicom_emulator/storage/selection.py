"""What a search asks of the index: which level, which conditions, which page."""

from dataclasses import dataclass

from azdicom_emulator.storage.query_tags import Level, QueryTag


@dataclass(frozen=True, slots=True)
class Exact:
    """The whole value, in the form in which the index compares it: folded text, `yyyyMMdd`, a number."""

    value: str | int | float


@dataclass(frozen=True, slots=True)
class Between:
    """From `first` to `last`, both included."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class NameWords:
    """Consecutive words of a name, in this order, each beginning with the one asked for (search §6). None: no match."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """The whole folded value, where `*` is any run of characters and `?` is one (extension search.wildcards)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of these values (extension search.uid_lists)."""

    values: tuple[str, ...]


Match = Exact | Between | NameWords | Wildcard | AnyOf


@dataclass(frozen=True, slots=True)
class Filter:
    """One attribute and how it must match; `value` is what the client wrote, trimmed."""

    tag: QueryTag
    match: Match
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """All filters must match. Newest first; `offset` results are skipped, at most `limit` are given."""

    level: Level
    filters: tuple[Filter, ...] = ()
    offset: int = 0
    limit: int = 100
