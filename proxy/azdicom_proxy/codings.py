"""Content codings of bodies, taken off while they stream and put on again: gzip and deflate (RFC 9110 §8.4)."""

import gzip
import zlib
from collections.abc import Callable

GZIP_WINDOW = 16 + zlib.MAX_WBITS
KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


class Decoder:
    """Takes one coding off. Raises zlib.error on what is not coded so."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS if coding == "deflate" else GZIP_WINDOW)
        self._is_first = True

    def decode(self, chunk: bytes | memoryview) -> bytes:
        if self._is_first and self._coding == "deflate" and chunk:
            self._is_first = False
            if chunk[0] & 0x0F != zlib.DEFLATED:  # some servers mean the bare format (RFC 9110 §8.4.1.2, note)
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        decoded = self._inflate.decompress(chunk)
        while self._inflate.eof and self._inflate.unused_data and self._coding != "deflate":
            rest, self._inflate = self._inflate.unused_data, zlib.decompressobj(GZIP_WINDOW)
            decoded += self._inflate.decompress(rest)
        return decoded

    def finish(self) -> bytes:
        return self._inflate.flush()


def coding_of(value: bytes | None) -> str | None:
    """The one coding that `Content-Encoding` names and that we know; None: no coding, or another, or several."""
    name = (value or b"").decode("latin-1").strip().lower()
    return name if name in KNOWN else None


def decode(coding: str, content: bytes) -> bytes:
    """Raises zlib.error."""
    decoder = Decoder(coding)
    return decoder.decode(content) + decoder.finish()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "x-gzip": lambda content: gzip.compress(content, mtime=0),
    "deflate": zlib.compress,
}


def encode(coding: str, content: bytes) -> bytes:
    return ENCODERS[coding](content)
