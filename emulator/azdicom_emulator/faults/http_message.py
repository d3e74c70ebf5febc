"""An answer as it is on the wire: parsed from its bytes, changed, and made bytes again (RFC 9112)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

END_OF_HEAD = b"\r\n\r\n"
SOURCE_HEADER, FAULT_HEADER = "x-azdicom-source", "x-azdicom-fault"
SOURCE = "fault"

KNOWN_STATUSES = frozenset(HTTPStatus)

HeaderLines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and header lines, as sent."""

    status: int
    reason: bytes
    headers: HeaderLines

    @classmethod
    def parse(cls, content: bytes) -> "Head":
        """content: up to and with the empty line. Raises ValueError."""
        first, *lines = content.removesuffix(END_OF_HEAD).split(b"\r\n")
        _, status, *reason = first.split(b" ", 2)
        pairs = (line.partition(b":") for line in lines)
        return cls(int(status), b" ".join(reason), tuple((name, value.strip()) for name, _, value in pairs))

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header; name in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def content_length(self) -> int | None:
        value = self.get(b"content-length")
        return int(value) if value is not None and value.isdigit() else None

    def without(self, *names: bytes) -> "Head":
        """names: in lower case."""
        return replace(self, headers=tuple(line for line in self.headers if line[0].lower() not in names))

    def having(self, name: str, value: str) -> "Head":
        """With one line of this name, at the end."""
        kept = self.without(name.lower().encode())
        return replace(kept, headers=(*kept.headers, (name.encode(), value.encode("latin-1", "replace"))))

    def marked(self, rule: str) -> "Head":
        """Saying that the rule of this name made the answer what it is."""
        return self.having(SOURCE_HEADER, SOURCE).having(FAULT_HEADER, rule)

    def encoded(self) -> bytes:
        lines: Iterable[bytes] = (b"%b: %b\r\n" % line for line in self.headers)
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (self.status, self.reason, b"".join(lines))


@dataclass(frozen=True, slots=True)
class Message:
    """A whole answer; `body` without chunking."""

    head: Head
    body: bytes

    @classmethod
    def parse(cls, content: bytes) -> "Message":
        """Raises ValueError: it is not whole, or no HTTP."""
        head_bytes, end, body = content.partition(END_OF_HEAD)
        if not end:
            raise ValueError("no whole head")
        head = Head.parse(head_bytes + end)
        if not body or (head.get(b"transfer-encoding") or b"").lower() != b"chunked":
            return cls(head, body)
        body = b"".join(_chunks(body))
        return cls(head.without(b"transfer-encoding").having("Content-Length", str(len(body))), body)

    def with_status(self, status: int) -> "Message":
        reason = HTTPStatus(status).phrase if status in KNOWN_STATUSES else "Unknown"
        return replace(self, head=replace(self.head, status=status, reason=reason.encode()))

    def with_body(self, body: bytes) -> "Message":
        return Message(self.head.having("Content-Length", str(len(body))), body)

    def encoded(self) -> bytes:
        return self.head.encoded() + self.body


def _chunks(content: bytes) -> Iterable[bytes]:
    at = 0
    while True:
        end = content.index(b"\r\n", at)
        size = int(content[at:end].partition(b";")[0], 16)
        if size == 0:
            return
        yield content[end + 2 : end + 2 + size]
        at = end + size + 4
