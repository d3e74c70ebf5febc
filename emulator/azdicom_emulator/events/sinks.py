"""Where events go: the protocol of all sinks, and the two that need no network."""

import asyncio
from collections import deque
from pathlib import Path
from typing import Protocol

import orjson

from azdicom_emulator.events.envelopes import Event
from azdicom_emulator.events.retries import DeliveryError

EVENTS_KEPT = 10_000


class Sink(Protocol):
    """Belongs to the event loop. keeps_all_in_order: not only the events of a study are to come one after the other."""

    keeps_all_in_order: bool

    async def send(self, event: Event, attempts: int) -> None:
        """Returns when the event is taken. attempts: how often it was sent before. Raises DeliveryError."""

    async def reset(self) -> None:
        """All data of the service is gone."""

    async def close(self) -> None:
        """Nothing is sent any more."""


class MemorySink:
    """The last EVENTS_KEPT events, for whoever asks."""

    keeps_all_in_order = True

    def __init__(self) -> None:
        self.events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    async def send(self, event: Event, attempts: int) -> None:
        self.events.append(event)

    async def reset(self) -> None:
        self.events.clear()

    async def close(self) -> None:
        """They go with the process."""


class FileSink:
    """A JSON object a line, appended."""

    keeps_all_in_order = True

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, event: Event, attempts: int) -> None:
        try:
            await asyncio.to_thread(self._append, orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise DeliveryError("Busy", f"cannot write {self._path}: {error.strerror or error}") from error

    async def reset(self) -> None:
        """What was told stays told."""

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            file.write(line)

    async def close(self) -> None:
        """Each line has its own opening and closing of the file."""
