"""The change feed as the writer thread keeps it: its rows, and the end of it in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.partitions import Partitions
from azdicom_emulator.storage.queries import find_changes
from azdicom_emulator.storage.records import Change, ChangeAction, ChangeWindow, InstanceKey, StoredInstance
from azdicom_emulator.storage.statements import insert_statement
from azdicom_emulator.storage.times import to_column

_INSERT = insert_statement(
    "changes",
    (
        "sequence",
        "changed_at",
        "action",
        "partition_key",
        "study_uid",
        "series_uid",
        "sop_instance_uid",
        "watermark",
    ),
)
# No order is asked for, which would cost a sort: rows that follow one another in any order are proof enough.
_SELECT_END = """
    SELECT max(sequence), bool_and(follows)
    FROM (
        SELECT sequence, sequence = lag(sequence, 1, 0::BIGINT) OVER () + 1
            AND changed_at >= lag(changed_at, 1, changed_at) OVER () AS follows
        FROM changes
    )
"""


@dataclass(frozen=True, slots=True)
class FeedEnd:
    """newest: the change of the highest sequence. Its state holds: what happens to its instance is a newer change.

    is_in_order: whether the nth of all changes has sequence n, and none is earlier than the one before it. It is not so
    when the clock was set back between two starts.
    """

    newest: Change | None = None
    is_in_order: bool = True

    @property
    def sequence(self) -> int:
        """0: there is no change."""
        return 0 if self.newest is None else self.newest.sequence


class ChangeFeed:
    """Adds changes, and holds the end of the feed in memory, since clients poll for it.

    Only the writer thread, inside a transaction, calls what changes it; others see the new end when that is committed.
    """

    def __init__(self, connection: DuckDBPyConnection, partitions: Partitions) -> None:
        self._connection = connection
        self._partitions = partitions
        self._end = self._stored_end()
        self.end = self._end
        """Of what is committed."""

    def append(self, action: ChangeAction, changes: Sequence[tuple[datetime, StoredInstance]]) -> None:
        """changes: of one action, at least one; the version that was made current, or that is deleted."""
        sequences = list(range(self._end.sequence + 1, self._end.sequence + 1 + len(changes)))
        identities = [self._partitions.identity(stored.key) for _, stored in changes]
        self._connection.execute(
            _INSERT,
            [
                sequences,
                [to_column(at) for at, _ in changes],
                [action.value] * len(changes),
                *map(list, zip(*identities, strict=True)),
                [stored.watermark for _, stored in changes],
            ],
        )
        at, stored = changes[-1]
        partition_key, *uids = identities[-1]
        key = InstanceKey(self._partitions.name_of(partition_key), *uids)
        current = None if action is ChangeAction.DELETE else stored
        newest = Change(sequences[-1], at, action, key, stored.watermark, current)
        times = [at for at, _ in changes]
        if self._end.newest is not None:
            times.insert(0, self._end.newest.at)
        self._end = FeedEnd(newest, self._end.is_in_order and times == sorted(times))

    def clear(self) -> None:
        """Beside the deletion of all rows."""
        self._end = FeedEnd()

    def publish(self) -> None:
        """After a transaction is committed."""
        self.end = self._end

    def withdraw(self) -> None:
        """After a transaction failed."""
        self._end = self.end

    def _stored_end(self) -> FeedEnd:
        last, is_in_order = self._connection.execute(_SELECT_END).fetchall()[0]
        if last is None:
            return FeedEnd()
        window = ChangeWindow(after=last - 1, up_to=last, limit=1)
        (newest,) = find_changes(self._connection, self._partitions, window, is_in_order=is_in_order)
        return FeedEnd(newest, is_in_order)
