"""Threads for what waits on the disk, processes for what computes: both bounded, processes started on first use."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from azdicom_emulator.web.errors import BusyError

P = ParamSpec("P")
T = TypeVar("T")

QUEUED_PER_WORKER = 64
PRELOADED = ["azdicom_emulator.dicom.pixels.transcode", "azdicom_emulator.dicom.pixels.render"]


class WorkerDiedError(Exception):
    """A worker process ended in the middle of its work, as a codec does that crashes on a hostile file."""


class Workers:
    """The pools of one server. `close()` ends them; work that is under way is finished first."""

    def __init__(self, *, threads: int, processes: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="worker")
        self._process_count = processes
        self._processes: ProcessPoolExecutor | None = None
        self._queued = 0

    async def in_thread(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `function`, run in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def in_process(self, function: Callable[..., T], /, *args: object) -> T:
        """The result of `function`, run in a worker process; it and its arguments are pickled.

        Raises BusyError (503) when too much is queued, WorkerDiedError when the process crashed.
        """
        if self._queued >= self._process_count * QUEUED_PER_WORKER:
            raise BusyError
        pool = self._processes = self._processes or self._start()
        self._queued += 1
        try:
            return await asyncio.wrap_future(await self._submitted(pool, function, *args))
        except BrokenProcessPool as error:
            if self._processes is pool:  # another request may have started a new one
                self._processes = None
            raise WorkerDiedError from error
        finally:
            self._queued -= 1

    async def _submitted(self, pool: ProcessPoolExecutor, function: Callable[..., T], *args: object) -> "Future[T]":
        """`pool.submit`, in a thread: the first calls start processes, which takes far too long for the loop."""
        submitting = asyncio.ensure_future(self.in_thread(pool.submit, function, *args))
        try:
            return await asyncio.shield(submitting)
        except asyncio.CancelledError:
            submitting.add_done_callback(_cancel_result)
            raise

    def close(self) -> None:
        self._threads.shutdown()
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        # forkserver: a fork of this process would copy its threads' locks. Its children find the codecs imported.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        return ProcessPoolExecutor(self._process_count, mp_context=context, initializer=_end_with_parent)


def _cancel_result(submitting: "asyncio.Future[Future[T]]") -> None:
    """Nobody waits for it any more: the processes shall not either."""
    if not submitting.cancelled() and submitting.exception() is None:
        submitting.result().cancel()


def _end_with_parent() -> None:
    """A killed server cannot end its workers, and one that waits for work would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
