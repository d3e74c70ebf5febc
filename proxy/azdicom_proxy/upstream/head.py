"""The heads of HTTP/1.1 messages as bytes: requests are written, answers are read, header lines stay as they are."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from azdicom_proxy.upstream.errors import BrokenAnswerError

RawHeaders = tuple[tuple[bytes, bytes], ...]
"""Name and value of each header line, in the order and spelling of the wire."""

STATUS_LINE = re.compile(rb"HTTP/(1\.[01]) (\d{3})(?: ([^\r\n]*))?")
NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
WITHOUT_BODY = (204, 304)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer. length: bytes of its body; None: chunked, or all until the connection ends."""

    status: int
    reason: str
    headers: RawHeaders
    is_chunked: bool
    length: int | None
    keeps_alive: bool

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header; name in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


def request_head(method: str, target: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """target: as the client wrote it, percent-encoded or not."""
    lines = [f"{method} {target} HTTP/1.1\r\n".encode("latin-1", "surrogateescape")]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


def parse_head(head: bytes, method: str) -> Head:
    """head: without the empty line at its end; method: of the request that it answers. Raises BrokenAnswerError."""
    status_line, _, rest = head.partition(b"\r\n")
    matched = STATUS_LINE.fullmatch(status_line)
    if matched is None:
        raise BrokenAnswerError(f"not an HTTP/1.1 answer: {status_line[:60]!r}")
    headers = tuple(map(_header, rest.split(b"\r\n"))) if rest else ()
    status = int(matched[2])
    is_chunked, length, closes = _framing(headers)
    if method == "HEAD" or status in WITHOUT_BODY or status < 200:
        is_chunked, length = False, 0
    keeps_alive = matched[1] == b"1.1" and not closes and (is_chunked or length is not None)
    reason = (matched[3] or b"").decode("latin-1")
    return Head(status, reason, headers, is_chunked, length, keeps_alive)


@lru_cache(maxsize=512)
def _header(line: bytes) -> tuple[bytes, bytes]:
    """Most lines of an answer are those of the answer before."""
    name, colon, value = line.partition(b":")
    if not colon or not NAME.fullmatch(name):
        raise BrokenAnswerError(f"not a header line: {line[:60]!r}")
    return name, value.strip(b" \t")


def _framing(headers: RawHeaders) -> tuple[bool, int | None, bool]:
    """Whether the body is chunked, its length, and whether the connection ends behind it (RFC 9112 §6.3)."""
    lengths: set[bytes] = set()
    is_chunked = closes = False
    for name, value in headers:
        match name.lower():
            case b"content-length":
                lengths.update(item.strip() for item in value.split(b","))
            case b"transfer-encoding":
                is_chunked = value.lower().split(b",")[-1].strip() == b"chunked"
                closes = closes or not is_chunked
            case b"connection":
                closes = closes or b"close" in value.lower()
    if is_chunked or not lengths:
        return is_chunked, None, closes or bool(lengths)
    if len(lengths) > 1 or not next(iter(lengths)).isdigit():
        raise BrokenAnswerError(f"contradictory Content-Length: {sorted(lengths)}")
    return False, int(next(iter(lengths))), closes
