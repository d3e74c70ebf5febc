"""Retrieved multipart answers made into stores: the parts of a store are plain `application/dicom` (store §1)."""

from collections.abc import AsyncIterator
from dataclasses import replace

from azdicom_proxy.cassette.bodies import boundary_of, header
from azdicom_proxy.cassette.model import Body, Headers, Multipart

PART_HEADERS = (("Content-Type", "application/dicom"),)
MAX_HEAD_BYTES = 64 * 1024
HEAD = b"\r\nContent-Type: application/dicom"


def store_content_type(headers: Headers) -> str | None:
    """The Content-Type of a store whose body has the boundary of an answer with `headers`; None: it is no multipart."""
    boundary = boundary_of(header(headers, "content-type") or "")
    return None if boundary is None else f'multipart/related; type="application/dicom"; boundary="{boundary}"'


def storable(body: Body) -> Body:
    """The body with the headers of its parts as a store has them."""
    if not isinstance(body, Multipart):
        return body
    return replace(body, parts=tuple(replace(part, headers=PART_HEADERS) for part in body.parts))


async def storable_chunks(chunks: AsyncIterator[bytes], content_type: str) -> AsyncIterator[bytes]:
    """`storable`, for a body that flows by. Raises ConnectionError when it is none."""
    delimiter = b"\r\n--" + (boundary_of(content_type) or "").encode("latin-1")
    held = b"\r\n"  # a body may begin with its boundary: this line break is not sent
    skip = len(held)
    async for chunk in chunks:
        content, position = held + chunk, 0
        pieces: list[bytes] = []
        while (found := content.find(delimiter, position)) >= 0:
            after = found + len(delimiter)
            end = content.find(b"\r\n\r\n", after)
            if end < 0 or content[after : after + 2] == b"--":  # the head of a part is cut in two, or this is the end
                if len(content) - after > MAX_HEAD_BYTES:
                    raise ConnectionError("the source's answer is no multipart")
                break
            pieces += (content[position:after], HEAD)
            position = end
        keep_from = found if found >= 0 else max(position, len(content) - len(delimiter) + 1)
        pieces.append(content[position:keep_from])
        held = content[keep_from:]
        piece = b"".join(pieces)
        if piece[skip:]:
            yield piece[skip:]
        skip = max(0, skip - len(piece))
    if held[skip:]:
        yield held[skip:]
