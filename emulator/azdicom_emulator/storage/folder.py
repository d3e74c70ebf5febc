"""The data folder as one process has it: locked, migrated, and with nothing left over from the process before."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection
from filelock import FileLock, Timeout

from azdicom_emulator.storage.errors import DataFolderInUseError, DataFolderNotWritableError, IndexUnreadableError
from azdicom_emulator.storage.files import Durability, FileStore
from azdicom_emulator.storage.journal import leftover_entries
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.records import DEFAULT_PARTITION
from azdicom_emulator.storage.schema import migrate

log = logging.getLogger(__name__)

DATABASE = "index.duckdb"
JOURNAL = "journal"
_RUNNING = "running"


@dataclass(slots=True)
class DataFolder:
    """An open data folder.

    crashed_since: when the process before was started, in seconds since 1970, if it did not end in order.
    """

    folder: Path
    files: FileStore
    connection: DuckDBPyConnection
    mutations: Mutations
    crashed_since: float | None
    _held: ExitStack

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL

    @classmethod
    def open(cls, folder: Path, durability: Durability, memory_limit_mb: int) -> "DataFolder":
        """Raises DataFolderInUseError, DataFolderNotWritableError, IndexNewerError, IndexUnreadableError."""
        with ExitStack() as held:
            held.callback(lock_folder(folder).release)
            files = FileStore(folder, durability)
            try:
                files.prepare()
                crashed_since = _started(folder)
            except OSError as error:
                raise DataFolderNotWritableError(folder, error.strerror or str(error)) from error
            if not (folder / DATABASE).exists() and any(files.root.iterdir()):
                # Without the former index no file can be told from a leftover.
                log.warning("%s has DICOM files and no index: `azdicom reindex` makes it again", folder)
                crashed_since = None
            connection = connect(folder / DATABASE, memory_limit_mb)
            held.callback(connection.close)
            mutations = _up_to_date(connection, folder / JOURNAL)
            return cls(folder, files, connection, mutations, crashed_since, held.pop_all())

    def close(self, *, is_swept: bool) -> None:
        """is_swept: whether no leftovers of a crash are in the files any more."""
        with self._held:
            self.mutations.checkpoint()
        if is_swept:
            (self.folder / _RUNNING).unlink(missing_ok=True)


def lock_folder(folder: Path) -> FileLock:
    """Makes the folder, and takes it for this process. Raises DataFolderInUseError, DataFolderNotWritableError."""
    lock = FileLock(folder / "lock", thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise DataFolderInUseError(folder) from None
    except OSError as error:
        raise DataFolderNotWritableError(folder, error.strerror or str(error)) from error
    return lock


def connect(database: Path, memory_limit_mb: int) -> DuckDBPyConnection:
    """Raises IndexUnreadableError."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit_mb}MB",
        "threads": 2,
        "autoinstall_known_extensions": False,
    }
    try:
        connection = duckdb.connect(database, config=settings)
    except duckdb.Error as error:
        raise IndexUnreadableError(database, str(error)) from error
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def _up_to_date(connection: DuckDBPyConnection, journal: Path) -> Mutations:
    """Migrates, makes the default partition, and applies what is acknowledged and not yet in the index."""
    migrate(connection)
    mutations = Mutations(connection)
    mutations.add_partition(DEFAULT_PARTITION, datetime.now(UTC))
    entries, read = leftover_entries(journal)
    if entries:
        mutations.replay(entries)
    for path in read:
        path.unlink()
    return mutations


def _started(folder: Path) -> float | None:
    """Marks the folder as in use; when it was marked before, if nobody took the mark away."""
    mark = folder / _RUNNING
    if mark.exists():
        return mark.stat().st_mtime
    mark.touch()
    return None
