"""Copies the files of one batch of an export to its destination, and logs what could not be copied (async §3.3)."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import orjson

from azdicom_emulator.management.export_body import Identifier
from azdicom_emulator.management.export_destinations import Destination, Source
from azdicom_emulator.management.operations import patiently
from azdicom_emulator.management.timestamps import with_offset
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.records import StoredInstance
from azdicom_emulator.storage.tree import folder_name

Result = TypeVar("Result")

NOT_FOUND = "The specified {resource} cannot be found."
UNREADABLE = "The file of the instance cannot be read."
ATTEMPTS = 2
"""Between look-up and copy a version can be replaced: then the next one is copied."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What to copy, what was not found of it, and where the next batch begins."""

    instances: Sequence[StoredInstance]
    missing: Sequence[Identifier]
    number: int
    after: int


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies the files of one export in threads that it shares with others."""

    index: Index
    destination: Destination
    threads: ThreadPoolExecutor
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)

    async def copy(self, batch: Batch) -> int:
        """How many were copied; the others are in the log of errors then. Raises DestinationError."""
        copying = [asyncio.ensure_future(self._copy_current(instance)) for instance in batch.instances]
        try:
            errors = await asyncio.gather(*copying)
        except Exception:
            # The others shall not go on into what is tried again.
            self._stopping.set()
            await asyncio.wait(copying)
            self._stopping.clear()
            raise
        skipped = [(str(each), NOT_FOUND.format(resource=each.resource)) for each in batch.missing]
        for instance, error in zip(batch.instances, errors, strict=True):
            if error is not None:
                skipped.append((f"{instance.key.study}/{instance.key.series}/{instance.key.instance}", error))
        if skipped:
            await self._in_thread(partial(self.destination.log_errors, _lines(skipped)))
        return errors.count(None)

    async def _copy_current(self, instance: StoredInstance) -> str | None:
        """None, or why it could not be read."""
        current: StoredInstance | None = instance
        for _ in range(ATTEMPTS):
            if current is None:
                return NOT_FOUND.format(resource="instance")
            try:
                await self._in_thread(partial(self._copy, current))
            except FileNotFoundError:
                current = await patiently(partial(self.index.instance, instance.key))
            except OSError:
                break
            else:
                return None
        return UNREADABLE

    def _copy(self, stored: StoredInstance) -> None:
        key = stored.key
        folders = "/".join(map(folder_name, (key.study, key.series, key.instance)))
        with self.index.files.paths(key, stored.watermark).dicom.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size
            self.destination.put(f"results/{folders}.dcm", Source(file, self._stopping), size_bytes)

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        """When the server stops, it waits for the block that is on its way."""
        working = asyncio.get_running_loop().run_in_executor(self.threads, function)
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            self._stopping.set()
            await asyncio.wait([working])
            raise


def _lines(skipped: Sequence[tuple[str, str]]) -> bytes:
    """One JSON object a line: identifier and error, with the time (async §3.3)."""
    timestamp = with_offset(datetime.now(UTC))
    return b"".join(
        orjson.dumps(
            {"timestamp": timestamp, "identifier": identifier, "error": error}, option=orjson.OPT_APPEND_NEWLINE
        )
        for identifier, error in skipped
    )
