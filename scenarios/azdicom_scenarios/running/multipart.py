"""Multipart bodies made of parts, and broken on purpose (RFC 2046 §5.1)."""

import hashlib
from collections.abc import Sequence

from azdicom_proxy.cassette.model import Headers
from azdicom_scenarios.model import Defect, Malformed

PartContent = tuple[Headers, bytes]


def boundary_for(parts: Sequence[PartContent]) -> str:
    """The same for the same parts, so that two runs send the same bytes; it occurs in no part."""
    digest = hashlib.sha256()
    for _, content in parts:
        digest.update(hashlib.sha256(content).digest())
    return f"azdicom-{digest.hexdigest()[:24]}"


def encoded(parts: Sequence[PartContent], boundary: str, defect: Defect | None) -> bytes:
    """The body; the boundary in the header is `boundary` whatever the defect."""
    kind = defect.kind if defect is not None else None
    token = (f"not-{boundary}" if kind is Malformed.WRONG_BOUNDARY else boundary).encode()
    pieces = []
    for headers, content in parts:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
        pieces.append(b"--%b\r\n%b\r\n%b\r\n" % (token, lines, content))
    if kind is not Malformed.NO_FINAL_BOUNDARY:
        pieces.append(b"--%b--\r\n" % token)
    body = b"".join(pieces)
    if defect is not None and kind is Malformed.TRUNCATE:
        return body[: defect.at_byte]
    return body
