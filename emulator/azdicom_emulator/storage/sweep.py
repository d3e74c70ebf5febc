"""Removes the files that a crash left behind: versions that neither a row nor a store in progress refers to."""

import logging
from collections.abc import Sequence
from itertools import islice
from threading import Event, Thread

from azdicom_emulator.storage.claims import Claims
from azdicom_emulator.storage.errors import InstancePendingError, StorageError
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.tree import Version, versions
from azdicom_emulator.storage.writer import Writer

log = logging.getLogger(__name__)

_VERSIONS_A_QUESTION = 1_000


class Sweep:
    """Runs once, in a thread of its own, beside all other work.

    since: when the process that crashed was started, in seconds since 1970. Older files are none of its leftovers.
    """

    def __init__(self, files: FileStore, claims: Claims, writer: Writer, since: float) -> None:
        self._files = files
        self._claims = claims
        self._writer = writer
        self._since = since
        self._closing = Event()
        self.is_done = False
        self._thread = Thread(target=self._run, name="index-sweep", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when the sweep is done."""
        self._thread.join()

    def close(self) -> None:
        """Ends the sweep early."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        removed = 0
        try:
            found = (version for version in versions(self._files.root) if version.modified_at >= self._since)
            while (some := list(islice(found, _VERSIONS_A_QUESTION))) and not self._closing.is_set():
                removed += sum(map(self._remove, self._unknown(some)))
            self.is_done = not self._closing.is_set()
        except (OSError, StorageError):
            log.exception("the sweep for files without a row ended early")
        if removed:
            log.info("removed %d versions that were never acknowledged", removed)

    def _unknown(self, some: Sequence[Version]) -> list[Version]:
        return self._writer.submit(lambda mutations, _: mutations.unknown(some)).result()

    def _remove(self, version: Version) -> bool:
        try:
            # A store of the instance waits for the claim to go instead of failing, since it is never settled.
            claim = self._claims.acquire(version.key, lambda _: None)
        except InstancePendingError:
            return False
        try:
            if not self._unknown([version]):
                return False
            self._files.remove(version.key, version.watermark)
            return True
        finally:
            self._claims.forget(claim)
