"""One exchange with a client: what was asked, in which recording, and how it went."""

import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from aiohttp import web

from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.errors import ProxyError
from azdicom_proxy.headers import (
    ID_HEADER,
    RECORDING_HEADER,
    SOURCE_HEADER,
    VIA,
    decoded,
    end_to_end,
    value_of,
    without,
)
from azdicom_proxy.upstream.address import LOOPBACK_HOSTS, Address
from azdicom_proxy.upstream.head import RawHeaders

SOURCE_NAME, ID_NAME = SOURCE_HEADER.encode(), ID_HEADER.encode()
DEFAULT_RECORDING = "default"
PATH_MARKER = re.compile(r"/_r/([^/?]*)(?=[/?]|$)")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
ABSOLUTE_FORM = re.compile(r"https?://[^/?]*", re.IGNORECASE)


class Source(StrEnum):
    """Who answered."""

    UPSTREAM = "upstream"
    CASSETTE = "cassette"
    LOCAL = "local"
    PROXY = "proxy"
    FAULT = "fault"


@dataclass(slots=True)
class Exchange:
    """target: path and query as the client wrote them, without the marker of the recording (`prefix`).

    headers: those that go on. started, first_byte_s, duration_s: seconds; the first by `time.perf_counter`.
    """

    request: web.BaseRequest
    recording: str
    prefix: str
    method: str
    target: str
    headers: RawHeaders
    id: str = field(default_factory=lambda: f"{random.getrandbits(64):016x}")
    started: float = field(default_factory=time.perf_counter)
    started_at: float = field(default_factory=time.time)
    source: Source = Source.PROXY
    status: int = 0
    response_headers: RawHeaders = ()
    received_bytes: int = 0
    sent_bytes: int = 0
    first_byte_s: float = 0.0
    duration_s: float = 0.0
    cors: RawHeaders = ()
    is_whole: bool = False
    """The client got the whole answer, or what it did not get it did not wait for."""
    verdict: str = ""
    """What happened to it, in a word: an interaction's id, `recorded`, `cassette-miss`, `aborted`."""

    fault: str = ""
    """The fault rule that acted on it, if one did."""
    settle: Callable[[bool], Awaitable[None]] | None = None
    """What waits until it is known whether a rule acted: True records the exchange, False forgets it."""

    @property
    def route(self) -> str:
        """The URL template with its method, `GET /studies/{study}`."""
        return route_of(self.method, self.target)

    def with_own_headers(self, headers: RawHeaders, *, says_who: bool) -> RawHeaders:
        """The headers of the answer with this proxy's own behind them. says_who: who answered, and the id."""
        self.response_headers = headers
        if says_who:
            headers = (*headers, VIA, (SOURCE_NAME, self.source.encode()), (ID_NAME, self.id.encode()))
        return headers + self.cors

    @property
    def public_url(self) -> str:
        """Scheme and host as the client wrote them; with the port, where a client on this machine leaves it out."""
        host = (value_of(self.headers, b"host") or b"").decode("latin-1")
        if host in LOOPBACK_HOSTS and self.request.transport is not None:
            name = self.request.transport.get_extra_info("sockname")
            host = f"{host}:{name[1]}" if name and Address("http", name[0], 0).is_loopback else host
        return f"{self.request.scheme}://{host}"


def open_exchange(request: web.BaseRequest) -> Exchange:
    """Raises ProxyError (400): the recording's name cannot be one of a file."""
    target = ABSOLUTE_FORM.sub("", request.raw_path, count=1) or "/"
    name = request.headers.get(RECORDING_HEADER)
    prefix = ""
    if marker := PATH_MARKER.match(target):
        name, prefix = marker[1], marker[0]
        target = target[len(prefix) :]
        target = target if target.startswith("/") else f"/{target}"
    if name is not None and not NAME.fullmatch(name):
        raise ProxyError.bad_request(f"'{name}' is no name of a recording: letters, digits, '.', '_' and '-'")
    headers = end_to_end(request.raw_headers)
    return Exchange(request, name or DEFAULT_RECORDING, prefix, request.method, target, headers)


def request_headers(exchange: Exchange) -> Headers:
    """What is recorded and matched of a request's headers: not the address at which the proxy was reached."""
    return decoded(without(exchange.headers, b"host", b"expect"))


@lru_cache(maxsize=256)
def public_base(url: str, prefix: str) -> Address:
    """What stands in front of `/v2` in the URLs that a client knows."""
    try:
        base = Address.parse(url)
    except ValueError:
        base = Address("http", "localhost", 80)  # a client without a usable Host: HTTP/1.0
    return Address(base.scheme, base.host, base.port, base.path + prefix)
