"""Long-running operations: the route that shows one, and the tasks that do their work (azure-apis §2)."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from azdicom_emulator.management.timestamps import with_z
from azdicom_emulator.management.wire_words import wire_word
from azdicom_emulator.storage.errors import OverloadedError
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationStatus, OperationType
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, MATCH
from azdicom_emulator.web.urls import service_url
from azdicom_emulator.web.versioning import api_version

log = logging.getLogger(__name__)

RETRY_AFTER_S = 0.1
OPERATIONS_DISABLED = "Asynchronous operations are temporarily disabled. Please try again later."

Result = TypeVar("Result")

Work = Callable[[Operation], Awaitable[None]]
"""Does what an operation is for and marks it as succeeded. Called again after a restart, until that mark is there."""


class OperationRunner:
    """Owns the tasks of the operations that are active. Belongs to the event loop."""

    def __init__(self, index: Index, works: Mapping[OperationType, Work], delay_s: float) -> None:
        """delay_s: how long an operation waits before it works, half of it before it counts as running."""
        self._index = index
        self._works = works
        self._delay_s = delay_s
        self._tasks: set[asyncio.Future[None]] = set()

    def start(self, operation: Operation) -> None:
        """Begins, or goes on with, an operation that the index has."""
        task = asyncio.ensure_future(self._run(operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def resume(self) -> None:
        """Goes on with what the process before left."""
        for operation in self._index.operations.active():
            log.info("going on with %s operation %s", operation.type, operation.id)
            self.start(operation)

    async def close(self) -> None:
        """Stops; what is not done goes on when the server starts again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, operation: Operation) -> None:
        try:
            await asyncio.sleep(self._delay_s / 2)
            running = await change_operation(self._index, operation.id, status=OperationStatus.RUNNING)
            await asyncio.sleep(self._delay_s / 2)
            await self._works[operation.type](running)
        except Exception:
            log.exception("%s operation %s failed", operation.type, operation.id)
            await change_operation(self._index, operation.id, status=OperationStatus.FAILED)


RUNNER = web.AppKey("operation_runner", OperationRunner)


async def change_operation(index: Index, operation_id: str, **changes: Any) -> Operation:
    """changes: fields of Operation."""

    def change(mutations: Mutations, at: datetime) -> Operation:
        with mutations.transaction():
            return mutations.operations.change(operation_id, at, **changes)

    return await index.write(change)


async def patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """Clients come first: where the index has too much to do, an operation asks again."""
    while True:
        try:
            return await ask()
        except OverloadedError:
            await asyncio.sleep(RETRY_AFTER_S)


async def show_operation(request: web.Request) -> web.StreamResponse:
    """202 with Location while it is active, 200 when it is done; 404 for what is no id of an operation."""
    authorize(request)
    operation_id = _operation_id(request[MATCH].parameters["operation"])
    operation = request.app[INDEX].operations.find(operation_id) if operation_id else None
    if operation is None:
        raise ResourceNotFoundError
    headers = {"Location": operation_url(request, operation.id)} if operation.is_active else {}
    return responses.json_value(_json(request, operation), status=202 if operation.is_active else 200, headers=headers)


def operation_url(request: web.Request, operation_id: str) -> str:
    """In the version of the request."""
    return f"{service_url(request, has_partition=False)}/operations/{operation_id}"


def operation_reference(request: web.Request, operation_id: str) -> Mapping[str, str]:
    """What starting an operation answers, and what a tag says of its re-index."""
    return {"id": operation_id, "href": operation_url(request, operation_id)}


def _operation_id(written: str) -> str | None:
    """32 hex digits of a GUID in any spelling that the service takes."""
    try:
        return uuid.UUID(written.strip()).hex
    except ValueError:
        return None


def _json(request: web.Request, operation: Operation) -> Mapping[str, object]:
    """Properties that the type does not have are left out."""
    body: dict[str, object | None] = {
        "operationId": operation.id,
        "type": wire_word(request, operation.type),
        "createdTime": with_z(operation.created_at),
        "lastUpdatedTime": with_z(operation.updated_at),
        "status": wire_word(request, _status(request, operation)),
        "percentComplete": operation.percent,
        "resources": None
        if operation.resources is None
        else [f"{service_url(request)}/{resource}" for resource in operation.resources],
        "results": operation.results,
    }
    return {name: value for name, value in body.items() if value is not None}


def _status(request: web.Request, operation: Operation) -> str:
    """Version 1 has another word for the good end."""
    if operation.status is OperationStatus.SUCCEEDED and api_version(request) < 2:
        return "completed"
    return operation.status
