"""The long-running operations: what they do, how far they are, what came of them (azure-apis §2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.errors import OperationActiveError
from azdicom_emulator.storage.times import from_column, to_column


class OperationType(StrEnum):
    """By their names on the wire."""

    REINDEX = "reindex"
    UPDATE = "update"
    EXPORT = "export"


class OperationStatus(StrEnum):
    """By their names in version 2 of the API."""

    NOT_STARTED = "notStarted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


ACTIVE = (OperationStatus.NOT_STARTED, OperationStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    id: 32 hex digits. percent: None where the type has none. resources: paths below the version, such as
    `extendedquerytags/00101010`, None where the type has none. results: what the type reports when it is done.
    work: what there is to do and how far it got, as JSON that only the type's own work reads: enough to go on after
    a restart.
    """

    id: str
    type: OperationType
    status: OperationStatus = OperationStatus.NOT_STARTED
    created_at: datetime
    updated_at: datetime
    percent: int | None = None
    resources: tuple[str, ...] | None = None
    results: Mapping[str, Any] | None = None
    work: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE


_COLUMNS = "operation_id, operation_type, status, created_at, updated_at, percent, resources, results, work"
_SELECT = f"SELECT {_COLUMNS} FROM operations ORDER BY created_at, operation_id"
_INSERT = f"INSERT INTO operations ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM operations WHERE operation_id = ?"


class Operations:
    """All operations there ever were, held in memory: clients poll them.

    Only the writer thread, inside a transaction, calls what changes them; others see the changes when it is committed.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._by_id: dict[str, Operation] = {}
        self._published: dict[str, Operation] = {}
        self._is_changed = False
        self.reload()

    def find(self, operation_id: str) -> Operation | None:
        return self._published.get(operation_id)

    def active(self, of_type: OperationType | None = None) -> list[Operation]:
        """Those that are not done, oldest first."""
        return _active(self._published, of_type)

    def add(self, operation: Operation, *, is_only_one: bool = True) -> Operation:
        """is_only_one: raises OperationActiveError while another one of the type is active."""
        if is_only_one and (others := _active(self._by_id, operation.type)):
            raise OperationActiveError(others[0].id)
        self._write(operation)
        return operation

    def change(self, operation_id: str, at: datetime, **changes: Any) -> Operation:
        """changes: fields of Operation. What is done says 100 percent, if its type counts them."""
        changed = replace(self._by_id[operation_id], updated_at=at, **changes)
        if changed.status is OperationStatus.SUCCEEDED and changed.percent is not None:
            changed = replace(changed, percent=100)
        self._connection.execute(_DELETE, [operation_id])
        self._write(changed)
        return changed

    def drop_resource(self, resource: str) -> None:
        """Takes a resource that is gone out of all operations."""
        for operation in list(self._by_id.values()):
            if operation.resources and resource in operation.resources:
                kept = tuple(each for each in operation.resources if each != resource)
                self.change(operation.id, operation.updated_at, resources=kept)

    def publish(self) -> None:
        """After a transaction is committed."""
        if self._is_changed:
            self._published = dict(self._by_id)
            self._is_changed = False

    def reload(self) -> None:
        """After a transaction failed: as the index has it."""
        rows = self._connection.execute(_SELECT).fetchall()
        self._by_id = {row[0]: _operation(row) for row in rows}
        self._is_changed = True
        self.publish()

    def _write(self, operation: Operation) -> None:
        self._connection.execute(
            _INSERT,
            [
                operation.id,
                operation.type.value,
                operation.status.value,
                to_column(operation.created_at),
                to_column(operation.updated_at),
                operation.percent,
                _json(operation.resources),
                _json(operation.results),
                _json(operation.work),
            ],
        )
        self._by_id[operation.id] = operation
        self._is_changed = True


def _active(operations: Mapping[str, Operation], of_type: OperationType | None) -> list[Operation]:
    return [each for each in operations.values() if each.is_active and of_type in (None, each.type)]


def _operation(row: tuple[Any, ...]) -> Operation:
    operation_id, of_type, status, created_at, updated_at, percent, resources, results, work = row
    return Operation(
        id=operation_id,
        type=OperationType(of_type),
        status=OperationStatus(status),
        created_at=from_column(created_at),
        updated_at=from_column(updated_at),
        percent=percent,
        resources=None if resources is None else tuple(orjson.loads(resources)),
        results=None if results is None else orjson.loads(results),
        work=orjson.loads(work),
    )


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
