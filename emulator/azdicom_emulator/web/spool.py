"""Bodies on their way in: small ones stay in memory, large ones go to temporary files, all are bounded."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from azdicom_emulator.web.errors import PayloadTooLargeError
from azdicom_emulator.web.workers import Workers

BLOCK_BYTES = 1024 * 1024
MEMORY_PER_REQUEST_BYTES = 8 * BLOCK_BYTES


class SpooledPart:
    """One body or part. After `finish()`, `content` is its bytes, or the path of the file that holds them."""

    def __init__(self, spool: "Spool") -> None:
        self._spool = spool
        self._buffer = bytearray()
        self._file: BinaryIO | None = None
        self._path: Path | None = None
        self.size_bytes = 0
        self.headers: dict[str, str] = {}
        """Lower-case names; set by the multipart reader."""

    @property
    def content(self) -> bytes | Path:
        return self._path if self._path is not None else bytes(self._buffer)

    async def write(self, chunk: bytes | bytearray) -> None:
        """Raises PayloadTooLargeError when the request grows over its limit."""
        self.size_bytes += len(chunk)
        self._spool.count(len(chunk))
        self._buffer += chunk
        if len(self._buffer) < (BLOCK_BYTES if self._file is not None else self._spool.memory_left()):
            return
        await self._flush()

    async def finish(self) -> None:
        if self._file is None:
            self._spool.keep_in_memory(len(self._buffer))
            return
        await self._flush()
        file, self._file = self._file, None
        await self._spool.workers.in_thread(file.close)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    async def _flush(self) -> None:
        block, self._buffer = self._buffer, bytearray()
        await self._spool.workers.in_thread(self._append, block)

    def _append(self, block: bytearray) -> None:
        if self._file is None:
            self._path = self._spool.temporary()
            self._file = self._path.open("wb")
        self._file.write(block)


class Spool:
    """The parts of one request; leaving the block removes the temporary files that nobody took over.

    limit_bytes: of the whole request; part_memory_bytes: what one part may hold in memory.
    """

    def __init__(
        self, *, workers: Workers, temporary: Callable[[], Path], limit_bytes: int, part_memory_bytes: int
    ) -> None:
        self.workers = workers
        self.temporary = temporary
        self.limit_bytes = limit_bytes
        self._part_memory_bytes = part_memory_bytes
        self._in_memory = 0
        self._total = 0
        self.parts: list[SpooledPart] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for part in self.parts:
            part.discard()

    def part(self) -> SpooledPart:
        part = SpooledPart(self)
        self.parts.append(part)
        return part

    def drop(self, part: SpooledPart) -> None:
        """Forgets a part that did not arrive whole."""
        self.parts.remove(part)
        part.discard()

    def count(self, size_bytes: int) -> None:
        self._total += size_bytes
        if self._total > self.limit_bytes:
            raise PayloadTooLargeError(self.limit_bytes)

    def keep_in_memory(self, size_bytes: int) -> None:
        self._in_memory += size_bytes

    def memory_left(self) -> int:
        """How much the next part may hold in memory, at least one byte."""
        return max(1, min(self._part_memory_bytes, MEMORY_PER_REQUEST_BYTES - self._in_memory))
