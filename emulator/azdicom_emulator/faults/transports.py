"""Stand-ins for a connection's transport: they pass on, hold back, cut or slow down what a handler sends.

Handlers write to `request.transport`, directly or through aiohttp; with a stand-in in its place nothing they send gets
past the rule, and no handler needs to know of it.
"""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import web

from azdicom_emulator.faults.actions import Amount, Dribble
from azdicom_emulator.faults.http_message import END_OF_HEAD, Head

QUEUED_BYTES = 256 * 1024
"""How much waits for a slow connection before the handler waits as well."""
PIECES_A_SECOND = 20
MAX_PIECE_BYTES = 64 * 1024
UNKNOWN_LENGTH_PIECE_BYTES = 1024
UNKNOWN_LENGTH_BYTES = 1024 * 1024
NO_LINGER = struct.pack("ii", 1, 0)


class StandIn(asyncio.Transport):
    """Passes everything on to `inner`. Subclasses see heads and bodies apart; interim answers (1xx) go on at once."""

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__()
        self.inner = inner
        self._pending: bytes | None = b""
        """What there is of the head; None: the head is through."""

    def write(self, data: Any) -> None:
        if self._pending is None:
            self.body(bytes(data))
            return
        self._pending += bytes(data)
        while self._pending is not None and END_OF_HEAD in self._pending:
            head, _, rest = self._pending.partition(END_OF_HEAD)
            if head.startswith(b"HTTP/1.1 1"):
                self.inner.write(head + END_OF_HEAD)
                self._pending = rest
                continue
            self._pending = None
            self.head(head + END_OF_HEAD)
            if rest:
                self.body(rest)

    def head(self, content: bytes) -> None:
        """The status line and the headers, whole."""
        self.inner.write(content)

    def body(self, content: bytes) -> None:
        """A piece of the body, chunking included."""
        self.inner.write(content)

    async def finish(self) -> None:
        """The handler has sent all that it will; returns when it is on its way."""

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self.inner.is_closing()

    def close(self) -> None:
        self.inner.close()

    def abort(self) -> None:
        self.inner.abort()

    def get_write_buffer_size(self) -> int:
        return self.inner.get_write_buffer_size()

    def pause_reading(self) -> None:
        self.inner.pause_reading()

    def resume_reading(self) -> None:
        self.inner.resume_reading()

    def is_reading(self) -> bool:
        return self.inner.is_reading()


class Marking(StandIn):
    """Says in the head which rule is at work."""

    def __init__(self, inner: asyncio.Transport, rule: str) -> None:
        super().__init__(inner)
        self._rule = rule

    def head(self, content: bytes) -> None:
        self.inner.write(Head.parse(content).marked(self._rule).encoded())


class Holding(StandIn):
    """Keeps an answer back. One that is longer than `limit_bytes` goes on as it is: `has_let_go`."""

    def __init__(self, inner: asyncio.Transport, limit_bytes: int) -> None:
        super().__init__(inner)
        self._limit_bytes = limit_bytes
        self._held = bytearray()
        self.has_let_go = False

    @property
    def held(self) -> bytes:
        return bytes(self._held)

    def head(self, content: bytes) -> None:
        self.body(content)

    def body(self, content: bytes) -> None:
        if self.has_let_go:
            self.inner.write(content)
            return
        self._held += content
        if len(self._held) > self._limit_bytes:
            self.has_let_go = True
            self.inner.write(bytes(self._held))
            self._held.clear()

    def get_write_buffer_size(self) -> int:
        return self.inner.get_write_buffer_size() if self.has_let_go else 0


class Swallowing(StandIn):
    """Drops an answer but for its head."""

    def __init__(self, inner: asyncio.Transport) -> None:
        super().__init__(inner)
        self.dropped: Head | None = None

    def head(self, content: bytes) -> None:
        self.dropped = Head.parse(content)

    def body(self, content: bytes) -> None:
        """Nothing of it is kept."""

    def get_write_buffer_size(self) -> int:
        return 0


class Cutting(StandIn):
    """Lets a part of the body through; the declared length stays. The caller closes the connection afterwards.

    A percentage of a body whose length is not declared is taken of what comes, at most of its first MiB.
    """

    def __init__(self, inner: asyncio.Transport, amount: Amount) -> None:
        super().__init__(inner)
        self._amount = amount
        self._left: int | None = None
        """How many bytes may pass; None: that depends on the length, which is not known yet."""
        self._held = bytearray()

    def head(self, content: bytes) -> None:
        length = Head.parse(content).content_length()
        if length is not None or not self._amount.is_percent:
            self._left = self._amount.of(length) if length is not None else int(self._amount.value)
        self.inner.write(content)

    def body(self, content: bytes) -> None:
        if self._left is None:
            self._held += content[: UNKNOWN_LENGTH_BYTES - len(self._held)]
            return
        passed = content[: self._left]
        self._left -= len(passed)
        if passed:
            self.inner.write(passed)

    async def finish(self) -> None:
        if self._left is None:
            self.inner.write(bytes(self._held[: self._amount.of(len(self._held))]))


class Pacing(StandIn):
    """Sends the body piece by piece, at a number of bytes a second or in a number of pieces over a time."""

    def __init__(self, inner: asyncio.Transport, protocol: web.RequestHandler, pace: float | Dribble) -> None:
        super().__init__(inner)
        self._protocol = protocol
        self._pace = pace
        self._piece_bytes, self._interval_s = 1, 0.0
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._is_pausing = False
        self._is_finished = False
        self._wake = asyncio.Event()
        # The handler waits for this queue: the connection's own limits must not wake it, nor stop it, beside that.
        inner.set_write_buffer_limits(high=2**31)
        self._pump = asyncio.ensure_future(self._send())

    def head(self, content: bytes) -> None:
        self._piece_bytes, self._interval_s = _pieces(self._pace, Head.parse(content).content_length())
        self.inner.write(content)

    def body(self, content: bytes) -> None:
        self._queue.append(content)
        self._queued_bytes += len(content)
        self._wake.set()
        if self._queued_bytes > QUEUED_BYTES and not self._is_pausing:
            self._is_pausing = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self._queued_bytes + self.inner.get_write_buffer_size()

    async def finish(self) -> None:
        self._is_finished = True
        self._wake.set()
        await self._pump

    def stop(self) -> None:
        """Drops what is not sent. To be called in any case."""
        self._pump.cancel()
        self._resume()
        if not self.inner.is_closing():
            self.inner.set_write_buffer_limits()

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            while piece := self._next_piece():
                await asyncio.sleep(self._interval_s)
                await self._until_taken()
                if self.inner.is_closing():
                    return
                self.inner.write(piece)
            if self._is_finished:
                return
            self._wake.clear()

    async def _until_taken(self) -> None:
        """A client that reads more slowly than the pace holds it up."""
        while self.inner.get_write_buffer_size() > QUEUED_BYTES and not self.inner.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(1 / PIECES_A_SECOND)  # the transport tells the protocol alone, which waits for us

    def _next_piece(self) -> bytes:
        """As many bytes as one piece has, fewer at the end; empty: there is not enough yet."""
        if not self._is_finished and self._queued_bytes < self._piece_bytes:
            return b""
        piece = bytearray()
        while self._queue and len(piece) < self._piece_bytes:
            first = self._queue.popleft()
            taken = self._piece_bytes - len(piece)
            piece += first[:taken]
            if first[taken:]:
                self._queue.appendleft(first[taken:])
        self._queued_bytes -= len(piece)
        if self._queued_bytes <= QUEUED_BYTES:
            self._resume()
        return bytes(piece)

    def _resume(self) -> None:
        if self._is_pausing:
            self._is_pausing = False
            self._protocol.resume_writing()


@contextlib.contextmanager
def in_place(protocol: web.RequestHandler, stand_in: asyncio.Transport) -> Iterator[None]:
    """What handlers send in the block goes to `stand_in`."""
    real = protocol.transport
    protocol.transport = stand_in
    try:
        yield
    finally:
        if protocol.transport is stand_in:  # None: the connection was lost
            protocol.transport = real


def reset_connection(transport: asyncio.Transport) -> None:
    """Ends a connection by RST: the other side finds that it was reset, not closed."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()


def _pieces(pace: float | Dribble, length: int | None) -> tuple[int, float]:
    """Bytes of a piece and the seconds before each."""
    if isinstance(pace, Dribble):
        size = -(-length // pace.chunks) if length else UNKNOWN_LENGTH_PIECE_BYTES
        return max(1, size), pace.seconds / pace.chunks
    size = min(MAX_PIECE_BYTES, max(1, int(pace / PIECES_A_SECOND)))
    return size, size / pace
