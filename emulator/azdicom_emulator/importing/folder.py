"""A folder with the containers of an import as folders in it."""

import os
import shutil
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from azdicom_emulator.importing.sources import (
    ERROR_CONTAINER,
    ERROR_QUEUE,
    IMPORT_CONTAINER,
    FileUnreadableError,
    SourceError,
    Waiting,
)

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload")
"""Endings of files that are being copied, and get another name when they are whole; a leading dot says the same."""

_State = tuple[int, int]


class FolderSource:
    """A file is whole when its size and time are the same at two looks."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder / IMPORT_CONTAINER)
        self._imported = folder / IMPORT_CONTAINER
        self._rejected = folder / ERROR_CONTAINER
        self._messages = folder / ERROR_QUEUE
        self._seen: dict[str, _State] | None = None
        self._old: frozenset[str] = frozenset()

    def prepare(self) -> None:
        try:
            for folder in (self._imported, self._rejected, self._messages):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"cannot make {error.filename}: {error.strerror}") from error

    def waiting(self) -> list[Waiting]:
        found = self._look()
        if self._seen is None:
            self._seen, self._old = {}, frozenset(found)
        before, self._seen = self._seen, found
        whole = [name for name, state in found.items() if before.get(name) == state]
        whole.sort(key=lambda name: (found[name][1], name))
        return [Waiting(name, found[name][0], name in self._old) for name in whole]

    def fetch(self, name: str, target: Path) -> None:
        try:
            shutil.copyfile(self._imported / name, target)
        except OSError as error:
            raise FileUnreadableError(f"cannot read {name}: {error.strerror}") from error

    def delete(self, name: str) -> None:
        try:
            (self._imported / name).unlink(missing_ok=True)
        except OSError as error:
            raise FileUnreadableError(f"cannot delete {name}: {error.strerror}") from error
        self._forget(name)

    def reject(self, name: str, message: bytes) -> None:
        target = self._rejected / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self._imported / name, target)
            stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}"
            part = self._messages / f".{stem}.part"
            part.write_bytes(message)
            part.rename(self._messages / f"{stem}.json")
        except OSError as error:
            raise FileUnreadableError(f"cannot move {name} to {ERROR_CONTAINER}: {error.strerror}") from error
        self._forget(name)

    def _forget(self, name: str) -> None:
        if self._seen is not None:
            self._seen.pop(name, None)
        self._old -= {name}

    def _look(self) -> dict[str, _State]:
        found = {}
        for parent, folders, names in os.walk(self._imported):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.startswith(".") or name.lower().endswith(UNFINISHED):
                    continue
                path = Path(parent, name)
                with suppress(FileNotFoundError):
                    state = path.stat()
                    found[path.relative_to(self._imported).as_posix()] = (state.st_size, state.st_mtime_ns)
        return found
