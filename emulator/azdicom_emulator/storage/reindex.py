"""Makes the index again from the files, for a folder whose database is lost or damaged."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.folder import DATABASE, JOURNAL, connect, lock_folder
from azdicom_emulator.storage.journal import JournalEntry, segment_files
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.records import (
    DEFAULT_PARTITION,
    InstanceKey,
    NewInstance,
    OriginalVersion,
    SeriesAttributes,
    StoredInstance,
    StudyAttributes,
)
from azdicom_emulator.storage.schema import migrate
from azdicom_emulator.storage.tree import Version, versions

log = logging.getLogger(__name__)

_ENTRIES_A_TRANSACTION = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAttributes:
    """What a DICOM file says of itself."""

    transfer_syntax_uid: str
    study: StudyAttributes
    series: SeriesAttributes


def rebuild(folder: Path, read_attributes: Callable[[Path], ReadAttributes], *, memory_limit_mb: int = 256) -> int:
    """Replaces the index by one of the newest version of each instance that has files; returns how many.

    Deletions in the change feed, expiries and empty partitions are lost; the time of a change is that of its file.
    A file that `read_attributes` refuses with ValueError or OSError is left out and logged. The former database stays
    as `index.duckdb.old`. Raises DataFolderInUseError, DataFolderNotWritableError.
    """
    with lock_folder(folder):
        files = FileStore(folder)
        files.prepare()
        made = folder / f"{DATABASE}.new"
        for leftover in (made, _log_of(made)):
            leftover.unlink(missing_ok=True)
        connection = connect(made, memory_limit_mb)
        try:
            migrate(connection)
            mutations = Mutations(connection)
            mutations.add_partition(DEFAULT_PARTITION, datetime.now(UTC))
            entries = _entries(files, _newest_versions(files), read_attributes)
            count = 0
            while some := list(islice(entries, _ENTRIES_A_TRANSACTION)):
                mutations.replay(some)
                count += len(some)
            mutations.checkpoint()
        finally:
            connection.close()
        _put_in_place(folder, made)
    return count


@dataclass(frozen=True, slots=True)
class _Found:
    """The newest version of an instance, and the one before its first bulk update."""

    newest: Version
    original: Version | None


def _newest_versions(files: FileStore) -> list[_Found]:
    """By watermark, so that the latest values of a study win as they did when it was stored."""
    by_instance: dict[InstanceKey, list[Version]] = {}
    for version in versions(files.root):
        by_instance.setdefault(version.key, []).append(version)
    found = []
    for of_instance in by_instance.values():
        *older, newest = sorted(of_instance, key=lambda version: version.watermark)
        found.append(_Found(newest, next((version for version in older if version.is_original), None)))
    return sorted(found, key=lambda each: each.newest.watermark)


def _entries(
    files: FileStore, found: list[_Found], read_attributes: Callable[[Path], ReadAttributes]
) -> Iterator[JournalEntry]:
    for each in found:
        key, watermark = each.newest.key, each.newest.watermark
        path = files.paths(key, watermark).dicom
        try:
            size_bytes = path.stat().st_size
            read = read_attributes(path)
            original = None if each.original is None else _original(files, each.original)
        except (OSError, ValueError) as error:
            log.warning("left out %s: %s", path, error)
            continue
        stored = StoredInstance(key, watermark, read.transfer_syntax_uid, size_bytes, original)
        at = datetime.fromtimestamp(each.newest.modified_at, UTC)
        yield JournalEntry(at, NewInstance(stored=stored, study=read.study, series=read.series))


def _original(files: FileStore, version: Version) -> OriginalVersion:
    return OriginalVersion(version.watermark, files.paths(version.key, version.watermark).dicom.stat().st_size)


def _put_in_place(folder: Path, made: Path) -> None:
    """The journal goes first: what is in it has files, and is in the new index already."""
    for path in segment_files(folder / JOURNAL):
        path.unlink()
    database = folder / DATABASE
    _log_of(database).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        database.replace(database.with_suffix(".duckdb.old"))
    made.replace(database)


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.wal")
