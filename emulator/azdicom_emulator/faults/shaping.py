"""Stand-ins for a connection's transport that let only a part of a body through, or all of it slowly."""

import asyncio
from collections import deque

from aiohttp import web

from azdicom_emulator.faults.actions import Amount, Dribble
from azdicom_emulator.faults.http_message import Head
from azdicom_emulator.faults.transports import StandIn

QUEUED_BYTES = 256 * 1024
"""How much waits for a slow connection before the handler waits as well."""
PIECES_A_SECOND = 20
MAX_PIECE_BYTES = 64 * 1024
UNKNOWN_LENGTH_PIECE_BYTES = 1024
UNKNOWN_LENGTH_BYTES = 1024 * 1024


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
        self._left_of_piece = 0
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
            while part := self._next_part():
                if self._left_of_piece <= 0:
                    await asyncio.sleep(self._interval_s)
                    self._left_of_piece = self._piece_bytes
                self._left_of_piece -= len(part)
                await self._until_taken()
                if self.inner.is_closing():
                    return
                self.inner.write(part)
            if self._is_finished:
                return
            self._wake.clear()

    async def _until_taken(self) -> None:
        """A client that reads more slowly than the pace holds it up."""
        while self.inner.get_write_buffer_size() > QUEUED_BYTES and not self.inner.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(1 / PIECES_A_SECOND)  # the transport tells the protocol alone, which waits for us

    def _next_part(self) -> bytes:
        """One piece, or as much of it as the queue holds; fewer bytes at the end; empty: there is not enough yet."""
        wanted = min(self._left_of_piece or self._piece_bytes, QUEUED_BYTES)
        if not self._is_finished and self._queued_bytes < wanted:
            return b""
        part = bytearray()
        while self._queue and len(part) < wanted:
            first = self._queue.popleft()
            taken = wanted - len(part)
            part += first[:taken]
            if first[taken:]:
                self._queue.appendleft(first[taken:])
        self._queued_bytes -= len(part)
        if self._queued_bytes <= QUEUED_BYTES:
            self._resume()
        return bytes(part)

    def _resume(self) -> None:
        if self._is_pausing:
            self._is_pausing = False
            self._protocol.resume_writing()


def _pieces(pace: float | Dribble, length: int | None) -> tuple[int, float]:
    """Bytes of a piece and the seconds before each."""
    if isinstance(pace, Dribble):
        size = -(-length // pace.chunks) if length else UNKNOWN_LENGTH_PIECE_BYTES
        return max(1, size), pace.seconds / pace.chunks
    size = min(MAX_PIECE_BYTES, max(1, int(pace / PIECES_A_SECOND)))
    return size, size / pace
