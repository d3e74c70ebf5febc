"""What the local side can know: the resources that came by, against those that an answer of the upstream shows."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from azdicom_proxy.cassette.bodies import content_of, header, media_type_of, size_of
from azdicom_proxy.cassette.model import Body, Headers, Part, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import Location, locate
from azdicom_proxy.cassette.sources import source_of
from azdicom_proxy.matching.bodies import parts_of
from azdicom_proxy.matching.timeline import SAFE_METHODS

READ_BYTES = 8 * 1024 * 1024
"""Of JSON; what is in longer bodies is not looked at."""
HEAD_BYTES = 4096
MEDIA_STORAGE_SOP_INSTANCE_UID = re.compile(rb"\x02\x00\x03\x00UI(..)([0-9.]+)", re.DOTALL)
"""(0002,0003): the file meta information is always in explicit VR little endian (PS3.10 §7.1)."""
INSTANCE_URL = re.compile(r"/studies/([0-9.]+)/series/([0-9.]+)/instances/([0-9.]+)")
STUDY, INSTANCE, WORKITEM, TAG, PARTITION = "study", "instance", "workitem", "tag", "partition"
DEFAULT_PARTITION = "Microsoft.Default"
ALREADY_EXISTS = 45070


class Resource(NamedTuple):
    """kind: study, instance, workitem, tag or partition. study, series: of an instance, "" where they are not known."""

    partition: str
    kind: str
    identifier: str
    study: str = ""
    series: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.partition, self.kind, self.identifier

    @property
    def path(self) -> str:
        """Of an instance, as people read it."""
        within = f"/partitions/{self.partition}" if self.partition else ""
        return f"{within}/studies/{self.study}/series/{self.series}/instances/{self.identifier}"


class Seen:
    """The resources that a write brought to both sides; lost: those of which a write did not reach the local one."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str]] = {("", PARTITION, DEFAULT_PARTITION)}
        self._lost: set[tuple[str, str, str]] = set()

    def unknown_in(self, request: RecordedRequest, response: RecordedResponse) -> list[Resource]:
        """What the answer shows and no write brought, or brought only to the upstream."""
        shown = {resource.key: resource for resource in shown_in(request, response)}
        return [resource for resource in shown.values() if not self.knows(resource)]

    def knows(self, resource: Resource) -> bool:
        return resource.key in self._seen and resource.key not in self._lost

    def is_lost(self, request: RecordedRequest, *responses: RecordedResponse) -> bool:
        """Whether the request, or one of the answers, is about something of which a write was skipped."""
        if not self._lost:
            return False
        about = {resource.key for response in responses for resource in shown_in(request, response)}
        about |= {resource.key for resource in _addressed(locate(request.method, request.uri))}
        return bool(about & self._lost)

    def learn(self, resources: Iterable[Resource]) -> None:
        self._seen.update(resource.key for resource in resources)

    def lose(self, resources: Iterable[Resource]) -> None:
        self._lost.update(resource.key for resource in resources)


def shown_in(request: RecordedRequest, response: RecordedResponse) -> Iterator[Resource]:
    """What the service must hold to answer so: what a path with an answer names, results, parts, existing instances."""
    location = locate(request.method, request.uri)
    partition = location.partition or ""
    if request.method not in SAFE_METHODS:
        if location.slug.startswith("stow"):
            yield from _existing(partition, response)
        elif response.status < 300 and location.slug != "ups-create":
            yield from _addressed(location)
        return
    if response.status >= 300:
        return
    yield from _addressed(location)
    document = _json(response.headers, response.body)
    if document is not None:
        for item in document if isinstance(document, list) else [document]:
            if isinstance(item, dict):
                yield from _described(location, partition, item)
        return
    for part in parts_of(response.headers, response.body) or ():
        if sop := _sop_of(part):
            yield Resource(partition, INSTANCE, sop, location.parameters.get("study", ""))


def names_any(request: RecordedRequest, resources: Iterable[Resource]) -> bool:
    """Whether the request's path names one of the resources."""
    addressed = {resource.key for resource in _addressed(locate(request.method, request.uri))}
    return any(resource.key in addressed for resource in resources)


def brought_by(request: RecordedRequest, response: RecordedResponse) -> list[Resource]:
    """What a write that the upstream answered with `response` makes known, also by removing it."""
    location = locate(request.method, request.uri)
    partition = location.partition or ""
    brought: list[Resource] = []
    if location.slug.startswith("stow"):
        brought += _stored(partition, response)
        brought += _existing(partition, response)
    elif response.status >= 300:
        return []
    elif location.slug == "ups-create":
        brought += _created(partition, request, response)
    elif location.slug == "tags-add":
        tags = _json(request.headers, request.body)
        for tag in tags if isinstance(tags, list) else ():
            if isinstance(tag, dict):
                brought.append(Resource("", TAG, _tag(str(tag.get("path", "")))))
    else:
        brought += _addressed(location)
    if partition and brought:
        brought.append(Resource("", PARTITION, partition))
    return brought


def _addressed(location: Location) -> Iterator[Resource]:
    """What a path names."""
    partition, named = location.partition or "", location.parameters
    if "study" in named:
        yield Resource(partition, STUDY, named["study"])
    if "instance" in named:
        yield Resource(partition, INSTANCE, named["instance"], named["study"], named["series"])
    if "workitem" in named:
        yield Resource(partition, WORKITEM, named["workitem"])
    if "tag" in named:
        yield Resource("", TAG, _tag(named["tag"]))


def _described(location: Location, partition: str, item: dict[str, Any]) -> Iterator[Resource]:
    """What a result of a search, an entry of the change feed, a tag or a partition is about."""
    root = location.segments[0] if location.segments else ""
    if root == "extendedquerytags" and "path" in item:
        yield Resource("", TAG, _tag(str(item["path"])))
    elif root == "partitions" and "partitionName" in item:
        yield Resource("", PARTITION, str(item["partitionName"]))
    elif root == "changefeed" and "sopInstanceUid" in item:
        where = str(item.get("partitionName") or partition)
        where = "" if where == DEFAULT_PARTITION and not partition else where
        study, series = str(item.get("studyInstanceUid", "")), str(item.get("seriesInstanceUid", ""))
        yield Resource(where, INSTANCE, str(item["sopInstanceUid"]), study, series)
    elif root == "workitems":
        if workitem := _value(item, "00080018"):
            yield Resource(partition, WORKITEM, workitem)
    else:
        study, series, instance = (_value(item, tag) for tag in ("0020000D", "0020000E", "00080018"))
        if study:
            yield Resource(partition, STUDY, study)
        if instance:
            yield Resource(partition, INSTANCE, instance, study, series)


def _stored(partition: str, response: RecordedResponse) -> Iterator[Resource]:
    """The instances that a store's answer names as stored (PS3.18 §10.5.3)."""
    for item in _items(response, "00081199"):
        url = INSTANCE_URL.search(_value(item, "00081190"))
        study, series = (url[1], url[2]) if url else ("", "")
        yield Resource(partition, INSTANCE, _value(item, "00081155"), study, series)
        if study:
            yield Resource(partition, STUDY, study)


def _existing(partition: str, response: RecordedResponse) -> Iterator[Resource]:
    """The instances that a store's answer refuses because they are there."""
    for item in _items(response, "00081198"):
        if _value(item, "00081197") == str(ALREADY_EXISTS):
            yield Resource(partition, INSTANCE, _value(item, "00081155"))


def _created(partition: str, request: RecordedRequest, response: RecordedResponse) -> Iterator[Resource]:
    """The workitem of a UPS-RS Create: named by the answer's address or by the request."""
    address = header(response.headers, "location") or header(response.headers, "content-location") or ""
    named = address.rstrip("/").rpartition("/")[2]
    if not named:
        query = urlsplit(request.uri).query
        named = next(iter(parse_qs(query).get("workitem", ())), "") or query.partition("=")[0]
    if named:
        yield Resource(partition, WORKITEM, named)


def _items(response: RecordedResponse, sequence: str) -> Iterator[dict[str, Any]]:
    document = _json(response.headers, response.body)
    found = document.get(sequence) if isinstance(document, dict) else None
    items = found.get("Value") if isinstance(found, dict) else None
    yield from (item for item in items or () if isinstance(item, dict))


def _value(data_set: dict[str, Any], tag: str) -> str:
    """The first value of an attribute of DICOM JSON, "" without one."""
    attribute = data_set.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""


def _tag(path: str) -> str:
    """A tag's path in one spelling: keywords and numbers are the same attribute."""
    from azdicom_proxy.matching.values import canonical_key

    return canonical_key(path)


def _json(headers: Headers, body: Body) -> Any:
    """The document of a JSON body; None: it is none, or too long."""
    if "json" not in media_type_of(headers) or not 0 < size_of(body) <= READ_BYTES:
        return None
    try:
        return json.loads(content_of(body))
    except (ValueError, RecursionError):
        return None


def _sop_of(part: Part) -> str:
    if part.sop is not None:
        return part.sop
    with source_of(part.body) as source:
        found = MEDIA_STORAGE_SOP_INSTANCE_UID.search(source[:HEAD_BYTES])
    return found[2].decode("ascii")[: int.from_bytes(found[1], "little")] if found else ""
