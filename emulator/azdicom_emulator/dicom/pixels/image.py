"""The attributes that describe the pixels of a file, read without the rest of it (PS3.3 §C.7.6.3)."""

from dataclasses import dataclass
from os import PathLike
from struct import iter_unpack
from types import TracebackType
from typing import Self

from azdicom_emulator.dicom.pixels.elements import UNDEFINED_LENGTH, Element, Part10, open_part10
from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError

SOP_CLASS_UID = 0x00080016
SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
PLANAR_CONFIGURATION = 0x00280006
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
BITS_STORED = 0x00280101
HIGH_BIT = 0x00280102
PIXEL_REPRESENTATION = 0x00280103
EXTENDED_OFFSET_TABLE = 0x7FE00001
EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00002
PIXEL_DATA = 0x7FE00010

# Two luminance samples share one blue and one red difference: two stored samples a pixel instead of three.
SUBSAMPLED_422 = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})
_GROUPS = frozenset({0x0028, 0x7FE0, *range(0x6000, 0x6020, 2)})


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """The Image Pixel module: how one frame is laid out when it is not compressed. All sizes are ≥ 1."""

    rows: int
    columns: int
    samples_per_pixel: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    photometric_interpretation: str
    is_planar: bool

    @property
    def frame_bits(self) -> int:
        """Length of a native frame; whole pixels only, so a 1-bit frame need not end at a byte."""
        if self.photometric_interpretation in SUBSAMPLED_422 and self.samples_per_pixel == 3:
            return self.rows * (self.columns + self.columns % 2) * 2 * self.bits_allocated
        return self.rows * self.columns * self.samples_per_pixel * self.bits_allocated


class ImageFile:
    """An open file with the headers of its image attributes. A context manager; not shared between threads."""

    def __init__(self, path: str | PathLike[str]) -> None:
        """Reads headers up to the pixel data. Raises MalformedFileError, OSError."""
        self.part10: Part10 = open_part10(path)
        self.elements: dict[int, Element] = {}
        try:
            for element in self.part10.elements():
                if element.tag >> 16 in _GROUPS or element.tag == SOP_CLASS_UID:
                    self.elements[element.tag] = element
                if element.tag >= PIXEL_DATA:
                    break
        except BaseException:
            self.part10.stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.part10.stream.close()

    @property
    def transfer_syntax_uid(self) -> str:
        return self.part10.transfer_syntax_uid

    @property
    def has_pixel_data(self) -> bool:
        """What a frame needs at least is present (retrieve §7)."""
        return all(tag in self.elements for tag in (ROWS, COLUMNS, BITS_ALLOCATED, PIXEL_DATA))

    @property
    def number_of_frames(self) -> int:
        """As declared; 1 when absent or unusable."""
        declared = self.decimal(NUMBER_OF_FRAMES)
        return max(1, int(declared)) if declared is not None else 1

    def pixel_format(self) -> PixelFormat:
        """Raises FrameNotFoundError when the data set does not describe pixels."""
        rows, columns, allocated = (self.integer(tag) or 0 for tag in (ROWS, COLUMNS, BITS_ALLOCATED))
        if not (self.has_pixel_data and rows and columns and allocated):
            raise FrameNotFoundError("Rows, Columns, BitsAllocated and PixelData are not all present")
        samples = self.integer(SAMPLES_PER_PIXEL) or 1
        stored = min(self.integer(BITS_STORED) or allocated, allocated)
        high = self.integer(HIGH_BIT)
        return PixelFormat(
            rows=rows,
            columns=columns,
            samples_per_pixel=samples,
            bits_allocated=allocated,
            bits_stored=stored,
            high_bit=high if high is not None and stored - 1 <= high < allocated else stored - 1,
            is_signed=self.integer(PIXEL_REPRESENTATION) == 1,
            photometric_interpretation=self.text(PHOTOMETRIC_INTERPRETATION)
            or ("RGB" if samples == 3 else "MONOCHROME2"),
            is_planar=samples > 1 and self.integer(PLANAR_CONFIGURATION) == 1,
        )

    def value(self, tag: int) -> bytes | None:
        """The bytes of an attribute; None when it is absent or a sequence of undefined length."""
        element = self.elements.get(tag)
        if element is None or element.length == UNDEFINED_LENGTH:
            return None
        return self.part10.value(element)

    def text(self, tag: int) -> str:
        """First value of a string attribute without padding; empty when absent."""
        value = self.value(tag) or b""
        return value.split(b"\\")[0].decode("ascii", "replace").strip(" \0")

    def decimal(self, tag: int) -> float | None:
        """First value of a DS or IS attribute; None when absent or not a finite number."""
        try:
            number = float(self.text(tag))
        except ValueError:
            return None
        return number if abs(number) < float("inf") else None

    def integers(self, tag: int, *, signed: bool = False) -> list[int]:
        """The values of a US or SS attribute; empty when absent."""
        return shorts(self.value(tag) or b"", self.part10, signed=signed)

    def integer(self, tag: int, *, signed: bool = False) -> int | None:
        """First value of a US or SS attribute; None when absent."""
        values = self.integers(tag, signed=signed)
        return values[0] if values else None

    def first_item(self, tag: int) -> dict[int, Element]:
        """The elements of a sequence's first item by tag; empty when there is none."""
        sequence = self.elements.get(tag)
        if sequence is None:
            return {}
        for start, end in self.part10.items(sequence):
            return {element.tag: element for element in self.part10.elements(start, end)}
        return {}


def shorts(value: bytes, part10: Part10, *, signed: bool) -> list[int]:
    """16-bit words in the file's byte order; an odd last byte is ignored."""
    return [
        word for (word,) in iter_unpack(part10.encoding.byte_order + ("h" if signed else "H"), value[: len(value) & ~1])
    ]
