"""Azure storage queues, against Azurite (async §6.3, §6.4)."""

import base64
import json
from typing import Any

import pytest
from azure.storage.queue import QueueClient

from tests.conftest import EmulatorWith
from tests.events.providers import providers, sinks
from tests.support.azurite import Azurite
from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_study
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("azurite")


def queue_sink(emulator_with: EmulatorWith, azurite: Azurite, queue: str, **more: Any) -> Emulator:
    entry = {
        "type": "azure_storage_queue",
        "connection_string": azurite.connection_string,
        "queue_name": queue,
        "retry_scale": 0.001,
        **more,
    }
    return emulator_with(event_providers=providers(entry))


def messages(azurite: Azurite, queue: str, number: int) -> list[str]:
    """The texts of so many messages, taken from the queue."""
    found: list[str] = []

    def enough() -> bool:
        found.extend(message.content for message in client.receive_messages(messages_per_page=32))
        return len(found) >= number

    with QueueClient.from_connection_string(azurite.connection_string, queue) as client:
        eventually(enough, what=f"{number} messages")
    return found


def delivered(emulator: Emulator, number: int) -> None:
    eventually(lambda: sinks(emulator)[0]["delivered"] == number, what="delivery")


def test_message_is_one_event_in_base64_and_the_queue_is_made(emulator_with: EmulatorWith, azurite: Azurite) -> None:
    """async §6.3: not an array; §6.4: the earlier emulator did not make the queue."""
    emulator = queue_sink(emulator_with, azurite, "base64-events")
    dataset = emulator.store(an_instance())
    delivered(emulator, 1)

    (text,) = messages(azurite, "base64-events", 1)

    event = json.loads(base64.b64decode(text, validate=True))
    assert event["data"]["imageSopInstanceUid"] == dataset.SOPInstanceUID
    assert event["eventType"] == "Microsoft.HealthcareApis.DicomImageCreated"


@pytest.mark.parametrize("more", [{"encoding": "text"}, {"schema": "seed"}], ids=["text", "seed"])
def test_message_can_be_plain_json(emulator_with: EmulatorWith, azurite: Azurite, more: dict[str, Any]) -> None:
    """async §6.4: plain text is what the earlier emulator sent."""
    queue = f"plain-{'-'.join(more.values())}"
    emulator = queue_sink(emulator_with, azurite, queue, **more)
    dataset = emulator.store(an_instance())
    delivered(emulator, 1)

    (text,) = messages(azurite, queue, 1)

    assert json.loads(text)["data"]["imageSopInstanceUid"] == dataset.SOPInstanceUID


def test_queue_that_somebody_deletes_is_made_again_and_nothing_is_lost(
    emulator_with: EmulatorWith, azurite: Azurite
) -> None:
    """Own design: what was not taken is sent again."""
    emulator = queue_sink(emulator_with, azurite, "deleted-events")
    first = emulator.store(an_instance())
    delivered(emulator, 1)
    with QueueClient.from_connection_string(azurite.connection_string, "deleted-events") as client:
        client.delete_queue()
    rest = [emulator.store(another_in_study(first)) for _ in range(3)]
    delivered(emulator, 4)

    found = messages(azurite, "deleted-events", 3)

    uids = [json.loads(base64.b64decode(text))["data"]["imageSopInstanceUid"] for text in found]
    assert uids == [dataset.SOPInstanceUID for dataset in rest]


def test_wrong_connection_string_is_told_and_does_not_stop_the_server(emulator_with: EmulatorWith) -> None:
    """Own design: the sink waits, the service works."""
    entry = {"type": "azure_storage_queue", "connection_string": "nonsense", "queue_name": "q"}
    emulator = emulator_with(event_providers=providers(entry))
    emulator.store(an_instance())

    (sink,) = eventually(lambda: [each for each in sinks(emulator) if each["lastError"]], what="the error")

    assert "onnection" in sink["lastError"]
    assert emulator.search_studies()
