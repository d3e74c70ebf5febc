"""The re-index that an added extended query tag starts: all stored instances, newest first (azure-apis §1.9)."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from azdicom_emulator.dicom.tag_values import TagRules
from azdicom_emulator.management.operations import patiently
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.metadata import read_metadata
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationStatus
from azdicom_emulator.storage.query_tags import QueryTag
from azdicom_emulator.storage.records import InstanceKey
from azdicom_emulator.storage.tag_index import IndexedVersion
from azdicom_emulator.storage.tag_readings import TagReadings, read_tags
from azdicom_emulator.web.workers import Workers

log = logging.getLogger(__name__)

BATCH = 1_000
"""Versions, not instances: those that were deleted or replaced count."""
SELECT_HIGHEST = "SELECT coalesce(max(watermark), 0) FROM instances"
# Two statements, since DuckDB skips what is outside of bounds only when these are constants.
SELECT_NEWEST = "SELECT max(watermark) FROM instances WHERE watermark < $below"
SELECT_BATCH = """
    SELECT partition_key, study_uid, series_uid, sop_instance_uid, watermark
    FROM instances
    WHERE watermark > $oldest AND watermark <= $newest
    ORDER BY watermark DESC
"""

Found = list[tuple[IndexedVersion, InstanceKey]]


@dataclass(frozen=True, slots=True)
class TagIndexing:
    """The work of re-index operations.

    Its state in `Operation.work`: `highest`, the watermark that it began at, and `below`, where it goes on.
    """

    index: Index
    workers: Workers
    rules: TagRules

    async def __call__(self, operation: Operation) -> None:
        """Indexes batch by batch, reading one while the one before is written; then the tags are ready."""
        started = time.perf_counter()
        highest, below = await self._span(operation)
        batch = await self._batch(operation.id, below)
        count = 0
        while batch.found:
            following = asyncio.ensure_future(self._batch(operation.id, batch.below))
            try:
                await self._write(operation.id, batch, highest)
            finally:
                count += len(batch.found)
                batch = await following
        await patiently(lambda: self.index.write(lambda mutations, at: _finish(mutations, operation.id, at)))
        log.info("re-indexed %d instances in %.1f s", count, time.perf_counter() - started)

    async def _span(self, operation: Operation) -> tuple[int, int]:
        """Highest watermark, and the one below which to go on."""
        if operation.work:
            return operation.work["highest"], operation.work["below"]
        # The journal is applied before: what is committed later was read with the new tags known.
        row = await patiently(lambda: self.index.read(lambda cursor: cursor.execute(SELECT_HIGHEST).fetchone()))
        highest = int(row[0]) if row else 0
        return highest, highest + 1

    async def _batch(self, operation_id: str, below: int) -> "_Batch":
        tags = [tag for tag in self.index.query_tags if tag.operation == operation_id]
        if not tags:  # all of them were deleted
            return _Batch([], [], below)
        rows = await patiently(lambda: self.index.read(lambda cursor: _select(cursor, below)))
        names = {partition.key: partition.name for partition in await self.index.partitions()}
        found = [_version(names, *row) for row in rows]
        return await self.workers.in_thread(_read, self.index.files, found, tags, self.rules)

    async def _write(self, operation_id: str, batch: "_Batch", highest: int) -> None:
        percent = min(99, 100 * (highest - batch.below + 1) // highest)

        def write(mutations: Mutations, at: datetime) -> None:
            with mutations.transaction():
                mutations.tags.take_existing(operation_id, batch.readings, at)
                work = {"highest": highest, "below": batch.below}
                mutations.operations.change(operation_id, at, percent=percent, work=work)

        await patiently(lambda: self.index.write(write))


@dataclass(frozen=True, slots=True)
class _Batch:
    """What there was, what could be read of it, and the lowest watermark among it."""

    found: Found
    readings: Sequence[tuple[IndexedVersion, TagReadings]]
    below: int


def _select(cursor: DuckDBPyConnection, below: int) -> list[tuple[Any, ...]]:
    row = cursor.execute(SELECT_NEWEST, {"below": below}).fetchone()
    if row is None or row[0] is None:
        return []
    return cursor.execute(SELECT_BATCH, {"oldest": row[0] - BATCH, "newest": row[0]}).fetchall()


def _version(
    names: dict[int, str], partition: int, study: str, series: str, instance: str, watermark: int
) -> tuple[IndexedVersion, InstanceKey]:
    return (
        IndexedVersion(watermark, partition, study, series),
        InstanceKey(names[partition], study, series, instance),
    )


def _read(files: FileStore, found: Found, tags: Sequence[QueryTag], rules: TagRules) -> _Batch:
    readings = []
    for version, key in found:
        try:
            metadata = read_metadata(files, key, version.watermark)
        except FileNotFoundError:
            continue  # deleted or replaced meanwhile
        readings.append((version, read_tags(metadata, tags, rules)))
    return _Batch(found, readings, found[-1][0].watermark if found else 0)


def _finish(mutations: Mutations, operation_id: str, at: datetime) -> None:
    with mutations.transaction():
        mutations.tags.finish(operation_id)
        mutations.operations.change(operation_id, at, status=OperationStatus.SUCCEEDED)
