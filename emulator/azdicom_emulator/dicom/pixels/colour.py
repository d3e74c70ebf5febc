"""Colour frames to 8-bit RGB: palette, RGB and the YBR colour spaces (retrieve §10; PS3.3 §C.7.6.3.1.2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdicom_emulator.dicom.pixels.errors import RenderingError
from azdicom_emulator.dicom.pixels.grayscale import stored_values
from azdicom_emulator.dicom.pixels.image import ImageFile, shorts
from azdicom_emulator.dicom.pixels.native import Frame

RED_DESCRIPTOR = 0x00281101
RED_DATA, GREEN_DATA, BLUE_DATA = 0x00281201, 0x00281202, 0x00281203

# Offset and factor of the luminance, then what the red difference gives to red, the blue and the red one to green,
# and the blue one to blue.
_YBR_FULL = (0.0, 1.0, 1.402, -0.3441, -0.7141, 1.772)
_YBR_PARTIAL = (16.0, 1.1644, 1.596, -0.3917, -0.813, 2.0173)
_YBR = {"YBR_FULL": _YBR_FULL, "YBR_PARTIAL_422": _YBR_PARTIAL}

Rgb = NDArray[np.uint8]


def rgb(image: ImageFile, frame: Frame) -> Rgb:
    """The frame as (rows, columns, 3). Raises RenderingError for other colour spaces."""
    space = frame.described.photometric_interpretation
    if space == "PALETTE COLOR":
        return _palette(image, frame)
    if frame.described.samples_per_pixel != 3 or (space != "RGB" and space not in _YBR):
        raise RenderingError(f"{space} with {frame.described.samples_per_pixel} samples")
    samples = _eight_bits(frame)
    return samples if space == "RGB" else _from_ybr(samples, *_YBR[space])


def _eight_bits(frame: Frame) -> Rgb:
    """The highest 8 of BitsStored bits."""
    values, stored = stored_values(frame), frame.described.bits_stored
    if frame.described.is_signed or stored < 8:
        raise RenderingError(f"colour samples of {stored} bits, signed: {frame.described.is_signed}")
    return (values >> (stored - 8)).astype(np.uint8, copy=False)


def _from_ybr(
    samples: Rgb, black: float, factor: float, red: float, blue_green: float, red_green: float, blue: float
) -> Rgb:
    """Three additions of table values a pixel: the differences take 256 values only."""
    difference = np.arange(256, dtype=np.float32) - 128
    luminance = ((np.arange(256, dtype=np.float32) - black) * factor + 0.5).astype(np.float32)[samples[..., 0]]
    from_blue, from_red = samples[..., 1], samples[..., 2]
    result = np.empty(samples.shape, np.uint8)
    for channel, value in enumerate(
        (
            luminance + (difference * red)[from_red],
            luminance + (difference * blue_green)[from_blue] + (difference * red_green)[from_red],
            luminance + (difference * blue)[from_blue],
        )
    ):
        result[..., channel] = np.clip(value, 0, 255)
    return result


def _palette(image: ImageFile, frame: Frame) -> Rgb:
    """Values outside the table get its first or last colour."""
    descriptor = image.integers(RED_DESCRIPTOR)
    if len(descriptor) < 3:
        raise RenderingError("no palette descriptor")
    count = descriptor[0] or 65536
    first = image.integers(RED_DESCRIPTOR, signed=frame.described.is_signed)[1]
    table = np.stack([_channel(image, tag, count, descriptor[2]) for tag in (RED_DATA, GREEN_DATA, BLUE_DATA)], axis=-1)
    index = np.clip(stored_values(frame).astype(np.int64) - first, 0, count - 1)
    return table[index]


def _channel(image: ImageFile, tag: int, count: int, bits: int) -> NDArray[Any]:
    """One colour's table in 8 bits: of 16-bit entries the high byte, of 8-bit ones that fill words the low byte."""
    data = image.value(tag) or b""
    if count <= len(data) < 2 * count:
        return np.frombuffer(data, np.uint8, count)
    words = np.array(shorts(data, image.part10, signed=False), dtype=np.uint16)
    if len(words) < count:
        raise RenderingError(f"a palette of {len(words)} entries instead of {count}")
    return (words[:count] >> (8 if bits > 8 else 0)).astype(np.uint8)
