"""multipart/related request bodies, split while they stream in, with the framing rules of the service (store §4.1)."""

from collections.abc import AsyncIterator

from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.spool import Spool, SpooledPart

MAX_PREAMBLE_BYTES = 16 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 16
END_OF_STREAM = "Unexpected end of Stream, the content may have already been read by another component. "


class _Ended(Exception):  # noqa: N818 -- not an error: the body stops here
    """The body ended before what was looked for."""


class MultipartReader:
    """Reads one body. `chunks`: the body as it arrives; `boundary`: unquoted."""

    def __init__(self, chunks: AsyncIterator[bytes], boundary: str) -> None:
        self._chunks = chunks
        # The line break before a boundary belongs to it; a body may start with the boundary itself.
        self._buffer = bytearray(b"\r\n")
        self._delimiter = b"\r\n--" + boundary.encode("utf-8", "surrogateescape")

    async def parts(self, spool: Spool) -> AsyncIterator[SpooledPart]:
        """Each finished part, held by `spool`; a part that the body's end cuts off is dropped.

        Raises BadRequestError (framing), PayloadTooLargeError.
        """
        await self._skip_preamble()
        while not await self._at_closing_boundary():
            try:
                headers = await self._headers()
            except _Ended:
                return
            if headers is None:
                return
            part = spool.part()
            part.headers = headers
            try:
                await self._body_into(part)
            except _Ended:
                spool.drop(part)
                return
            yield part

    async def _skip_preamble(self) -> None:
        while (found := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > MAX_PREAMBLE_BYTES + len(self._delimiter):
                raise BadRequestError(f"Multipart body length limit {MAX_PREAMBLE_BYTES} exceeded.")
            try:
                await self._more()
            except _Ended:
                raise BadRequestError(END_OF_STREAM) from None
        del self._buffer[: found + len(self._delimiter)]

    async def _at_closing_boundary(self) -> bool:
        """Reads the rest of a boundary's line. True: it closes the body, or the body ends here."""
        try:
            line = await self._line(MAX_HEADER_BYTES)
        except _Ended:
            return True
        return line.strip() == b"--"

    async def _headers(self) -> dict[str, str] | None:
        """Header fields in lower case. None: the closing boundary stands where headers would (an empty .NET body)."""
        headers: dict[str, str] = {}
        left = MAX_HEADER_BYTES
        closing = self._delimiter[2:] + b"--"
        while line := await self._line(left):
            left -= len(line) + 2
            if not headers and line.rstrip() == closing:
                return None
            name, colon, value = line.decode("utf-8", "replace").partition(":")
            if not colon:
                raise BadRequestError(f"Invalid header line: {name}")
            if len(headers) >= MAX_HEADERS:
                raise BadRequestError(f"Multipart headers count limit {MAX_HEADERS} exceeded.")
            headers[name.strip().lower()] = value.strip()
        if not headers and await self._closes_at_once(closing):
            return None
        return headers

    async def _closes_at_once(self, closing: bytes) -> bool:
        """Whether only the closing boundary follows an empty line: no part without headers, but none at all."""
        while len(self._buffer) < len(closing):
            try:
                await self._more()
            except _Ended:
                return False
        return bytes(self._buffer[: len(closing)]) == closing

    async def _line(self, limit: int) -> bytes:
        while (found := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > limit:
                break
            await self._more()
        if found < 0 or found > limit:
            raise BadRequestError(f"Multipart headers length limit {MAX_HEADER_BYTES} exceeded.")
        line = bytes(self._buffer[:found])
        del self._buffer[: found + 2]
        return line

    async def _body_into(self, part: SpooledPart) -> None:
        # An empty part's boundary follows its headers at once, and its line break was read with them.
        self._buffer[:0] = b"\r\n"
        skipped = 2
        keep = len(self._delimiter) - 1
        while (found := self._buffer.find(self._delimiter)) < 0:
            safe = len(self._buffer) - keep
            if safe > skipped:
                await part.write(self._buffer[skipped:safe])
                del self._buffer[:safe]
                skipped = 0
            await self._more()
        if found > skipped:
            await part.write(self._buffer[skipped:found])
        del self._buffer[: found + len(self._delimiter)]
        await part.finish()

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._chunks)
        except StopAsyncIteration:
            raise _Ended from None
