"""Bodies: multipart recipes that give every byte again, and JSON that keeps its meaning."""

import json
from os import SEEK_CUR, SEEK_END
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azdicom_proxy.cassette.bodies import content_of, fix_boundary, hash_of, size_of, split_multipart
from azdicom_proxy.cassette.json_text import reindent
from azdicom_proxy.cassette.model import Inline, Multipart, Part, SpooledFile
from azdicom_proxy.cassette.sources import CHUNK_BYTES, SourceFile, source_of

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=30)
HEADER = st.tuples(TOKEN, st.text('abc/+;= "01.', max_size=20).map(str.strip))
CONTENT = st.binary(max_size=200) | st.sampled_from([b"", b"\r\n", b"--", b"\r\n--bnd", b"--bnd--", b"\r\n--b\r\n"])
RECIPE = st.builds(
    Multipart,
    boundary=TOKEN,
    parts=st.lists(st.builds(Part, st.lists(HEADER, max_size=3).map(tuple), st.builds(Inline, CONTENT)), min_size=1)
    .map(tuple)
    .filter(lambda parts: len(parts) <= 5),
    preamble=st.sampled_from([b"", b"\r\n", b"ignored\r\n"]),
    epilogue=st.sampled_from([b"", b"\r\n", b"\r\nafter"]),
)


@settings(max_examples=150, deadline=None)
@given(recipe=RECIPE)
def test_a_multipart_recipe_gives_the_exact_bytes_it_was_made_of(recipe: Multipart) -> None:
    """record-replay §6.3: parts are stored apart only if re-assembly is byte-exact."""
    body = content_of(recipe)
    assert size_of(recipe) == len(body)

    split = split_multipart(f'multipart/related; boundary="{recipe.boundary}"', Inline(body))

    assert split is None or content_of(split) == body


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=300), boundary=TOKEN)
def test_any_bytes_are_either_split_exactly_or_not_at_all(body: bytes, boundary: str) -> None:
    """record-replay §6.3: if re-assembly would not be byte-exact, the body is stored opaque."""
    content = b"--" + boundary.encode() + b"\r\n" + body

    split = split_multipart(f"multipart/related; boundary={boundary}", Inline(content))

    assert split is None or content_of(split) == content


@settings(max_examples=100, deadline=None)
@given(recipe=RECIPE)
def test_the_fixed_boundary_occurs_in_no_part_that_it_separates(recipe: Multipart) -> None:
    """record-replay §6.3: boundaries are rewritten to `bnd` unless that occurs in a part."""
    fixed = fix_boundary(recipe)

    assert [content_of(part.body) for part in fixed.parts] == [content_of(part.body) for part in recipe.parts]
    if fixed.boundary == "bnd" != recipe.boundary:
        assert not any(b"--bnd" in content_of(part.body) for part in fixed.parts)


def test_parts_of_a_spooled_body_are_slices_of_its_file(tmp_path: Path) -> None:
    """record-replay §3: a body that was spooled is not read into memory to be split."""
    content = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + b"x" * 100_000 + b"\r\n--b--\r\n"
    file = tmp_path / "spool"
    file.write_bytes(content)

    split = split_multipart("multipart/related; boundary=b", SpooledFile(file, len(content), hash_of([content])))

    assert split is not None
    (part,) = split.parts
    assert part.body == SpooledFile(file, 100_000, hash_of([b"x" * 100_000]), offset=40)
    assert content_of(split) == content


@pytest.fixture(scope="module")
def stretch(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpooledFile, bytes]:
    """A body in the middle of a file, and its bytes: more than two chunks, the same byte nowhere near itself."""
    content = b"".join(number.to_bytes(3, "big") for number in range(50_000))
    path = tmp_path_factory.mktemp("stretch") / "file"
    path.write_bytes(b"before" + content + b"after")
    return SpooledFile(path, len(content), "", offset=len(b"before")), content


POSITIONS = st.integers(-5, 150_010) | st.sampled_from([CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, None])


@settings(max_examples=100, deadline=None)
@given(start=POSITIONS, stop=POSITIONS)
def test_a_stretch_of_a_file_has_the_slices_of_its_bytes(
    stretch: tuple[SpooledFile, bytes], start: int | None, stop: int | None
) -> None:
    """record-replay §3: what was spooled is looked at where it is, and nothing around it is seen."""
    body, content = stretch
    with source_of(body) as source, source.view() as view:
        assert len(source) == len(view) == len(content)
        assert source[start:stop] == view[start:stop] == content[start:stop]


@settings(max_examples=100, deadline=None)
@given(
    at=st.integers(0, 49_990) | st.integers(CHUNK_BYTES // 3 - 3, CHUNK_BYTES // 3 + 1),
    start=st.integers(0, 150_000),
    stop=st.none() | st.integers(0, 150_010),
)
def test_bytes_are_found_in_a_stretch_wherever_chunks_end(
    stretch: tuple[SpooledFile, bytes], at: int, start: int, stop: int | None
) -> None:
    """record-replay §6.3: the boundary of parts is found in a file as it is in memory."""
    body, content = stretch
    needle = content[3 * at : 3 * at + 9]
    with source_of(body) as source:
        assert source.find(needle) == content.find(needle)
        assert source.find(needle, start, stop) == content.find(needle, start, stop)
        assert source.find(b"after") == source.find(b"before") == -1


@settings(max_examples=50, deadline=None)
@given(start=st.integers(0, 150_010), stop=st.none() | st.integers(0, 150_010))
def test_a_stretch_is_read_in_chunks_and_as_a_file(
    stretch: tuple[SpooledFile, bytes], start: int, stop: int | None
) -> None:
    """record-replay §16, 5: at most 64 KiB of a file are in memory at a time."""
    body, content = stretch
    with source_of(body) as source:
        chunks = list(source.chunks(start, stop))
        assert b"".join(chunks) == content[start:stop]
        assert all(len(chunk) <= CHUNK_BYTES for chunk in chunks)

        file = SourceFile(source)
        assert file.seek(start) == start
        assert file.read(5) == content[start : start + 5]
        position = file.seek(-2, SEEK_CUR)
        assert file.read() == content[position:]
        assert file.seek(-7, SEEK_END) == len(content) - 7
        assert file.read(100) == content[-7:]


def test_a_file_that_is_shorter_than_its_body_is_told(stretch: tuple[SpooledFile, bytes]) -> None:
    """record-replay §6.4: a side file that was cut off is no body."""
    body, content = stretch
    cut = SpooledFile(body.path, len(content) + 6, "", body.offset)

    with pytest.raises(OSError, match="ended 1 bytes early"), source_of(cut):
        pass
    with pytest.raises(OSError, match="ended 1 bytes early"):
        content_of(cut)


def test_a_body_without_bytes_has_a_view_of_none(tmp_path: Path) -> None:
    """record-replay §6.3: an empty part of a file is a part."""
    (tmp_path / "empty").touch()
    for body in (SpooledFile(tmp_path / "empty", 0, ""), Inline(b"")):
        with source_of(body) as source, source.view() as view:
            assert bytes(view) == source[:] == b""
            assert list(source.chunks()) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Content-Type:application/dicom", "no blank behind the colon"),
        ("Content-Type: application/dicom ", "a trailing blank"),
        ("nothing", "no colon"),
        ("X: \xe9", "no ASCII"),
    ],
)
def test_a_part_header_that_would_be_written_otherwise_makes_the_body_opaque(line: str, why: str) -> None:
    """record-replay §6.3: byte-exact, or whole."""
    body = f"--b\r\n{line}\r\n\r\nx\r\n--b--\r\n".encode()

    assert split_multipart("multipart/related; boundary=b", Inline(body)) is None, why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(document=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_json_laid_out_anew_means_the_same_and_is_laid_out_only_once(
    document: object, ascii_only: bool, indent: int | None
) -> None:
    """record-replay §6.3: two spaces, key order kept, in an ASCII file (§6.1)."""
    text = reindent(json.dumps(document, ensure_ascii=ascii_only, indent=indent))

    assert text is not None
    assert text.isascii()
    assert text.endswith("\n")
    assert json.loads(text) == document
    assert reindent(text) == text


def test_numbers_are_written_as_they_came() -> None:
    """record-replay §6.3: a reformatted body loses nothing, as 1.50 and 1E3 would by being parsed."""
    assert reindent('{"a":[1.50,1E3,-0.0]}') == '{\n  "a": [1.50, 1E3, -0.0]\n}\n'


@pytest.mark.parametrize("text", ["", "not json", "{", '{"a": nope}', "[" * 5000 + "]" * 5000])
def test_what_is_no_json_is_left_alone(text: str) -> None:
    """record-replay §6.3: only JSON is re-indented."""
    assert reindent(text) is None
