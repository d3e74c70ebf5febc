"""An Azure storage account with the containers and the queue of an import; Azurite is one. Needs the extra `azure`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azdicom_emulator.importing.sources import (
    ERROR_CONTAINER,
    ERROR_QUEUE,
    IMPORT_CONTAINER,
    FileUnreadableError,
    SourceError,
    Waiting,
)

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient
    from azure.storage.queue import QueueClient

CLIENT_OPTIONS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 60, "retry_total": 0}


class ContainerSource:
    """A blob is whole when it is listed."""

    def __init__(self, connection_string: str) -> None:
        """Raises SourceError: the string is no connection string, or the library is not installed."""
        try:
            from azure.storage.blob import ContainerClient
            from azure.storage.queue import QueueClient
        except ImportError:
            raise SourceError("an import from Azure storage needs: pip install 'azure-dicom-emulator[azure]'") from None
        try:
            self._imported, self._rejected = (
                ContainerClient.from_connection_string(connection_string, name, **CLIENT_OPTIONS)
                for name in (IMPORT_CONTAINER, ERROR_CONTAINER)
            )
            self._messages = QueueClient.from_connection_string(connection_string, ERROR_QUEUE, **CLIENT_OPTIONS)
        except ValueError as error:
            raise SourceError(f"the connection string of the import is wrong: {error}") from None
        self.place = self._imported.url.partition("?")[0]
        self._old: frozenset[str] | None = None

    def prepare(self) -> None:
        with _storage_errors():
            _make(self._imported)
            _make(self._rejected)
            _make_queue(self._messages)

    def waiting(self) -> list[Waiting]:
        with _storage_errors():
            blobs = sorted(self._imported.list_blobs(), key=lambda blob: (blob.last_modified, blob.name))
        if self._old is None:
            self._old = frozenset(blob.name for blob in blobs)
        return [Waiting(blob.name, blob.size, blob.name in self._old) for blob in blobs]

    def fetch(self, name: str, target: Path) -> None:
        with _storage_errors(), target.open("wb") as file:
            self._imported.download_blob(name).readinto(file)

    def delete(self, name: str) -> None:
        with _storage_errors():
            self._imported.delete_blob(name)
        self._forget(name)

    def reject(self, name: str, message: bytes) -> None:
        with _storage_errors():
            content = self._imported.download_blob(name)
            self._rejected.upload_blob(name, content.chunks(), length=content.size, overwrite=True)
            self._messages.send_message(message.decode())
            self._imported.delete_blob(name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        self._old = (self._old or frozenset()) - {name}


def _make(container: "ContainerClient") -> None:
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        container.create_container()


def _make_queue(queue: "QueueClient") -> None:
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        queue.create_queue()


@contextmanager
def _storage_errors() -> Iterator[None]:
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    try:
        yield
    except ResourceNotFoundError as error:  # somebody took it away meanwhile
        raise FileUnreadableError(error.message.splitlines()[0]) from error
    except AzureError as error:
        raise SourceError(
            f"the storage account does not answer as it should: {error.message.splitlines()[0]}"
        ) from error
