"""The work of exports: copies stored files to their destination, batch by batch (async §3.3, §3.4)."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from azdicom_emulator.management.export_body import Identifier
from azdicom_emulator.management.export_copying import Batch, Copier
from azdicom_emulator.management.export_destinations import DestinationError, open_destination
from azdicom_emulator.management.export_progress import ExportProgress
from azdicom_emulator.management.export_settings import DestinationSettings
from azdicom_emulator.management.operations import change_operation, patiently
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.operations import Operation, OperationStatus
from azdicom_emulator.storage.records import InstanceKey, StoredInstance
from azdicom_emulator.web.errors import ServiceError

log = logging.getLogger(__name__)

Result = TypeVar("Result")

BATCH = 100
"""Instances, and at most so many identifiers: what is copied again when a server was killed in between."""
THREADS = 8
"""How many files are on their way at a time, of all exports together."""
WAITS = (1, 3, 9)
"""In front of the second, third and fourth attempt, in units of the setting (service source: minutes)."""


@dataclass(slots=True)
class Exporting:
    """The work of export operations. `Operation.work` has their state after the last batch: see ExportProgress.

    folder: the one that exports may write to, None: there is none. retry_s: the unit of the waits after a destination
    refused something.
    """

    index: Index
    folder: Path | None
    retry_s: float
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="export"), init=False
    )

    async def begin(self, settings: DestinationSettings, operation_id: str) -> str:
        """Makes the log of errors; returns where it is. Raises BadRequestError, MissingPackageError."""

        def begin() -> str:
            destination = open_destination(settings, operation_id, self.folder)
            try:
                destination.begin()
                return destination.errors_url()
            finally:
                destination.close()

        return await self._in_thread(begin)

    async def __call__(self, operation: Operation) -> None:
        """Goes on after the last batch that the index has."""
        started = time.perf_counter()
        progress = ExportProgress.of(operation.work)
        copier = await self._copier(progress, operation.id)
        status = OperationStatus.FAILED
        if copier is not None:
            try:
                progress, status = await self._copy_all(copier, progress, operation.id)
            finally:
                await self._in_thread(copier.destination.close)
        # Where to copy to is needed no more, and can hold secrets.
        await patiently(partial(change_operation, self.index, operation.id, status=status, work={}))
        seconds = time.perf_counter() - started
        log.info("exported %d instances, skipped %d, in %.1f s", progress.exported, progress.skipped, seconds)

    def close(self) -> None:
        self._threads.shutdown()

    async def _copier(self, progress: ExportProgress, operation_id: str) -> Copier | None:
        try:
            opening = partial(open_destination, progress.destination, operation_id, self.folder)
            destination = await self._in_thread(opening)
        except ServiceError as error:  # the server was started again with other settings, or without the package
            log.error("export %s cannot go on: %s", operation_id, error)
            return None
        return Copier(self.index, destination, self._threads)

    async def _copy_all(
        self, copier: Copier, progress: ExportProgress, operation_id: str
    ) -> tuple[ExportProgress, OperationStatus]:
        if progress.identifiers is None and progress.highest is None:
            highest = await patiently(lambda: self.index.highest_first_version(progress.partition))
            progress = replace(progress, highest=highest)
        while (batch := await self._batch(progress)) is not None:
            copied = await self._copied(copier, batch, operation_id)
            if copied is None:
                return progress, OperationStatus.FAILED
            progress = progress.at(
                batch.number, batch.after, exported=copied, skipped=len(batch.missing) + len(batch.instances) - copied
            )
            keep = {"results": progress.results, "work": progress.as_work()}
            await patiently(partial(change_operation, self.index, operation_id, **keep))
        return progress, OperationStatus.SUCCEEDED

    async def _copied(self, copier: Copier, batch: Batch, operation_id: str) -> int | None:
        """How many were copied; None: the destination did not take them, as often as it was tried."""
        for attempt, units in enumerate((*WAITS, None), start=1):
            try:
                return await copier.copy(batch)
            except DestinationError as error:
                log.warning("export %s, attempt %d of %d: %s", operation_id, attempt, 1 + len(WAITS), error)
            if units is not None:
                await asyncio.sleep(units * self.retry_s)
        return None

    async def _batch(self, progress: ExportProgress) -> Batch | None:
        """The next one; None: there is no more."""
        if progress.identifiers is None:
            return await self._batch_of_all(progress)
        instances: list[StoredInstance] = []
        missing: list[Identifier] = []
        number, after = progress.number, progress.after
        while number < len(progress.identifiers) and len(instances) < BATCH and number < progress.number + BATCH:
            identifier = progress.identifiers[number]
            room = BATCH - len(instances)
            found = await self._find(progress.partition, identifier, after, room)
            if not found and not after:
                missing.append(identifier)
            instances += found
            # A full page may have a next one, which may be empty.
            number, after = (number, found[-1].first.watermark) if len(found) == room else (number + 1, 0)
        return Batch(instances, missing, number, after) if number != progress.number or instances else None

    async def _batch_of_all(self, progress: ExportProgress) -> Batch | None:
        highest = progress.highest or 0
        page = partial(self.index.instances_from, progress.partition, (None, None), progress.after, BATCH)
        found = [each for each in await patiently(page) if each.first.watermark <= highest]
        return Batch(found, (), 0, found[-1].first.watermark) if found else None

    async def _find(self, partition: str, identifier: Identifier, after: int, limit: int) -> list[StoredInstance]:
        if identifier.instance is not None:
            if after:
                return []
            key = InstanceKey(partition, identifier.study, identifier.series or "", identifier.instance)
            one = await patiently(lambda: self.index.instance(key))
            return [one] if one is not None else []
        place = (identifier.study, identifier.series)
        return await patiently(lambda: self.index.instances_from(partition, place, after, limit))

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


EXPORTING = web.AppKey("exporting", Exporting)
