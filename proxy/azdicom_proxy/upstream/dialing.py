"""New connections to the upstream: TCP, TLS, and the way through an outgoing HTTP proxy."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from azdicom_proxy.upstream.address import Address
from azdicom_proxy.upstream.connection import END_OF_HEAD, Connection
from azdicom_proxy.upstream.errors import UnreachableError, UpstreamTimeoutError

MAX_TUNNEL_HEAD_BYTES = 16 * 1024


class Dialer:
    """Opens connections to one upstream. tls: None for http. proxy: an outgoing HTTP proxy."""

    def __init__(
        self,
        upstream: Address,
        *,
        tls: ssl.SSLContext | None,
        proxy: Address | None,
        connect_timeout_s: float,
        idle_timeout_s: float,
    ) -> None:
        self._upstream = upstream
        self._tls = tls
        self._proxy = proxy
        self._connect_timeout_s = connect_timeout_s
        self._idle_timeout_s = idle_timeout_s

    async def dial(self) -> Connection:
        """Raises UnreachableError, UpstreamTimeoutError."""
        where = self._upstream.authority if self._proxy is None else f"{self._proxy.authority} (outgoing proxy)"
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return await self._open()
        except TimeoutError:
            raise UpstreamTimeoutError(f"no connection to {where} within {self._connect_timeout_s:g} s") from None
        except socket.gaierror:
            raise UnreachableError(f"unknown host: {where}") from None
        except ssl.SSLCertVerificationError as error:
            raise UnreachableError(f"the certificate of {where} is not trusted: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise UnreachableError(f"no TLS with {where}: {error.reason or error}") from error
        except OSError as error:
            raise UnreachableError(f"no connection to {where}: {error.strerror or error}") from error

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        first = self._proxy or self._upstream
        if self._proxy is None or self._tls is None:
            tls = self._tls if self._proxy is None else None
            _, connection = await loop.create_connection(self._new, first.host, first.port, ssl=tls)
            return connection
        return await self._through_tunnel(self._proxy, self._tls)

    async def _through_tunnel(self, proxy: Address, tls: ssl.SSLContext) -> Connection:
        loop = asyncio.get_running_loop()
        transport, tunnel = await loop.create_connection(_Tunnel, proxy.host, proxy.port)
        try:
            target = f"{self._upstream.host}:{self._upstream.port}"
            transport.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
            status = await tunnel.answered
            if status != "200":
                raise UnreachableError(f"the outgoing proxy {proxy.authority} answered {status} to CONNECT")
            connection = self._new()
            transport.set_protocol(connection)
            secured = await loop.start_tls(transport, connection, tls, server_hostname=self._upstream.host)
            assert secured is not None
            connection.connection_made(secured)
        except BaseException:
            transport.abort()
            raise
        return connection

    @property
    def _new(self) -> Callable[[], Connection]:
        return lambda: Connection(self._idle_timeout_s)


class _Tunnel(asyncio.Protocol):
    """Waits for the answer to a CONNECT."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if END_OF_HEAD in self._head and not self.answered.done():
            self.answered.set_result(self._head.split(b" ", 2)[1][:3].decode("latin-1"))
        elif len(self._head) > MAX_TUNNEL_HEAD_BYTES:
            self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(UnreachableError("the outgoing proxy closed the connection"))
