"""The matchers by name, in the order in which they are explained."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import urlsplit

from azdicom_proxy.cassette.bodies import header
from azdicom_proxy.cassette.model import RecordedRequest
from azdicom_proxy.matching.values import (
    accept_value,
    conditional_value,
    content_type_value,
    header_value,
    path_value,
    query_value,
)

BODY = "body"
HEADER_PREFIX = "header:"
DEFAULT_MATCHERS = ("method", "path", "query", "accept", "content_type", "conditional", BODY)

WEIGHTS = {"route": 64, "method": 32, "path": 16, "query": 8, BODY: 4, "accept": 2}
"""What agreeing counts when the nearest interaction is looked for; other matchers count 1."""

Value = Callable[[RecordedRequest], Hashable]


class UnknownMatcherError(ValueError):
    """No matcher is called so; the text names those that are."""


@dataclass(frozen=True, slots=True)
class Matchers:
    """The chosen matchers. values: those that are compared by value; the body is compared after them."""

    values: tuple[tuple[str, Value], ...]
    compares_body: bool

    @property
    def count(self) -> int:
        return len(self.values) + self.compares_body

    def key(self, request: RecordedRequest) -> tuple[Hashable, ...]:
        """Equal when the requests agree in everything but the body."""
        return tuple(value(request) for _, value in self.values)


def choose_matchers(
    match_on: Sequence[str] = (), *, match_headers: Sequence[str] = (), ignore_version: bool = False
) -> Matchers:
    """`match_on` replaces the defaults, or edits them when each name begins with `+` or `-`.

    Raises UnknownMatcherError.
    """
    table: dict[str, Value] = {
        "method": lambda request: request.method,
        "path": lambda request: path_value(request, ignore_version=ignore_version),
        "query": query_value,
        "accept": accept_value,
        "content_type": content_type_value,
        "conditional": conditional_value,
    }
    names = _names(match_on, [*table, BODY])
    headers = tuple((HEADER_PREFIX + name.lower(), _header_matcher(name.lower())) for name in match_headers)
    chosen = tuple((name, table[name]) for name in table if name in names)
    return Matchers(chosen + headers, BODY in names)


def explain(name: str, request: RecordedRequest, recorded: RecordedRequest) -> list[str]:
    """Lines that say how the requests differ in what the matcher `name` compares (not the body)."""
    if name == "query":
        return _explain_query(request, recorded)
    ours, theirs = _shown(name, request), _shown(name, recorded)
    return [f"request {ours}, recorded {theirs}"]


def _names(match_on: Sequence[str], known: list[str]) -> list[str]:
    edits = [name for name in match_on if name[:1] in "+-"]
    names = list(DEFAULT_MATCHERS) if len(edits) == len(match_on) else []
    for entry in match_on:
        name = entry.lstrip("+-")
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UnknownMatcherError(f"unknown matcher {name!r}. Known: {', '.join(known)}.{hint}")
        if entry.startswith("-"):
            names = [other for other in names if other != name]
        elif name not in names:
            names.append(name)
    return names


def _header_matcher(name: str) -> Value:
    return lambda request: header_value(request.headers, name)


def _shown(name: str, request: RecordedRequest) -> str:
    if name == "method":
        return request.method
    if name == "path":
        return urlsplit(request.uri).path
    if name == "conditional":
        conditional = header(request.headers, "if-none-match")
        original = header(request.headers, "msdicom-request-original")
        return f"If-None-Match {conditional or 'absent'}, msdicom-request-original {original or 'absent'}"
    wanted = {"content_type": "content-type"}.get(name, name.removeprefix(HEADER_PREFIX))
    return header(request.headers, wanted) or "absent"


def _explain_query(request: RecordedRequest, recorded: RecordedRequest) -> list[str]:
    ours, theirs = _by_key(request), _by_key(recorded)
    return [
        f"{key}: request {ours.get(key, 'absent')}, recorded {theirs.get(key, 'absent')}"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]


def _by_key(request: RecordedRequest) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for key, value in query_value(request):
        values.setdefault(key, []).append(",".join(value) if isinstance(value, tuple) else str(value))
    return {key: " and ".join(each) or "(blank)" for key, each in values.items()}
