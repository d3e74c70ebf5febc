"""Inflates deflated data sets (PS3.5 §A.5): small ones in memory, large ones in a temporary file without a name."""

import mmap
import zlib
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile

MAX_IN_MEMORY_BYTES = 8 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024


class InflateError(Exception):
    """What is not deflated, or inflates to more than is allowed."""


def inflate(chunks: Iterable[bytes], max_bytes: int) -> "SpooledTemporaryFile[bytes]":
    """The inflated data, as far as it is there; the caller closes it. Raises InflateError."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = SpooledTemporaryFile(MAX_IN_MEMORY_BYTES)  # noqa: SIM115 (handed to the caller)
    try:
        for chunk in chunks:
            rest = chunk
            while rest and not inflater.eof:
                inflated.write(inflater.decompress(rest, _BLOCK_BYTES))
                rest = inflater.unconsumed_tail
                if inflated.tell() > max_bytes:
                    raise InflateError(f"inflates to more than {max_bytes} bytes")
        inflated.write(inflater.flush())
    except BaseException as error:
        inflated.close()
        if isinstance(error, zlib.error):
            raise InflateError(f"not deflated: {error}") from error
        raise
    return inflated


def inflated_bytes(chunks: Iterable[bytes], max_bytes: int) -> bytes | mmap.mmap:
    """`inflate`, to be indexed like bytes: a large result is mapped, so that only what is looked at takes memory."""
    with inflate(chunks, max_bytes) as inflated:
        if inflated.tell() <= MAX_IN_MEMORY_BYTES:
            inflated.seek(0)
            return inflated.read()
        inflated.flush()
        return mmap.mmap(inflated.fileno(), 0, access=mmap.ACCESS_READ)
