"""Monochrome frames to 8-bit grey: modality LUT, VOI LUT or window, output (retrieve §10; PS3.3 §C.11.1, §C.11.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdicom_emulator.dicom.pixels.elements import Element
from azdicom_emulator.dicom.pixels.errors import RenderingError
from azdicom_emulator.dicom.pixels.image import SOP_CLASS_UID, ImageFile, PixelFormat, shorts
from azdicom_emulator.dicom.pixels.native import Frame

SMALLEST_IMAGE_PIXEL_VALUE, LARGEST_IMAGE_PIXEL_VALUE = 0x00280106, 0x00280107
PIXEL_PADDING_VALUE = 0x00280120
WINDOW_CENTER, WINDOW_WIDTH = 0x00281050, 0x00281051
RESCALE_INTERCEPT, RESCALE_SLOPE = 0x00281052, 0x00281053
VOI_LUT_FUNCTION = 0x00281056
MODALITY_LUT_SEQUENCE, VOI_LUT_SEQUENCE = 0x00283000, 0x00283010
LUT_DESCRIPTOR, LUT_DATA = 0x00283002, 0x00283006

# Their modality LUT leads back to X-ray intensity and is not meant for display.
_WITHOUT_MODALITY_LUT = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.12.1",  # X-Ray Angiographic
        "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray Radiofluoroscopic
        "1.2.840.10008.5.1.4.1.1.12.3",  # X-Ray Angiographic Bi-Plane (retired)
    }
)
_ROWS_AT_ONCE_BYTES = 8 * 1024 * 1024

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A LUT: input values below `first` get the first entry, those above the last entry the last one."""

    first: int
    entries: Values

    def __call__(self, values: Values) -> Values:
        index = np.clip(values - self.first, 0, len(self.entries) - 1).astype(np.intp)
        return self.entries[index]


@dataclass(frozen=True, slots=True)
class Window:
    """Window center and width in the units of the modality LUT's output, and the function between them."""

    center: float
    width: float
    function: str = "LINEAR"

    def __call__(self, values: Values) -> Values:
        """0…255, not rounded. LINEAR_EXACT lacks the usual + 0.5, as the service's renderer does it (retrieve §10)."""
        if self.function == "SIGMOID":
            return 255 / (1 + np.exp(np.minimum(-4 * (values - self.center) / self.width, 700)))
        if self.width == 1:
            return np.where(values < self.center - 0.5, 0.0, 255.0)
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width * 255, 0, 255)
        return np.clip(((values - (self.center - 0.5)) / (self.width - 1) + 0.5) * 255, 0, 255)


def grey(image: ImageFile, frame: Frame, first_frame: Callable[[], Frame]) -> NDArray[np.uint8]:
    """The frame as (rows, columns) grey values; MONOCHROME1 comes out inverted.

    first_frame: decodes frame 1, called only when nothing else gives a window. Raises RenderingError.
    """
    described = frame.described
    modality = _modality(image, described)
    voi = _voi(image, described, modality, first_frame)
    is_inverted = described.photometric_interpretation == "MONOCHROME1"

    def shown(stored: Values) -> NDArray[np.uint8]:
        levels = voi(modality(stored)).astype(np.uint8)
        return 255 - levels if is_inverted else levels

    values = stored_values(frame)
    return _by_table(values, shown) if values.dtype.itemsize <= 2 else _by_rows(values, shown)


def stored_values(frame: Frame) -> NDArray[Any]:
    """The samples without the bits outside BitsStored and HighBit, sign extended (PS3.5 §8.1.1)."""
    pixels, described = frame
    width = pixels.dtype.itemsize * 8
    if described.bits_stored == width or described.bits_allocated == 1:
        return pixels
    return (pixels << (width - described.high_bit - 1)) >> (width - described.bits_stored)


def _by_table(values: NDArray[Any], shown: Callable[[Values], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    low, high = int(values.min()), int(values.max())
    unsigned = values.view(f"u{values.dtype.itemsize}")
    index = unsigned - unsigned.dtype.type(
        low & (1 << values.dtype.itemsize * 8) - 1
    )  # modular: right for signed ones, too
    table = shown(np.arange(low, high + 1, dtype=np.float64))
    result: NDArray[np.uint8] = table[index]
    return result


def _by_rows(values: NDArray[Any], shown: Callable[[Values], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    result = np.empty(values.shape, np.uint8)
    step = max(1, _ROWS_AT_ONCE_BYTES // (8 * values.shape[1]))
    for row in range(0, values.shape[0], step):
        result[row : row + step] = shown(values[row : row + step].astype(np.float64))
    return result


def _modality(image: ImageFile, described: PixelFormat) -> Callable[[Values], Values]:
    item = image.first_item(MODALITY_LUT_SEQUENCE)
    if item and image.text(SOP_CLASS_UID) not in _WITHOUT_MODALITY_LUT:
        return _lookup_table(image, item, is_signed=described.is_signed)
    slope, intercept = image.decimal(RESCALE_SLOPE), image.decimal(RESCALE_INTERCEPT)
    factor, offset = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    return lambda values: values * factor + offset


def _voi(
    image: ImageFile, described: PixelFormat, modality: Callable[[Values], Values], first_frame: Callable[[], Frame]
) -> Callable[[Values], Values]:
    item = image.first_item(VOI_LUT_SEQUENCE)
    if not item:
        return _window(image, described, modality, first_frame)
    descriptor = item.get(LUT_DESCRIPTOR)
    is_signed = described.is_signed if descriptor is None or not descriptor.vr else descriptor.vr == "SS"
    table = _lookup_table(image, item, is_signed=is_signed)
    low, high = float(table.entries[0]), float(table.entries[-1])
    window = Window((low + high) / 2, max(1.0, abs(high - low)))
    return lambda values: window(table(values))


def _window(
    image: ImageFile, described: PixelFormat, modality: Callable[[Values], Values], first_frame: Callable[[], Frame]
) -> Window:
    """The first of: the data set's window, its smallest and largest pixel value, the range of the first frame."""
    function = image.text(VOI_LUT_FUNCTION).upper()
    width, center = image.decimal(WINDOW_WIDTH), image.decimal(WINDOW_CENTER)
    if width is not None and center is not None and width >= 1:
        return Window(center, width, function)
    smallest = image.integer(SMALLEST_IMAGE_PIXEL_VALUE, signed=described.is_signed)
    largest = image.integer(LARGEST_IMAGE_PIXEL_VALUE, signed=described.is_signed)
    if smallest is not None and largest is not None and smallest < largest:
        # Stored values, although the window is applied behind the modality LUT: so does the service (retrieve §10).
        return Window((smallest + largest) / 2, largest - smallest, function)
    if described.bits_stored == 1:
        return Window(1, 1)
    low, high = modality(np.array(_range(image, first_frame()), dtype=np.float64))
    return Window((low + high) / 2, max(1.0, abs(high - low)), function)


def _range(image: ImageFile, frame: Frame) -> tuple[int, int]:
    """Smallest and largest stored value without padding; padding only: all that BitsStored can hold."""
    values, described = stored_values(frame), frame.described
    padding = image.integer(PIXEL_PADDING_VALUE, signed=described.is_signed)
    if padding is not None:
        values = values[values != padding]
    if values.size:
        return int(values.min()), int(values.max())
    half = 1 << described.bits_stored - 1
    return (-half, half - 1) if described.is_signed else (0, 2 * half - 1)


def _lookup_table(image: ImageFile, item: dict[int, Element], *, is_signed: bool) -> LookupTable:
    """A LUT of an item. Raises RenderingError when it has fewer entries than its descriptor says."""
    if LUT_DESCRIPTOR not in item or LUT_DATA not in item:
        raise RenderingError("a LUT without descriptor or data")
    descriptor = shorts(image.part10.value(item[LUT_DESCRIPTOR]), image.part10, signed=is_signed)
    if len(descriptor) < 3:
        raise RenderingError("a LUT descriptor of fewer than three values")
    count = abs(descriptor[0]) or 65536
    data = image.part10.value(item[LUT_DATA])
    # Entries of up to 8 bits may be packed two to a word.
    is_packed = descriptor[2] <= 8 and len(data) < 2 * count
    entries = list(data) if is_packed else shorts(data, image.part10, signed=item[LUT_DATA].vr == "SS")
    if len(entries) < count:
        raise RenderingError(f"a LUT of {len(entries)} entries instead of {count}")
    return LookupTable(descriptor[1], np.array(entries[:count], dtype=np.float64))
