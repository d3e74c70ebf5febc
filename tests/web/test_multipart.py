"""Splitting multipart/related bodies, whatever pieces they arrive in."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azdicom_emulator.web.errors import BadRequestError, PayloadTooLargeError
from azdicom_emulator.web.multipart import MultipartReader
from azdicom_emulator.web.spool import Spool
from azdicom_emulator.web.workers import Workers

CRLF = b"\r\n"


def read(
    chunks: Sequence[bytes], *, limit: int = 10**9, part_memory: int = 10**6, folder: Path = Path("unused")
) -> list[tuple[dict[str, str], bytes]]:
    """The parts of a body with boundary `b`: headers and bytes."""

    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def run() -> list[tuple[dict[str, str], bytes]]:
        workers = Workers(threads=1, processes=1)
        paths = (folder / f"{number}" for number in range(1000))
        spool = Spool(workers=workers, temporary=lambda: next(paths), limit_bytes=limit, part_memory_bytes=part_memory)
        try:
            with spool:
                found = []
                async for part in MultipartReader(arriving(), "b").parts(spool):
                    content = part.content
                    found.append((part.headers, content if isinstance(content, bytes) else content.read_bytes()))
                return found
        finally:
            workers.close()

    return asyncio.run(run())


def part(body: bytes, *headers: bytes) -> bytes:
    return b"--b" + CRLF + b"".join(header + CRLF for header in headers) + CRLF + body + CRLF


@given(bodies=st.lists(st.binary(max_size=60), max_size=4), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_parts_are_the_same_however_the_body_is_cut(bodies: list[bytes], cuts: list[int]) -> None:
    """RFC 2046 §5.1.1: the reader finds what the writer wrote, at any chunking."""
    bodies = [body for body in bodies if b"--b" not in body]
    whole = b"".join(part(body, b"Content-Type: application/dicom") for body in bodies) + b"--b--"
    chunks, position = [], 0
    for cut in cuts * (len(whole) // sum(cuts) + 1):
        chunks.append(whole[position : position + cut])
        position += cut
    assert [body for _, body in read([chunk for chunk in chunks if chunk])] == bodies


def test_text_around_the_parts_is_ignored() -> None:
    """Service framework: preamble, epilogue and a missing last line break; store §4.1."""
    body = b"This is a preamble." + CRLF + part(b"one") + part(b"two") + b"--b--" + b"epilogue"
    assert [found for _, found in read([body])] == [b"one", b"two"]


def test_a_line_break_before_the_first_boundary_is_ignored() -> None:
    """The Python and JavaScript DICOMweb clients send one; store §4.1."""
    assert [found for _, found in read([CRLF + part(b"one") + b"--b--"])] == [b"one"]


def test_header_names_are_lower_case_and_values_trimmed() -> None:
    """RFC 9110 §5.1."""
    ((headers, _),) = read([part(b"x", b"CONTENT-Type:  application/dicom ", b"Content-Location: a:b") + b"--b--"])
    assert headers == {"content-type": "application/dicom", "content-location": "a:b"}


@pytest.mark.parametrize(
    "body", [b"--b--", b"--b--" + CRLF, b"--b" + CRLF + CRLF + b"--b--" + CRLF], ids=["closing", "with break", ".NET"]
)
def test_a_body_without_parts_has_none(body: bytes) -> None:
    """Service end-to-end tests: what an empty .NET multipart body looks like; store §4.1."""
    assert read([body]) == []


def test_a_part_of_zero_bytes_is_a_part() -> None:
    """Service end-to-end tests; store §4.1."""
    body = b"--b" + CRLF + b"Content-Type: application/dicom" + CRLF + CRLF + CRLF + b"--b--"
    assert [found for _, found in read([body])] == [b""]


@pytest.mark.parametrize(
    "tail",
    [b"--b" + CRLF + CRLF + b"cut off", b"--b" + CRLF + b"Content-Ty", b"--b"],
    ids=["body", "header", "boundary"],
)
def test_a_part_that_the_end_of_the_body_cuts_off_is_dropped(tail: bytes) -> None:
    """Service source; store §4.1."""
    assert [found for _, found in read([part(b"whole"), tail])] == [b"whole"]


@pytest.mark.parametrize("body", [b"", b"no boundary here", b"--other\r\n\r\nx\r\n--other--"])
def test_a_body_without_the_boundary_is_refused(body: bytes) -> None:
    """Service framework; store §4.1."""
    with pytest.raises(BadRequestError, match="Unexpected end of Stream, the content may have already been read"):
        read([body] if body else [])


def test_a_header_line_without_colon_is_refused() -> None:
    """Service framework; store §4.1."""
    with pytest.raises(BadRequestError, match="Invalid header line: nonsense"):
        read([part(b"x", b"nonsense") + b"--b--"])


@pytest.mark.parametrize(
    "headers", [[f"H{number}: x".encode() for number in range(17)], [b"H: " + b"x" * 17000]], ids=["many", "long"]
)
def test_too_many_or_too_long_headers_are_refused(headers: list[bytes]) -> None:
    """Service framework: 16 headers, 16 KiB; store §4.1."""
    with pytest.raises(BadRequestError, match="limit"):
        read([part(b"x", *headers) + b"--b--"])


def test_a_boundary_inside_the_data_is_data() -> None:
    """RFC 2046 §5.1.1: a delimiter starts a line."""
    assert [found for _, found in read([part(b"xx--b--yy") + b"--b--"])] == [b"xx--b--yy"]


def test_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    """Store §4.3: the text names the limit."""
    with pytest.raises(PayloadTooLargeError, match="allowed limit of 100 bytes"):
        read([part(b"x" * 200) + b"--b--"], limit=100, folder=tmp_path)


def test_a_large_part_goes_to_a_file_that_is_removed(tmp_path: Path) -> None:
    """Bounded memory: nothing stays in the folder when the request is done."""
    large = bytes(range(256)) * 20_000
    assert [found for _, found in read([part(large) + b"--b--"], part_memory=1000, folder=tmp_path)] == [large]
    assert list(tmp_path.iterdir()) == []
