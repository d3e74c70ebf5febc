"""A real proxy in a thread with a loop of its own, and what talks to it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from azdicom_proxy.recordings import Recording
from azdicom_proxy.server import ProxyServer
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address
from tests.support.client import Emulator

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30


@dataclass(slots=True)
class RunningProxy:
    """A running proxy. client: talks to it; closed: its recordings, once it has stopped."""

    client: Emulator
    closed: list[Recording] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.client.base_url

    def admin(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """An answer of the admin API."""
        return self.client.request(method, f"/_azdicom/{path}", body=body, headers=headers)


@contextmanager
def proxying(upstream: str | None, mode: Mode = Mode.PASSTHROUGH, **settings: Any) -> Iterator[RunningProxy]:
    """A proxy in front of `upstream` on a free loopback port, until the block ends. Raises what its start raised."""
    address = Address.parse(upstream) if upstream is not None else None
    chosen = ProxySettings(**{"mode": mode, "upstream": address, "port": 0, "quiet": True} | settings)
    ready: Queue[tuple[str, Callable[[], object]] | BaseException] = Queue()
    ended: Queue[list[Recording] | BaseException] = Queue()
    thread = Thread(target=_run, args=(chosen, ready, ended), name="proxy", daemon=True)
    thread.start()
    started = ready.get(timeout=START_TIMEOUT_S)
    if isinstance(started, BaseException):
        thread.join()
        raise started
    url, stop = started
    running = RunningProxy(Emulator(url, Path()))
    try:
        yield running
    finally:
        with suppress(RuntimeError):  # its loop is closed: it stopped by itself
            stop()
        thread.join(STOP_TIMEOUT_S)
        assert not thread.is_alive(), "the proxy did not stop"
    outcome = ended.get(timeout=1)
    if isinstance(outcome, BaseException):
        raise outcome
    running.closed += outcome


def _run(settings: ProxySettings, ready: "Queue[Any]", ended: "Queue[Any]") -> None:
    try:
        ended.put(asyncio.run(_serve(settings, ready)))
    except BaseException as error:  # handed to the thread that waits
        ready.put(error)
        ended.put(error)


async def _serve(settings: ProxySettings, ready: "Queue[Any]") -> list[Recording]:
    server = ProxyServer(settings)
    try:
        url = await server.start()
        loop = asyncio.get_running_loop()
        ready.put((url, lambda: loop.call_soon_threadsafe(server.stopping.set)))
        await server.stopping.wait()
    finally:
        closed = await server.close()
    return closed
