"""The parts of multipart bodies, read leniently: how the headers of parts are spelled does not count."""

import re
from collections.abc import Iterator
from itertools import pairwise

from azdicom_proxy.cassette.bodies import boundary_of, chunks_of, header
from azdicom_proxy.cassette.model import Body, Headers, Inline, Multipart, Part, SpooledFile
from azdicom_proxy.cassette.sources import Source, source_of

Piece = Inline | SpooledFile
MAX_HEAD_BYTES = 64 * 1024


def parts_of(headers: Headers, body: Body) -> tuple[Part, ...] | None:
    """The parts of a multipart body, those of a file left in it. None: the boundary is missing, or never found."""
    if isinstance(body, Multipart):
        return body.parts
    boundary = boundary_of(header(headers, "content-type") or "")
    if not boundary or not isinstance(body, Inline | SpooledFile):
        return None
    delimiter = b"--" + boundary.encode("latin-1", "replace")
    parts = []
    with source_of(body) as source:
        starts = [at for at in _occurrences(source, delimiter) if at == 0 or source[at - 1 : at] == b"\n"]
        for start, end in pairwise(starts):
            part = _part(body, source, start + len(delimiter), end)
            if part is not None:
                parts.append(part)
    return tuple(parts) or None


def read_at(body: Piece, start: int, end: int) -> bytes:
    """The bytes from `start` to `end`."""
    with source_of(body) as source:
        return source[start:end]


def piece_of(body: Piece, start: int, length: int) -> Piece:
    """A stretch of a body."""
    if isinstance(body, Inline):
        return Inline(body.content[start : start + length])
    return SpooledFile(body.path, length, "", body.offset + start)


def are_equal(one: Body, other: Body) -> bool:
    """Whether two bodies have the same bytes; files are read side by side, never as a whole."""
    if isinstance(one, SpooledFile) and isinstance(other, SpooledFile) and one.sha256 and one.sha256 == other.sha256:
        return True
    left, right = chunks_of(one), chunks_of(other)
    ours = theirs = b""
    while True:
        ours = ours or next(left, b"")
        theirs = theirs or next(right, b"")
        shared = min(len(ours), len(theirs))
        if ours[:shared] != theirs[:shared]:
            return False
        if not shared:
            return not ours and not theirs
        ours, theirs = ours[shared:], theirs[shared:]


def _part(body: Piece, source: Source, start: int, end: int) -> Part | None:
    """The part between the delimiter that ends at `start` and the one that begins at `end`."""
    head = source[start : min(end, start + MAX_HEAD_BYTES)]
    line_end = head.find(b"\n")
    if line_end < 0 or head.startswith(b"--"):
        return None
    # A part without headers begins with the empty line.
    found = re.compile(rb"\r?\n\r?\n").search(head, max(0, line_end - 1))
    if found is None:
        return None
    headers = []
    for line in head[line_end + 1 : found.start()].decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        headers.append((name.strip(), value.strip()))
    begin = start + found.end()
    ending = 2 if source[end - 2 : end] == b"\r\n" else 1
    return Part(tuple(headers), piece_of(body, begin, max(0, end - ending - begin)))


def _occurrences(source: Source, needle: bytes) -> Iterator[int]:
    """Where `needle` begins, in their order."""
    at = source.find(needle)
    while at >= 0:
        yield at
        at = source.find(needle, at + len(needle))
