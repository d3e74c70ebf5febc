"""What stands around the service: events, the data lake view, the import and the audit log, made of the settings."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from azdicom_emulator.datalake.tree import LakeTree
from azdicom_emulator.datalake.view import LakeView
from azdicom_emulator.events.publishers import PUBLISHERS, Publishers
from azdicom_emulator.following.follower import Consumer
from azdicom_emulator.following.followers import FOLLOWERS, Followers
from azdicom_emulator.settings import Settings
from azdicom_emulator.starting import StartError
from azdicom_emulator.web.audit_log import AUDIT_LOG, BULK_IMPORT, AuditLog, Operation
from azdicom_emulator.web.keys import INDEX, SETTINGS, WORKERS
from azdicom_emulator.web.listening import LISTENING, Listening

if TYPE_CHECKING:
    from azdicom_emulator.importing.importer import Importer, Record
    from azdicom_emulator.importing.sources import Source


def add_surroundings(application: web.Application) -> None:
    """Hangs them on the application, to be started after what is there already. Raises StartError."""
    settings = application[SETTINGS]
    application[LISTENING] = Listening()
    application[PUBLISHERS] = Publishers(settings, application[LISTENING].url)
    if settings.audit_log is not None:
        application[AUDIT_LOG] = AuditLog(settings.audit_log, settings.service_resource_id)
    tree = _lake_tree(settings)
    sources = _sources(settings)

    async def surround(application: web.Application) -> AsyncIterator[None]:
        index = application[INDEX]
        view = LakeView(index.files, tree) if tree is not None else None
        consumers: list[Consumer] = [*application[PUBLISHERS].all, *([view] if view is not None else [])]
        followers = application[FOLLOWERS] = Followers(index, consumers)
        await followers.start()
        if view is not None:
            view.start()
        importers = _importers(application, sources)
        for importer in importers:
            importer.start()
        yield
        await asyncio.gather(*(importer.close() for importer in importers))
        if view is not None:
            await view.close()
        await followers.close()
        await application[PUBLISHERS].close()
        if settings.audit_log is not None:
            application[AUDIT_LOG].close()

    application.cleanup_ctx.append(surround)


def _lake_tree(settings: Settings) -> LakeTree | None:
    if settings.data_lake_view is None:
        return None
    tree = LakeTree(settings.data_lake_view, settings.workspace, settings.service_name)
    try:
        tree.prepare()
    except OSError as error:
        raise StartError(f"cannot make the data lake view {error.filename}: {error.strerror}") from None
    return tree


def _sources(settings: Settings) -> "Sequence[Source]":
    sources: list[Source] = []
    if settings.import_folder is not None:
        from azdicom_emulator.importing.folder import FolderSource

        sources.append(FolderSource(settings.import_folder))
    if settings.import_connection_string is not None:
        from azdicom_emulator.importing.container import ContainerSource

        sources.append(ContainerSource(settings.import_connection_string))
    return sources


def _importers(application: web.Application, sources: "Sequence[Source]") -> "list[Importer]":
    if not sources:
        return []
    from azdicom_emulator.importing.importer import Importer

    parts = application[INDEX], application[WORKERS], application[SETTINGS]
    return [Importer(*parts, source, _audit_import(application)) for source in sources]


def _audit_import(application: web.Application) -> "Record":
    """Writes the records of imported files to the audit log, if there is one."""
    audit_log = application.get(AUDIT_LOG)
    running: dict[str, Operation] = {}

    def record(name: str, status: int | None) -> None:
        if audit_log is None:
            return
        if status is None:
            running[name] = Operation(name=BULK_IMPORT, correlation_id=uuid.uuid4().hex, uri=name)
            audit_log.executing(running[name])
        else:
            audit_log.executed(running.pop(name), status)

    return record
