"""Bodies on their way out: files by sendfile where the transport can, multipart/related around them (retrieve §6)."""

import asyncio
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from azdicom_emulator.faults.keys import FAULT
from azdicom_emulator.web.keys import SETTINGS, WORKERS

BLOCK_BYTES = 256 * 1024
READ_AT_ONCE_BYTES = 64 * 1024
"""Below this a read on the loop, from the page cache, costs less than any hand-over."""
PARTS_IN_A_ROW = 16
"""How many small parts are sent before other requests get their turn."""


@dataclass(frozen=True, slots=True)
class FileSlice:
    """A run of bytes of a file; `zeroed` of them, at its start, are sent as zeros (quirk `store.preamble`)."""

    path: Path
    offset: int
    size_bytes: int
    zeroed: int = 0


Body = bytes | Sequence[FileSlice]


@dataclass(frozen=True, slots=True)
class Part:
    """One body with its media type, `application/dicom; transfer-syntax=…`."""

    content_type: str
    body: Body

    @property
    def size_bytes(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else sum(piece.size_bytes for piece in self.body)


async def send_single(request: web.Request, part: Part) -> web.StreamResponse:
    """The part's body alone, with its media type as the answer's. Raises FileNotFoundError before anything is sent."""
    await _require_files(request, [part])
    response = web.StreamResponse(headers={"Content-Type": part.content_type})
    response.content_length = part.size_bytes
    await response.prepare(request)
    await _send_body(request, response, part.body)
    await response.write_eof()
    return response


async def send_multipart(request: web.Request, parts: Sequence[Part]) -> web.StreamResponse:
    """multipart/related with the parts in order: `Content-Type` is their only header, the boundary a fresh GUID.

    Raises FileNotFoundError before anything is sent.
    """
    await _require_files(request, parts)
    boundary = str(uuid.uuid4())
    quoted = f'"{boundary}"' if request.app[SETTINGS].quirk("retrieve.boundary_quotes") == "on" else boundary
    response = web.StreamResponse(headers={"Content-Type": f"multipart/related; boundary={quoted}"})
    heads = [_head(boundary, part, is_first=index == 0) for index, part in enumerate(parts)]
    tail = f"\r\n--{boundary}--\r\n".encode()
    response.content_length = sum(map(len, heads)) + sum(part.size_bytes for part in parts) + len(tail)
    await response.prepare(request)
    for number, (head, part) in enumerate(zip(heads, parts, strict=True)):
        if number % PARTS_IN_A_ROW == 0:
            await asyncio.sleep(0)  # a write that the socket takes at once does not let others in
        await response.write(head)
        await _send_body(request, response, part.body)
    await response.write_eof(tail)
    return response


async def _require_files(request: web.Request, parts: Sequence[Part]) -> None:
    """A replaced or deleted version is removed a moment later: better a new look-up than an answer that breaks off."""
    paths = {piece.path for part in parts if not isinstance(part.body, bytes) for piece in part.body}
    if len(paths) <= PARTS_IN_A_ROW:
        _stat(paths)
    else:
        await request.app[WORKERS].in_thread(_stat, paths)


def _stat(paths: Collection[Path]) -> None:
    for path in paths:
        path.stat()


def _head(boundary: str, part: Part, *, is_first: bool) -> bytes:
    break_before = "" if is_first else "\r\n"
    return f"{break_before}--{boundary}\r\nContent-Type: {part.content_type}\r\n\r\n".encode()


async def _send_body(request: web.Request, response: web.StreamResponse, body: Body) -> None:
    if isinstance(body, bytes):
        await response.write(body)
        return
    for piece in body:
        try:
            file = piece.path.open("rb")
        except FileNotFoundError as error:
            raise EOFError(f"{piece.path} is gone in the middle of the answer") from error
        with file:
            await _send_slice(request, response, piece, file)


async def _send_slice(request: web.Request, response: web.StreamResponse, piece: FileSlice, file: BinaryIO) -> None:
    if piece.zeroed:
        await response.write(bytes(piece.zeroed))
    offset, count = piece.offset + piece.zeroed, piece.size_bytes - piece.zeroed
    if count <= READ_AT_ONCE_BYTES:
        file.seek(offset)
        await response.write(_whole(file.read(count), count, file))
        return
    if not await _sent_by_kernel(request, file, offset, count):
        await _copy(request, response, file, offset, count)


async def _sent_by_kernel(request: web.Request, file: BinaryIO, offset: int, count: int) -> bool:
    """Sends by sendfile; False: nothing was sent, since TLS, a fault rule or the loop has no sendfile."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client is gone")
    if transport.get_extra_info("sslcontext") is not None or FAULT in request:
        return False
    try:
        sent = await asyncio.get_running_loop().sendfile(transport, file, offset, count, fallback=False)
    except (NotImplementedError, asyncio.SendfileNotAvailableError):
        return False
    if sent < count:
        raise EOFError(f"{file.name} ended {count - sent} bytes early")
    return True


def _whole(content: bytes, count: int, file: BinaryIO) -> bytes:
    """A file that is shorter than its row says must not leave the client waiting for the rest."""
    if len(content) < count:
        raise EOFError(f"{file.name} ended {count - len(content)} bytes early")
    return content


async def _copy(request: web.Request, response: web.StreamResponse, file: BinaryIO, offset: int, count: int) -> None:
    file.seek(offset)
    while count > 0:
        block = await request.app[WORKERS].in_thread(file.read, min(BLOCK_BYTES, count))
        await response.write(_whole(block, min(BLOCK_BYTES, count), file))
        count -= len(block)
