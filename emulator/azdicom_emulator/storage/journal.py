"""What is acknowledged and not yet in DuckDB: one line a store, in files that go when DuckDB has their lines."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from azdicom_emulator.storage.records import (
    InstanceKey,
    NewInstance,
    OriginalVersion,
    SeriesAttributes,
    StoredInstance,
    StudyAttributes,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One acknowledged store. `replaces`: the version of the instance that it ends."""

    at: datetime
    new: NewInstance
    replaces: StoredInstance | None = None


@dataclass(eq=False, slots=True)
class Segment:
    """One journal file and the entries in it."""

    path: Path
    entries: list[JournalEntry]
    file: int
    size_bytes: int = 0


class Journal:
    """Appends entries, and hands them to the writer in segments. All methods may be called in any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self._next_number = 1 + max((int(path.stem) for path in segment_files(folder)), default=0)
        self._lock = Lock()
        self._current: Segment | None = None
        self._taken: list[Segment] = []
        self._unapplied: dict[InstanceKey, StoredInstance] = {}
        self._unapplied_entries = 0
        self.appended = 0
        """How many entries there ever were."""
        self._last_moment = datetime.min.replace(tzinfo=UTC)

    def __len__(self) -> int:
        """How many entries are not yet in DuckDB."""
        return self._unapplied_entries

    def find(self, key: InstanceKey) -> StoredInstance | None:
        """The version of an instance that is not yet in DuckDB."""
        return self._unapplied.get(key)

    def append(self, stores: Iterable[tuple[NewInstance, StoredInstance | None]]) -> None:
        """Appends (new, replaced) pairs by one write; returns when the operating system has them.

        A failing write leaves nothing behind.
        """
        with self._lock:
            at = self._moment()
            entries = [JournalEntry(at, new, replaced) for new, replaced in stores]
            lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries)
            segment = self._current or self._start_segment()
            try:
                _write_all(segment.file, lines)
            except BaseException:
                # Half a line would hide every later one from the next start.
                os.ftruncate(segment.file, segment.size_bytes)
                raise
            segment.size_bytes += len(lines)
            segment.entries += entries
            self._unapplied.update((entry.new.stored.key, entry.new.stored) for entry in entries)
            self._unapplied_entries += len(entries)
            self.appended += len(entries)

    def take(self) -> tuple[datetime, list[Segment]]:
        """All that is not in DuckDB, oldest first, and the moment of this cut: later entries are not earlier than it.

        Segments come again until they are `applied`.
        """
        with self._lock:
            if self._current is not None:
                self._taken.append(self._current)
                self._current = None
            return self._moment(), list(self._taken)

    def applied(self, segment: Segment) -> None:
        """Drops a segment whose entries are committed in DuckDB."""
        with self._lock:
            self._taken.remove(segment)
            self._unapplied_entries -= len(segment.entries)
            for entry in segment.entries:
                stored = entry.new.stored
                if self._unapplied.get(stored.key) is stored:
                    del self._unapplied[stored.key]
            os.close(segment.file)
        try:
            segment.path.unlink()
        except OSError:
            log.exception("cannot remove %s; the next start does", segment.path)

    def sync(self) -> None:
        """Returns when all entries appended before are on the disk. Blocking."""
        with self._lock:
            # Copies, since `applied` may close the files meanwhile: those are in DuckDB then, which syncs by itself.
            files = [os.dup(segment.file) for segment in (*self._taken, *filter(None, [self._current]))]
        files.append(os.open(self._folder, os.O_RDONLY))
        try:
            for file in files:
                os.fsync(file)
        finally:
            for file in files:
                os.close(file)

    def _moment(self) -> datetime:
        # A clock set back must not order a change before those that it follows.
        self._last_moment = max(self._last_moment, datetime.now(UTC))
        return self._last_moment

    def _start_segment(self) -> Segment:
        path = self._folder / f"{self._next_number}.jsonl"
        self._next_number += 1
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._current = Segment(path, [], file)
        return self._current


def leftover_entries(folder: Path) -> tuple[list[JournalEntry], list[Path]]:
    """What a previous process acknowledged and did not bring into DuckDB, oldest first, and the files that hold it."""
    files = segment_files(folder)
    entries: list[JournalEntry] = []
    for path in files:
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                entries.append(_decoded(line))
            except ValueError:
                # The process (or the power) ended within this write, so it was never acknowledged.
                log.warning("ignored what follows %s whole lines in %s", len(entries), path)
                break
    return entries, files


def segment_files(folder: Path) -> list[Path]:
    """The journal files in the order in which they were written."""
    if not folder.exists():
        return []
    return sorted((path for path in folder.glob("*.jsonl") if path.stem.isdecimal()), key=lambda path: int(path.stem))


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _decoded(line: bytes) -> JournalEntry:
    fields: dict[str, Any] = orjson.loads(line)
    new = fields["new"]
    return JournalEntry(
        at=datetime.fromisoformat(fields["at"]),
        new=NewInstance(
            stored=_stored(new["stored"]),
            study=StudyAttributes(**new["study"]),
            series=SeriesAttributes(**new["series"]),
            expires_at=datetime.fromisoformat(new["expires_at"]) if new["expires_at"] else None,
            tag_values=tuple((key, value) for key, value in new.get("tag_values", ())),
        ),
        replaces=_stored(fields["replaces"]) if fields["replaces"] else None,
    )


def _stored(fields: dict[str, Any]) -> StoredInstance:
    original = fields.get("original")
    return StoredInstance(
        **fields | {"key": InstanceKey(**fields["key"]), "original": OriginalVersion(**original) if original else None}
    )
