"""A container of Azure Blob Storage, or of Azurite, as the destination of an export, by Azure's own client library."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azdicom_emulator.management.export_destinations import (
    BLOCK_BYTES,
    ERRORS_LOG,
    DestinationError,
    Source,
)
from azdicom_emulator.management.export_settings import BlobSettings
from azdicom_emulator.web.errors import BadRequestError, MissingPackageError

try:
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ResourceNotFoundError,
        ServiceRequestError,
        ServiceResponseError,
    )
    from azure.storage.blob import ContainerClient
except ImportError as error:
    raise MissingPackageError("azure-storage-blob") from error

NOT_FOUND = "Azure Blob Storage container '{container}' does not exist in account '{account}'."
UNREACHABLE = "Cannot connect to Azure Blob Storage container '{container}' in account '{account}'."
NOT_AUTHENTICATED = "Unable to authenticate for Azure Blob Storage container '{container}' in account '{account}'."
REFUSED = "Failed to write to Azure Blob Storage container '{container}' in account '{account}'."

OPTIONS: dict[str, Any] = {
    # What is larger than a block is sent block by block, so that no thread holds more than one.
    "max_single_put_size": BLOCK_BYTES,
    "max_block_size": BLOCK_BYTES,
    "connection_timeout": 5,
    "read_timeout": 30,
    "retry_total": 2,
}

# One line a request, with its address, is too much for the log of the server.
logging.getLogger("azure").setLevel(logging.WARNING)


def open_container(settings: BlobSettings, operation_id: str) -> "BlobDestination":
    """Raises BadRequestError: the address is none; MissingPackageError."""
    try:
        client = ContainerClient.from_container_url(settings.url, credential=_credential(settings), **OPTIONS)
    except ValueError as error:
        raise BadRequestError(_text(REFUSED, settings), hint=str(error)) from error
    return BlobDestination(settings, operation_id, client)


class BlobDestination:
    """The blobs of one export, below its id."""

    def __init__(self, settings: BlobSettings, operation_id: str, client: ContainerClient) -> None:
        self._settings = settings
        self._id = operation_id
        self._client = client

    def begin(self) -> None:
        try:
            self._client.get_blob_client(f"{self._id}/{ERRORS_LOG}").create_append_blob(retry_total=0)
        except ResourceNotFoundError as error:
            raise BadRequestError(_text(NOT_FOUND, self._settings)) from error
        except ClientAuthenticationError as error:
            raise BadRequestError(_text(NOT_AUTHENTICATED, self._settings), hint=_reason(error)) from error
        except (ServiceRequestError, ServiceResponseError) as error:
            raise BadRequestError(_text(UNREACHABLE, self._settings)) from error
        except AzureError as error:
            raise BadRequestError(_text(REFUSED, self._settings), hint=_reason(error)) from error

    def errors_url(self) -> str:
        return f"{self._settings.url}/{self._id}/{ERRORS_LOG}"

    def put(self, name: str, source: Source, size_bytes: int) -> None:
        with _translated(name):
            client = self._client.get_blob_client(f"{self._id}/{name}")
            client.upload_blob(source, length=size_bytes, overwrite=True)  # type: ignore[arg-type]

    def log_errors(self, lines: bytes) -> None:
        with _translated(ERRORS_LOG):
            client = self._client.get_blob_client(f"{self._id}/{ERRORS_LOG}")
            for start in range(0, len(lines), BLOCK_BYTES):
                client.append_block(lines[start : start + BLOCK_BYTES])

    def close(self) -> None:
        self._client.close()


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise DestinationError(f"{name}: {_reason(error)}") from error


def _credential(settings: BlobSettings) -> Any:
    """None is anonymous."""
    if settings.key:
        return {"account_name": settings.account, "account_key": settings.key}
    if settings.sas:
        return settings.sas
    if not settings.uses_managed_identity or settings.is_on_this_machine:
        return None
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise MissingPackageError("azure-identity") from error
    return DefaultAzureCredential()


def _reason(error: AzureError) -> str:
    """The error code of the storage service, or what kind of failure it was; their texts can hold an address."""
    if isinstance(error, HttpResponseError):
        return f"{error.status_code} {getattr(error, 'error_code', None) or error.reason or ''}".strip()
    return type(error).__name__


def _text(template: str, settings: BlobSettings) -> str:
    return template.format(container=settings.container_name, account=settings.account)
