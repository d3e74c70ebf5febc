"""Where events go that no attempt delivered: a file each, as Event Grid writes blobs (async §6.3)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from azdicom_emulator.events.envelopes import Event, event_time

PROPERTIES = ("deadLetterReason", "deliveryAttempts", "lastDeliveryOutcome", "publishTime", "lastDeliveryAttemptTime")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why an event was given up, and when it was made and last sent."""

    reason: str
    attempts: int
    outcome: str
    published_at: datetime
    attempted_at: datetime

    def added_to(self, event: Event) -> Event:
        """The event with the five properties; in lower case where it is a CloudEvent, whose names have no capitals."""
        values = (
            self.reason,
            self.attempts,
            self.outcome,
            event_time(self.published_at),
            event_time(self.attempted_at),
        )
        names = (name.lower() if "specversion" in event else name for name in PROPERTIES)
        return {**event, **dict(zip(names, values, strict=True))}


def write_dead_letter(folder: Path, sink: str, event: Event, letter: DeadLetter) -> Path:
    """`{folder}/{sink}/{yyyy}/{mm}/{dd}/{hh}/{event id}.json`, an array with the event. Blocking."""
    hour = letter.attempted_at.astimezone(UTC).strftime("%Y/%m/%d/%H")
    path = folder / sink / hour / f"{event['id']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps([letter.added_to(event)], option=orjson.OPT_INDENT_2))
    part.replace(path)
    return path
