"""What stands around the handlers: fault rules, the admin API, and what both it and they are told of exchanges."""

import time
from dataclasses import dataclass

from aiohttp import web

from azdicom_emulator.admin.api import AdminApi
from azdicom_emulator.admin.journal import Entry, Journal
from azdicom_emulator.admin.metrics import Metrics
from azdicom_emulator.faults.keys import FAULT
from azdicom_emulator.faults.switch import FaultSwitch
from azdicom_emulator.web.keys import MATCH, REQUEST_ID, ROUTER
from azdicom_emulator.web.routing import Match

SOURCE = "emulator"
UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Administration:
    """The admin API and what it tells of exchanges."""

    api: AdminApi
    journal: Journal
    metrics: Metrics

    def observe(
        self, request: web.Request, response: web.StreamResponse | None, sent_bytes: int, seconds: float
    ) -> None:
        """Takes up a finished exchange. response: None when there was none."""
        fault = request.get(FAULT)
        matched = request.get(MATCH)
        if fault is not None and matched is None:  # the rule answered before routing
            resolved = request.app[ROUTER].resolve(request.method, request.rel_url.raw_path)
            matched = resolved if isinstance(resolved, Match) else None
        entry = Entry(
            id=request[REQUEST_ID],
            method=request.method,
            target=request.raw_path,
            base_url=f"{request.scheme}://{request.host}",
            route=f"{request.method} {matched.route.path}" if matched is not None else UNMATCHED,
            status=response.status if response is not None else 0,
            source=SOURCE if fault is None else "fault",
            fault=fault,
            started_at=time.time() - seconds,
            duration_s=seconds,
            received_bytes=request.content.total_bytes,
            sent_bytes=sent_bytes,
            request_headers=request.headers.items(),
            response_headers=response.headers.items() if response is not None else (),
        )
        self.journal.add(entry)
        self.metrics.add(entry)


@dataclass(frozen=True, slots=True)
class Instruments:
    """administration: None under `--no-admin`."""

    faults: FaultSwitch
    administration: Administration | None


INSTRUMENTS = web.AppKey("instruments", Instruments)
