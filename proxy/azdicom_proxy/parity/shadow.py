"""The shadow of a proxy in diff mode: a thread that mirrors exchanges to the local side behind the clients' backs."""

import asyncio
import logging
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from azdicom_proxy.cassette.bodies import header
from azdicom_proxy.cassette.model import Body, Empty, Headers, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import locate, route_of
from azdicom_proxy.matching.timeline import SAFE_METHODS
from azdicom_proxy.parity.fresh_local import fresh_emulator, granted_locally, local_settings
from azdicom_proxy.parity.keeping import Kept
from azdicom_proxy.parity.lanes import Lane, Lanes, lane_of
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.mirror import Exchanged, Mirror
from azdicom_proxy.parity.model import Compared, Pair, Verdict
from azdicom_proxy.parity.pacing import Pace
from azdicom_proxy.parity.seeding import Resource
from azdicom_proxy.parity.sides import Side
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.taps import BodyTap
from azdicom_proxy.upstream.address import Address

log = logging.getLogger(__name__)

QUEUE = 256
"""Exchanges that wait or are being compared; what comes on top is skipped."""
QUEUE_BYTES = 32 * 1024 * 1024
"""Of their bodies in memory: those that are larger than `spool_memory_bytes` are in files."""
THREADS = 2
RECENT_WRITES = 256
DRAIN_S = 120.0
OPERATIONS_DRAIN_S = 10.0
START_S = 30.0
BACKPRESSURE = "backpressure"
NO_ANSWER = RecordedResponse(0)


class Shadow:
    """`start()`, `offer(…)` for each exchange on the clients' loop, `await close()`. tell: gets every outcome.

    The local side starts with the first exchange, since that says whether there are data partitions.
    """

    def __init__(
        self, settings: ProxySettings, tell: Callable[[Compared], object], learning: Learning, *, spool: Path
    ) -> None:
        self.pace = Pace()
        self.hydrated: list[Resource] = []
        self.local_address: Address | None = None
        """Of the local side, once it has started."""
        self._settings = settings
        self._tell = tell
        self._learning = learning
        self._spool = spool
        self._offered = 0
        self._finished = 0
        self._offered_bytes = 0
        self._finished_bytes = 0
        self._thread = Thread(target=self._run, name="parity", daemon=True)
        self._ready = Event()
        self._loop: asyncio.AbstractEventLoop
        self._queue: asyncio.Queue[Kept | None]
        self._lanes: Lanes
        self._stack = ExitStack()
        self._mirror: Mirror | None = None
        self._opening = asyncio.Lock()
        self._sides: list[Side] = []
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="parity")
        self._writes_under_way = 0
        self._writes: deque[tuple[Lane, Kept]] = deque(maxlen=RECENT_WRITES)
        self._is_closing = False
        self._passed: Counter[tuple[str, str]] = Counter()

    # On the clients' loop.

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(START_S)

    async def open_local(self) -> Address:
        """Where the local side is, which starts now, without data partitions, if no exchange has started it."""
        opening = self._opened(RecordedRequest("GET", "/studies"))
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(opening, self._loop))
        assert self.local_address is not None, "it has started"
        return self.local_address

    @property
    def waiting(self) -> int:
        """How many exchanges wait or are being compared."""
        return self._offered - self._finished

    @property
    def has_room(self) -> bool:
        return self.waiting < QUEUE and self._offered_bytes - self._finished_bytes < QUEUE_BYTES

    def offer(self, kept: Kept) -> bool:
        """Queues an exchange; False: the queue is full, and it will only be counted. Returns at once."""
        is_accepted = self.has_room
        if not is_accepted:
            if kept.request.method in SAFE_METHODS:
                kept.discard()
                self.pass_by(kept.request.method, kept.request.uri)
                return False
            kept = _without_request(kept)
        self._note_write(kept)
        self._offered += 1
        self._offered_bytes += kept.held_bytes
        self._loop.call_soon_threadsafe(self._queue.put_nowait, kept)
        return is_accepted

    def enter(self, method: str) -> None:
        """An exchange begins."""
        self.pace.enter()
        self._writes_under_way += method not in SAFE_METHODS

    def leave(self, method: str) -> None:
        """It has ended, and was offered if it is to be compared."""
        self._writes_under_way -= method not in SAFE_METHODS
        self.pace.leave()

    def _note_write(self, kept: Kept) -> None:
        if kept.request.method not in SAFE_METHODS:
            self._writes.append((lane_of(kept.request, kept.response), kept))

    def pass_by(self, method: str, uri: str) -> None:
        """Counts a safe request that is not compared, since the queue is full. Returns at once."""
        self._passed[method, route_of(method, uri)] += 1

    @property
    def passed_by(self) -> int:
        """How many `pass_by` has counted since the last time that they were told."""
        return sum(self._passed.values())

    async def tell_passed(self) -> None:
        """Tells what `pass_by` has counted."""
        passed, self._passed = self._passed, Counter()
        await asyncio.to_thread(self._tell_each, passed)  # these may be many

    def _tell_each(self, passed: "Counter[tuple[str, str]]") -> None:
        for (method, route), count in passed.items():
            request = RecordedRequest(method, "")
            pair = Pair(id="-", route=route, request=request, upstream=NO_ANSWER, local=NO_ANSWER)
            for _ in range(count):
                self._tell(Compared(pair=pair, verdict=Verdict.SKIPPED, reason=BACKPRESSURE))

    async def close(self) -> None:
        """Returns when all that was offered is compared, or given up."""
        if self._thread.is_alive():
            if self.waiting:
                log.info("comparing the last %d exchanges", self.waiting)
            self._is_closing = True
            self._loop.call_soon_threadsafe(self._queue.put_nowait, None)
            await asyncio.to_thread(self._thread.join)
        await self.tell_passed()

    # In the thread.

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._queue, self._lanes = asyncio.get_running_loop(), asyncio.Queue(), Lanes()
        self._ready.set()
        try:
            while (kept := await self._queue.get()) is not None:
                await self._begin(kept)
            await self._drain()
        finally:
            for side in self._sides:
                await side.close()
            await asyncio.to_thread(self._stack.close)
            self._executor.shutdown()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._lanes.empty()
        except TimeoutError:
            log.warning("%d exchanges were not compared in %g s", self.waiting, DRAIN_S)
            await self._lanes.cancel()
        if self._mirror is not None:
            await self._mirror.settled(OPERATIONS_DRAIN_S)

    async def _begin(self, kept: Kept) -> None:
        """Completes the bodies, since a store names its studies in its answer only, and starts the comparison."""
        if not kept.skipped and not self._is_closing:
            await self.pace.turn()
        began = time.perf_counter()
        exchanged, reason = await self._exchanged(kept)
        self.pace.took(time.perf_counter() - began)
        lane = lane_of(exchanged.request, exchanged.response)
        exchanged = replace(
            exchanged, raced=lambda: self._is_raced(kept, lane), changed=lambda: self._is_changed(kept, lane)
        )
        self._lanes.start(lane, lambda: self._work(kept, exchanged, reason))

    async def _work(self, kept: Kept, exchanged: Exchanged, reason: str) -> None:
        began = time.perf_counter()
        try:
            mirror = await self._opened(kept.request)
            if reason:
                mirror.skip(exchanged, reason)
            else:
                await mirror.examine(exchanged)
        except asyncio.CancelledError:
            if self._mirror is not None:
                self._mirror.skip(exchanged, "stopped")
            raise
        except Exception:
            log.exception("exchange %s was not compared", kept.id)
            if self._mirror is not None:
                self._mirror.skip(exchanged, "comparison-failed")
        finally:
            kept.discard()
            self._finished += 1
            self._finished_bytes += kept.held_bytes
            if not reason:
                self.pace.took(time.perf_counter() - began)

    async def _exchanged(self, kept: Kept) -> tuple[Exchanged, str]:
        """The exchange with its bodies, and why it is not to be compared, if so."""
        request, response, reason = kept.request, kept.response, kept.skipped
        try:
            if not kept.has_bodies:
                request = replace(request, body=await _finished(kept.request_tap, request.headers))
                response = replace(response, body=await _finished(kept.response_tap, response.headers))
        except (OSError, zlib.error) as error:
            log.warning("the bodies of exchange %s were not kept: %s", kept.id, error)
            reason = reason or "body-not-kept"
        return Exchanged(id=kept.id, request=request, response=response, duration_ms=kept.duration_ms), reason

    def _is_raced(self, kept: Kept, lane: Lane) -> bool:
        """Whether a write was under way upstream while this exchange was."""
        return any(
            write.id != kept.id and write.started < kept.ended and kept.started < write.ended and lane.crosses(other)
            for other, write in list(self._writes)
        )

    def _is_changed(self, kept: Kept, lane: Lane) -> bool:
        """Whether a write has been, or may be, since this exchange began."""
        if self._writes_under_way:
            return True
        return any(kept.started < write.ended and lane.crosses(other) for other, write in list(self._writes))

    async def _opened(self, first: RecordedRequest) -> Mirror:
        """The mirror, whose local side starts now if it has not."""
        async with self._opening:
            if self._mirror is None:
                has_partitions = locate(first.method, first.uri).partition is not None
                self._mirror = await self._open(has_partitions)
            return self._mirror

    async def _open(self, has_partitions: bool) -> Mirror:
        settings = self._settings
        assert settings.upstream is not None, "the command line sees to it"
        address = settings.local
        if address is None:
            fresh = fresh_emulator(partitions=has_partitions)
            address = await asyncio.to_thread(self._stack.enter_context, fresh)
        local = Side(
            address,
            local_settings(settings),
            spool=self._spool,
            executor=self._executor,
            granted=granted_locally(),
        )
        upstream = Side(settings.upstream, settings, spool=self._spool, executor=self._executor)
        self._sides = [local, upstream]
        self.local_address = address
        mirror = Mirror(
            local,
            tell=self._tell,
            executor=self._executor,
            upstream=upstream,
            learning=self._learning,
            hydrate_limit=settings.hydrate_limit if settings.hydrate else 0,
        )
        self.hydrated = mirror.hydrated
        return mirror


def _without_request(kept: Kept) -> Kept:
    """A write that is not repeated; its answer still says what it changed upstream."""
    if kept.request_tap is not None:
        kept.request_tap.discard()
    return replace(kept, request_tap=None, skipped=kept.skipped or BACKPRESSURE)


async def _finished(tap: BodyTap | None, headers: Headers) -> Body:
    return Empty() if tap is None else await tap.finish(header(headers, "content-type"))
