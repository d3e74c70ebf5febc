"""The work of bulk updates: study by study, each of them whole or not at all (async §2.4, §2.5)."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from azdicom_emulator.dicom.indexed import indexed_attributes
from azdicom_emulator.dicom.json_data_set import DataSet, data_set_bytes
from azdicom_emulator.dicom.tag_paths import tag_path
from azdicom_emulator.dicom.tag_values import TagRules
from azdicom_emulator.dicom.top_level import TopLevel
from azdicom_emulator.management.bulk_update_checks import scanned
from azdicom_emulator.management.new_versions import write_new_version
from azdicom_emulator.management.operations import RETRY_AFTER_S, change_operation, patiently
from azdicom_emulator.management.update_progress import MAX_INSTANCES_LISTED, UpdateProgress
from azdicom_emulator.storage.attributes import study_attributes
from azdicom_emulator.storage.claims import Claim
from azdicom_emulator.storage.errors import InstancePendingError, OperationActiveError, OverloadedError
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationStatus
from azdicom_emulator.storage.query_tags import Level
from azdicom_emulator.storage.records import InstanceKey, StoredInstance, StudyAttributes, TagValues
from azdicom_emulator.storage.tag_readings import read_tags
from azdicom_emulator.web.workers import Workers

log = logging.getLogger(__name__)

WRITERS = 2
"""How many files are written at a time; the other worker threads are the clients'."""


@dataclass(slots=True)
class _Study:
    """One study on its way: its instances as they are claimed, written, or could not be written."""

    changes: DataSet
    claims: list[Claim] = field(default_factory=list)
    written: list[tuple[Claim, StoredInstance]] = field(default_factory=list)
    failed: list[InstanceKey] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StudyUpdating:
    """The work of update operations. `Operation.work` has their state after the last study: see UpdateProgress."""

    index: Index
    workers: Workers
    rules: TagRules

    async def __call__(self, operation: Operation) -> None:
        """Goes on with the study after the last one that the index has; the one cut off by a stop begins anew."""
        started = time.perf_counter()
        progress = UpdateProgress.of(operation.work)
        while progress.study is not None:
            progress = await self._update(operation.id, progress, progress.study)
        status = OperationStatus.FAILED if progress.failed else OperationStatus.SUCCEEDED
        # What to write is needed no more, and is data of patients.
        await patiently(lambda: change_operation(self.index, operation.id, status=status, work={}))
        seconds = time.perf_counter() - started
        log.info("updated %d instances of %d studies in %.1f s", progress.instances, progress.updated, seconds)

    async def _update(self, operation_id: str, progress: UpdateProgress, study: str) -> UpdateProgress:
        work = _Study(progress.changes)
        try:
            await self._claim_all(work, progress.partition, study)
            async with asyncio.TaskGroup() as group:
                waiting = iter(work.claims)
                for _ in range(WRITERS):
                    group.create_task(self._write(work, waiting))
            if not work.failed:
                return await self._switch(operation_id, progress, work)
            after = progress.after_failure(study, work.failed)
            await patiently(lambda: self.index.write(lambda mutations, at: _keep(mutations, at, operation_id, after)))
            return after
        finally:
            await _finished(self.workers.in_thread(_release, work.claims))

    async def _claim_all(self, work: _Study, partition: str, study: str) -> None:
        """In the order of the present versions, which is then that of the new ones."""
        found = await patiently(lambda: self.index.instances(partition, study))
        keys = deque(instance.key for instance in found)
        while keys:
            try:
                await _finished(self.workers.in_thread(_claim, self.index, keys, work.claims))
            except (InstancePendingError, OverloadedError):
                await asyncio.sleep(RETRY_AFTER_S)  # a store of the instance is under way

    async def _write(self, work: _Study, waiting: Iterator[Claim]) -> None:
        """Stops when so many failed that no more are listed."""
        for claim in waiting:
            if len(work.failed) > MAX_INSTANCES_LISTED:
                return
            try:
                await _finished(self.workers.in_thread(_write, self.index.files, claim, work))
            except Exception:
                if await patiently(partial(self.index.instance, claim.key)) is not None:
                    log.exception("could not update instance %s of study %s", claim.key.instance, claim.key.study)
                    work.failed.append(claim.key)

    async def _switch(self, operation_id: str, progress: UpdateProgress, work: _Study) -> UpdateProgress:
        attributes, tag_values = self._indexed(work.changes)
        versions = sorted(work.written, key=_watermark)

        def record(mutations: Mutations, at: datetime, count: int) -> None:
            _change(mutations, at, operation_id, progress.after_success(count))

        while True:
            try:
                count = await patiently(lambda: self.index.update(versions, attributes, tag_values, record))
                return progress.after_success(count)
            except OperationActiveError:
                await asyncio.sleep(RETRY_AFTER_S)  # until the re-index is over

    def _indexed(self, changes: DataSet) -> tuple[StudyAttributes, TagValues]:
        """What the index of the study gets; of extended query tags those of its level. Null changes nothing there."""
        attributes = study_attributes(indexed_attributes(TopLevel(scanned(changes)), without=()))
        tags = [tag for tag in self.index.query_tags if tag.level is Level.STUDY and tag_path(tag.tag) in changes]
        return attributes, read_tags(data_set_bytes(changes), tags, self.rules).values


def _claim(index: Index, keys: deque[InstanceKey], claims: list[Claim]) -> None:
    """In a worker thread, as far as it gets. Instances that are gone are passed over."""
    while keys:
        claim = index.claim(keys[0], replace=True)
        keys.popleft()
        if claim.replaced is None:
            claim.release()
        else:
            claims.append(claim)


def _write(files: FileStore, claim: Claim, work: _Study) -> None:
    work.written.append((claim, write_new_version(files, claim, work.changes)))


def _watermark(version: tuple[Claim, StoredInstance]) -> int:
    return version[1].watermark


def _release(claims: Iterable[Claim]) -> None:
    """Takes back what did not get current, with its files."""
    for claim in claims:
        claim.release()


def _keep(mutations: Mutations, at: datetime, operation_id: str, progress: UpdateProgress) -> None:
    with mutations.transaction():
        _change(mutations, at, operation_id, progress)


def _change(mutations: Mutations, at: datetime, operation_id: str, progress: UpdateProgress) -> None:
    mutations.operations.change(
        operation_id, at, percent=progress.percent, results=progress.results, work=progress.as_work()
    )


async def _finished(work: Awaitable[None]) -> None:
    """Returns when a thread's work is done, also when the server stops meanwhile: a thread cannot be stopped."""
    working = asyncio.ensure_future(work)
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
