"""Azure storage queues, Azurite's too: a message an event. Needs the packages of the extra `azure`."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import orjson

from azdicom_emulator.events.envelopes import Event
from azdicom_emulator.events.providers import Encoding, Provider, ProvidersError
from azdicom_emulator.events.retries import DeliveryError

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

CONCURRENCY = 16
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
MAX_MESSAGE_BYTES = 64 * 1024
MISSING_PACKAGE = "an azure_storage_queue needs another package: pip install 'azure-dicom-emulator[azure]'"

Result = TypeVar("Result")


class QueueSink:
    """Sends events to one queue, which is made when it is missing. The library is loaded with the first event."""

    keeps_all_in_order = False

    def __init__(self, provider: Provider) -> None:
        """Raises ProvidersError: the library is not installed."""
        if not _is_installed():
            raise ProvidersError(MISSING_PACKAGE)
        self._provider = provider
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="event-queue")
        self._client: QueueClient | None = None
        self._opening = asyncio.Lock()

    async def send(self, event: Event, attempts: int) -> None:
        content = orjson.dumps(event)
        text = b64encode(content).decode() if self._provider.encoding is Encoding.BASE64 else content.decode()
        if len(text.encode()) > MAX_MESSAGE_BYTES:
            raise DeliveryError("PayloadTooLarge", "the message would have more than 64 KiB", 413)
        client = await self._opened()
        await self._in_thread(lambda: _send(client, text))

    async def reset(self) -> None:
        """The queue belongs to others."""

    async def close(self) -> None:
        # Not waited for: a request that hangs ends by its own timeout.
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _opened(self) -> "QueueClient":
        async with self._opening:
            if self._client is None:
                provider = self._provider
                self._client = await self._in_thread(lambda: _open(provider.connection_string, provider.queue_name))
            return self._client

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except HttpResponseError as error:
            raise DeliveryError(error.reason or "Failed", f"the queue answered {error.status_code}") from error
        except AzureError as error:
            raise DeliveryError("Unreachable", f"cannot reach the queue: {error.message.splitlines()[0]}") from error
        except ValueError as error:  # the connection string
            raise DeliveryError("Misconfigured", str(error)) from error


def _is_installed() -> bool:
    try:
        return find_spec("azure.storage.queue") is not None
    except ModuleNotFoundError:
        return False


def _open(connection_string: str, queue_name: str) -> "QueueClient":
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.queue import QueueClient

    client = QueueClient.from_connection_string(
        connection_string,
        queue_name,
        connection_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retry_total=0,  # the schedule of all sinks is the only one
    )
    with suppress(ResourceExistsError):
        client.create_queue()
    return client


def _send(client: "QueueClient", text: str) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        client.send_message(text)
    except ResourceNotFoundError:  # deleted since it was opened
        client.create_queue()
        client.send_message(text)
