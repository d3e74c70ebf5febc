"""Events that wait for their subscribers: in order, and of each AE no more than a bound; the oldest go first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

INSERT = """
    INSERT INTO worklist_events (event_key, ae_title, frame)
    SELECT unnest($keys::BIGINT[]), unnest($ae_titles::VARCHAR[]), unnest($frames::VARCHAR[])
"""
SELECT_OVER_THE_BOUND = """
    SELECT ae_title, count(*) - $kept FROM worklist_events
    WHERE ae_title IN (SELECT unnest($ae_titles::VARCHAR[]))
    GROUP BY ae_title
    HAVING count(*) > $kept
"""
DELETE_OLDEST = """
    DELETE FROM worklist_events
    WHERE event_key IN (
        SELECT event_key FROM worklist_events WHERE ae_title = $ae_title ORDER BY event_key LIMIT $number
    )
"""
SELECT_WAITING = "SELECT event_key, frame FROM worklist_events WHERE ae_title = ? ORDER BY event_key LIMIT ?"
DELETE_SENT = "DELETE FROM worklist_events WHERE ae_title = ? AND event_key <= ?"

Frame = Callable[[int], str]
"""The text of an event, from its number (≥ 1), which grows over all events."""


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    key: int
    frame: str


class WorklistEvents:
    """Owned by the writer thread; what changes something belongs into a transaction."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        row = connection.execute("SELECT max(event_key) FROM worklist_events").fetchone()
        self._last_key: int = (row and row[0]) or 0

    def add(self, events: Sequence[tuple[str, Frame]], kept: int) -> None:
        """events: AE titles, each with what it is told, in order. kept: the bound of each AE (≥ 0)."""
        first = self._last_key + 1
        self._last_key += len(events)
        keys = range(first, first + len(events))
        ae_titles = [ae_title for ae_title, _ in events]
        frames = [frame(key) for key, (_, frame) in zip(keys, events, strict=True)]
        self._connection.execute(INSERT, {"keys": list(keys), "ae_titles": ae_titles, "frames": frames})
        bounded = {"ae_titles": sorted(set(ae_titles)), "kept": kept}
        for ae_title, number in self._connection.execute(SELECT_OVER_THE_BOUND, bounded).fetchall():
            self._connection.execute(DELETE_OLDEST, {"ae_title": ae_title, "number": number})

    def remove_sent(self, ae_title: str, up_to: int) -> None:
        """up_to: key of the last event that was sent."""
        self._connection.execute(DELETE_SENT, [ae_title, up_to])


def waiting_events(connection: DuckDBPyConnection, ae_title: str, limit: int) -> list[WaitingEvent]:
    """The oldest events that wait for an AE. Runs in a reader thread."""
    return [WaitingEvent(*row) for row in connection.execute(SELECT_WAITING, [ae_title, limit]).fetchall()]
