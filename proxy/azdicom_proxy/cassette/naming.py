"""Routes of requests, and the ids that interactions get from them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from azdicom_proxy.cassette.model import Interaction

_STUDY = "studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_WORKITEM = "workitems/{workitem}"

ROUTES: tuple[tuple[str, str, str], ...] = (
    ("POST", "studies/$bulkUpdate", "bulk-update"),
    ("GET", "studies", "qido-studies"),
    ("GET", "series", "qido-series"),
    ("GET", "instances", "qido-instances"),
    ("GET", _STUDY + "/series", "qido-study-series"),
    ("GET", _STUDY + "/instances", "qido-study-instances"),
    ("GET", _SERIES + "/instances", "qido-series-instances"),
    ("POST", "studies", "stow-studies"),
    ("PUT", "studies", "stow-studies-put"),
    ("POST", _STUDY, "stow-study"),
    ("PUT", _STUDY, "stow-study-put"),
    ("GET", _STUDY, "wado-study"),
    ("GET", _SERIES, "wado-series"),
    ("GET", _INSTANCE, "wado-instance"),
    ("GET", _STUDY + "/metadata", "wado-study-metadata"),
    ("GET", _SERIES + "/metadata", "wado-series-metadata"),
    ("GET", _INSTANCE + "/metadata", "wado-instance-metadata"),
    ("GET", _STUDY + "/rendered", "wado-study-rendered"),
    ("GET", _SERIES + "/rendered", "wado-series-rendered"),
    ("GET", _INSTANCE + "/rendered", "wado-instance-rendered"),
    ("GET", _INSTANCE + "/frames/{frames}", "wado-frames"),
    ("GET", _INSTANCE + "/frames/{frames}/rendered", "wado-frames-rendered"),
    ("GET", _INSTANCE + "/bulkdata/{attribute}", "wado-bulkdata"),
    ("DELETE", _STUDY, "delete-study"),
    ("DELETE", _SERIES, "delete-series"),
    ("DELETE", _INSTANCE, "delete-instance"),
    ("POST", "workitems", "ups-create"),
    ("GET", "workitems", "ups-search"),
    ("GET", "workitems/subscriptions", "ups-subscriptions"),
    ("GET", _WORKITEM, "ups-retrieve"),
    ("POST", _WORKITEM, "ups-update"),
    ("PUT", _WORKITEM, "ups-update-put"),
    ("PUT", _WORKITEM + "/state", "ups-state"),
    ("POST", _WORKITEM + "/cancelrequest", "ups-cancel"),
    ("POST", _WORKITEM + "/subscribers/{aetitle}", "ups-subscribe"),
    ("DELETE", _WORKITEM + "/subscribers/{aetitle}", "ups-unsubscribe"),
    ("POST", _WORKITEM + "/subscribers/{aetitle}/suspend", "ups-suspend"),
    ("GET", "subscribers/{aetitle}", "ups-event-channel"),
    ("GET", "changefeed", "changefeed"),
    ("GET", "changefeed/latest", "changefeed-latest"),
    ("GET", "extendedquerytags", "tags-list"),
    ("POST", "extendedquerytags", "tags-add"),
    ("GET", "extendedquerytags/{tag}", "tags-show"),
    ("PATCH", "extendedquerytags/{tag}", "tags-change"),
    ("DELETE", "extendedquerytags/{tag}", "tags-delete"),
    ("GET", "extendedquerytags/{tag}/errors", "tags-errors"),
    ("GET", "operations/{operation}", "operation"),
    ("GET", "partitions", "partitions"),
    ("POST", "export", "export"),
)
"""Method, template and slug (PS3.18 §10, §11; conformance statement v2). The first that fits counts."""

ROOTS = frozenset(template.partition("/")[0] for _, template, _ in ROUTES)
"""The segment that a service's resources begin with; what is before it is the base path."""

_VERSION = re.compile(r"v\d+(?:\.\d+)?(?:-[a-z0-9.-]+)?", re.IGNORECASE)
_TABLE = tuple((method, tuple(template.split("/")), slug) for method, template, slug in ROUTES)


@dataclass(frozen=True, slots=True)
class Location:
    """What a path addresses. segments: decoded, from the resource's root on; route, slug: "" where none is known."""

    route: str
    slug: str
    version: str | None
    partition: str | None
    segments: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=4096)
def locate(method: str, uri: str) -> Location:
    """The location of a request; `uri` absolute or a path, still percent-encoded."""
    segments = [unquote(segment) for segment in urlsplit(uri).path.split("/") if segment]
    version_at = next((at for at, segment in enumerate(segments) if _VERSION.fullmatch(segment)), None)
    start = 0 if version_at is None else version_at + 1
    partition = None
    if segments[start : start + 1] == ["partitions"] and len(segments) > start + 2:
        partition, start = segments[start + 1], start + 2
    elif version_at is None:
        start = next((at for at, segment in enumerate(segments) if segment in ROOTS), 0)
    resource = tuple(segments[start:])
    version = None if version_at is None else segments[version_at].lower()
    for route_method, template, slug in _TABLE:
        if route_method == method:
            parameters = _parameters(template, resource)
            if parameters is not None:
                route = f"{method} /{'/'.join(template)}"
                return Location(route, slug, version, partition, resource, parameters)
    return Location("", "", version, partition, resource)


def route_of(method: str, uri: str) -> str:
    """The route, `GET /studies/{study}`; for a path that is none of the service's, its first segment."""
    location = locate(method, uri)
    return location.route or f"{method} /{'/'.join(location.segments[:1])}"


def slug_of(method: str, uri: str) -> str:
    """The beginning of an id: the route's slug, or one made of method and first segment."""
    location = locate(method, uri)
    words = (method, *location.segments[:1])
    return location.slug or "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words).strip("-")


def named(interactions: Iterable[Interaction]) -> tuple[Interaction, ...]:
    """The interactions, those without id, route or seq given them."""
    namer = Namer()
    return tuple(namer.name(interaction) for interaction in interactions)


class Namer:
    """Numbers interactions as they come: `seq` over all, the id's ordinal within its route."""

    def __init__(self) -> None:
        self._seq = 0
        self._ordinals: Counter[str] = Counter()
        self._ids: set[str] = set()

    def name(self, interaction: Interaction) -> Interaction:
        method, uri = interaction.request.method, interaction.request.uri
        self._seq = interaction.seq or self._seq + 1
        identifier = interaction.id
        while not identifier or identifier in self._ids:
            slug = slug_of(method, uri)
            self._ordinals[slug] += 1
            identifier = f"{slug}-{self._ordinals[slug]:04}"
        self._ids.add(identifier)
        if (identifier, self._seq) == (interaction.id, interaction.seq) and interaction.route:
            return interaction
        route = interaction.route or route_of(method, uri)
        return replace(interaction, id=identifier, seq=self._seq, route=route)


def renumbered(interactions: Iterable[Interaction]) -> tuple[Interaction, ...]:
    """The interactions with new ids and seqs, from 1 in their order."""
    return named(replace(interaction, id="", seq=0, route="") for interaction in interactions)


def _parameters(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    parameters = {}
    for expected, segment in zip(template, segments, strict=True):
        if expected.startswith("{"):
            parameters[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return parameters
