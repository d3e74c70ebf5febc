"""Bulk import from an Azure storage account, against Azurite (async §4)."""

import json

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from tests.conftest import EmulatorWith
from tests.support.azurite import Azurite
from tests.support.instances import an_instance, part10
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("azurite")


def test_blobs_are_stored_or_moved_to_the_error_container(emulator_with: EmulatorWith, azurite: Azurite) -> None:
    """async §4: the containers and the queue of the managed service."""
    emulator = emulator_with(import_connection_string=azurite.connection_string, import_interval_s=0.05)
    dataset = an_instance()
    containers = [
        ContainerClient.from_connection_string(azurite.connection_string, name)
        for name in ("import-container", "error-container")
    ]
    queue = QueueClient.from_connection_string(azurite.connection_string, "error-queue")
    imported, rejected = containers
    try:
        eventually(imported.exists, what="the import container")
        eventually(rejected.exists, what="the error container")
        imported.upload_blob("a/good.dcm", part10(dataset))
        imported.upload_blob("bad.txt", b"no DICOM")

        (message,) = eventually(lambda: _received(queue), what="the message")
        eventually(lambda: not list(imported.list_blob_names()), what="the import")

        assert emulator.retrieve(dataset) == part10(dataset)
        assert list(rejected.list_blob_names()) == ["bad.txt"]
        assert rejected.download_blob("bad.txt").readall() == b"no DICOM"
        assert (message["fileName"], message["error"][:20]) == ("bad.txt", "failure reason 43264")
    finally:
        for container in containers:
            container.close()
        queue.close()


def _received(queue: QueueClient) -> list[dict[str, str]]:
    try:
        return [json.loads(message.content) for message in queue.receive_messages()]
    except ResourceNotFoundError:  # not made yet
        return []
