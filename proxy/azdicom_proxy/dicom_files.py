"""DICOM files with another data set before the same pixel data, which are copied and never held as a whole."""

import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from azdicom_proxy.cassette.sources import Source, SourceFile, zeros

if TYPE_CHECKING:
    from pydicom import Dataset

_DEFLATED = frozenset(("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.8.1"))
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_IMPLICIT = "1.2.840.10008.1.2"
_PIXEL_GROUP = 0x7FE0
UNDEFINED_LENGTH = 0xFFFFFFFF


class UnreadableError(Exception):
    """The bytes are no DICOM file that can be read."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """data_set: without pixel data; pixels: where these begin and end in the source, equal when there are none."""

    data_set: "Dataset"
    transfer_syntax_uid: str
    pixels: tuple[int, int]
    source: Source

    @property
    def instance(self) -> str:
        return str(self.data_set.get("SOPInstanceUID", "") or "")


@dataclass(frozen=True, slots=True)
class RewrittenFile:
    """head: all before the pixel data; these are the source's bytes pixels[0]:pixels[1], then `blank_bytes` zeros."""

    head: bytes
    pixels: tuple[int, int]
    blank_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        return len(self.head) + self.pixels[1] - self.pixels[0] + self.blank_bytes

    def chunks(self, source: Source) -> Iterator[bytes]:
        yield self.head
        yield from source.chunks(*self.pixels)
        yield from zeros(self.blank_bytes)


@contextmanager
def lenient() -> Iterator[None]:
    """pydicom takes and writes values that break the rules of their VR, and says nothing."""
    from pydicom.config import disable_value_validation

    with warnings.catch_warnings(), disable_value_validation():
        warnings.simplefilter("ignore")
        yield


def open_file(source: Source) -> OpenedFile:
    """Reads a file; elements behind the pixel data are left out. Raises UnreadableError."""
    from pydicom import dcmread

    from azdicom_emulator.dicom.parse import NotDicomError, parse

    try:
        with source.view() as view:
            syntax = parse(view).transfer_syntax_uid
        file = SourceFile(source)
        data_set = dcmread(file, stop_before_pixels=syntax not in _DEFLATED, force=True)
        stopped_at = file.tell()
    except NotDicomError as error:
        raise UnreadableError(str(error)) from error
    except Exception as error:  # whatever pydicom raises for bytes that it cannot read
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
    is_whole = syntax in _DEFLATED
    pixels = (0, 0) if is_whole else (stopped_at, _end_of_pixel_data(source, stopped_at, syntax))
    return OpenedFile(data_set, syntax, pixels, source)


def rewritten(opened: OpenedFile, pixels: tuple[int, int] | None = None) -> RewrittenFile:
    """The file with its data set as it is now. pixels: other bytes of the source than its pixel data."""
    buffer = BytesIO()
    opened.data_set.save_as(buffer, enforce_file_format=False)
    return RewrittenFile(buffer.getvalue(), opened.pixels if pixels is None else pixels)


def for_each_data_set(data_set: "Dataset", edit: Callable[["Dataset"], None]) -> None:
    """Calls `edit` for the data set, its file meta information and all items."""
    meta = getattr(data_set, "file_meta", None)
    if meta is not None:
        edit(meta)
    edit(data_set)
    for tag in list(data_set.keys()):
        element = data_set[tag] if data_set.get_item(tag).VR in ("SQ", "UN", None) else None
        if element is not None and element.VR == "SQ":
            for item in element.value or ():
                for_each_data_set(item, edit)


def pixel_element(source: Source, position: int, syntax: str) -> tuple[str, int, int]:
    """VR, where the value begins, and its length, of the element of group 7FE0 at `position`."""
    order = ">" if syntax == _BIG_ENDIAN else "<"
    if syntax != _IMPLICIT and source[position + 4 : position + 6].isalpha():
        vr = source[position + 4 : position + 6].decode("ascii")
        return vr, position + 12, struct.unpack(order + "I", source[position + 8 : position + 12])[0]
    return "OW", position + 8, struct.unpack(order + "I", source[position + 4 : position + 8])[0]


def _end_of_pixel_data(source: Source, position: int, syntax: str) -> int:
    """Where the elements of group 7FE0 end; what stands behind them is padding, signatures or private."""
    order = ">" if syntax == _BIG_ENDIAN else "<"
    size = len(source)
    while position + 12 <= size and struct.unpack(order + "H", source[position : position + 2])[0] == _PIXEL_GROUP:
        _, start, length = pixel_element(source, position, syntax)
        position = min(size, _end_of_fragments(source, start) if length == UNDEFINED_LENGTH else start + length)
    return position


def _end_of_fragments(source: Source, position: int) -> int:
    """The position after the sequence delimiter (PS3.5 §A.4)."""
    while position + 8 <= len(source):
        tag, length = source[position : position + 4], struct.unpack("<I", source[position + 4 : position + 8])[0]
        position += 8
        if tag != b"\xfe\xff\x00\xe0":
            break
        position += length
    return min(position, len(source))
