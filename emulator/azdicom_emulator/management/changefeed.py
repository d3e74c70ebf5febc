"""The change feed: what was stored, replaced and deleted, in order (azure-apis §3)."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson
from aiohttp import web

from azdicom_emulator.management.timestamps import with_offset
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.metadata import read_metadata
from azdicom_emulator.storage.records import Change, ChangeWindow
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.keys import INDEX, SETTINGS, WORKERS
from azdicom_emulator.web.paging import INT64_MAX, WholeNumber, page, parameter
from azdicom_emulator.web.versioning import api_version
from azdicom_emulator.web.whole_numbers import INT64

V1_LIMIT = WholeNumber(name="limit", low=1, high=100, default=10, is_property=False)
V1_OFFSET = WholeNumber(name="offset", low=0, high=INT64_MAX, default=0, representable=INT64, is_property=False)
NO_ZONE = "Date and time value must specify a time zone."
REVERSED = "The start time '{start}' must occur strictly before the end time '{end}'."


@dataclass(frozen=True, slots=True)
class Entries:
    """How the entries of one answer look. files: where their metadata are; None: they have none."""

    files: FileStore | None
    is_pascal: bool

    @classmethod
    def asked_for(cls, request: web.Request) -> "Entries":
        """Raises BadRequestError."""
        return cls(
            files=request.app[INDEX].files if _includes_metadata(request) else None,
            is_pascal=request.app[SETTINGS].quirk("changefeed.property_casing") == "pascal",
        )

    def of(self, changes: Sequence[Change]) -> list[Mapping[str, object]]:
        """Reads files: for a thread."""
        metadata: dict[int, bytes] = {}
        if self.files is not None:
            metadata = _current_metadata(self.files, changes)
        return [
            _entry(change, metadata.get(change.current.watermark) if change.current else None, is_pascal=self.is_pascal)
            for change in changes
        ]


async def change_feed(request: web.Request) -> web.StreamResponse:
    """v1 reads a window of sequence numbers, v2 a window of time; an empty window is `[]`."""
    entries = Entries.asked_for(request)
    window = _sequence_window(request) if api_version(request) < 2 else _time_window(request)
    authorize(request)
    return _answer(await request.app[INDEX].read_changes(window, lambda changes: orjson.dumps(entries.of(changes))))


async def latest_change(request: web.Request) -> web.StreamResponse:
    """The newest change: by sequence in v1, by time in v2; 204 when nothing was ever stored."""
    entries = Entries.asked_for(request)
    authorize(request)
    latest = await request.app[INDEX].latest_change(by_time=api_version(request) >= 2)
    if latest is None:
        return web.Response(status=204)
    return _answer(await request.app[WORKERS].in_thread(lambda: orjson.dumps(entries.of([latest])[0])))


def _answer(body: bytes) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": responses.JSON})


def _current_metadata(files: FileStore, changes: Sequence[Change]) -> dict[int, bytes]:
    """By watermark; of an instance that is deleted meanwhile there is none."""
    found = {}
    for current in {change.current for change in changes if change.current is not None}:
        with contextlib.suppress(FileNotFoundError):
            found[current.watermark] = read_metadata(files, current.key, current.watermark)
    return found


def _entry(change: Change, metadata: bytes | None, *, is_pascal: bool) -> Mapping[str, object]:
    entry: dict[str, object] = {
        "sequence": change.sequence,
        "partitionName": change.key.partition,
        "studyInstanceUid": change.key.study,
        "seriesInstanceUid": change.key.series,
        "sopInstanceUid": change.key.instance,
        "action": change.action,
        "timestamp": with_offset(change.at),
        "state": change.state,
    }
    if metadata is not None:
        entry["metadata"] = orjson.Fragment(metadata)
    return {name[0].upper() + name[1:]: value for name, value in entry.items()} if is_pascal else entry


def _sequence_window(request: web.Request) -> ChangeWindow:
    limit, offset = V1_LIMIT.of(request), V1_OFFSET.of(request)
    return ChangeWindow(after=offset, up_to=offset + limit, limit=limit)


def _time_window(request: web.Request) -> ChangeWindow:
    end, start = _time(request, "EndTime"), _time(request, "StartTime")
    limit, offset = page(request)
    if start is not None and end is not None and end <= start:
        reason = REVERSED.format(start=_round_trip(start), end=_round_trip(end))
        raise BadRequestError.query_parameter("", reason)
    return ChangeWindow(start=start, end=end, offset=offset, limit=limit)


def _includes_metadata(request: web.Request) -> bool:
    given = parameter(request, "includeMetadata")
    if given is None:
        return True
    if given.strip().lower() not in ("true", "false"):
        raise BadRequestError.query_parameter("includeMetadata", f"The value '{given}' is not valid.")
    return given.strip().lower() == "true"


def _time(request: web.Request, name: str) -> datetime | None:
    given = (parameter(request, name) or "").strip()
    if not given:
        return None
    parsed = _parsed_time(given)
    if parsed is None:
        raise BadRequestError.query_parameter(name, "")
    if parsed.tzinfo is None:
        raise BadRequestError.query_parameter(name, NO_ZONE)
    try:
        return parsed.astimezone(UTC)
    except OverflowError:  # before the year 1 or after 9999 in UTC
        raise BadRequestError.query_parameter(name, "") from None


def _parsed_time(given: str) -> datetime | None:
    """ISO 8601, or the date of an HTTP header: what .NET reads and clients send."""
    # .NET writes seven digits of a second's fraction; Python reads six.
    shortened = re.sub(r"(\.\d{6})\d+", r"\1", given)
    try:
        return datetime.fromisoformat(shortened)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(given)
    except ValueError:
        return None


def _round_trip(at: datetime) -> str:
    """With seven digits of the fraction, of which the last is 0."""
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "0+00:00"
