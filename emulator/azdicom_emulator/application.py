"""The aiohttp application: its parts, started and stopped in order, and the one handler in front of the routes."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from aiohttp import web

from azdicom_emulator.administration import create_instruments
from azdicom_emulator.events.debug import DEBUG_ROUTES
from azdicom_emulator.management.exporting import EXPORTING, Exporting
from azdicom_emulator.management.health import HEALTH, HealthState
from azdicom_emulator.management.operations import RUNNER, OperationRunner, Work
from azdicom_emulator.management.tag_indexing import TagIndexing
from azdicom_emulator.management.updating import StudyUpdating
from azdicom_emulator.routes import (
    BULK_DATA_ROUTES,
    EVENT_DEBUG_ROUTES,
    ISSUER_ROUTES,
    ROUTES,
    SEED_DIALECT_ROUTES,
    SUBSCRIPTION_ROUTES,
)
from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.errors import PartitionsNeededError
from azdicom_emulator.storage.index import Durability, Index
from azdicom_emulator.storage.operations import OperationType
from azdicom_emulator.studies.bulkdata import BULK_DATA
from azdicom_emulator.studies.expiry import sweep_forever
from azdicom_emulator.studies.frames import FRAME_TABLES, FrameTables
from azdicom_emulator.surroundings import add_surroundings
from azdicom_emulator.web.authentication import add_identity, load_keys
from azdicom_emulator.web.instruments import INSTRUMENTS
from azdicom_emulator.web.keys import INDEX, ROUTER, SETTINGS, STOPPING, WORKERS
from azdicom_emulator.web.limits import JSON_BODY_BYTES, PARSER_LIMITS, connection_log
from azdicom_emulator.web.middleware import before_headers, dispatch
from azdicom_emulator.web.openapi import DOCUMENTS
from azdicom_emulator.web.routing import Route, Router
from azdicom_emulator.web.tag_rules import tag_rules
from azdicom_emulator.web.workers import Workers
from azdicom_emulator.worklist.changing import SUBSCRIPTIONS
from azdicom_emulator.worklist.channels import CHANNELS, Channels, close_channels
from azdicom_emulator.worklist.seed_dialect import SEED_DIALECT

FRAME_TABLES_KEPT = 256
READ_BUFFER_BYTES = 256 * 1024


def create_application(settings: Settings) -> web.Application:
    """A server's application. Opens `settings.data_dir` when it starts.

    Raises FaultsError, UnknownPresetError, StartError; on start: DataFolderInUseError, DataFolderNotWritableError,
    IndexNewerError, KeyUnusableError, PartitionsNeededError.
    """
    application = web.Application(client_max_size=JSON_BODY_BYTES)
    application[SETTINGS] = settings
    application[ROUTER] = Router(_routes(settings))
    application[DOCUMENTS] = {}
    application[HEALTH] = HealthState()
    application[STOPPING] = asyncio.Event()
    application[INSTRUMENTS] = create_instruments(application)
    add_identity(application)
    application[FRAME_TABLES] = FrameTables(FRAME_TABLES_KEPT)
    application.cleanup_ctx.append(_parts)
    add_surroundings(application)
    application.on_shutdown.append(_end_faults)
    application.on_response_prepare.append(before_headers)
    application.on_shutdown.append(close_channels)
    application.router.add_route("*", "/{path:(?s:.*)}", dispatch)
    return application


async def _end_faults(application: web.Application) -> None:
    """What hangs on purpose would hold the server up."""
    application[INSTRUMENTS].faults.close()


def _routes(settings: Settings) -> Iterator[Route]:
    yield from ROUTES
    if settings.extension(BULK_DATA):
        yield from BULK_DATA_ROUTES
    if settings.extension(SEED_DIALECT):
        yield from SEED_DIALECT_ROUTES
    if settings.extension(SUBSCRIPTIONS):
        yield from SUBSCRIPTION_ROUTES
    if settings.extension(DEBUG_ROUTES):
        yield from EVENT_DEBUG_ROUTES
    if settings.has_own_issuer:
        yield from ISSUER_ROUTES


def create_runner(settings: Settings) -> web.AppRunner:
    """What serves the application: with an access line of our own, bodies as sent, and clients that leave noticed."""
    return web.AppRunner(
        create_application(settings),
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        logger=connection_log(),
        read_bufsize=READ_BUFFER_BYTES,
        shutdown_timeout=5,
        **PARSER_LIMITS,
    )


async def _parts(application: web.Application) -> AsyncIterator[None]:
    settings = application[SETTINGS]
    await load_keys(application)
    index = application[INDEX] = Index.open(settings.data_dir, durability=Durability(settings.durability))
    if not settings.partitions and len(await index.partitions()) > 1:
        await index.close()
        raise PartitionsNeededError
    workers = application[WORKERS] = Workers(threads=settings.worker_threads, processes=settings.worker_processes)
    exporting = application[EXPORTING] = Exporting(index, settings.local_export_folder, settings.export_retry_s)
    works: dict[OperationType, Work] = {
        OperationType.REINDEX: TagIndexing(index, workers, tag_rules(settings)),
        OperationType.UPDATE: StudyUpdating(index, workers, tag_rules(settings)),
        OperationType.EXPORT: exporting,
    }
    runner = application[RUNNER] = OperationRunner(index, works, settings.operation_delay_s)
    runner.resume()
    channels = application[CHANNELS] = Channels(index)
    sweep = asyncio.ensure_future(sweep_forever(index, settings.expiry_interval_s))
    yield
    sweep.cancel()
    await asyncio.wait([sweep])
    await channels.close()
    await runner.close()
    await asyncio.to_thread(exporting.close)
    workers.close()
    await index.close()
