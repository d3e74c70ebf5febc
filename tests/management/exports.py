"""Starting exports over HTTP, and looking at what arrived."""

import json
from collections.abc import Mapping
from typing import Any

from azure.storage.blob import BlobServiceClient, ContainerClient

from tests.management.tags import APPLICATION_JSON, finished, operation_path
from tests.support.azurite import Azurite
from tests.support.client import Emulator, Json, Response

EXPORT = "/export"


def post_export(emulator: Emulator, body: Any, *, content_type: str | None = APPLICATION_JSON) -> Response:
    """body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return emulator.post(EXPORT, content, content_type=content_type, accept=None)


def an_export(settings: Mapping[str, Any], *values: str, of_all: bool = False, to: str = "azureblob") -> Json:
    """The body that exports `values`, or everything."""
    source = {} if of_all else {"source": {"type": "identifiers", "settings": {"values": list(values)}}}
    return {**source, "destination": {"type": to, "settings": dict(settings)}}


def exported(emulator: Emulator, body: Json) -> Json:
    """What the operation says when it is done."""
    answer = post_export(emulator, body)
    assert answer.status == 202, answer.text
    return finished(emulator, operation_path(emulator, answer))


def a_container(azurite: Azurite, name: str) -> ContainerClient:
    """An empty container of this name."""
    return BlobServiceClient.from_connection_string(azurite.connection_string).create_container(name)


def by_connection(azurite: Azurite, container: ContainerClient) -> Mapping[str, Any]:
    return {"connectionString": azurite.connection_string, "blobContainerName": container.container_name}


def by_identity(azurite: Azurite, container: ContainerClient) -> Mapping[str, Any]:
    uri = f"{azurite.blob_endpoint}/{container.container_name}"
    return {"blobContainerUri": uri, "useManagedIdentity": True}


def blobs_of(container: ContainerClient, operation: Json) -> dict[str, bytes]:
    """Content by name, of the blobs below the operation's id, which the names are without."""
    folder = f"{operation['operationId']}/"
    names = list(container.list_blob_names(name_starts_with=folder))
    return {name.removeprefix(folder): container.download_blob(name).readall() for name in names}


def blob_names_of(container: ContainerClient, operation_id: str) -> set[str]:
    return set(container.list_blob_names(name_starts_with=f"{operation_id}/results/"))


def errors_in(log: bytes) -> list[Json]:
    return [json.loads(line) for line in log.splitlines()]
