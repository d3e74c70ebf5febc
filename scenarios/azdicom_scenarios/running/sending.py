"""Sends requests as they are written, over a connection that is kept from one to the next."""

import http.client
import select
import ssl
import time
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.codings import coding_of, decode
from azdicom_proxy.upstream.address import DEFAULT_PORTS
from azdicom_scenarios.running.exchanges import Answer, Exchange, Request

CHUNK_BYTES = 64 * 1024
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Client:
    """One connection to a service; for one thread. base: scheme, host and port. tls: None for the system's trust."""

    def __init__(self, base: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.base = base
        self._tls = tls
        self._connection: http.client.HTTPConnection | None = None

    def send(self, request: Request, timeout_s: float) -> Exchange:
        """The exchange; where no whole answer came, it says why. timeout_s: how long nothing may be heard."""
        started = time.perf_counter()
        connection = self._ready(timeout_s)
        try:
            self._write(connection, request)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Exchange(self.base, request, None, _trouble(error, timeout_s))
        headers = tuple(response.getheaders())
        if response.will_close:
            self.close()
        try:
            content = _decoded(headers, content)
        except zlib.error as error:
            return Exchange(self.base, request, None, f"the body is not coded as Content-Encoding says: {error}")
        return Exchange(self.base, request, Answer(response.status, headers, content, time.perf_counter() - started))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ready(self, timeout_s: float) -> http.client.HTTPConnection:
        kept = self._connection
        if kept is not None and kept.sock is not None and not select.select([kept.sock], [], [], 0)[0]:
            kept.sock.settimeout(timeout_s)
            return kept
        self.close()  # what can be read between exchanges is the end of the connection
        self._connection = self._opened(timeout_s)
        return self._connection

    def _opened(self, timeout_s: float) -> http.client.HTTPConnection:
        split = urlsplit(self.base)
        host, port = split.hostname or "", split.port or DEFAULT_PORTS[split.scheme]
        if split.scheme == "https":
            context = self._tls or ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)

    def _write(self, connection: http.client.HTTPConnection, request: Request) -> None:
        names = {name.lower() for name, _ in request.headers}
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        if "host" not in names:
            connection.putheader("Host", urlsplit(self.base).netloc)
        for name, value in request.headers:
            connection.putheader(name, value.encode("utf-8"))
        for name, value in _framing(request):
            if name.lower() not in names:
                connection.putheader(name, value)
        connection.endheaders()
        try:
            for chunk in _chunks(request):
                connection.send(chunk)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before all of it was read: the answer, if there is one, says why.
            return


def _framing(request: Request) -> Headers:
    if request.is_chunked:
        return (("Transfer-Encoding", "chunked"),)
    if request.body is not None or request.method in WITH_BODY:
        return (("Content-Length", str(len(request.body or b""))),)
    return ()


def _chunks(request: Request) -> Iterator[bytes]:
    body = memoryview(request.body or b"")
    for start in range(0, len(body), CHUNK_BYTES):
        piece = bytes(body[start : start + CHUNK_BYTES])
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if request.is_chunked else piece
    if request.is_chunked:
        yield b"0\r\n\r\n"


def _decoded(headers: Headers, content: bytes) -> bytes:
    value = next((value for name, value in headers if name.lower() == "content-encoding"), "")
    coding = coding_of(value.encode("latin-1", "replace"))
    return decode(coding, content) if coding is not None and content else content


def _trouble(error: Exception, timeout_s: float) -> str:
    match error:
        case TimeoutError():
            return f"no answer within {timeout_s:g} s"
        case http.client.RemoteDisconnected():
            return "the connection was closed without an answer"
        case http.client.IncompleteRead():
            return f"the answer broke off after {len(error.partial)} bytes"
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionResetError():
            return "the connection was reset"
        case ssl.SSLCertVerificationError():
            return f"the service's certificate is not trusted: {error.verify_message}"
    return f"{type(error).__name__}: {error}"
