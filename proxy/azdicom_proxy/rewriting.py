"""Absolute URLs of one base turned into another base, in headers, JSON and the headers of multipart parts.

The bytes around a URL stay as they are: only the base inside a JSON string, or of a header's value, is replaced. Binary
parts are never looked at.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from re import Pattern
from typing import Self

from azdicom_proxy.upstream.address import DEFAULT_PORTS, Address
from azdicom_proxy.upstream.head import RawHeaders

URL_HEADERS = frozenset({b"location", b"content-location"})
JSON_TYPES = re.compile(rb"\s*application/(?:[\w.+-]*\+)?json\b", re.IGNORECASE)
MULTIPART_TYPE = re.compile(rb'\s*multipart/.*;\s*boundary\s*=\s*("?)([^";]+)\1', re.IGNORECASE | re.DOTALL)
END_OF_BASE = rb"""(?=[/?#"\\]|$)"""
LEFT_ALONE = (b"errorHref",)
"""Keys whose value points at another service: the error log of an export lies in a blob container."""
MAX_BASE_BYTES = 4096
"""An occurrence that the end of a portion cuts in two is at most this long, with the key in front of it."""


def is_json(content_type: bytes | None) -> bool:
    return content_type is not None and JSON_TYPES.match(content_type) is not None


def multipart_boundary(content_type: bytes | None) -> bytes | None:
    """The boundary, unquoted, if the media type is a multipart one."""
    matched = MULTIPART_TYPE.match(content_type or b"")
    return matched[2] if matched else None


@dataclass(frozen=True, slots=True)
class Rewriter:
    """Replaces the base `source` by `target`. Both: scheme, host, port and what stands in front of `/v2`, no slash."""

    target: bytes
    _authority: bytes
    _in_value: Pattern[bytes]
    _in_json: Pattern[bytes]
    _in_warning: Pattern[bytes]
    _target_host: bytes

    @classmethod
    @lru_cache(maxsize=64)
    def between(cls, source: Address, target: Address) -> Self:
        scheme, path = source.scheme.encode(), re.escape(source.path.encode())
        authority = re.escape((f"[{source.host}]" if ":" in source.host else source.host).encode())
        port = b"(?::%d)" % source.port + (b"?" if source.port == DEFAULT_PORTS[source.scheme] else b"")
        base = b"(?i:%b://%b%b)%b" % (scheme, authority, port, path)
        # JSON may write a slash as \/ (RFC 8259 §7).
        in_json = b"(?i:%b:(?:\\\\?/){2}%b%b)%b" % (scheme, authority, port, path.replace(b"/", b"\\\\?/"))
        return cls(
            f"{target.origin}{target.path}".encode(),
            source.host.encode().lower(),
            re.compile(base + END_OF_BASE),
            re.compile(b'("(?P<key>[A-Za-z]+)"\\s*:\\s*)?(?<!\\\\)"' + in_json + END_OF_BASE),
            re.compile(b"(\\d{3}) (?i:%b)(?::\\d+)?(:?) " % authority),
            target.host.encode(),
        )

    def headers(self, headers: RawHeaders) -> RawHeaders:
        """`Location`, `Content-Location`, and the host that speaks in `Warning`."""
        return tuple((name, self._header(name.lower(), value)) for name, value in headers)

    def occurs_in(self, content: bytes) -> bool:
        """Whether `content` may hold a URL of the base: a cheap look before the work."""
        return self._authority in content or self._authority in content.lower()

    def json(self, content: bytes) -> bytes:
        """JSON text with each string that begins with the base begun by the target; otherwise the same object."""
        return self._in_json.sub(self._replace, content) if self.occurs_in(content) else content

    def json_before(self, content: bytes, end: int) -> tuple[bytes, bytes]:
        """As `json`, for the strings that begin before `end`; and the rest, untouched."""
        pieces: list[bytes] = []
        position = 0
        for found in self._in_json.finditer(content):
            if found.start() >= end:
                break
            pieces += (content[position : found.start()], self._replace(found))
            position = found.end()
        end = max(end, position)
        return b"".join((*pieces, content[position:end])), content[end:]

    def part_headers(self, lines: bytes) -> bytes:
        """The header lines of a multipart part."""
        if b"content-location" not in lines.lower():
            return lines
        return b"\r\n".join(self._part_line(line) for line in lines.split(b"\r\n"))

    def url(self, url: str) -> str:
        """One URL, if it has the base."""
        return self._at_start(url.encode()).decode()

    def _header(self, name: bytes, value: bytes) -> bytes:
        if name in URL_HEADERS:
            return self._at_start(value)
        if name == b"warning":
            return self._in_warning.sub(rb"\1 " + self._target_host + rb"\2 ", value, count=1)
        return value

    def _part_line(self, line: bytes) -> bytes:
        name, colon, value = line.partition(b":")
        if name.strip().lower() not in URL_HEADERS:
            return line
        blank = value[: len(value) - len(value.lstrip())]
        return name + colon + blank + self._at_start(value.lstrip())

    def _at_start(self, value: bytes) -> bytes:
        matched = self._in_value.match(value)
        return self.target + value[matched.end() :] if matched else value

    def _replace(self, found: re.Match[bytes]) -> bytes:
        if found["key"] in LEFT_ALONE:
            return found[0]
        return (found[1] or b"") + b'"' + self.target


class JsonStream:
    """A long JSON text rewritten in portions."""

    def __init__(self, rewriter: Rewriter) -> None:
        self._rewriter = rewriter
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """What can go on: all but an end in which a URL may have begun."""
        content = self._tail + chunk
        rewritten, self._tail = self._rewriter.json_before(content, len(content) - MAX_BASE_BYTES)
        return rewritten

    def finish(self) -> bytes:
        rest, self._tail = self._tail, b""
        return self._rewriter.json(rest)
