"""Requests to drive, from files: interactions of a cassette, lines of `METHOD PATH`, or a browser's HAR."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdicom_proxy.cassette.model import Empty, Headers, Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import slug_of
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.scrub.secrets import PLACEHOLDER_ORIGIN

NOT_DRIVEN = frozenset(("authorization", "proxy-authorization", "cookie", "host", "content-length", "connection"))
"""Of another conversation, or a recording's mask."""
PREFLIGHT = "OPTIONS"


class RequestsFileError(Exception):
    """The file cannot be read; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to drive, and what was answered when it was recorded."""

    id: str
    request: RecordedRequest
    recorded: RecordedResponse | None = None


def of_cassette(path: Path) -> list[Asked]:
    """The interactions in their order. Raises CassetteError."""
    interactions = sorted(load(path).interactions, key=lambda interaction: interaction.seq)
    return [
        Asked(interaction.id, _driven(interaction.request), interaction.response)
        for interaction in interactions
        if interaction.request.method != PREFLIGHT
    ]


def of_requests(path: Path) -> list[Asked]:
    """The requests of a file: a HAR if it is JSON, else lines. Raises RequestsFileError."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestsFileError(f"cannot read {path}: {error}") from None
    requests = _of_har(path, text) if text.lstrip().startswith("{") else _of_lines(path, text)
    numbered = enumerate(requests, 1)
    return [Asked(f"{slug_of(request.method, request.uri)}-{number:04}", request) for number, request in numbered]


def _driven(request: RecordedRequest) -> RecordedRequest:
    headers = tuple(line for line in request.headers if line[0].lower() not in NOT_DRIVEN)
    return RecordedRequest(request.method, request.uri, headers, request.body)


def _of_lines(path: Path, text: str) -> Iterator[RecordedRequest]:
    """`METHOD PATH`, and the value of Accept unless it is `*/*`; blank lines and those with # do not count."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        method, _, rest = line.strip().partition(" ")
        target, _, accept = rest.strip().partition(" ")
        if not method.isupper() or not target.startswith("/"):
            raise RequestsFileError(f"{path}:{number}: expected METHOD PATH, as in GET /studies?limit=10")
        headers: Headers = (("Accept", accept.strip() or "*/*"),)
        yield RecordedRequest(method, f"{PLACEHOLDER_ORIGIN}{target}", headers)


def _of_har(path: Path, text: str) -> Iterator[RecordedRequest]:
    """The requests of an HTTP archive (HAR 1.2), but for preflights."""
    try:
        entries = json.loads(text)["log"]["entries"]
        requests = [entry["request"] for entry in entries]
        driven = [_of_entry(request) for request in requests if request["method"] != PREFLIGHT]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestsFileError(f"{path} is no HAR: {type(error).__name__} {error}") from None
    yield from driven


def _of_entry(request: dict[str, Any]) -> RecordedRequest:
    headers = tuple((str(header["name"]), str(header["value"])) for header in request.get("headers", ()))
    text = (request.get("postData") or {}).get("text") or ""
    body = Inline(str(text).encode("utf-8")) if text else Empty()
    plain = tuple(line for line in headers if not line[0].startswith(":"))  # HTTP/2's own
    return _driven(RecordedRequest(str(request["method"]), str(request["url"]), plain, body))
