"""The bytes of a body by their position, whether it is in memory, a file, or a stretch of one."""

import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from azdicom_proxy.cassette.model import Inline, SpooledFile

CHUNK_BYTES = 64 * 1024


class Source(ABC):
    """Slices are copies: of a file they are read, since mapped pages that are touched count as this process's memory.

    For those who look at little of much there is `view`, for those who want a file `SourceFile`.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, positions: slice) -> bytes: ...

    @abstractmethod
    def view(self) -> AbstractContextManager[memoryview]:
        """All bytes, a file's mapped; no slice of the view may outlive it."""

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to `stop`, or to the end, at most 64 KiB at a time."""
        end = len(self) if stop is None else min(stop, len(self))
        for at in range(start, end, CHUNK_BYTES):
            yield self[at : min(at + CHUNK_BYTES, end)]

    def find(self, needle: bytes, start: int = 0, stop: int | None = None) -> int:
        """As `bytes.find`."""
        end = len(self) if stop is None else min(stop, len(self))
        for at in range(start, end - len(needle) + 1, CHUNK_BYTES):
            found = self[at : min(at + CHUNK_BYTES + len(needle) - 1, end)].find(needle)
            if found >= 0:
                return at + found
        return -1


def zeros(size_bytes: int) -> Iterator[bytes]:
    """So many, in chunks."""
    for at in range(0, size_bytes, CHUNK_BYTES):
        yield bytes(min(CHUNK_BYTES, size_bytes - at))


class SourceFile:
    """A source to be read from a position on, as pydicom reads files."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        start = self._position
        content = self._source[start : len(self._source) if size < 0 else start + size]
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: len(self._source)}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position


@contextmanager
def source_of(body: Inline | SpooledFile) -> Iterator[Source]:
    """The body's bytes for random access. Raises OSError, also if the file is shorter than the body."""
    if isinstance(body, Inline):
        yield _Memory(body.content)
        return
    with body.path.open("rb") as file:
        missing = body.offset + body.size_bytes - os.fstat(file.fileno()).st_size
        if missing > 0:
            raise OSError(f"{body.path} ended {missing} bytes early")
        yield _Stretch(file, body.offset, body.size_bytes)


class _Memory(Source):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def __getitem__(self, positions: slice) -> bytes:
        return self._content[positions]

    def view(self) -> AbstractContextManager[memoryview]:
        return memoryview(self._content)

    def find(self, needle: bytes, start: int = 0, stop: int | None = None) -> int:
        return self._content.find(needle, start, stop)


class _Stretch(Source):
    def __init__(self, file: BinaryIO, offset: int, size_bytes: int) -> None:
        self._file = file
        self._offset = offset
        self._size_bytes = size_bytes

    def __len__(self) -> int:
        return self._size_bytes

    def __getitem__(self, positions: slice) -> bytes:
        start, stop, _ = positions.indices(self._size_bytes)
        self._file.seek(self._offset + start)
        return self._file.read(max(0, stop - start))

    @contextmanager
    def view(self) -> Iterator[memoryview]:
        if not self._size_bytes:
            yield memoryview(b"")
            return
        with (
            mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as whole,
            whole[self._offset : self._offset + self._size_bytes] as view,
        ):
            yield view
