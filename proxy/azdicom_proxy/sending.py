"""Answers on their way to the client, byte for byte: the head as it is given, the body as it arrives."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from aiohttp import HttpVersion11, web

from azdicom_proxy.headers import replaced, value_of, without
from azdicom_proxy.upstream.client import LAST_CHUNK
from azdicom_proxy.upstream.connection import Receiver
from azdicom_proxy.upstream.head import WITHOUT_BODY, RawHeaders

HAS_WRITEV = hasattr(os, "writev")
SENT_TOGETHER_BYTES = 64 * 1024
"""Up to here head and body go out in one write: a copy costs less than another packet."""


class DirectResponse(web.StreamResponse, Receiver):
    """An answer that goes to the client's transport without aiohttp's additions: no Server, no Date, no new order.

    It is a Receiver of the body. length: of the body that follows; None: chunked, or until the connection ends for
    a client of HTTP/1.0.
    """

    def __init__(self, request: web.BaseRequest, status: int, reason: str, headers: RawHeaders) -> None:
        super().__init__(status=status, reason=reason)
        self._request = request
        self._lines = headers
        self._held = b""
        """The head while it waits for the first bytes of the body."""
        self._is_chunked = False
        self._is_bodiless = request.method == "HEAD" or status in WITHOUT_BODY
        self._is_taken = True
        """The system has all that was written of the body."""
        self.sent_bytes = 0
        self.is_begun = False

    def begin(self, length: int | None) -> None:
        """Makes the head, with `Content-Length` as it is now; without a body the header says what it said."""
        self.is_begun = True
        if not self._is_bodiless:
            size = None if length is None else b"%d" % length
            if value_of(self._lines, b"content-length") != size:
                self._lines = (
                    without(self._lines, b"content-length")
                    if size is None
                    else replaced(self._lines, b"Content-Length", size)
                )
        lines = [f"HTTP/1.1 {self.status} {self.reason}\r\n".encode("latin-1", "replace")]
        for name, value in self._lines:
            lines += (name, b": ", value, b"\r\n")
        if length is None and not self._is_bodiless:
            self._is_chunked = self._request.version >= HttpVersion11
            if self._is_chunked:
                lines.append(b"Transfer-Encoding: chunked\r\n")
            else:
                self.force_close()
        if not self.keep_alive:
            lines.append(b"Connection: close\r\n")
        elif self._request.version < HttpVersion11:
            lines.append(b"Connection: keep-alive\r\n")
        lines.append(b"\r\n")
        self._held = b"".join(lines)

    @property
    def body_length(self) -> int:
        return self.sent_bytes

    @property
    def keep_alive(self) -> bool:
        """Whether the client's connection serves another request."""
        return super().keep_alive is not False and self._request.keep_alive

    def drop_header(self, name: bytes) -> None:
        """Removes the lines called `name` (lower case) before it is begun."""
        self._lines = without(self._lines, name)

    def receive(self, chunk: memoryview) -> bool:
        """Raises ConnectionResetError when the client is gone."""
        self.sent_bytes += len(chunk)
        if self._is_bodiless:
            return True
        transport = self._transport()
        framed: bytes | memoryview = chunk
        if self._is_chunked:
            framed = b"".join((b"%x\r\n" % len(chunk), chunk, b"\r\n"))
        held, self._held = self._held, b""
        if not held:
            transport.write(framed)
        elif len(framed) <= SENT_TOGETHER_BYTES:
            transport.write(held + bytes(framed))
        else:
            for rest in _left_of_one_call(transport, held, framed):
                transport.write(rest)
        self._is_taken = transport.get_write_buffer_size() == 0
        return self._is_taken

    async def ready(self) -> None:
        await self._request.writer.drain()

    async def end(self) -> None:
        """The body is whole: returns when the system has taken it, so that nothing which follows holds it up.

        Raises ConnectionResetError when the client is gone before that; afterwards it may go.
        """
        rest = self._held + (LAST_CHUNK if self._is_chunked else b"")
        self._held = b""
        if rest:
            self._transport().write(rest)
        elif self._is_taken:
            return
        self._transport().set_write_buffer_limits(0)
        await self._request.writer.drain()

    def break_off(self) -> None:
        """Closes the client's connection, so that it does not take what it has for the whole answer."""
        self.force_close()
        if self._request.transport is not None:
            self._request.transport.close()

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Nothing: aiohttp calls it for every answer."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: aiohttp calls it for every answer."""

    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        return transport


def _left_of_one_call(
    transport: asyncio.Transport, head: bytes, body: bytes | memoryview
) -> Sequence[bytes | memoryview]:
    """What is left to be sent after one system call for both, if the transport is a bare socket.

    Two calls would wake the client for the head alone, and asyncio would join the two, which copies the body.
    """
    bare = transport.get_extra_info("socket") if transport.get_extra_info("sslcontext") is None else None
    if not HAS_WRITEV or bare is None or transport.get_write_buffer_size():
        return head, body
    try:
        written = os.writev(bare.fileno(), (head, body))
    except OSError:
        return head, body  # full, or gone: the transport knows what to do
    return (head[written:], body) if written < len(head) else (body[written - len(head) :],)
