"""Pixel data replaced by a pattern of the same shape, in data sets, frames and pictures; their true hashes are kept."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from azdicom_proxy.cassette.bodies import content_of, hash_of, sha256_of, size_of
from azdicom_proxy.cassette.model import Inline, SpooledFile, ThinnedPixels
from azdicom_proxy.cassette.sources import Source, source_of
from azdicom_proxy.dicom_files import (
    UNDEFINED_LENGTH,
    OpenedFile,
    UnreadableError,
    for_each_data_set,
    lenient,
    open_file,
    pixel_element,
    rewritten,
)
from azdicom_proxy.scrub.datasets import RefusedError
from azdicom_proxy.scrub.patterns import CHUNK_BYTES, coded_pattern, is_coded, pattern_chunks

if TYPE_CHECKING:
    from pydicom import Dataset

THIN_PIXELS = "thin-pixels"
"""Among what an interaction was scrubbed of."""

_PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Float, Double Float and Pixel Data."""
_OFFSET_TABLES = (0x7FE00001, 0x7FE00002)
_ITEM = b"\xfe\xff\x00\xe0"
_NO_OFFSETS = _ITEM + bytes(4)
_END_OF_ITEMS = b"\xfe\xff\xdd\xe0" + bytes(4)
_HOLD_PIXELS = ("", "application/octet-stream")
_CODED = ("image/", "video/")
_ARCHIVES = ("application/zip", "application/x-zip-compressed")


@dataclass(frozen=True, slots=True)
class Run:
    """The pattern over `size_bytes`, from its beginning at each frame."""

    size_bytes: int
    frame_bytes: int = 0


@dataclass(slots=True)
class Thinned:
    """pieces: the new content. sha256, size_bytes: of the pixels that were there, without the framing of fragments."""

    pieces: list[bytes | Run] = field(default_factory=list)
    sha256: str = ""
    size_bytes: int = 0

    @property
    def content_bytes(self) -> int:
        return sum(len(piece) if isinstance(piece, bytes) else piece.size_bytes for piece in self.pieces)

    def chunks(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from pattern_chunks(piece.size_bytes, piece.frame_bytes)


class PixelThinner:
    """Thins the bodies of one message after the other, and remembers what their pixels were.

    part: number of the message's part that comes next, from 1.
    """

    def __init__(self) -> None:
        self.found: list[ThinnedPixels] = []
        self.part = 1
        self._side = ""
        self._is_on = False

    def begin(self, side: str, *, is_on: bool) -> None:
        """side: `request` or `response`; is_on: its pixels are to be replaced."""
        self._side, self.part, self._is_on = side, 1, is_on

    def thinned(self, media_type: str, body: Inline | SpooledFile, *, is_dicom: bool) -> Thinned | None:
        """None: no pixels are in it. Raises RefusedError: there are, and they cannot be replaced."""
        if not self._is_on or not size_of(body):
            return None
        if is_dicom:
            with source_of(body) as source:
                thinned = _file(source)
        else:
            thinned = _frame(media_type, body)
        if thinned is not None:
            self.found.append(ThinnedPixels(self._side, self.part, thinned.sha256, thinned.size_bytes))
        return thinned


def _frame(media_type: str, body: Inline | SpooledFile) -> Thinned | None:
    """A body that is one frame, or a picture."""
    if media_type in _ARCHIVES:
        raise RefusedError(f"thin-pixels: {media_type} may hold pixel data, and is not opened")
    if media_type not in _HOLD_PIXELS and not media_type.startswith(_CODED):
        return None
    thinned = Thinned(sha256=sha256_of(body), size_bytes=size_of(body))
    with source_of(body) as source:
        if is_coded(source[:CHUNK_BYTES]):
            thinned.pieces.append(coded_pattern(content_of(body)))
        elif media_type.startswith(_CODED):
            raise RefusedError(f"thin-pixels: {media_type} cannot be written anew")
        else:
            thinned.pieces.append(Run(size_of(body)))
    return thinned


def _file(source: Source) -> Thinned | None:
    """A DICOM file: its pixel data, and those of icons in its items."""
    with lenient():
        try:
            opened = open_file(source)
        except UnreadableError:
            return _unreadable(source)
        inner = _Inner()
        for_each_data_set(opened.data_set, inner.thin)
        thinned = _region(opened)
        if thinned is None and inner.first is None:
            return None
        is_edited = _without_offset_tables(opened.data_set) or inner.first is not None
        head = rewritten(opened, (0, 0)).head if is_edited else source[: opened.pixels[0]]
    if thinned is None:
        assert inner.first is not None
        thinned = inner.first
    thinned.pieces.insert(0, head)
    return thinned


def _unreadable(source: Source) -> Thinned:
    """What is no DICOM file keeps its hash in front, so that another such file does not match it."""
    digest = hash_of(source.chunks())
    start = bytes.fromhex(digest)[: len(source)]
    rest = [Run(len(source) - len(start))] if len(source) > len(start) else []
    return Thinned([start, *rest], digest, len(source))


class _Inner:
    """Replaces pixel data that are elements of a data set in memory: those of icons, and of deflated files."""

    def __init__(self) -> None:
        self.first: Thinned | None = None
        """What was there, of the first."""

    def thin(self, data_set: "Dataset") -> None:
        for tag in _PIXEL_DATA:
            element = data_set.get(tag)
            if element is None or not element.value:
                continue
            if element.is_undefined_length:
                raise RefusedError("thin-pixels: an icon is compressed")
            value = bytes(element.value)
            element.value = b"".join(pattern_chunks(len(value), _frame_bytes(data_set, len(value))))
            self.first = self.first or Thinned(sha256=hash_of([value]), size_bytes=len(value))


def _region(opened: OpenedFile) -> Thinned | None:
    """The elements from Pixel Data on to the end of their group."""
    source, (position, end) = opened.source, opened.pixels
    thinned = Thinned()
    digest = hashlib.sha256()
    while position < end:
        _, start, length = pixel_element(source, position, opened.transfer_syntax_uid)
        header = source[position:start]
        if length == UNDEFINED_LENGTH:
            fragments, position = _fragments(source, start)
            thinned.pieces += [header, *_encapsulated(fragments, source, opened.data_set)]
        else:
            position = min(end, start + length)
            fragments = [(start, position)]
            size_bytes = position - start
            thinned.pieces += [header, Run(size_bytes, _frame_bytes(opened.data_set, size_bytes))]
        for begin, stop in fragments:
            for chunk in source.chunks(begin, stop):
                digest.update(chunk)
            thinned.size_bytes += stop - begin
    thinned.sha256 = digest.hexdigest()
    return thinned if thinned.size_bytes else None


def _fragments(source: Source, position: int) -> tuple[list[tuple[int, int]], int]:
    """Where the fragments begin and end, without the offset table, and where the element ends (PS3.5 §A.4)."""
    items = []
    while source[position : position + 4] == _ITEM and position + 8 <= len(source):
        (length,) = struct.unpack("<I", source[position + 4 : position + 8])
        stop = min(position + 8 + length, len(source))
        items.append((position + 8, stop))
        position = stop
    return items[1:], min(position + len(_END_OF_ITEMS), len(source))


def _encapsulated(fragments: list[tuple[int, int]], source: Source, data_set: "Dataset") -> Iterator[bytes]:
    """As many frames of the pattern, one fragment each. Raises RefusedError."""
    yield _NO_OFFSETS
    if fragments:
        frames = min(_number_of_frames(data_set), len(fragments))
        first = b"".join(source[begin:stop] for begin, stop in (fragments if frames == 1 else fragments[:1]))
        if not is_coded(first):
            raise RefusedError("thin-pixels: frames are compressed in a format that cannot be written here")
        frame = coded_pattern(first)
        frame += b"\0" * (len(frame) % 2)
        for _ in range(frames):
            yield _ITEM + struct.pack("<I", len(frame)) + frame
    yield _END_OF_ITEMS


def _frame_bytes(data_set: "Dataset", size_bytes: int) -> int:
    """The length of a native frame; 0, all as one, where frames do not begin at a byte."""
    frames = _number_of_frames(data_set)
    if frames > size_bytes or data_set.get("BitsAllocated", 8) == 1:
        return 0
    return size_bytes // frames


def _number_of_frames(data_set: "Dataset") -> int:
    try:
        return max(1, int(data_set.get("NumberOfFrames") or 1))
    except (TypeError, ValueError):
        return 1


def _without_offset_tables(data_set: "Dataset") -> bool:
    """Takes out the extended offset table, which would be another one; whether there was any."""
    present = [tag for tag in _OFFSET_TABLES if tag in data_set]
    for tag in present:
        del data_set[tag]
    return bool(present)
