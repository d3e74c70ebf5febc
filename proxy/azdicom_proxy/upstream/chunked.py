"""The chunked transfer coding of an answer's body, taken off while it arrives (RFC 9112 §7.1)."""

from collections.abc import Iterator

from azdicom_proxy.upstream.errors import BrokenAnswerError

MAX_LINE_BYTES = 16 * 1024


class ChunkedDecoder:
    """Give it the bytes behind the head in any portions; `is_done` behind the last chunk and its trailers."""

    def __init__(self) -> None:
        self.is_done = False
        self._left = 0
        self._line = bytearray()
        self._in_trailers = False
        self._at_chunk_end = False

    def decode(self, received: memoryview) -> Iterator[memoryview]:
        """The content in `received`, as slices of it. Raises BrokenAnswerError."""
        position = 0
        while position < len(received) and not self.is_done:
            if self._left:
                piece = received[position : position + self._left]
                self._left -= len(piece)
                position += len(piece)
                self._at_chunk_end = not self._left
                yield piece
                continue
            position = self._take_line(received, position)
        if position < len(received):
            raise BrokenAnswerError("bytes behind the last chunk")

    def _take_line(self, received: memoryview, position: int) -> int:
        """The position behind the line that begins there, of which the start may have come earlier."""
        block = bytes(received[position : position + MAX_LINE_BYTES])
        found = block.find(b"\n")
        if found < 0:
            self._line += block
            if len(self._line) > MAX_LINE_BYTES:
                raise BrokenAnswerError("a chunk's size line is too long")
            return position + len(block)
        line = bytes(self._line + block[:found]).rstrip(b"\r")
        self._line.clear()
        self._read(line)
        return position + found + 1

    def _read(self, line: bytes) -> None:
        if self._at_chunk_end:
            if line:
                raise BrokenAnswerError("a chunk is longer than its size says")
            self._at_chunk_end = False
        elif self._in_trailers:
            self.is_done = not line
        else:
            size = line.partition(b";")[0].strip()
            try:
                self._left = int(size, 16) if size.isalnum() else -1
            except ValueError:
                self._left = -1
            if self._left < 0:
                raise BrokenAnswerError(f"not a chunk size: {size[:20]!r}")
            self._in_trailers = not self._left
