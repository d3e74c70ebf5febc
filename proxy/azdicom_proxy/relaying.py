"""The body of an upstream's answer on its way to the client: as it is, or with its URLs rewritten."""

import zlib
from collections.abc import Iterator

from azdicom_proxy.codings import Decoder, coding_of, decode, encode
from azdicom_proxy.headers import value_of
from azdicom_proxy.rewriting import JsonStream, Rewriter, is_json, multipart_boundary
from azdicom_proxy.sending import DirectResponse
from azdicom_proxy.upstream.connection import Receiver
from azdicom_proxy.upstream.head import RawHeaders

REWRITTEN_WHOLE_BYTES = 8 * 1024 * 1024
MAX_PART_HEADER_BYTES = 16 * 1024


def relay_to(response: DirectResponse, headers: RawHeaders, length: int | None, rewriter: Rewriter | None) -> Receiver:
    """What takes a body of `length` bytes with `headers` and sends it, rewritten where that is wanted."""
    content_type = value_of(headers, b"content-type")
    if rewriter is not None and length != 0:
        coding = value_of(headers, b"content-encoding")
        if is_json(content_type) and (coding is None or coding_of(coding)):
            return _JsonRelay(response, rewriter, coding_of(coding))
        if (boundary := multipart_boundary(content_type)) is not None and coding is None:
            return _MultipartRelay(response, rewriter, boundary, length)
    response.begin(length)
    return response


class _JsonRelay(Receiver):
    """Holds the text back until it is whole, or too long to be held: then it goes on in portions."""

    def __init__(self, response: DirectResponse, rewriter: Rewriter, coding: str | None) -> None:
        self._response = response
        self._rewriter = rewriter
        self._coding = coding
        self._held = bytearray()
        self._stream: JsonStream | None = None
        self._decoder = Decoder(coding) if coding is not None else None

    def receive(self, chunk: memoryview) -> bool:
        if self._stream is not None:
            return self._pass_on(self._stream, chunk)
        self._held += chunk
        if len(self._held) <= REWRITTEN_WHOLE_BYTES:
            return True
        self._stream = JsonStream(self._rewriter)
        if self._coding is not None:
            self._response.drop_header(b"content-encoding")
        self._response.begin(None)
        held, self._held = self._held, bytearray()
        return self._pass_on(self._stream, memoryview(held))

    async def ready(self) -> None:
        await self._response.ready()

    async def end(self) -> None:
        if self._stream is not None:
            rest = self._decoder.finish() if self._decoder is not None else b""
            self._send(self._stream.feed(rest) + self._stream.finish())
        else:
            content = self._rewritten(bytes(self._held))
            self._response.begin(len(content))
            self._send(content)
        await self._response.end()

    def _rewritten(self, content: bytes) -> bytes:
        if self._coding is None:
            return self._rewriter.json(content)
        try:
            text = decode(self._coding, content)
        except zlib.error:
            return content  # not what its header says: the client shall see it as it is
        return encode(self._coding, self._rewriter.json(text)) if self._rewriter.occurs_in(text) else content

    def _pass_on(self, stream: JsonStream, chunk: memoryview) -> bool:
        content = self._decoder.decode(chunk) if self._decoder is not None else bytes(chunk)
        return self._send(stream.feed(content))

    def _send(self, content: bytes) -> bool:
        return self._response.receive(memoryview(content)) if content else True


class _MultipartRelay(Receiver):
    """Looks at the header of the first part; only if it names the base, those of all parts are rewritten.

    The parts of one answer are alike, and only so the answer can keep its Content-Length.
    """

    def __init__(self, response: DirectResponse, rewriter: Rewriter, boundary: bytes, length: int | None) -> None:
        self._response = response
        self._rewriter = rewriter
        self._delimiter = b"--" + boundary
        self._length = length
        self._held: bytearray | None = bytearray()
        self._parts: _PartHeaders | None = None

    def receive(self, chunk: memoryview) -> bool:
        if self._held is None:
            return self._pass_on(chunk)
        self._held += chunk
        return self._begin() if self._knows_first_part() else True

    async def ready(self) -> None:
        await self._response.ready()

    async def end(self) -> None:
        if self._held is not None:
            self._begin()
        if self._parts is not None and (rest := self._parts.finish()):
            self._response.receive(memoryview(rest))
        await self._response.end()

    def _knows_first_part(self) -> bool:
        assert self._held is not None
        start = self._held.find(self._delimiter)
        return (start >= 0 and b"\r\n\r\n" in self._held[start:]) or len(self._held) > MAX_PART_HEADER_BYTES

    def _begin(self) -> bool:
        held, self._held = bytes(self._held or b""), None
        head = held[:MAX_PART_HEADER_BYTES].partition(self._delimiter)[2].partition(b"\r\n\r\n")[0]
        if self._rewriter.part_headers(head) != head:
            self._parts = _PartHeaders(self._rewriter, self._delimiter)
        self._response.begin(self._length if self._parts is None else None)
        return self._pass_on(memoryview(held)) if held else True

    def _pass_on(self, chunk: memoryview) -> bool:
        if self._parts is None:
            return self._response.receive(chunk)
        takes_more = True
        for piece in self._parts.feed(bytes(chunk)):
            takes_more &= self._response.receive(memoryview(piece))
        return takes_more


class _PartHeaders:
    """A multipart body in portions, its part headers rewritten, its parts untouched."""

    def __init__(self, rewriter: Rewriter, delimiter: bytes) -> None:
        self._rewriter = rewriter
        self._delimiter = b"\r\n" + delimiter
        self._tail = b"\r\n"
        """A body may begin with its boundary: the line break in front of it is not sent."""
        self._is_first = True

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        content = self._tail + chunk
        position = 0
        while (found := content.find(self._delimiter, position)) >= 0:
            head_at = found + len(self._delimiter)
            head_end = content.find(b"\r\n\r\n", head_at)
            if head_end < 0:
                if len(content) - head_at > MAX_PART_HEADER_BYTES or content[head_at : head_at + 2] == b"--":
                    break  # the closing boundary, or no header at all
                yield from self._out(content[position:found])
                self._tail = content[found:]
                return
            yield from self._out(content[position:head_at])
            yield from self._out(self._rewriter.part_headers(content[head_at:head_end]))
            position = head_end
        keep = max(position, len(content) - len(self._delimiter) + 1) if found < 0 else len(content)
        yield from self._out(content[position:keep])
        self._tail = content[keep:]

    def finish(self) -> bytes:
        return b"".join(self._out(self._tail))

    def _out(self, content: bytes) -> Iterator[bytes]:
        if self._is_first and content:
            self._is_first = False
            content = content[2:]
        if content:
            yield content
