"""The emulator's admin API: what all servers have, and what only the emulator has (record-replay §15)."""

from aiohttp import web

from azdicom_emulator.admin.api import AdminApi, Endpoint
from azdicom_emulator.admin.faults import fault_endpoints
from azdicom_emulator.admin.journal import Journal, journal_endpoints
from azdicom_emulator.admin.metrics import Gauge, Metrics, metrics_endpoints
from azdicom_emulator.admin.problems import json_answer
from azdicom_emulator.admin.process import process_endpoints
from azdicom_emulator.admin.seed import seed_endpoint
from azdicom_emulator.admin.ui import UI
from azdicom_emulator.events.endpoints import event_endpoints, event_gauges
from azdicom_emulator.events.publishers import PUBLISHERS
from azdicom_emulator.faults.switch import FaultSwitch, switch_of
from azdicom_emulator.following.followers import FOLLOWERS
from azdicom_emulator.management.operations import RUNNER
from azdicom_emulator.studies.expiry import delete_expired
from azdicom_emulator.web.instruments import Administration, Instruments
from azdicom_emulator.web.keys import INDEX, SETTINGS, STOPPING
from azdicom_emulator.web.listening import LISTENING

MODE = "emulator"


def create_instruments(application: web.Application) -> Instruments:
    """Of the application's settings. Raises FaultsError, UnknownPresetError."""
    settings = application[SETTINGS]
    faults = switch_of(settings.faults, settings.chaos, settings.seed)
    return Instruments(faults, None if settings.no_admin else _administration(application, faults))


def _administration(application: web.Application, faults: FaultSwitch) -> Administration:
    settings = application[SETTINGS]
    journal = Journal()
    metrics = Metrics(
        [
            *event_gauges(lambda: application[FOLLOWERS]),
            Gauge(
                "azdicom_unapplied_stores",
                "Acknowledged stores that wait to be written to the index.",
                lambda: {(): application[INDEX].unapplied_stores},
            ),
        ]
    )

    def describe() -> dict[str, object]:
        return {
            "data_folder": str(settings.data_dir.resolve()),
            "ephemeral": settings.ephemeral,
            "strict": settings.strict,
            "seed": faults.seed,
        }

    endpoints = (
        *process_endpoints(MODE, describe, application[STOPPING].set),
        *data_endpoints(application),
        *fault_endpoints(lambda: faults),
        *journal_endpoints(journal),
        *metrics_endpoints(metrics),
        seed_endpoint(lambda: application[LISTENING].url(), settings),
        *event_endpoints(lambda: application[FOLLOWERS], lambda: application[PUBLISHERS]),
        UI,
    )
    return Administration(AdminApi(endpoints, settings.admin_token), journal, metrics)


def data_endpoints(application: web.Application) -> tuple[Endpoint, ...]:
    """What changes the data: everything gone, or what is due."""

    async def reset(request: web.BaseRequest) -> web.Response:
        await application[RUNNER].close()  # operations of what is about to go
        await application[FOLLOWERS].begin_anew(application[INDEX].clear)
        return web.Response(status=204)

    async def expire(request: web.BaseRequest) -> web.Response:
        return json_answer({"studiesDeleted": await delete_expired(application[INDEX])})

    return Endpoint("POST", "reset", reset), Endpoint("POST", "expire", expire)
