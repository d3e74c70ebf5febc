"""Stand-ins for a connection's transport: they pass on, mark, hold back or drop what a handler sends.

Handlers write to `request.transport`, directly or through aiohttp; with a stand-in in its place nothing they send gets
past the rule, and no handler needs to know of it.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from aiohttp import web

from azdicom_emulator.faults.http_message import END_OF_HEAD, Head

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
        """As `inner` says, but for the socket: what is sent by that would get past this."""
        return default if name == "socket" else self.inner.get_extra_info(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.inner.set_write_buffer_limits(high, low)

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
