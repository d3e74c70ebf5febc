"""The bytes of bodies: in chunks, whole, measured, hashed, and taken apart into multipart recipes."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from azdicom_proxy import media_types
from azdicom_proxy.cassette.errors import BodyOmittedError
from azdicom_proxy.cassette.model import Body, Empty, Headers, Inline, Multipart, Omitted, Part, SpooledFile
from azdicom_proxy.cassette.sources import Source, source_of

FIXED_BOUNDARY = "bnd"
_MAX_PART_HEADER_BYTES = 16 * 1024
_BOUNDARY_PARAMETER = re.compile(r'(;\s*boundary\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s;"]+)', re.IGNORECASE)


def chunks_of(body: Body) -> Iterator[bytes]:
    """The body's bytes, at most 64 KiB at a time from files. Raises BodyOmittedError, OSError."""
    match body:
        case Empty():
            return
        case Inline(content):
            yield content
        case SpooledFile():
            with source_of(body) as source:
                yield from source.chunks()
        case Multipart():
            yield from _multipart_chunks(body)
        case Omitted(size_bytes):
            raise BodyOmittedError(f"only length ({size_bytes} bytes) and hash of this body were recorded")


def content_of(body: Body) -> bytes:
    """The whole body in memory. Raises as `chunks_of`."""
    return body.content if isinstance(body, Inline) else b"".join(chunks_of(body))


def size_of(body: Body) -> int:
    """Bytes of the body; of an omitted one as well."""
    match body:
        case Empty():
            return 0
        case Inline(content):
            return len(content)
        case SpooledFile(size_bytes=size) | Omitted(size_bytes=size):
            return size
        case Multipart():
            framing = sum(len(piece) for piece in _framing(body))
            return framing + sum(size_of(part.body) for part in body.parts)


def sha256_of(body: Body) -> str:
    """Lower case hex. Reads the body unless it is a file or omitted."""
    if isinstance(body, SpooledFile | Omitted):
        return body.sha256
    return hash_of(chunks_of(body))


def hash_of(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def header(headers: Headers, name: str) -> str | None:
    """The first value of the header `name` (lower case)."""
    return next((value for key, value in headers if key.lower() == name), None)


def with_header(headers: Headers, name: str, value: str) -> Headers:
    """The headers, those called `name` replaced by one where the first stood; unchanged if there is none."""
    replaced: list[tuple[str, str]] = []
    is_done = False
    for key, old in headers:
        if key.lower() != name:
            replaced.append((key, old))
        elif not is_done:
            replaced.append((key, value))
            is_done = True
    return tuple(replaced)


def media_type_of(headers: Headers) -> str:
    """`type/subtype` of Content-Type in lower case, "" without one."""
    return (header(headers, "content-type") or "").partition(";")[0].strip().lower()


def boundary_of(content_type: str) -> str | None:
    """The boundary of a multipart Content-Type, unquoted."""
    media_type = media_types.parse(content_type)
    return media_type.parameter("boundary") or None if media_type.essence.startswith("multipart/") else None


def with_boundary(content_type: str, boundary: str) -> str:
    """`content_type` with another boundary; quotes go, since a fixed token needs none."""
    return _BOUNDARY_PARAMETER.sub(lambda found: found[1] + boundary, content_type, count=1)


def split_multipart(content_type: str, body: Inline | SpooledFile) -> Multipart | None:
    """The recipe of a multipart body, parts of a file left in it; None: no recipe gives its exact bytes."""
    boundary = boundary_of(content_type)
    if not boundary or not _is_plain(boundary):
        return None
    with source_of(body) as source:
        return _split(boundary, body, source)


def fix_boundary(body: Multipart) -> Multipart:
    """The recipe with the fixed boundary token, unless that occurs in a part: then unchanged."""
    delimiter = b"--" + FIXED_BOUNDARY.encode()
    pieces = chain(([body.preamble, body.epilogue]), *(_overlapping(part.body, len(delimiter)) for part in body.parts))
    return body if any(delimiter in piece for piece in pieces) else replace(body, boundary=FIXED_BOUNDARY)


def _is_plain(boundary: str) -> bool:
    return boundary.isascii() and boundary.isprintable()


def _split(boundary: str, body: Inline | SpooledFile, content: Source) -> Multipart | None:
    opening = b"--" + boundary.encode()
    delimiter = b"\r\n" + opening
    position = content.find(opening)
    if position < 0 or (position > 0 and content[max(0, position - 2) : position] != b"\r\n"):
        return None
    preamble = content[:position]
    position += len(opening)
    parts: list[Part] = []
    while content[position : position + 2] == b"\r\n":
        found = _part(content, position + 2, delimiter, body)
        if found is None:
            return None
        part, position = found
        parts.append(part)
    if content[position : position + 2] != b"--" or not parts:
        return None
    return Multipart(boundary, tuple(parts), preamble, content[position + 2 :])


def _part(content: Source, position: int, delimiter: bytes, body: Inline | SpooledFile) -> tuple[Part, int] | None:
    """The part that begins at `position` and the position after the delimiter that ends it."""
    if content[position : position + 2] == b"\r\n":
        headers: Headers | None = ()
        begin = position + 2
    else:
        head_end = content.find(b"\r\n\r\n", position, position + _MAX_PART_HEADER_BYTES)
        if head_end < 0:
            return None
        headers = _part_headers(content[position:head_end])
        begin = head_end + 4
    stop = content.find(delimiter, begin)
    if headers is None or stop < 0:
        return None
    if isinstance(body, Inline):
        part_body: Inline | SpooledFile = Inline(content[begin:stop])
    else:
        digest = hash_of(content.chunks(begin, stop))
        part_body = SpooledFile(body.path, stop - begin, digest, body.offset + begin)
    return Part(headers, part_body), stop + len(delimiter)


def _part_headers(head: bytes) -> Headers | None:
    """Name and value of each line; None: a line that `Name: value` would not give again."""
    headers = []
    try:
        lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        return None
    for line in lines:
        name, separator, value = line.partition(": ")
        if not separator or not name or name != name.strip() or value != value.strip() or not line.isprintable():
            return None
        headers.append((name, value))
    return tuple(headers)


def _framing(body: Multipart) -> Iterator[bytes]:
    """All that is not in a part: one piece before each part, and the last."""
    opening = body.preamble + b"--" + body.boundary.encode()
    for part in body.parts:
        lines = "".join(f"{name}: {value}\r\n" for name, value in part.headers)
        yield opening + b"\r\n" + lines.encode("ascii") + b"\r\n"
        opening = b"\r\n--" + body.boundary.encode()
    yield opening + b"--" + body.epilogue


def _multipart_chunks(body: Multipart) -> Iterator[bytes]:
    framing = _framing(body)
    for part in body.parts:
        yield next(framing)
        yield from chunks_of(part.body)
    yield next(framing)


def _overlapping(body: Body, overlap: int) -> Iterator[bytes]:
    """The chunks, each begun by the end of the one before, so that nothing of `overlap` bytes is cut in two."""
    tail = b""
    for chunk in chunks_of(body):
        yield tail + chunk
        tail = (tail + chunk)[-overlap:]
