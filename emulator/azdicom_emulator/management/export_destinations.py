"""Where exported files go: a container of Azure Blob Storage, or a folder (async §3.3)."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from azdicom_emulator.management.export_settings import BlobSettings, DestinationSettings, FolderSettings
from azdicom_emulator.web.errors import BadRequestError

BLOCK_BYTES = 4 * 1024 * 1024
ERRORS_LOG = "errors.log"
NOT_IN_FOLDER = "The path '{path}' is not inside the folder for exports."
CANNOT_WRITE = "Failed to write to the folder for exports."


class DestinationError(Exception):
    """The destination did not take something; the message says what it answered, without secrets."""


class StoppedError(Exception):
    """The server stops in the middle of a file."""


class Source:
    """A file that is read until the export is told to stop."""

    def __init__(self, file: BinaryIO, stopping: threading.Event) -> None:
        self._file = file
        self._stopping = stopping

    def read(self, size: int = -1, /) -> bytes:
        """Raises StoppedError."""
        if self._stopping.is_set():
            raise StoppedError
        return self._file.read(size)


class Destination(Protocol):
    """All methods block, and may be called in several threads. They raise DestinationError."""

    def begin(self) -> None:
        """Makes the log of errors, empty. Raises BadRequestError with the service's text where that fails."""

    def errors_url(self) -> str:
        """Where a person finds the log of errors."""

    def put(self, name: str, source: Source, size_bytes: int) -> None:
        """name: below the export's own folder, `results/…`."""

    def log_errors(self, lines: bytes) -> None:
        """Appends lines to the log of errors."""

    def close(self) -> None: ...


def open_destination(settings: DestinationSettings, operation_id: str, folder: Path | None) -> Destination:
    """folder: the one for exports. Raises BadRequestError, MissingPackageError. Blocking."""
    if isinstance(settings, BlobSettings):
        # The SDK takes a second to import, which only exports need to pay.
        from azdicom_emulator.management.export_blobs import open_container

        return open_container(settings, operation_id)
    return FolderDestination(_inside(folder, settings), operation_id)


class FolderDestination:
    """Files in a folder of this machine, each put in place whole."""

    def __init__(self, folder: Path, operation_id: str) -> None:
        self._folder = folder / operation_id

    def begin(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / ERRORS_LOG).touch()
        except OSError as error:
            raise BadRequestError(CANNOT_WRITE, hint=error.strerror or str(error)) from error

    def errors_url(self) -> str:
        return (self._folder / ERRORS_LOG).as_uri()

    def put(self, name: str, source: Source, size_bytes: int) -> None:
        path = self._folder / name
        part = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                while block := source.read(BLOCK_BYTES):
                    file.write(block)
            os.replace(part, path)  # noqa: PTH105 (says what happens to a file that is there)
        except OSError as error:
            raise DestinationError(f"{path}: {error.strerror}") from error
        finally:
            with suppress(OSError):
                part.unlink()

    def log_errors(self, lines: bytes) -> None:
        try:
            with (self._folder / ERRORS_LOG).open("ab") as file:
                file.write(lines)
        except OSError as error:
            raise DestinationError(f"{ERRORS_LOG}: {error.strerror}") from error

    def close(self) -> None:
        """Nothing is open."""


def _inside(folder: Path | None, settings: FolderSettings) -> Path:
    """The folder that the request names, links followed; raises BadRequestError when it is outside."""
    if folder is not None:
        root = folder.resolve()
        with suppress(OSError, ValueError):
            wanted = (root / settings.path).resolve()
            if wanted.is_relative_to(root):
                return wanted
    raise BadRequestError(NOT_IN_FOLDER.format(path=settings.path))
