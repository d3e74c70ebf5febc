"""Expiry of studies: the headers of a store request, and the sweep that deletes what is due (async-and-events §5)."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from aiohttp import web

from azdicom_emulator.storage.index import Index
from azdicom_emulator.web.errors import BadRequestError

log = logging.getLogger(__name__)

TIME, OPTION, LEVEL = "msdicom-expiry-time-milliseconds", "msdicom-expiry-option", "msdicom-expiry-level"
LATEST = datetime.max.replace(tzinfo=UTC)
MAX_DIGITS = 20
"""So many digits are beyond LATEST; Python refuses to convert thousands."""


def expiry_of(request: web.Request, received: datetime) -> datetime | None:
    """When the studies of this store request are due; None: no expiry, which also cancels an earlier one.

    Raises BadRequestError naming the header that is wrong.
    """
    headers = request.headers
    if TIME not in headers:
        for name in (OPTION, LEVEL):
            if name in headers:
                raise BadRequestError(f"The header '{name}' needs the header '{TIME}'.")
        return None
    _require(headers.get(OPTION, "RelativeToNow"), OPTION, "RelativeToNow")
    _require(headers.get(LEVEL, "Study"), LEVEL, "Study")
    milliseconds = headers[TIME].strip()
    counting = milliseconds.lstrip("0")
    if not (counting.isascii() and counting.isdigit()):
        raise BadRequestError(
            f"The header '{TIME}' must be a whole number of milliseconds above 0, not '{milliseconds}'."
        )
    try:
        return received + timedelta(milliseconds=int(counting[:MAX_DIGITS]))
    except OverflowError:
        return LATEST


def _require(value: str, name: str, only: str) -> None:
    if value.strip().lower() != only.lower():
        raise BadRequestError(f"The header '{name}' must be '{only}', not '{value}'.")


async def delete_expired(index: Index) -> int:
    """Deletes the studies that are due, as DELETE does; returns how many there were."""
    due = await index.expired(datetime.now(UTC))
    for partition, study in due:
        deleted = await index.delete(partition, study)
        log.info("deleted expired study %s: %d instances", study, len(deleted))
    return len(due)


async def sweep_forever(index: Index, interval_s: float) -> None:
    """Deletes what is due, again and again; a failure is logged and the next round tries again."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            await delete_expired(index)
        except Exception:
            log.exception("the sweep of expired studies failed")
