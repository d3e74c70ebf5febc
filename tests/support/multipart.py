"""multipart/related bodies: building those of a store, and a strict reader of those of a retrieve."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Part:
    """One part: header names in lower case, content as sent."""

    headers: Mapping[str, str]
    content: bytes

    @property
    def content_type(self) -> str:
        return self.headers["content-type"]


def multipart_related(
    contents: Iterable[bytes],
    *,
    part_type: str | None = "application/dicom",
    root_type: str | None = "application/dicom",
    boundary: str | None = None,
) -> tuple[str, bytes]:
    """Content-Type and body of a STOW-RS request with one part for each of `contents`.

    part_type, root_type: None leaves out the parts' Content-Type, or the `type` parameter.
    """
    boundary = boundary or uuid4().hex
    header = f"Content-Type: {part_type}\r\n" if part_type is not None else ""
    pieces = []
    for content in contents:
        pieces += [f"--{boundary}\r\n{header}\r\n".encode(), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    root = f'; type="{root_type}"' if root_type is not None else ""
    return f"multipart/related{root}; boundary={boundary}", b"".join(pieces)


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """The parts of a retrieve's answer. AssertionError where `body` is not laid out exactly as in retrieve §6.2."""
    match = re.fullmatch(r'multipart/related; boundary=("?)([^";]+)\1', content_type)
    assert match, f"not the Content-Type of a multipart answer: {content_type!r}"
    delimiter = b"--" + match[2].encode()
    assert body.endswith(delimiter + b"--\r\n"), f"no closing boundary: …{body[-80:]!r}"
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    assert pieces[0] == b"", f"text before the first boundary: {pieces[0][:80]!r}"
    assert pieces[-1] == b"--\r\n", f"text after the closing boundary: {pieces[-1][:80]!r}"
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    assert piece.startswith(b"\r\n"), f"text behind a boundary: {piece[:80]!r}"
    head, separator, content = piece[2:].partition(b"\r\n\r\n")
    assert separator, f"a part without an empty line behind its headers: {piece[:80]!r}"
    lines = [line.split(": ", 1) for line in head.decode("ascii").split("\r\n")]
    return Part({name.lower(): value for name, value in lines}, content)
