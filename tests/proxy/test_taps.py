"""Bodies kept while they flow by, when the thread that keeps them is slow, and when nobody wants them any more."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from typing import Any

from azdicom_proxy.cassette.bodies import content_of, sha256_of
from azdicom_proxy.taps import BATCH_BYTES, WAITING_BYTES, BodyTap


class HeldExecutor(ThreadPoolExecutor):
    """Threads that begin what a tap gives them one by one, each when `let_go` is called once more."""

    def __init__(self) -> None:
        super().__init__(4)
        self._go = Semaphore(0)

    def let_go(self) -> None:
        self._go.release()

    def submit(self, work: Any, /, *arguments: Any, **words: Any) -> Any:
        if work.__name__ != "_take":
            return super().submit(work, *arguments, **words)

        def held() -> Any:
            self._go.acquire()
            return work(*arguments, **words)

        return super().submit(held)


def a_tap(executor: HeldExecutor, folder: Path) -> BodyTap:
    return BodyTap(executor=executor, folder=folder, coding=None, memory_bytes=1024, limit_bytes=1 << 40)


def test_body_is_whole_though_much_waits_for_the_thread_at_its_end(tmp_path: Path) -> None:
    """Record-replay §3: a recorder that streams must not lose what it is still working on."""
    content = bytes(range(256)) * ((BATCH_BYTES + WAITING_BYTES) // 256) + b"end"

    async def kept(executor: HeldExecutor) -> tuple[str, bytes]:
        tap = a_tap(executor, tmp_path)
        tap.feed(content[:BATCH_BYTES])
        tap.feed(content[BATCH_BYTES:])
        finishing = asyncio.ensure_future(tap.finish(None))
        executor.let_go()
        await asyncio.wait([finishing], timeout=0.2)  # it must not be done: the thread has the rest yet to take
        executor.let_go()
        executor.let_go()
        body = await finishing
        found = sha256_of(body), content_of(body)
        tap.discard()
        return found

    with HeldExecutor() as executor:
        digest, found = asyncio.run(kept(executor))

    assert found == content
    assert digest == hashlib.sha256(content).hexdigest()


def test_nothing_is_left_when_who_waits_for_the_thread_is_cancelled(tmp_path: Path) -> None:
    """Record-replay §3: a client that hangs up; the thread may be in the middle of its work then."""

    async def abandoned(executor: HeldExecutor) -> None:
        tap = a_tap(executor, tmp_path)
        tap.feed(bytes(BATCH_BYTES))
        tap.feed(bytes(WAITING_BYTES))
        waiting = asyncio.ensure_future(tap.ready())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        abandoning = asyncio.ensure_future(tap.abandon())
        await asyncio.sleep(0)
        executor.let_go()
        await abandoning

    with HeldExecutor() as executor:
        asyncio.run(abandoned(executor))

    assert list(tmp_path.iterdir()) == []
