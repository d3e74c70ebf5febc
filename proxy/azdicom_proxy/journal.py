"""The last exchanges, kept for whoever asks what went by; as plain entries, as HAR, and as curl commands."""

import datetime
import shlex
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from azdicom_emulator import __version__
from azdicom_proxy.exchanges import Exchange
from azdicom_proxy.headers import decoded, value_of
from azdicom_proxy.masking import MASK, masked_headers, masked_target
from azdicom_proxy.upstream.head import RawHeaders

KEPT = 1000
NOT_FOR_CURL = frozenset({"host", "content-length", "via", "expect"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One finished exchange, without bodies and without secrets. target: masked; started_at: seconds since 1970."""

    id: str
    recording: str
    method: str
    target: str
    route: str
    status: int
    source: str
    verdict: str
    received_bytes: int
    sent_bytes: int
    started_at: float
    duration_ms: float
    first_byte_ms: float
    base_url: str
    request_headers: RawHeaders
    response_headers: RawHeaders

    @classmethod
    def of(cls, exchange: Exchange, *, with_personal: bool) -> "Entry":
        return cls(
            id=exchange.id,
            recording=exchange.recording,
            method=exchange.method,
            target=masked_target(exchange.target, with_personal=with_personal),
            route=exchange.route,
            status=exchange.status,
            source=exchange.source.value,
            verdict=exchange.verdict,
            received_bytes=exchange.received_bytes,
            sent_bytes=exchange.sent_bytes,
            started_at=exchange.started_at,
            duration_ms=round(exchange.duration_s * 1000, 3),
            first_byte_ms=round(exchange.first_byte_s * 1000, 3),
            base_url=f"{exchange.request.scheme}://{exchange.request.host}{exchange.prefix}",
            request_headers=masked_headers(exchange.headers),
            response_headers=masked_headers(exchange.response_headers),
        )

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {
            "started_at": _iso(self.started_at),
            "request_headers": decoded(self.request_headers),
            "response_headers": decoded(self.response_headers),
        }


class Journal:
    """with_personal: the values of queries that name a person are kept."""

    def __init__(self, *, with_personal: bool) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._with_personal = with_personal

    def add(self, exchange: Exchange) -> None:
        self._entries.append(Entry.of(exchange, with_personal=self._with_personal))

    def clear(self) -> None:
        self._entries.clear()

    def entries(self, **filters: str) -> list[Entry]:
        """In their order. filters: `recording`, `method`, `status` (`404`, `4xx`), `source`, `verdict`, `id`."""
        return [entry for entry in self._entries if all(_fits(entry, *wanted) for wanted in filters.items())]


def as_har(entries: Iterable[Entry]) -> dict[str, Any]:
    """HTTP Archive 1.2, without bodies."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "azdicom", "version": __version__},
            "entries": [_har_entry(entry) for entry in entries],
        }
    }


def as_curl(entries: Iterable[Entry]) -> str:
    """A command for each, one a line; a secret is left to be put in."""
    return "".join(f"{_curl(entry)}\n" for entry in entries)


def _fits(entry: Entry, name: str, wanted: str) -> bool:
    value = str(getattr(entry, name))
    return value == wanted or (name == "status" and wanted.endswith("xx") and value[:1] == wanted[:1])


def _har_entry(entry: Entry) -> dict[str, Any]:
    query = entry.target.partition("?")[2]
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    wait = max(entry.first_byte_ms, 0.0)
    return {
        "startedDateTime": _iso(entry.started_at),
        "time": entry.duration_ms,
        "request": {
            "method": entry.method,
            "url": entry.base_url + entry.target,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _har_lines(decoded(entry.request_headers)),
            "queryString": [{"name": name, "value": value} for name, _, value in pairs],
            "headersSize": -1,
            "bodySize": entry.received_bytes,
        },
        "response": {
            "status": entry.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _har_lines(decoded(entry.response_headers)),
            "content": {"size": entry.sent_bytes, "mimeType": _media_type(entry.response_headers)},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": entry.sent_bytes,
        },
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": max(entry.duration_ms - wait, 0.0)},
        "_azdicom": {"id": entry.id, "recording": entry.recording, "source": entry.source, "verdict": entry.verdict},
    }


def _har_lines(lines: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in lines]


def _media_type(headers: RawHeaders) -> str:
    return (value_of(headers, b"content-type") or b"").decode("latin-1")


def _curl(entry: Entry) -> str:
    words = ["curl", "-i"]
    if entry.method == "HEAD":
        words.append("-I")
    elif entry.method != "GET":
        words += ["-X", entry.method]
    for name, value in decoded(entry.request_headers):
        if name.lower() == "authorization" and value == MASK:
            words += ["-H", '"Authorization: Bearer $TOKEN"']
        elif name.lower() not in NOT_FOR_CURL:
            words += ["-H", shlex.quote(f"{name}: {value}")]
    if entry.received_bytes:
        words += ["--data-binary", "@body"]
    return " ".join([*words, shlex.quote(entry.base_url + entry.target)])


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")
