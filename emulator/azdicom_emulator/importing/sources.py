"""Where imported files come from, and what is told of those that cannot be stored."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson

from azdicom_emulator.starting import StartError

IMPORT_CONTAINER, ERROR_CONTAINER, ERROR_QUEUE = "import-container", "error-container", "error-queue"


class SourceError(StartError):
    """The source cannot be reached or read now."""


class FileUnreadableError(SourceError):
    """One file cannot be imported now; the others can."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that is whole. name: its path below the container, with `/`. is_old: it was there when the server started,

    so that a process before may have stored it and ended before it was deleted.
    """

    name: str
    size_bytes: int
    is_old: bool


class Source(Protocol):
    """All methods block, and are called one at a time. They may raise SourceError."""

    place: str

    def prepare(self) -> None:
        """Makes the containers that are missing."""

    def waiting(self) -> list[Waiting]:
        """Files to import, oldest first."""

    def fetch(self, name: str, target: Path) -> None:
        """Copies a file to `target`, which does not exist."""

    def delete(self, name: str) -> None:
        """It is stored."""

    def reject(self, name: str, message: bytes) -> None:
        """Moves the file to the error container, and puts `message` on the error queue."""


def error_message(name: str, error: str) -> bytes:
    """One JSON object."""
    return orjson.dumps({"fileName": name, "error": error, "timestamp": datetime.now(UTC).isoformat()})
