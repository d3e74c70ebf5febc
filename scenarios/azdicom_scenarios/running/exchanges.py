"""A request as it is sent, and the answer that came."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from azdicom_proxy.cassette.model import Empty, Headers, Inline, RecordedRequest, RecordedResponse

BODY_SHOWN = 200
SECRET = frozenset({"authorization", "proxy-authorization", "cookie"})


@dataclass(frozen=True, slots=True)
class Request:
    """target: path and query, percent-encoded, below the service's origin. body: None for none at all."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes | None = None
    is_chunked: bool = False

    @property
    def title(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(frozen=True)
class Answer:
    """A whole answer, its body without content coding. duration_s: until the last byte."""

    status: int
    headers: Headers
    content: bytes
    duration_s: float

    def header(self, name: str) -> str | None:
        """The value; repeated headers joined by commas (RFC 9110 §5.3). None: there is none."""
        wanted = name.lower()
        values = [value for key, value in self.headers if key.lower() == wanted]
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str:
        """`type/subtype` in lower case, without parameters."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @cached_property
    def json(self) -> Any:
        """Raises ValueError: the body is no JSON."""
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request to the service at `base`, its answer, and, where none came, why."""

    base: str
    request: Request
    answer: Answer | None
    trouble: str = ""

    @property
    def url(self) -> str:
        return self.base + self.request.target

    def line(self) -> str:
        """One line: `GET /v2/studies → 200 application/dicom+json, 812 bytes, 3 ms`."""
        if self.answer is None:
            return f"{self.request.title} → {self.trouble}"
        answer = self.answer
        kind = f" {answer.media_type}" if answer.media_type else ""
        ms = round(answer.duration_s * 1000)
        return f"{self.request.title} → {answer.status}{kind}, {len(answer.content)} bytes, {ms} ms"

    def recorded(self) -> tuple[RecordedRequest, RecordedResponse]:
        """As the comparison takes them, without secrets. Only for an exchange with an answer."""
        assert self.answer is not None
        request = RecordedRequest(
            self.request.method, self.url, tuple(_without_secrets(self.request.headers)), _body(self.request.body)
        )
        return request, RecordedResponse(self.answer.status, "", self.answer.headers, _body(self.answer.content))


def as_curl(exchange: Exchange, body_file: str = "BODY") -> str:
    """A command that repeats the request; a body of more than some words is named, not shown."""
    from shlex import quote

    request = exchange.request
    words = ["curl", "-i"]
    if request.method == "HEAD":
        words.append("-I")
    elif request.method != "GET":
        words += ["-X", request.method]
    words.append(quote(exchange.url))
    for name, value in request.headers:
        shown = "Bearer $TOKEN" if name.lower() == "authorization" else value
        words += ["-H", f'"{name}: {shown}"' if shown != value else quote(f"{name}: {value}")]
    if request.body:
        words += ["--data-binary", _data(request.body, body_file)]
    return " ".join(words)


def _data(body: bytes, body_file: str) -> str:
    from shlex import quote

    if len(body) <= BODY_SHOWN and body.isascii() and body.decode().isprintable():
        return quote(body.decode())
    return f"@{body_file}"


def _body(content: bytes | None) -> Empty | Inline:
    return Inline(content) if content else Empty()


def _without_secrets(headers: Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in headers if name.lower() not in SECRET)
