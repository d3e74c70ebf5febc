"""The change feed: what was stored, replaced and deleted, in order (azure-apis §3)."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import orjson
from aiohttp import web

from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.metadata import read_metadata
from azdicom_emulator.storage.records import Change, ChangeWindow
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.keys import INDEX, SETTINGS, WORKERS
from azdicom_emulator.web.versioning import api_version

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


async def change_feed(request: web.Request) -> web.StreamResponse:
    """v1 reads a window of sequence numbers, v2 a window of time; an empty window is `[]`."""
    includes_metadata = _includes_metadata(request)
    window = _sequence_window(request) if api_version(request) < 2 else _time_window(request)
    authorize(request)
    changes = await request.app[INDEX].changes(window)
    return await _answer(request, changes, includes_metadata=includes_metadata)


async def latest_change(request: web.Request) -> web.StreamResponse:
    """The newest change: by sequence in v1, by time in v2; 204 when nothing was ever stored."""
    includes_metadata = _includes_metadata(request)
    authorize(request)
    latest = await request.app[INDEX].latest_change(by_time=api_version(request) >= 2)
    if latest is None:
        return web.Response(status=204)
    return await _answer(request, [latest], includes_metadata=includes_metadata, is_single=True)


async def _answer(
    request: web.Request, changes: Sequence[Change], *, includes_metadata: bool, is_single: bool = False
) -> web.Response:
    metadata: Mapping[int, bytes] = {}
    if includes_metadata:
        metadata = await request.app[WORKERS].in_thread(_current_metadata, request.app[INDEX].files, changes)
    is_pascal = request.app[SETTINGS].quirk("changefeed.property_casing") == "pascal"
    entries = [
        _entry(change, metadata.get(change.current.watermark) if change.current else None, is_pascal=is_pascal)
        for change in changes
    ]
    return responses.json_value(entries[0] if is_single else entries)


def _current_metadata(files: FileStore, changes: Sequence[Change]) -> Mapping[int, bytes]:
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
        "timestamp": timestamp(change.at),
        "state": change.state,
    }
    if metadata is not None:
        entry["metadata"] = orjson.Fragment(metadata)
    return {name[0].upper() + name[1:]: value for name, value in entry.items()} if is_pascal else entry


def timestamp(at: datetime) -> str:
    """`2023-05-03T10:58:00.1234567+00:00`: trailing zeros of the fraction are cut (azure-apis §0)."""
    fraction = f".{at.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}+00:00"


def _sequence_window(request: web.Request) -> ChangeWindow:
    offset = _whole_number(request, "offset", 0, INT64_MAX, default=0)
    limit = _whole_number(request, "limit", 1, 100, default=10)
    return ChangeWindow(after=offset, up_to=offset + limit, limit=limit)


def _time_window(request: web.Request) -> ChangeWindow:
    limit = _whole_number(request, "limit", 1, 200, default=100)
    offset = _whole_number(request, "offset", 0, INT64_MAX, default=0)
    start, end = _time(request, "StartTime"), _time(request, "EndTime")
    if start is not None and end is not None and end <= start:
        raise BadRequestError.query_parameter(
            "",
            f"The start time '{_round_trip(start)}' must occur strictly before the end time '{_round_trip(end)}'.",
        )
    return ChangeWindow(start=start, end=end, offset=offset, limit=limit)


def _parameter(request: web.Request, name: str) -> str | None:
    """The first value of that name, whose case does not matter."""
    return next((value for key, value in request.query.items() if key.lower() == name.lower()), None)


def _whole_number(request: web.Request, name: str, low: int, high: int, *, default: int) -> int:
    given = _parameter(request, name)
    if given is None:
        return default
    is_v2 = api_version(request) >= 2
    shown = name.capitalize() if is_v2 else name
    whole = INT64_MAX if name == "offset" else INT32_MAX
    if not re.fullmatch(r"\s*[+-]?\d{1,20}\s*", given) or abs(int(given)) > whole:
        suffix = f" for {shown}." if is_v2 else "."
        raise BadRequestError.query_parameter(shown, f"The value '{given}' is not valid{suffix}")
    if not low <= int(given) <= high:
        upper = "9.223372036854776E+18" if high == INT64_MAX else str(high)
        raise BadRequestError.query_parameter(shown, f"The field {shown} must be between {low} and {upper}.")
    return int(given)


def _includes_metadata(request: web.Request) -> bool:
    given = _parameter(request, "includeMetadata")
    if given is None:
        return True
    if given.strip().lower() not in ("true", "false"):
        raise BadRequestError.query_parameter("includeMetadata", f"The value '{given}' is not valid.")
    return given.strip().lower() == "true"


def _time(request: web.Request, name: str) -> datetime | None:
    given = (_parameter(request, name) or "").strip()
    if not given:
        return None
    # .NET writes seven digits of a second's fraction; Python reads six.
    shortened = re.sub(r"(\.\d{6})\d+", r"\1", given)
    try:
        parsed = datetime.fromisoformat(shortened)
    except ValueError:
        raise BadRequestError.query_parameter(name, "") from None
    if parsed.tzinfo is None:
        raise BadRequestError.query_parameter(name, "Date and time value must specify a time zone.")
    return parsed.astimezone(UTC)


def _round_trip(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}0+00:00"
