"""Bodies kept while they flow by: decoded, small ones in memory, large ones in a file, hashed when they are whole."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from azdicom_proxy.cassette.bodies import chunks_of, hash_of, split_multipart
from azdicom_proxy.cassette.model import Body, Empty, Inline, Omitted, SpooledFile
from azdicom_proxy.codings import Decoder
from azdicom_proxy.upstream.connection import Receiver

BATCH_BYTES = 1024 * 1024
"""What is worth a hand-over to a thread."""
WAITING_BYTES = 4 * BATCH_BYTES
"""How much may wait for the thread before the body is held up."""
BUFFERS = 8
_buffers: list[bytearray] = []
"""Of BATCH_BYTES, to be used again: the system takes longer to give fresh memory than a copy into it takes."""


class BodyTap:
    """Keeps one body. Feed it, await `ready()` when it is full, then `finish()`; `discard()` removes its file.

    coding: a content coding to take off. Only length and hash are kept of what is over `limit_bytes`.
    """

    def __init__(
        self, *, executor: Executor, folder: Path, coding: str | None, memory_bytes: int, limit_bytes: int
    ) -> None:
        self._executor = executor
        self._folder = folder
        self._decoder = Decoder(coding) if coding is not None else None
        self._memory_bytes = memory_bytes
        self._limit_bytes = limit_bytes
        self._waiting: list[bytes | memoryview] = []
        self._waiting_bytes = 0
        self._used: list[bytearray] = []
        """The buffers in which some of it is waiting, and `_room`, what is left of the last one."""
        self._room: memoryview | None = None
        self._working: asyncio.Future[None] | None = None
        self._hash: hashlib._Hash | None = None
        """Of a body that is not kept; one that is gets its hash when nobody waits for it any more."""
        self._size_bytes = 0
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.received_bytes = 0
        """As it was on the wire."""

    @property
    def is_large(self) -> bool:
        return self.received_bytes > self._memory_bytes

    @property
    def is_full(self) -> bool:
        return self._waiting_bytes >= WAITING_BYTES

    def feed(self, chunk: bytes | memoryview) -> None:
        """Takes a copy of `chunk`. Returns at once."""
        self.received_bytes += len(chunk)
        self._waiting_bytes += len(chunk)
        if isinstance(chunk, bytes) or self.received_bytes <= BATCH_BYTES:
            self._waiting.append(bytes(chunk))
        else:
            self._copy(chunk)
        if self._waiting_bytes >= BATCH_BYTES and (self._working is None or self._working.done()):
            self._hand_over()

    async def ready(self) -> None:
        """Returns when it is no longer full. Raises OSError, zlib.error."""
        while self.is_full:
            await self._worked()

    async def rest(self) -> None:
        """Returns when nothing is under way: from then on another event loop may finish it. Raises as `ready`."""
        while self._working is not None:
            await self._worked()

    async def finish(self, content_type: str | None) -> Body:
        """The whole body, a multipart one as its recipe. Raises OSError, zlib.error."""
        await self.rest()
        if self._file is None and self._waiting_bytes <= BATCH_BYTES:
            self._take(*self._taken())
        elif self._waiting:
            self._hand_over()
            await self.rest()
        if self._file is None and self._size_bytes <= BATCH_BYTES:
            return self._body(content_type)
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._body, content_type)

    def discard(self) -> None:
        """Removes the file. Nothing may be under way."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None

    async def abandon(self) -> None:
        """`discard`, whatever is under way."""
        try:
            if self._working is not None:
                await asyncio.wait([self._working])
                self._working = None
        finally:  # the proxy may be closing
            self.discard()

    def _hand_over(self) -> None:
        chunks, used = self._taken()
        self._working = asyncio.get_running_loop().run_in_executor(self._executor, self._take, chunks, used)

    def _copy(self, chunk: memoryview) -> None:
        while chunk:
            if not self._room:
                self._used.append(_buffers.pop() if _buffers else bytearray(BATCH_BYTES))
                self._room = memoryview(self._used[-1])
            size = min(len(self._room), len(chunk))
            self._room[:size] = chunk[:size]
            self._waiting.append(self._room[:size])
            self._room, chunk = self._room[size:], chunk[size:]

    def _taken(self) -> tuple[list[bytes | memoryview], list[bytearray]]:
        taken = self._waiting, self._used
        self._waiting, self._waiting_bytes, self._used, self._room = [], 0, [], None
        return taken

    async def _worked(self) -> None:
        """Waits for the thread, and gives it what has come meanwhile if that is much."""
        if self._working is not None:
            await asyncio.shield(self._working)  # who waits may be cancelled, but the thread goes on
            self._working = None
        if self.is_full:
            self._hand_over()

    # In a thread.

    def _take(self, chunks: list[bytes | memoryview], used: list[bytearray]) -> None:
        for chunk in chunks:
            self._keep(self._decoder.decode(chunk) if self._decoder is not None else chunk)
        if len(_buffers) < BUFFERS:
            _buffers.extend(used)

    def _keep(self, content: bytes | memoryview) -> None:
        self._size_bytes += len(content)
        if self._size_bytes > self._limit_bytes:
            if self._hash is None:
                self._hash = self._hash_so_far()
                self._memory.clear()
                self.discard()
            self._hash.update(content)
            return
        if self._file is not None:
            self._file.write(content)
            return
        self._memory += content
        if len(self._memory) > self._memory_bytes:
            number, name = tempfile.mkstemp(dir=self._folder)
            self._path, file = Path(name), os.fdopen(number, "wb")
            file.write(self._memory)
            self._file = file
            self._memory.clear()

    def _body(self, content_type: str | None) -> Body:
        if self._decoder is not None:
            self._keep(self._decoder.finish())
        if self._hash is not None:
            return Omitted(self._size_bytes, self._hash.hexdigest())
        if not self._size_bytes:
            return Empty()
        whole: Inline | SpooledFile = Inline(bytes(self._memory))
        if self._file is not None and self._path is not None:
            self._file.close()
            self._file = None
            whole = SpooledFile(self._path, self._size_bytes, "")
        is_multipart = content_type is not None and content_type.lower().lstrip().startswith("multipart/")
        split = split_multipart(content_type or "", whole) if is_multipart else None
        if split is not None or isinstance(whole, Inline):
            return split or whole
        return replace(whole, sha256=hash_of(chunks_of(whole)))

    def _hash_so_far(self) -> "hashlib._Hash":
        if self._file is None or self._path is None:
            return hashlib.sha256(self._memory)
        self._file.flush()
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256")


NewTap = Callable[[str | None], BodyTap]
"""Makes a tap for a body with the given `Content-Encoding`."""


@dataclass(slots=True)
class Taps:
    """Copies of what flows by. new: makes them. request, response: None until, or unless, a body flows."""

    new: NewTap
    request: BodyTap | None = None
    response: BodyTap | None = None

    @property
    def are_large(self) -> bool:
        """Whether they end up in files, of which it takes some time to know the hash."""
        return any(tap is not None and tap.is_large for tap in (self.request, self.response))

    async def rest(self) -> None:
        """Returns when no thread works on them any more: from then on another event loop may finish them."""
        for tap in (self.request, self.response):
            if tap is not None:
                await tap.rest()

    async def abandon(self) -> None:
        """To its end, even if the one who waits for it is cancelled: a client may hang up at any time."""
        await asyncio.shield(self._abandon())

    async def _abandon(self) -> None:
        for tap in (self.request, self.response):
            if tap is not None:
                await tap.abandon()


class TappedReceiver(Receiver):
    """Hands a body on to `receiver`, and a copy to `tap`, as late as can be: the client shall not wait for it."""

    def __init__(self, receiver: Receiver, tap: BodyTap) -> None:
        self._receiver = receiver
        self._tap = tap
        self._uncopied: list[memoryview] = []

    def receive(self, chunk: memoryview) -> bool:
        self._uncopied.append(chunk)
        return self._receiver.receive(chunk) and not self._tap.is_full

    async def ready(self) -> None:
        await self._receiver.ready()
        self.let_go()
        await self._tap.ready()

    async def end(self) -> None:
        await self._receiver.end()

    def let_go(self) -> None:
        for chunk in self._uncopied:
            self._tap.feed(chunk)
        self._uncopied.clear()
        self._receiver.let_go()


async def tapped(chunks: AsyncIterator[bytes], tap: BodyTap) -> AsyncIterator[bytes]:
    """The chunks, of which `tap` keeps a copy."""
    async for chunk in chunks:
        tap.feed(chunk)
        if tap.is_full:
            await tap.ready()
        yield chunk
