"""The last exchanges, without bodies: kept as they were, masked when they are shown."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from azdicom_emulator.admin.api import Endpoint
from azdicom_emulator.admin.journal_formats import as_curl, as_har
from azdicom_emulator.admin.masking import masked_headers, masked_target
from azdicom_emulator.admin.problems import ProblemError, json_answer

KEPT = 1000


@dataclass(slots=True, kw_only=True)
class Entry:
    """One finished exchange. target: path and query as sent; started_at: seconds since 1970; status: 0 for none.

    The headers may be live objects: what is added when an answer is sent is there as soon as it is.
    """

    id: str
    method: str
    target: str
    base_url: str
    route: str
    status: int
    source: str
    fault: str | None = None
    recording: str = ""
    verdict: str = ""
    started_at: float
    duration_s: float
    first_byte_s: float | None = None
    received_bytes: int
    sent_bytes: int
    request_headers: Iterable[tuple[str, str]]
    response_headers: Iterable[tuple[str, str]]

    def as_json(self, *, with_personal: bool = False) -> dict[str, Any]:
        """Without secrets. with_personal: names and ids of persons in the query stay."""
        first_byte_ms = {} if self.first_byte_s is None else {"first_byte_ms": round(self.first_byte_s * 1000, 3)}
        return {
            "id": self.id,
            "started_at": datetime.fromtimestamp(self.started_at, UTC).isoformat(timespec="milliseconds"),
            "method": self.method,
            "target": masked_target(self.target, with_personal=with_personal),
            "base_url": self.base_url,
            "route": self.route,
            "status": self.status,
            "source": self.source,
            **{name: value for name in FILLED_SOMETIMES if (value := getattr(self, name))},
            "duration_ms": round(self.duration_s * 1000, 3),
            **first_byte_ms,
            "received_bytes": self.received_bytes,
            "sent_bytes": self.sent_bytes,
            "request_headers": masked_headers(self.request_headers),
            "response_headers": masked_headers(self.response_headers),
        }


FILLED_SOMETIMES = ("fault", "recording", "verdict")
FILTERS = ("id", "method", "route", "status", "source", "fault", "recording", "verdict")
FORMATS = ("json", "har", "curl")


class Journal:
    """The oldest exchange goes first. with_personal: shows names and ids of persons in queries."""

    def __init__(self, *, with_personal: bool = False, kept: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=kept)
        self._with_personal = with_personal

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)

    def clear(self) -> None:
        self._entries.clear()

    def shown(self, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        """In their order. filters: values by names of FILTERS; a status may be `404` or `4xx`."""
        return [
            entry.as_json(with_personal=self._with_personal)
            for entry in list(self._entries)
            if all(_fits(entry, name, wanted) for name, wanted in filters.items())
        ]


def journal_endpoints(journal: Journal) -> tuple[Endpoint, ...]:
    """GET with filters and `format=json|har|curl`, and DELETE."""

    async def show(request: web.BaseRequest) -> web.Response:
        filters = dict(request.query)
        form = filters.pop("format", "json")
        if form not in FORMATS:
            raise ProblemError(400, f"format '{form}': expected {', '.join(FORMATS)}")
        if unknown := next((name for name in filters if name not in FILTERS), None):
            raise ProblemError(400, f"unknown filter '{unknown}'. Known: {', '.join(FILTERS)}")
        entries = journal.shown(filters)
        if form == "curl":
            return web.Response(text=as_curl(entries))
        return json_answer(as_har(entries) if form == "har" else entries)

    async def clear(request: web.BaseRequest) -> web.Response:
        journal.clear()
        return web.Response(status=204)

    return Endpoint("GET", "journal", show), Endpoint("DELETE", "journal", clear)


def _fits(entry: Entry, name: str, wanted: str) -> bool:
    value = str(getattr(entry, name) or "")
    if name == "status" and wanted.lower().endswith("xx"):
        return value[:1] == wanted[:1]
    return value.lower() == wanted.lower()
