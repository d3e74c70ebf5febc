"""Delivers the events of one sink: in order, as often as it takes, until they are taken or given up (async §6.3)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from azdicom_emulator.events.dead_letters import DeadLetter, write_dead_letter
from azdicom_emulator.events.envelopes import Event, Origin, envelope
from azdicom_emulator.events.providers import Provider
from azdicom_emulator.events.retries import DeliveryError, RetryPolicy
from azdicom_emulator.events.sinks import Sink
from azdicom_emulator.storage.records import Change

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Tally:
    """What became of a sink's events since the server started; the last failure, in words."""

    delivered: int = 0
    failed_attempts: int = 0
    given_up: int = 0
    last_error: str | None = None
    failed_at: datetime | None = None


class Publisher:
    """The consumer of one follower; `name` is the provider's."""

    def __init__(
        self, provider: Provider, sink: Sink, policy: RetryPolicy, origin: Callable[[], Awaitable[Origin]]
    ) -> None:
        """origin: known when the server listens."""
        self.name = provider.name
        self.provider = provider
        self.sink = sink
        self.tally = Tally()
        self._policy = policy
        self._origin = origin

    def lane(self, change: Change) -> str:
        return "" if self.sink.keeps_all_in_order else f"{change.key.partition}/{change.key.study}"

    async def take(self, change: Change) -> None:
        event = envelope(self.provider.schema, change, await self._origin(), self.provider.subject_version)
        attempts = 0
        while True:
            try:
                await self.sink.send(event, attempts)
            except DeliveryError as error:
                attempts += 1
                attempted_at = self._failed(error)
                age_s = (attempted_at - change.at).total_seconds()
                if reason := self._policy.reason_to_give_up(attempts, age_s, error):
                    await self._give_up(event, DeadLetter(reason, attempts, error.outcome, change.at, attempted_at))
                    return
                await asyncio.sleep(self._policy.wait_s(attempts, error))
            else:
                self.tally.delivered += 1
                return

    async def reset(self) -> None:
        self.tally = Tally()
        await self.sink.reset()

    def _failed(self, error: DeliveryError) -> datetime:
        said = str(error)
        if said != self.tally.last_error:  # once, and not for every attempt at a dead endpoint
            log.warning("events for %s: %s", self.name, said)
        self.tally.failed_attempts += 1
        self.tally.last_error = said
        self.tally.failed_at = datetime.now(UTC)
        return self.tally.failed_at

    async def _give_up(self, event: Event, letter: DeadLetter) -> None:
        """Raises OSError: the dead letter cannot be written."""
        if folder := self.provider.dead_letter_folder:
            path = await asyncio.to_thread(write_dead_letter, Path(folder), self.name, event, letter)
            log.warning("event %s for %s is given up: %s, see %s", event["id"], self.name, letter.reason, path)
        else:
            log.warning("event %s for %s is given up: %s", event["id"], self.name, letter.reason)
        self.tally.given_up += 1
