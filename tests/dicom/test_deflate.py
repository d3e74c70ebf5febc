"""Inflating data sets: whole, cut off, damaged, too large."""

import mmap
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdicom_emulator.dicom.deflate import MAX_IN_MEMORY_BYTES, InflateError, inflate, inflated_bytes

MIB = 1024 * 1024


def deflated(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


def chunks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


@given(content=st.binary(max_size=5000), repeated=st.integers(1, 2000), size=st.integers(1, 3000))
def test_what_was_deflated_comes_back_in_any_chunks(content: bytes, repeated: int, size: int) -> None:
    """PS3.5 §A.5."""
    original = (content * repeated)[:500_000]

    assert inflated_bytes(chunks(deflated(original), size), MIB) == original


def test_a_large_result_is_mapped_from_a_file() -> None:
    """Only what is looked at takes memory."""
    original = b"begin" + bytes(MAX_IN_MEMORY_BYTES) + b"end"

    inflated = inflated_bytes(chunks(deflated(original), 1000), 2 * MAX_IN_MEMORY_BYTES)

    assert isinstance(inflated, mmap.mmap)
    assert (len(inflated), inflated[:5], inflated[-3:]) == (len(original), b"begin", b"end")


def test_a_stream_that_is_cut_off_gives_what_is_there() -> None:
    """Store §5: a file that ends early is read as far as it goes."""
    original = bytes(range(256)) * 1000
    content = deflated(original)

    assert original.startswith(inflated_bytes([content[: len(content) // 2]], MIB))


@pytest.mark.parametrize("limit", [0, 100, MIB - 1])
def test_more_than_the_limit_is_refused(limit: int) -> None:
    """A bomb is found out after a block, not at its end."""
    with pytest.raises(InflateError, match=f"more than {limit} bytes"):
        inflate([deflated(bytes(64 * MIB))], limit)


def test_bytes_that_are_not_deflated_are_refused() -> None:
    """Store §5: unreadable."""
    with pytest.raises(InflateError, match="not deflated"):
        inflate([b"\xff" * 100], MIB)
