"""What a cassette holds: interactions of a request and a response, with bodies that need not be in memory."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value of each header line, in the order and spelling of the wire; a repeated header is repeated."""


@dataclass(frozen=True, slots=True)
class Empty:
    """No body."""


@dataclass(frozen=True, slots=True)
class Inline:
    """A body, or a part, in memory. Bodies are stored decoded: no content coding is left on them."""

    content: bytes


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A body, or a part, that is `size_bytes` of the file `path` from `offset`; `sha256` in lower case hex."""

    path: Path
    size_bytes: int
    sha256: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body. sop: its SOP Instance UID, if it is a DICOM file that names one."""

    headers: Headers
    body: "Inline | SpooledFile"
    sop: str | None = None


@dataclass(frozen=True, slots=True)
class Multipart:
    """A multipart body as a recipe that gives its exact bytes (`bodies.chunks_of`).

    boundary: unquoted. preamble, epilogue: all bytes before the first delimiter `--boundary`, and all after the
    closing delimiter `--boundary--`. A body that such a recipe does not give byte by byte is no Multipart.
    """

    boundary: str
    parts: tuple[Part, ...]
    preamble: bytes = b""
    epilogue: bytes = b""


@dataclass(frozen=True, slots=True)
class Omitted:
    """A body that was over the limit of what is recorded: only its size and hash are known; it cannot be replayed."""

    size_bytes: int
    sha256: str


Body: TypeAlias = Empty | Inline | SpooledFile | Multipart | Omitted


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """uri: absolute, percent-encoded as it was sent; the host is a placeholder once it is scrubbed."""

    method: str
    uri: str
    headers: Headers = ()
    body: Body = field(default_factory=Empty)


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """reason: the status line's message, "" when there was none."""

    status: int
    reason: str = ""
    headers: Headers = ()
    body: Body = field(default_factory=Empty)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds: start after the recording's start, duration and time to first byte after the request's start."""

    start_ms: int
    duration_ms: int
    first_byte_ms: int


@dataclass(frozen=True, slots=True)
class ThinnedPixels:
    """What pixels were before a pattern took their place. side: `request` or `response`; part: from 1."""

    side: str
    part: int
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """A request and its response. id, seq and route are given by the writer when they are empty.

    id: route slug and ordinal within the route, `qido-studies-0003`; seq: position in the recording, from 1;
    route: URL template with its method, `GET /studies/{study}`; scrubbed: names of the rules that changed something.
    response_coding: the content coding that the response had on the wire; json_reformatted: JSON was laid out anew.
    thinned: the pixels of which there is a pattern only.
    """

    request: RecordedRequest
    response: RecordedResponse
    id: str = ""
    seq: int = 0
    route: str = ""
    response_coding: str | None = None
    json_reformatted: bool = False
    scrubbed: tuple[str, ...] = ()
    thinned: tuple[ThinnedPixels, ...] = ()
    timing: Timing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The cassette's own record. recorded: a day, `2025-05-04`; upstream: an alias, never a host; bodies: a folder."""

    format: int = 1
    tool: str = "azdicom"
    recorded: str = ""
    upstream: str = ""
    bodies: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cassette:
    """All interactions of a recording in their order. metadata: None when VCR.py wrote, or re-saved, the file."""

    interactions: tuple[Interaction, ...] = ()
    metadata: Metadata | None = None
    path: Path | None = None
