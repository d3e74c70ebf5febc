"""Overlay planes (groups 6000 to 601E) of a frame (PS3.3 §C.9.2)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from azdicom_emulator.dicom.pixels.frames import NATIVE_TRANSFER_SYNTAXES
from azdicom_emulator.dicom.pixels.image import ImageFile
from azdicom_emulator.dicom.pixels.native import Frame

GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _NUMBER_OF_FRAMES, _TYPE = 0x0010, 0x0011, 0x0015, 0x0040
_ORIGIN, _IMAGE_FRAME_ORIGIN, _BIT_POSITION, _DATA = 0x0050, 0x0051, 0x0102, 0x3000


def overlay_masks(image: ImageFile, frame: Frame, frame_number: int) -> Iterator[NDArray[np.bool_]]:
    """For each graphic overlay that applies to the frame, where it is drawn: (rows, columns) of the image."""
    for group in GROUPS:
        base = group << 16
        rows, columns = image.integer(base | _ROWS) or 0, image.integer(base | _COLUMNS) or 0
        if not rows or not columns or image.text(base | _TYPE) != "G":
            continue
        index = frame_number - (image.integer(base | _IMAGE_FRAME_ORIGIN) or 1)
        if not 0 <= index < int(image.decimal(base | _NUMBER_OF_FRAMES) or 1):
            continue
        plane = _plane(image, base, index, rows, columns)
        if plane is not None:
            yield _placed(plane, image.integers(base | _ORIGIN, signed=True), frame.pixels.shape[:2])
        elif base | _DATA not in image.elements:
            yield from _embedded(image, base, frame)


def _plane(image: ImageFile, base: int, index: int, rows: int, columns: int) -> NDArray[np.bool_] | None:
    """One frame of the overlay's own data; None when there is none or it is too short."""
    data = image.value(base | _DATA) or b""
    first, count = index * rows * columns, rows * columns
    if len(data) * 8 < first + count:
        return None
    if image.part10.encoding.is_big_endian and image.elements[base | _DATA].vr == "OW":
        data = np.frombuffer(data[: len(data) & ~1], ">u2").astype("<u2").tobytes()
    touched = np.frombuffer(data, np.uint8)[first // 8 : -(-(first + count) // 8)]
    bits = np.unpackbits(touched, bitorder="little")[first % 8 :][:count]
    return bits.reshape(rows, columns).view(np.bool_)


def _embedded(image: ImageFile, base: int, frame: Frame) -> Iterator[NDArray[np.bool_]]:
    """An overlay in an unused bit of the pixels (retired; native pixel data only)."""
    if image.transfer_syntax_uid not in NATIVE_TRANSFER_SYNTAXES or frame.pixels.ndim != 2:
        return
    described, position = frame.described, image.integer(base | _BIT_POSITION) or 0
    is_pixel_value = described.high_bit - described.bits_stored < position <= described.high_bit
    if position < described.bits_allocated and not is_pixel_value:
        yield (frame.pixels >> position & 1).astype(np.bool_)


def _placed(plane: NDArray[np.bool_], origin: list[int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The plane moved to its origin (1-based row and column, may lie outside) and cut to the image."""
    top, left = (origin[0] - 1, origin[1] - 1) if len(origin) > 1 else (0, 0)
    mask = np.zeros(shape, np.bool_)
    visible = plane[max(0, -top) : max(0, shape[0] - top), max(0, -left) : max(0, shape[1] - left)]
    row, column = max(0, top), max(0, left)
    mask[row : row + visible.shape[0], column : column + visible.shape[1]] = visible
    return mask
