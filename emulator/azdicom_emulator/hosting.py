"""A server inside another program: in a thread with a loop of its own, so that neither holds the other up."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import Any, Generic, TypeVar

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30

T = TypeVar("T")

Announce = Callable[[str, asyncio.Event], None]
"""To be called once the server listens: with its URL, and with the event that it waits for before it ends."""


@dataclass(slots=True)
class Hosted(Generic[T]):
    """A server that runs. outcome: what its coroutine returned, once it has ended."""

    url: str
    outcome: T | None = None


@contextmanager
def hosted(name: str, serve: Callable[[Announce], Coroutine[Any, Any, T]]) -> Iterator[Hosted[T]]:
    """Runs `serve` until the block ends. Raises what its start or its end raised; TimeoutError: it does not stop."""
    started: Queue[tuple[str, Callable[[], object]] | BaseException] = Queue()
    ended: Queue[T | BaseException] = Queue()

    def announce(url: str, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        started.put((url, lambda: loop.call_soon_threadsafe(stopping.set)))

    def run() -> None:
        try:
            ended.put(asyncio.run(serve(announce)))
        except BaseException as error:  # handed to the thread that waits
            started.put(error)
            ended.put(error)

    thread = Thread(target=run, name=name, daemon=True)
    thread.start()
    beginning = started.get(timeout=START_TIMEOUT_S)
    if isinstance(beginning, BaseException):
        thread.join()
        raise beginning
    url, stop = beginning
    server: Hosted[T] = Hosted(url)
    try:
        yield server
    finally:
        with suppress(RuntimeError):  # its loop is closed: it stopped by itself
            stop()
        thread.join(STOP_TIMEOUT_S)
        if thread.is_alive():
            raise TimeoutError(f"the {name} did not stop")
    outcome = ended.get(timeout=1)
    if isinstance(outcome, BaseException):
        raise outcome
    server.outcome = outcome
