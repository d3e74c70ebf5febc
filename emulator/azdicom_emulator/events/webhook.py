"""Webhooks: events as HTTP requests, and the handshake that Event Grid begins a subscription with (async §6.3)."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
import orjson

from azdicom_emulator.events.envelopes import METADATA_VERSION, Event, Schema, event_time
from azdicom_emulator.events.providers import Batch, Provider
from azdicom_emulator.events.retries import DeliveryError

CONCURRENCY = 16
TAKEN = (200, 201, 202, 203, 204)
JSON = "application/json; charset=utf-8"
CLOUD_EVENTS_JSON = "application/cloudevents+json; charset=utf-8"
VALIDATION_EVENT = "Microsoft.EventGrid.SubscriptionValidationEvent"
ORIGIN = "eventgrid.azure.net"
UNREACHABLE = "Unreachable"
OUTCOMES: Mapping[int, str] = {status.value: status.phrase.title().replace(" ", "") for status in HTTPStatus} | {
    503: "Busy",
    408: "TimedOut",
}
"""Words for statuses, such as `NotFound`."""

ValidationUrl = Callable[[str, str], str]
"""Where an endpoint's owner completes a handshake by hand, from the names of sink and code."""


class WebhookSink:
    """Sends events to one URL. `complete(code)` ends a handshake by hand."""

    keeps_all_in_order = False

    def __init__(self, provider: Provider, topic: str, validation_url: ValidationUrl) -> None:
        self._provider = provider
        self._topic = topic
        self._validation_url = validation_url
        self._session: aiohttp.ClientSession | None = None
        self._turns = asyncio.Semaphore(CONCURRENCY)
        self._handshake = asyncio.Lock()
        self._code = str(uuid.uuid4())
        self.is_validated = not provider.validate

    async def send(self, event: Event, attempts: int) -> None:
        async with self._turns:
            if not self.is_validated:
                await self._validate()
            body = [event] if self._is_array else event
            await self._post(body, self._headers(event, attempts))

    def complete(self, code: str) -> bool:
        """Whether the code is the one that the endpoint was sent."""
        self.is_validated = self.is_validated or code == self._code
        return code == self._code

    async def reset(self) -> None:
        """The endpoint stays valid."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def _is_array(self) -> bool:
        return self._provider.schema is not Schema.CLOUD_EVENTS and self._provider.batch is Batch.ARRAY

    def _headers(self, event: Event, attempts: int) -> dict[str, str]:
        match self._provider.schema:
            case Schema.SEED:
                return {"Content-Type": "application/json"}
            case Schema.CLOUD_EVENTS:
                versions = {"Content-Type": CLOUD_EVENTS_JSON}
            case Schema.EVENT_GRID:
                versions = {
                    "Content-Type": JSON,
                    "aeg-data-version": str(event["dataVersion"]),
                    "aeg-metadata-version": str(event["metadataVersion"]),
                }
        return versions | {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": self._provider.name.upper(),
            "aeg-delivery-count": str(attempts),
        }

    async def _validate(self) -> None:
        """Raises DeliveryError as long as the endpoint does not answer as it should."""
        async with self._handshake:
            if self.is_validated:
                return
            if self._provider.schema is Schema.CLOUD_EVENTS:
                await self._ask_for_permission()
            else:
                await self._send_code()
            self.is_validated = True

    async def _send_code(self) -> None:
        event: Event = {
            "id": str(uuid.uuid4()),
            "topic": self._topic,
            "subject": "",
            "data": {
                "validationCode": self._code,
                "validationUrl": self._validation_url(self._provider.name, self._code),
            },
            "eventType": VALIDATION_EVENT,
            "metadataVersion": METADATA_VERSION,
            "dataVersion": "1",
            "eventTime": event_time(datetime.now(UTC)),
        }
        headers = {
            "Content-Type": JSON,
            "aeg-event-type": "SubscriptionValidation",
            "aeg-subscription-name": self._provider.name.upper(),
        }
        answer = await self._post([event], headers, taken=(200,))
        try:
            response = orjson.loads(answer)["validationResponse"]
        except (ValueError, KeyError, TypeError):
            raise DeliveryError(
                "ValidationPending", "the endpoint did not return the validation code; a GET of validationUrl will do"
            ) from None
        if response != self._code:
            raise DeliveryError("ValidationFailed", "the endpoint returned another validation code")

    async def _ask_for_permission(self) -> None:
        """CloudEvents 1.0, HTTP 1.1 Web Hooks for Event Delivery, §4."""
        headers = await self._request("OPTIONS", None, {"WebHook-Request-Origin": ORIGIN}, taken=(200, 204))
        allowed = headers[0].get("WebHook-Allowed-Origin", "")
        if allowed not in ("*", ORIGIN):
            raise DeliveryError("ValidationFailed", f"the endpoint allows the origin '{allowed}', not {ORIGIN}")

    async def _post(self, body: object, headers: Mapping[str, str], taken: tuple[int, ...] = TAKEN) -> bytes:
        return (await self._request("POST", orjson.dumps(body), headers, taken))[1]

    async def _request(
        self, method: str, body: bytes | None, headers: Mapping[str, str], taken: tuple[int, ...]
    ) -> tuple[Mapping[str, str], bytes]:
        session = self._session = self._session or aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._provider.timeout_seconds), auto_decompress=False
        )
        try:
            async with session.request(
                method,
                self._provider.url,
                data=body,
                headers=headers,
                ssl=self._provider.verify_ssl,
                allow_redirects=False,
            ) as answer:
                if answer.status not in taken:
                    outcome = OUTCOMES.get(answer.status, str(answer.status))
                    raise DeliveryError(outcome, f"the endpoint answered {answer.status}", answer.status)
                return answer.headers, await answer.content.read(64 * 1024)
        except TimeoutError as error:
            within = f"within {self._provider.timeout_seconds:g} s"
            raise DeliveryError("TimedOut", f"the endpoint did not answer {within}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError(UNREACHABLE, f"cannot reach {_place(self._provider.url)}: {error}") from error


def _place(url: str) -> str:
    """The URL without its query, which may have a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}" if parts.port else f"{parts.hostname}"
