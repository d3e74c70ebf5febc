"""One writer a cassette: a lock file that holds the writer's process id."""

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from azdicom_proxy.cassette.errors import CassetteLockedError


class CassetteLock:
    """Held from its making until `release`; a process that died holds none. Raises CassetteLockedError."""

    def __init__(self, cassette: Path) -> None:
        path = cassette.with_suffix(".lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise CassetteLockedError(cassette, _holder(path)) from None
        with suppress(OSError):  # some systems let nobody write a locked file; the lock holds all the same
            path.write_text(str(os.getpid()), "ascii")
        self._path = path

    def release(self) -> None:
        self._lock.release()
        with suppress(OSError):
            self._path.unlink()


def _holder(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""
