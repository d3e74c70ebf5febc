"""Stores what waits in a source, by the rules of STOW-RS POST, again and again (async §4)."""

import asyncio
import filecmp
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from azdicom_emulator.dicom.part10 import PREAMBLE_BYTES
from azdicom_emulator.dicom.reasons import FailureReason
from azdicom_emulator.importing.sources import FileUnreadableError, Source, SourceError, Waiting, error_message
from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.errors import OverloadedError
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.records import DEFAULT_PARTITION, InstanceKey
from azdicom_emulator.studies.store import Ingest, store_one
from azdicom_emulator.studies.store_request import DICOM, StoreRequest
from azdicom_emulator.studies.store_response import Failed, StoreResult
from azdicom_emulator.web.workers import Workers

log = logging.getLogger(__name__)

STORE = StoreRequest(study=None, is_upsert=False, content_type=DICOM, multipart=None)
API_VERSION = 2
PROGRESS_EVERY = 100
REASONS = {
    FailureReason.PROCESSING: "it could not be processed",
    FailureReason.VALIDATION: "it is no valid DICOM file, or an attribute is not valid",
    FailureReason.ALREADY_EXISTS: "the instance exists already",
    FailureReason.PENDING: "the instance is being stored by another request",
}

Record = Callable[[str, int | None], None]
"""Told of each import: the file's name, and the status of its end as a store would have it; None: it begins."""


class Importer:
    """`start()`, `await close()`. Belongs to the event loop."""

    def __init__(self, index: Index, workers: Workers, settings: Settings, source: Source, record: Record) -> None:
        self._index = index
        self._workers = workers
        self._settings = settings
        self._source = source
        self._record = record
        self._troubles: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Breaks off: a file whose store is not acknowledged comes again with the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        is_prepared = False
        while True:
            try:
                if not is_prepared:
                    await asyncio.to_thread(self._source.prepare)
                    is_prepared = True
                if await self._import_all(await asyncio.to_thread(self._source.waiting)):
                    self._troubles.clear()
            except SourceError as error:
                self._complain(str(error))
            except OverloadedError:
                self._complain("the server is too busy; the import goes on later")
            except Exception:
                log.exception("the import failed; it goes on later")
            await asyncio.sleep(self._settings.import_interval_s)

    def _complain(self, what: str) -> None:
        """Once, and not at every look."""
        if what not in self._troubles:
            log.warning("import from %s: %s", self._source.place, what)
        self._troubles.add(what)

    async def _import_all(self, waiting: list[Waiting]) -> bool:
        """Whether none of them has to wait any longer."""
        outcomes: Counter[str] = Counter()
        for number, each in enumerate(waiting, start=1):
            try:
                outcomes["stored" if await self._import(each) is None else "rejected"] += 1
            except FileUnreadableError as error:
                outcomes["still waiting"] += 1
                self._complain(str(error))
            if (number % PROGRESS_EVERY == 0 or number == len(waiting)) and outcomes["stored"] + outcomes["rejected"]:
                said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items() if count)
                log.info("import: %d of %d files: %s", number, len(waiting), said)
        return not outcomes["still waiting"]

    async def _import(self, each: Waiting) -> str | None:
        """What is wrong with the file; None: it is stored."""
        self._record(each.name, None)
        error = await self._store(each)
        if error is None:
            await asyncio.to_thread(self._source.delete, each.name)
        else:
            log.warning("import: %s is rejected: %s", each.name, error)
            await asyncio.to_thread(self._source.reject, each.name, error_message(each.name, error))
        self._record(each.name, 200 if error is None else 409)
        return error

    async def _store(self, each: Waiting) -> str | None:
        if each.size_bytes > self._settings.max_request_bytes:
            return f"it has more than {self._settings.max_request_bytes} bytes"
        if each.size_bytes == 0:
            return REASONS[FailureReason.VALIDATION]
        copy = self._index.files.temporary()
        try:
            await asyncio.to_thread(self._source.fetch, each.name, copy)
            ingest = Ingest(self._index, self._settings, DEFAULT_PARTITION, STORE, API_VERSION, None)
            result = await store_one(self._workers, ingest, copy)
            if each.is_old and await self._is_stored_already(result, copy):
                return None
        finally:
            copy.unlink(missing_ok=True)
        if isinstance(result, Failed) and result.reason == FailureReason.PENDING:
            raise FileUnreadableError(f"{each.name}: {REASONS[FailureReason.PENDING]}")
        return _error(result)

    async def _is_stored_already(self, result: StoreResult, file: Path) -> bool:
        """Whether the file is the one in the store: imported by a process that ended before it deleted the file."""
        if not isinstance(result, Failed) or result.reason != FailureReason.ALREADY_EXISTS or result.identity is None:
            return False
        identity = result.identity
        key = InstanceKey(DEFAULT_PARTITION, identity.study or "", identity.series or "", identity.instance or "")
        stored = await self._index.instance(key)
        if stored is None:
            return False
        path = self._index.files.paths(key, stored.first.watermark).dicom
        return await asyncio.to_thread(_are_the_same, path, file)


def _are_the_same(stored: Path, file: Path) -> bool:
    """But for the preamble, which the store may have zeroed."""
    with stored.open("rb") as left, file.open("r+b") as right:
        right.write(left.read(PREAMBLE_BYTES))
    return filecmp.cmp(stored, file, shallow=False)


def _error(result: StoreResult) -> str | None:
    if not isinstance(result, Failed):
        return None
    said = "; ".join(result.messages) or REASONS.get(FailureReason(result.reason), "")
    return f"failure reason {int(result.reason)}: {said}"
