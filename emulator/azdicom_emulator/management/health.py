"""Health: `/health/check` as the service answers it, `/health` as an alias (http §9)."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field

from aiohttp import web

from azdicom_emulator.web import responses
from azdicom_emulator.web.keys import INDEX, SETTINGS

log = logging.getLogger(__name__)

KEPT_S = 1.0
TIMEOUT_S = 5.0
HEALTHY, UNHEALTHY = "Healthy", "Unhealthy"
FAILED = "Failed to connect to the data store."
CHECKS = {
    "DcmHealthCheck": ("files", "Successfully connected to the blob data store."),
    "MetadataHealthCheck": ("files", "Successfully connected to the blob data store."),
    "SqlServerHealthCheck": ("index", "Successfully connected to the data store."),
}
"""The service's names and texts, and which part of this server stands behind each."""


@dataclass(slots=True)
class HealthState:
    """What the last look found, kept for a second: whoever asks often does not slow the server down."""

    looked_at: float = float("-inf")
    works: dict[str, bool] = field(default_factory=dict)


HEALTH = web.AppKey("health_state", HealthState)


async def health(request: web.Request) -> web.StreamResponse:
    """200 when the data folder and the index can be used, 503 when one cannot."""
    state = request.app[HEALTH]
    if time.monotonic() - state.looked_at > KEPT_S:
        state.works = {"files": _has_files(request), "index": await _has_index(request)}
        state.looked_at = time.monotonic()
    details = [
        {
            "name": name,
            "status": HEALTHY if state.works[part] else UNHEALTHY,
            "description": description if state.works[part] else FAILED,
            "data": {},
        }
        for name, (part, description) in CHECKS.items()
    ]
    is_healthy = all(state.works.values())
    return responses.json_value(
        {"overallStatus": HEALTHY if is_healthy else UNHEALTHY, "details": details}, status=200 if is_healthy else 503
    )


def _has_files(request: web.Request) -> bool:
    return os.access(request.app[SETTINGS].data_dir, os.W_OK | os.X_OK)


async def _has_index(request: web.Request) -> bool:
    """Whether the index answers in time, which it does not when what is pending cannot be written."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await request.app[INDEX].read(lambda cursor: cursor.execute("SELECT 1").fetchone())
    except Exception:
        log.exception("the index does not answer")
        return False
    return True
