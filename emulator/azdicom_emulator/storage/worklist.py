"""Workitems as the index keeps them: one row each, found by UID; the writer thread alone changes them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from duckdb import DuckDBPyConnection

from azdicom_emulator.dicom.json_data_set import DataSet, data_set_bytes
from azdicom_emulator.storage.worklist_attributes import SEARCH_COLUMNS
from azdicom_emulator.storage.worklist_search import WorkitemFilter, matching_keys


class WorkitemState(StrEnum):
    """ProcedureStepState (0074,1000) (PS3.4 §CC.1.1)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workitem:
    """One workitem. `key` grows in the order of creation.

    transaction_uid: the lock of whoever claimed it; it is kept here alone, never in the data set.
    """

    key: int
    partition_key: int
    uid: str
    state: WorkitemState
    transaction_uid: str | None = None
    data_set: DataSet


_COLUMNS = ("workitem_key", "partition_key", "workitem_uid", "state", "transaction_uid", "data_set")
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM workitems"
SELECT_BY_UID = f"{_SELECT} WHERE partition_key = ? AND workitem_uid = ?"
SELECT_BY_KEY = f"{_SELECT} WHERE workitem_key IN (SELECT unnest(?::BIGINT[])) ORDER BY workitem_key"
SELECT_DATA_SET = "SELECT data_set FROM workitems WHERE partition_key = ? AND workitem_uid = ?"
DELETE = "DELETE FROM workitems WHERE workitem_key = ?"
_ALL_COLUMNS = (*_COLUMNS, *SEARCH_COLUMNS)
INSERT = f"INSERT INTO workitems ({', '.join(_ALL_COLUMNS)}) VALUES ({', '.join('?' * len(_ALL_COLUMNS))})"


class Workitems:
    """Owned by the writer thread; what changes something belongs into a transaction."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        row = connection.execute("SELECT max(workitem_key) FROM workitems").fetchone()
        self._last_key: int = (row and row[0]) or 0

    def find(self, partition_key: int, uid: str) -> Workitem | None:
        row = self._connection.execute(SELECT_BY_UID, [partition_key, uid]).fetchone()
        return None if row is None else _workitem(row)

    def of_keys(self, keys: list[int]) -> list[Workitem]:
        """The workitems with these keys, oldest first."""
        return [_workitem(row) for row in self._connection.execute(SELECT_BY_KEY, [keys]).fetchall()]

    def matching(self, partition_key: int, filters: Iterable[WorkitemFilter], *, only: int | None = None) -> list[int]:
        """The keys of the workitems that match, oldest first; only: of this one, if it does."""
        return matching_keys(self._connection, partition_key, filters, only)

    def add(self, partition_key: int, uid: str, data_set: DataSet) -> Workitem:
        """A new workitem, SCHEDULED. Its UID must not exist in the partition."""
        self._last_key += 1
        workitem = Workitem(
            key=self._last_key,
            partition_key=partition_key,
            uid=uid,
            state=WorkitemState.SCHEDULED,
            data_set=data_set,
        )
        self._insert(workitem)
        return workitem

    def replace(self, workitem: Workitem) -> None:
        """Writes a workitem that exists as it is now."""
        self._connection.execute(DELETE, [workitem.key])
        self._insert(workitem)

    def _insert(self, workitem: Workitem) -> None:
        self._connection.execute(
            INSERT,
            [
                workitem.key,
                workitem.partition_key,
                workitem.uid,
                workitem.state.value,
                workitem.transaction_uid,
                data_set_bytes(workitem.data_set).decode(),
                *(value_of(workitem.data_set) for value_of in SEARCH_COLUMNS.values()),
            ],
        )


def find_data_set(connection: DuckDBPyConnection, partition_key: int, uid: str) -> bytes | None:
    """The data set of a workitem as JSON. Runs in a reader thread."""
    row = connection.execute(SELECT_DATA_SET, [partition_key, uid]).fetchone()
    return None if row is None else str(row[0]).encode()


def _workitem(row: tuple[Any, ...]) -> Workitem:
    key, partition_key, uid, state, transaction_uid, data_set = row
    return Workitem(
        key=key,
        partition_key=partition_key,
        uid=uid,
        state=WorkitemState(state),
        transaction_uid=transaction_uid,
        data_set=orjson.loads(data_set),
    )
