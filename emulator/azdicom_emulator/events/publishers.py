"""The publishers of a server, made of its settings: a sink and a retry policy for each provider."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import web

from azdicom_emulator.events.envelopes import Origin, Schema
from azdicom_emulator.events.providers import (
    Kind,
    Provider,
    providers_of_environment,
    providers_of_file,
)
from azdicom_emulator.events.publisher import Publisher
from azdicom_emulator.events.retries import SCHEDULE_S, SEED_SCHEDULE_S, RetryPolicy
from azdicom_emulator.events.sinks import FileSink, MemorySink, Sink
from azdicom_emulator.events.webhook import WebhookSink
from azdicom_emulator.settings import Settings

VALIDATION = "events/{sink}/validate/{code}"
"""Path of the admin API, where a webhook's owner completes the handshake by hand."""


class Publishers:
    """Those of a server. `listening`: gives its base URL when it has one."""

    def __init__(self, settings: Settings, listening: Callable[[], Awaitable[str]]) -> None:
        """Raises ProvidersError."""
        self._settings = settings
        self._listening = listening
        self._url = ""
        self.all: Sequence[Publisher] = [self._publisher(provider) for provider in _providers(settings)]

    @property
    def memory(self) -> MemorySink | None:
        """The first sink in memory."""
        return next((each.sink for each in self.all if isinstance(each.sink, MemorySink)), None)

    def named(self, name: str) -> Publisher | None:
        return next((publisher for publisher in self.all if publisher.name == name), None)

    async def close(self) -> None:
        for publisher in self.all:
            await publisher.sink.close()

    def _publisher(self, provider: Provider) -> Publisher:
        policy = RetryPolicy(
            schedule_s=SEED_SCHEDULE_S if provider.schema is Schema.SEED else SCHEDULE_S,
            attempts=provider.retry_attempts,
            scale=provider.retry_scale,
            ttl_s=provider.ttl_minutes * 60,
            has_dead_letters=bool(provider.dead_letter_folder),
        )
        return Publisher(provider, self._sink(provider), policy, self._origin)

    def _sink(self, provider: Provider) -> Sink:
        match provider.type:
            case Kind.WEBHOOK:
                return WebhookSink(provider, self._settings.workspace_resource_id, self._validation_url)
            case Kind.STORAGE_QUEUE:
                from azdicom_emulator.events.storage_queue import QueueSink

                return QueueSink(provider)
            case Kind.FILE:
                return FileSink(Path(provider.file_path))
            case Kind.IN_MEMORY:
                return MemorySink()

    async def _origin(self) -> Origin:
        self._url = self._url or await self._listening()
        host = self._settings.event_host or self._url.partition("://")[2]
        return Origin(self._settings.workspace_resource_id, host, self._url)

    def _validation_url(self, sink: str, code: str) -> str:
        return f"{self._url}/_azdicom/{VALIDATION.format(sink=sink, code=code)}"


def _providers(settings: Settings) -> tuple[Provider, ...]:
    """The file, if there is one, decides alone."""
    if settings.events is not None:
        return providers_of_file(settings.events)
    return providers_of_environment(settings.event_providers) if settings.event_providers else ()


PUBLISHERS = web.AppKey("publishers", Publishers)
