"""Pools of threads and processes: crashes are survived, queues are bounded."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from azdicom_emulator.web.errors import BusyError
from azdicom_emulator.web.workers import QUEUED_PER_WORKER, WorkerDiedError, Workers

T = TypeVar("T")


def run(body: Callable[[Workers], Awaitable[T]], *, processes: int = 2) -> T:
    """The result of `body` with pools of its own."""

    async def with_workers() -> T:
        workers = Workers(threads=2, processes=processes)
        try:
            return await body(workers)
        finally:
            workers.close()

    return asyncio.run(with_workers())


def test_a_crash_of_a_worker_is_an_error_of_its_request_only() -> None:
    """A codec that crashes on a hostile file ends its process; the next request gets a new one."""

    async def body(workers: Workers) -> list[int]:
        results = [await workers.in_process(pow, 2, 5)]
        for _ in range(2):
            with pytest.raises(WorkerDiedError):
                await workers.in_process(os._exit, 1)
            results.append(await workers.in_process(pow, 2, 5))
        return results

    assert run(body) == [32, 32, 32]


def test_crashes_at_the_same_time_are_survived() -> None:
    """Each of them notices; a pool that was started meanwhile is kept."""

    async def body(workers: Workers) -> int:
        crashes = [workers.in_process(os._exit, 1) for _ in range(6)]
        outcomes = await asyncio.gather(*crashes, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {WorkerDiedError}
        return await workers.in_process(pow, 3, 2)

    assert run(body) == 9


def test_too_much_work_is_refused() -> None:
    """http §8: 503 instead of a queue without end; what nobody waits for any more makes room."""

    async def body(workers: Workers) -> int:
        waiting = [asyncio.ensure_future(workers.in_process(time.sleep, 0.5)) for _ in range(QUEUED_PER_WORKER)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await workers.in_process(pow, 1, 1)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)
        return await workers.in_process(pow, 2, 3)

    assert run(body, processes=1) == 8


def test_an_error_of_the_work_is_raised_where_it_is_awaited() -> None:
    """Exceptions come back from the process as they are."""

    async def body(workers: Workers) -> None:
        with pytest.raises(ZeroDivisionError):
            await workers.in_process(divmod, 1, 0)

    run(body)
