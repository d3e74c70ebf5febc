"""What is compared: each part of a request as a value that is equal exactly when the requests match in it."""

import json
import re
from collections.abc import Hashable
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from azdicom_proxy.cassette.bodies import header, media_type_of
from azdicom_proxy.cassette.model import Headers, RecordedRequest
from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.media_types import MediaType, parse, parse_list

Pairs = tuple[tuple[str, Hashable], ...]
_NUMERIC_KEYS = frozenset(("limit", "offset"))
_HEX_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_ANY = "*/*"


def path_value(request: RecordedRequest, *, ignore_version: bool = False) -> Hashable:
    """API version, partition and decoded segments; the base path before them does not count."""
    location = locate(request.method, request.uri)
    return (None if ignore_version else location.version, location.partition, location.segments)


def query_value(request: RecordedRequest) -> Pairs:
    """The multiset of pairs, sorted. A key is the same as keyword or as hex tag, blank values count."""
    query = urlsplit(request.uri).query
    pairs: list[tuple[str, Hashable]] = []
    included: set[str] = set()
    for pair in query.split("&") if query else ():
        raw_key, _, raw_value = pair.partition("=")
        key, value = canonical_key(unquote_plus(raw_key)), unquote_plus(raw_value)
        if key == "includefield":
            included |= {canonical_key(name.strip()) for name in value.split(",")}
        else:
            pairs.append((key, _numeric(value) if key in _NUMERIC_KEYS else value))
    if included:
        pairs.append(("includefield", tuple(sorted(included))))
    return tuple(sorted(pairs, key=repr))


def canonical_key(key: str) -> str:
    """Each step of a dotted path as a keyword where there is one; options and hex digits in one case."""
    return ".".join(_canonical_step(step) for step in key.split("."))


def accept_value(request: RecordedRequest) -> Hashable:
    """The set of media ranges with their parameters; absent is `*/*`."""
    text = ", ".join(value for name, value in request.headers if name.lower() == "accept")
    return frozenset(map(_media_value, parse_list(text or _ANY)))


def content_type_value(request: RecordedRequest) -> Hashable:
    """Type and parameters without the boundary."""
    return _media_value(parse(header(request.headers, "content-type") or ""), without="boundary")


def conditional_value(request: RecordedRequest) -> Hashable:
    """Whether there is an If-None-Match, and the value of msdicom-request-original."""
    is_conditional = header(request.headers, "if-none-match") is not None
    return (is_conditional, (header(request.headers, "msdicom-request-original") or "").strip().lower())


def header_value(headers: Headers, name: str) -> Hashable:
    """All values of a header that the user asked to match."""
    return tuple(value.strip() for key, value in headers if key.lower() == name)


def json_value(content: bytes) -> Hashable | None:
    """A JSON document: key order does not count, arrays are ordered. None: it is none."""
    try:
        return _hashable(json.loads(content))
    except (ValueError, RecursionError):
        return None


def form_value(content: bytes) -> Hashable:
    """The multiset of pairs."""
    return tuple(sorted(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True)))


def is_json(headers: Headers) -> bool:
    return "json" in media_type_of(headers)


def is_form(headers: Headers) -> bool:
    return media_type_of(headers) == "application/x-www-form-urlencoded"


def _canonical_step(step: str) -> str:
    from azdicom_emulator.dicom.dictionary import entry_of

    if _HEX_TAG.fullmatch(step):
        entry = entry_of(int(step, 16))
        return entry.keyword if entry and entry.keyword else step.upper()
    return step.lower() if step.lower() in ("limit", "offset", "includefield", "fuzzymatching") else step


def _numeric(value: str) -> Hashable:
    try:
        return int(value)
    except ValueError:
        return value


def _media_value(media: MediaType, *, without: str = "") -> tuple[str, frozenset[tuple[str, str]]]:
    parameters = (
        (name, _quality(value) if name == "q" else value.lower() if name in ("type", "charset") else value)
        for name, value in media.parameters
        if name != without
    )
    return media.essence, frozenset(parameters)


def _quality(value: str) -> str:
    try:
        return str(float(value))
    except ValueError:
        return value


def _hashable(value: Any) -> Hashable:
    if isinstance(value, dict):
        return ("object", frozenset((key, _hashable(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_hashable, value)))
    # 1 == True in Python, not in JSON
    return (type(value).__name__ if isinstance(value, bool) else "", value)
