"""Exchanges with the upstream over pooled connections, with the one retry that can do no harm."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from azdicom_proxy.upstream.connection import Begin, Connection, Receiver
from azdicom_proxy.upstream.dialing import Dialer
from azdicom_proxy.upstream.errors import BrokenAnswerError, UpstreamError
from azdicom_proxy.upstream.head import Head

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTINUE_AFTER_S = 1.0
"""How long the body waits for a 100 (RFC 9110 §10.1.1: a client must not wait forever)."""
LAST_CHUNK = b"0\r\n\r\n"

BodySource = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Upload:
    """A request's body. expects_continue: it waits for the upstream's 100; `on_continue` is called when it goes."""

    chunks: BodySource
    is_chunked: bool
    expects_continue: bool
    on_continue: Callable[[], None]


class Answer:
    """The answer to one request: its head, and its body for the one who asks for it."""

    def __init__(self, connection: Connection, head: Head) -> None:
        self._connection = connection
        self.head = head

    async def deliver(self, receiver: Receiver) -> None:
        """Raises UpstreamError when the body breaks off."""
        await self._connection.deliver(receiver)


class UpstreamClient:
    """One upstream. keep_idle: how many connections are kept for later, each for `keep_idle_s` seconds."""

    def __init__(self, dialer: Dialer, *, keep_idle: int = 32, keep_idle_s: float = 30.0) -> None:
        self._dialer = dialer
        self._idle: list[Connection] = []
        self._keep_idle = keep_idle
        self._keep_idle_s = keep_idle_s

    async def ask(self, method: str, head: bytes, begin: Begin, upload: Upload | None = None) -> None:
        """Sends a request, and hands its whole answer on: the head to `begin`, the body to what that returns.

        Raises UpstreamError, and what the body's source, `begin` and the receiver raise.
        """
        if upload is None:
            self._take_back(await self._asked(method, head, begin))
            return
        connection = self._pooled() or await self._dialer.dial()
        sending: asyncio.Future[None] | None = None
        try:
            connection.send_head(method, head, begin)
            sending = asyncio.ensure_future(_send_body(connection, upload))
            await connection.deliver()
        finally:
            if sending is not None and not sending.done():
                connection.close()  # answered before all of the body was sent: the rest must not look like a request
                sending.cancel()
                await asyncio.wait([sending])
            self._take_back(connection)

    @contextlib.asynccontextmanager
    async def asking(self, method: str, head: bytes) -> AsyncIterator[Answer]:
        """Sends a request without a body; the block gets the answer once its head has arrived.

        Leaving it before the body is delivered breaks it off. Raises UpstreamError.
        """
        connection = await self._asked(method, head)
        try:
            yield Answer(connection, await connection.answer())
        finally:
            self._take_back(connection)

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # lets the transports close

    async def check(self) -> None:
        """Opens a connection and keeps it. Raises UnreachableError, UpstreamTimeoutError."""
        self._take_back(await self._dialer.dial())

    async def _asked(self, method: str, head: bytes, begin: Begin | None = None) -> Connection:
        """The connection on which a request without a body was answered: wholly, or its head where nothing begins."""
        connection = self._pooled() or await self._dialer.dial()
        while True:
            try:
                connection.send_head(method, head, begin)
                await (connection.answer() if begin is None else connection.deliver())
                return connection
            except BaseException as error:
                connection.close()
                if not _may_be_asked_again(connection, method, error):
                    raise
            connection = await self._dialer.dial()

    def _pooled(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - self._keep_idle_s
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    def _take_back(self, connection: Connection) -> None:
        if connection.is_complete and connection.is_reusable and connection.is_open:
            self._idle.append(connection)
            if len(self._idle) > self._keep_idle:
                self._idle.pop(0).close()
        else:
            connection.close()


def _may_be_asked_again(connection: Connection, method: str, error: BaseException) -> bool:
    """Whether the upstream closed a kept connection in the moment in which it was used: only a fresh one can tell."""
    was_silent = isinstance(error, BrokenAnswerError) and error.was_silent
    return was_silent and connection.requests > 1 and method in SAFE_METHODS


async def _send_body(connection: Connection, upload: Upload) -> None:
    try:
        if upload.expects_continue:
            await asyncio.wait([connection.continued], timeout=CONTINUE_AFTER_S)
            if connection.has_answered:
                return
            upload.on_continue()
        async for chunk in upload.chunks:
            await connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if upload.is_chunked else chunk)
        if upload.is_chunked:
            await connection.send(LAST_CHUNK)
    except UpstreamError:
        return  # the answer, or its absence, says why
    except Exception as error:
        connection.break_off(error)
