"""From method and path to a route: matching as the service's framework does it (http §1, §1.1)."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from urllib.parse import unquote

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SUPPORTED_VERSIONS: Mapping[str, int] = {"1.0-prerelease": 1, "1.0": 1, "2.0": 2}
"""Version to the behaviour that it has; the pre-release behaves as v1 (http §2)."""
VERSION_SEGMENT = re.compile(r"v([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:-([a-z0-9.-]+))?", re.IGNORECASE)
"""`v2`, `v1.1`, `v1.0-prerelease`, and dates, which the framework takes for versions as well: `v2021-06-01`."""


class Scope(Enum):
    """Where a route hangs: data routes below `/v{n}` and `/v{n}/partitions/{name}`, service routes below `/v{n}`."""

    DATA = "data"
    SERVICE = "service"
    ROOT = "root"


class Action(StrEnum):
    """The data action that a route needs (http §5.2); PUBLIC needs no token."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    MANAGE_TAGS = "manageExtendedQueryTags"
    EXPORT = "export"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table in routes.py. `path` is relative to the scope, with `{parameters}`; method `*` is any."""

    method: str
    path: str
    handler: Handler
    transaction: str
    source: str
    action: Action
    scope: Scope = Scope.DATA
    min_version: int = 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces, in the order of the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))


@dataclass(frozen=True, slots=True)
class Match:
    """A request's route. `version` is the segment as the client wrote it (`v2`), `api_version` its major number."""

    route: Route
    parameters: Mapping[str, str]
    version: str = ""
    api_version: int = 2
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class UnsupportedVersion:
    """A well-formed version that the service does not have, on a path that it has."""

    version: str


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    allow: str


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """Matches decoded path segments against a table: literals ignore case and win over parameters."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._roots = {scope: _Node() for scope in Scope}
        for route in self.routes:
            self._add(route)

    def resolve(self, method: str, raw_path: str) -> Match | MethodNotAllowed | UnsupportedVersion | None:
        """The route of a request; None: no such path (404)."""
        segments = split_path(raw_path)
        if segments is None:
            return None
        if found := list(_found(self._roots[Scope.ROOT], segments)):
            return _choose(method, found, "", 2, None)
        version = _version(segments[0]) if segments else None
        located = self._locate(segments[1:]) if version else None
        if version is None or located is None:
            return None
        found, partition = located
        api_version = SUPPORTED_VERSIONS.get(version)
        if api_version is None:
            return UnsupportedVersion(segments[0][1:])
        return _choose(method, found, segments[0], api_version, partition)

    def _locate(self, segments: list[str]) -> "tuple[list[_Found], str | None] | None":
        for scope in (Scope.SERVICE, Scope.DATA):
            if found := list(_found(self._roots[scope], segments)):
                return found, None
        if len(segments) > 2 and segments[0].lower() == "partitions":
            found = list(_found(self._roots[Scope.DATA], segments[2:]))
            return (found, segments[1]) if found else None
        return None

    def _add(self, route: Route) -> None:
        node = self._roots[route.scope]
        for segment in filter(None, route.path.split("/")):
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment.lower(), _Node())
        node.routes[route.method] = route


def split_path(raw_path: str) -> list[str] | None:
    """Decoded segments of a path; None: one is empty, which no route has.

    A trailing slash is ignored. `%2F` stays as it is. Dot segments are resolved after decoding: `%2e%2e` is one.
    """
    segments: list[str] = []
    for part in raw_path.removesuffix("/").split("/")[1:]:
        segment = part if "%" not in part else unquote(part.replace("%2F", "%252F").replace("%2f", "%252f"))
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    return None if "" in segments else segments


def _version(segment: str) -> str | None:
    """`1.0` of `v1`, `1.0-prerelease` of `V1-PreRelease`: an absent minor version is 0. None: no version at all."""
    matched = VERSION_SEGMENT.fullmatch(segment)
    if matched is None:
        return None
    major, minor, status = matched.groups()
    return f"{int(major)}.{int(minor or 0)}" + (f"-{status.lower()}" if status else "")


_Found = tuple[_Node, tuple[str, ...]]
"""Where a path ends in the tree, and the values of the parameters on the way."""


def _found(node: _Node, segments: list[str], values: tuple[str, ...] = ()) -> Iterator[_Found]:
    """The most literal one first. A path that only some methods have may be a parameter's for the others."""
    if not segments:
        if node.routes:
            yield node, values
        return
    head, *rest = segments
    if literal := node.literals.get(head.lower()):
        yield from _found(literal, rest, values)
    if node.parameter:
        yield from _found(node.parameter, rest, (*values, head))


def _choose(
    method: str, found: Iterable[_Found], version: str, api_version: int, partition: str | None
) -> Match | MethodNotAllowed | None:
    allowed: set[str] = set()
    for node, values in found:
        offered = {name: route for name, route in node.routes.items() if api_version >= route.min_version}
        route = offered.get(method) or offered.get("*")
        if route is not None:
            return Match(route, dict(zip(route.parameters, values, strict=True)), version, api_version, partition)
        if method in node.routes:
            return None  # of a later version: the path is no parameter's value in this one (http §2)
        allowed |= offered.keys()
    return MethodNotAllowed(", ".join(sorted(allowed))) if allowed else None
