"""One connection to the upstream: a request at a time, its answer's body pushed to a receiver as it arrives."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from azdicom_proxy.upstream.chunked import ChunkedDecoder
from azdicom_proxy.upstream.errors import BrokenAnswerError, UpstreamTimeoutError
from azdicom_proxy.upstream.head import Head, parse_head

BUFFER_BYTES = 1024 * 1024
"""Of each connection. An instance of ordinary size comes with its head in one read."""
LEAST_READ_BYTES = 64 * 1024
"""With less room behind what was read, the buffer begins anew."""
MAX_HEAD_BYTES = 256 * 1024
END_OF_HEAD = b"\r\n\r\n"


class Receiver(Protocol):
    """Takes a body."""

    def receive(self, chunk: memoryview) -> bool:
        """Takes a part of the body, which stays as it is until `let_go`.

        False: it may look at `chunk` even longer, and wants no more until it is ready.
        """

    async def ready(self) -> None:
        """Returns when it takes more."""

    async def end(self) -> None:
        """The body is whole. Returns when nobody waits for a part of it any more; by default at once."""
        return

    def let_go(self) -> None:
        """What it was given before is about to be overwritten. By default it has kept nothing of it."""
        return


Begin = Callable[[Head], Receiver]
"""Is told the head of an answer, in the moment in which it arrives, and says what takes the body."""


class Connection(asyncio.BufferedProtocol):
    """Call `send_head`, `send` for each part of a body, `answer`, `deliver`; then the next request may follow.

    Bytes go from the socket into one buffer and from there to the receiver, without a copy or a task switch between.
    Where `send_head` is told how the answer begins, there is none between head and body either.
    idle_timeout_s: how long nothing may be heard or sent while an answer is due.
    """

    def __init__(self, idle_timeout_s: float) -> None:
        self.is_complete = True
        """No answer is under way."""
        self.is_reusable = True
        """Another request may follow once the answer is complete."""
        self.requests = 0
        self.idle_since = 0.0
        self.continued: asyncio.Future[None] = asyncio.Future()
        """Done when the upstream says 100, or answers finally, or is gone."""
        self._loop = asyncio.get_running_loop()
        self._idle_timeout_s = idle_timeout_s
        self._transport: asyncio.Transport | None = None
        self._memory = bytearray(BUFFER_BYTES)
        self._buffer = memoryview(self._memory)
        self._start = self._end = 0
        self._method = ""
        self._head: Head | None = None
        self._decoder: ChunkedDecoder | None = None
        self._left: int | None = None
        self._begin: Begin | None = None
        self._receiver: Receiver | None = None
        self._is_full = False
        """The receiver wants no more until it is ready."""
        self._is_paused = False
        self._error: Exception | None = None
        self._wake: asyncio.Future[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._touched_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def has_answered(self) -> bool:
        """Whether the head of the final answer has arrived."""
        return self._head is not None

    # What an exchange calls, in this order.

    def send_head(self, method: str, head: bytes, begin: Begin | None = None) -> None:
        """Begins an exchange. Raises BrokenAnswerError when the connection is gone."""
        self._method, self._head, self._begin, self._receiver = method, None, begin, None
        self.is_complete = self._is_full = False
        self._start = self._end = 0
        self.requests += 1
        self.continued = self._loop.create_future()
        self._resume()
        self._touched_at = self._loop.time()
        if self._watch is None:
            self._watch = self._loop.call_later(self._idle_timeout_s, self._look)
        self._write(head)

    async def send(self, chunk: bytes) -> None:
        """A part of the request's body; returns when the next one may follow. Raises BrokenAnswerError."""
        self._write(chunk)
        if not self._can_write.is_set():
            await self._can_write.wait()
        self._touched_at = self._loop.time()

    async def answer(self) -> Head:
        """The head of the final answer. Raises UpstreamError."""
        while self._head is None:
            await self._woken()
        return self._head

    async def deliver(self, receiver: Receiver | None = None) -> None:
        """Returns when `receiver`, or the one that `begin` gave, has the whole body and has ended.

        Raises UpstreamError when it breaks off, and what the receiver raises.
        """
        if receiver is not None:
            self._receiver = receiver
            self._take_up()
        while not self.is_complete:
            if self._is_full:
                assert self._receiver is not None
                await self._receiver.ready()
                self._take_up()
            else:
                await self._woken()
        if self._receiver is not None:
            await self._receiver.end()
            self._receiver.let_go()

    def break_off(self, error: Exception) -> None:
        """Ends the exchange with `error` for the one who waits for the answer, unless it is complete."""
        self._error = self._error or error
        self.close()
        if not self.continued.done():
            self.continued.set_result(None)
        self._wake_up()

    def close(self) -> None:
        """At once: what is under way breaks off."""
        self.is_reusable = False
        self._stop_watch()
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        self._touched_at = self._loop.time()
        if self.is_complete:
            self.break_off(BrokenAnswerError("the upstream sent bytes that belong to no answer"))
            return
        try:
            if self._head is None:
                self._read_head()
            if self._receiver is not None and not self._is_full:
                self._hand_on()
            elif self._end == len(self._buffer):
                self._pause()
        except Exception as error:  # the upstream's fault, or the receiver's
            self.break_off(error)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.is_reusable = False
        self._can_write.set()
        if self.is_complete:
            return
        if self._head is not None and self._decoder is None and self._left is None and exc is None:
            self._left = self._end - self._start  # a body without a length ends with its connection
            self._finish_if_whole()
            return
        was_silent = self._head is None and not self._end
        where = "before" if self._head is None else "inside"
        self.break_off(
            BrokenAnswerError(f"the upstream closed the connection {where} its answer", was_silent=was_silent)
        )

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    # Reading.

    def _read_head(self) -> None:
        while self._head is None:
            found = self._memory.find(END_OF_HEAD, self._start, self._end)
            if found < 0:
                if self._end - self._start > MAX_HEAD_BYTES:
                    raise BrokenAnswerError("the head of the upstream's answer is too large")
                return
            head = parse_head(bytes(self._memory[self._start : found]), self._method)
            self._start = found + len(END_OF_HEAD)
            if head.status == 100 and not self.continued.done():
                self.continued.set_result(None)
            if head.status >= 200:
                self._begin_body(head)

    def _begin_body(self, head: Head) -> None:
        self._head = head
        self._decoder = ChunkedDecoder() if head.is_chunked else None
        self._left = head.length
        self.is_reusable = head.keeps_alive
        if not self.continued.done():
            self.continued.set_result(None)
        if self._begin is not None:
            self._receiver = self._begin(head)
        else:
            self._wake_up()
        self._finish_if_whole()

    def _take_up(self) -> None:
        """The receiver takes more."""
        self._is_full = False
        self._resume()
        self._hand_on()

    def _hand_on(self) -> None:
        """What is in the buffer to the receiver."""
        assert self._receiver is not None
        received = self._buffer[self._start : self._end]
        self._start = self._end
        takes_more = True
        for piece in self._pieces(received):
            takes_more &= self._receiver.receive(piece)
        if not takes_more:
            self._memory = bytearray(BUFFER_BYTES)  # the receiver still looks at the old one
            self._buffer = memoryview(self._memory)
            self._start = self._end = 0
            self._is_full = True
            self._pause()
            self._wake_up()
        elif len(self._buffer) - self._end < LEAST_READ_BYTES:
            self._receiver.let_go()
            self._start = self._end = 0
        self._finish_if_whole()

    def _pieces(self, received: memoryview) -> Iterable[memoryview]:
        if not received:
            return ()
        if self._decoder is not None:
            return self._decoder.decode(received)
        if self._left is not None:
            self._left -= len(received)
            if self._left < 0:
                raise BrokenAnswerError("the upstream's answer is longer than its Content-Length")
        return (received,)

    def _finish_if_whole(self) -> None:
        is_whole = self._decoder.is_done if self._decoder is not None else self._left == 0
        if is_whole:
            self.is_complete = True
            self.is_reusable = self.is_reusable and self._start == self._end
            self.idle_since = self._loop.time()
            self._wake_up()

    # Waiting.

    async def _woken(self) -> None:
        """Returns after the next event. Raises UpstreamError."""
        if self._error is None:
            self._wake = self._loop.create_future()
            await self._wake
        if self._error is not None and not self.is_complete:
            raise self._error

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _look(self) -> None:
        """The timer: fails what has been silent for too long, but not while it is the client that is slow.

        It outlives the exchange for which it was set, since the next one needs it again.
        """
        self._watch = None
        if self.is_complete:
            return
        if self._is_paused:
            self._touched_at = self._loop.time()
        left = self._touched_at + self._idle_timeout_s - self._loop.time()
        if left <= 0:
            self.break_off(UpstreamTimeoutError(f"nothing heard from the upstream for {self._idle_timeout_s:g} s"))
        else:
            self._watch = self._loop.call_later(left, self._look)

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _write(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise self._error or BrokenAnswerError("the upstream closed the connection", was_silent=self._end == 0)
        self._transport.write(data)

    def _pause(self) -> None:
        self._is_paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if self._transport is not None:
                self._transport.resume_reading()
