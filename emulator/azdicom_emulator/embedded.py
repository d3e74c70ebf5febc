"""The emulator inside another program: a real server on a loopback port, in a thread with a loop of its own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from queue import Queue
from threading import Thread

from aiohttp import web

from azdicom_emulator.settings import Settings

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30

Started = tuple[str, Callable[[], object]]


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The emulator with `settings` on a free port until the block ends; gives its URL, `http://127.0.0.1:PORT`.

    Works from synchronous code and beside a running event loop. Raises what the server's start raised.
    """
    ready: Queue[Started | BaseException] = Queue()
    thread = Thread(target=_run, args=(replace(settings, port=0), ready), name="emulator", daemon=True)
    thread.start()
    started = ready.get(timeout=START_TIMEOUT_S)
    if isinstance(started, BaseException):
        thread.join()
        raise started
    base_url, stop = started
    try:
        yield base_url
    finally:
        stop()
        thread.join(STOP_TIMEOUT_S)
        if thread.is_alive():
            raise TimeoutError("the server did not stop")


def _run(settings: Settings, ready: "Queue[Started | BaseException]") -> None:
    try:
        asyncio.run(_serve(settings, ready))
    except BaseException as error:  # handed to the thread that waits for the start
        ready.put(error)


async def _serve(settings: Settings, ready: "Queue[Started | BaseException]") -> None:
    # Imported here, so that a program that never starts it does without the server and what it loads.
    from azdicom_emulator.application import create_runner

    stopping = asyncio.Event()
    runner = create_runner(settings)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        loop = asyncio.get_running_loop()
        ready.put((f"http://{host}:{port}", lambda: loop.call_soon_threadsafe(stopping.set)))
        await stopping.wait()
    finally:
        await runner.cleanup()
