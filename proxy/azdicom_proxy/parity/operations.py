"""Long-running operations: those of the two sides that belong together, followed to their ends."""

import asyncio
import json
import re
import time
from typing import Any

from azdicom_proxy.cassette.bodies import content_of, header, size_of
from azdicom_proxy.cassette.model import Headers, RecordedRequest, RecordedResponse
from azdicom_proxy.parity.sides import Answered, Side, split_uri

ENDED = frozenset({"succeeded", "completed", "failed", "canceled"})
"""Statuses that stay (conformance statement v1 and v2, operations)."""
IN_PATH = re.compile(r"/operations/([0-9A-Za-z-]+)/?$")
MAX_STATUS_BYTES = 1024 * 1024
FIRST_POLL_S = 0.1
SLOWER = 1.5
LAST_POLL_S = 5.0


class Operations:
    """Pairs of operation ids, the upstream's to the local one's."""

    def __init__(self) -> None:
        self._local: dict[str, str] = {}

    def pair(self, upstream: RecordedResponse, local: RecordedResponse) -> tuple[str, str] | None:
        """The two ids when both answers start an operation, remembered from now on."""
        ours, theirs = operation_of(upstream), operation_of(local)
        if ours is None or theirs is None:
            return None
        self._local[ours] = theirs
        return ours, theirs

    def local_of(self, upstream: str) -> str | None:
        return self._local.get(upstream)


def operation_of(response: RecordedResponse) -> str | None:
    """The id of the operation that a 202 starts; None: it starts none."""
    if response.status != 202:
        return None
    found = IN_PATH.search(header(response.headers, "location") or "")
    if found:
        return found[1]
    identifier = _document(response).get("id")
    return identifier if isinstance(identifier, str) else None


def has_ended(response: RecordedResponse) -> bool:
    """Whether the answer to `GET /operations/{operation}` is its last: an end, or that there is none."""
    return response.status >= 400 or str(_document(response).get("status", "")).lower() in ENDED


def asking_for(operation: str, like: RecordedRequest) -> RecordedRequest:
    """`GET /operations/{operation}`, of the service and with the authorization that `like` had."""
    root, version, _ = split_uri(like.uri)
    base = f"{root}/{version}" if version else root
    return RecordedRequest("GET", f"{base}/operations/{operation}", asking_json(like.headers))


def asking_json(headers: Headers) -> Headers:
    """The headers of a request for JSON with the authorization of others."""
    return (
        ("Accept", "application/json"),
        *(line for line in headers if line[0].lower() == "authorization"),
    )


async def ended(side: Side, request: RecordedRequest, within_s: float) -> Answered | None:
    """The last answer about an operation; None: it was still under way after `within_s` seconds.

    Raises what `Side.send` raises.
    """
    deadline = time.monotonic() + within_s
    pause_s = FIRST_POLL_S
    while True:
        answered = await side.send(request)
        if has_ended(answered.response):
            return answered
        side.release(answered.response.body)
        if time.monotonic() + pause_s > deadline:
            return None
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * SLOWER, LAST_POLL_S)


def _document(response: RecordedResponse) -> dict[str, Any]:
    if not 0 < size_of(response.body) <= MAX_STATUS_BYTES:
        return {}
    try:
        document = json.loads(content_of(response.body))
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
