"""Frames as arrays and as uncompressed little endian bytes, whatever they are stored in (retrieve §7, §9)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from os import PathLike
from typing import NamedTuple

import numpy as np

from azdicom_emulator.dicom.pixels.codecs import (
    RLE_LOSSLESS,
    Pixels,
    decode,
)
from azdicom_emulator.dicom.pixels.encoders import encode_jpeg_2000
from azdicom_emulator.dicom.pixels.errors import DecodingError, MalformedFileError, TranscodingError
from azdicom_emulator.dicom.pixels.frames import FrameTable, aligned, frame_table, read_slices
from azdicom_emulator.dicom.pixels.image import PIXEL_DATA, SUBSAMPLED_422, ImageFile, PixelFormat
from azdicom_emulator.dicom.pixels.limits import MAX_DECODED_BYTES, MAX_FRAME_BYTES


class Frame(NamedTuple):
    """One frame. `pixels` is (rows, columns) or (rows, columns, samples) in BitsAllocated wide integers; `described` is
    its layout after decoding: never planar, never subsampled.
    """

    pixels: Pixels
    described: PixelFormat


def frames_little_endian(path: str | PathLike[str], frame_numbers: Sequence[int]) -> list[bytes]:
    """Frames (1-based, in the order asked) as they would be in explicit VR little endian.

    Raises FrameNotFoundError before anything is decoded, TranscodingError (no codec, bad data), OSError.
    """
    return _converted(path, frame_numbers, native_bytes)


def encode_frames_j2k(path: str | PathLike[str], frame_numbers: Sequence[int]) -> list[bytes]:
    """Frames (1-based, in the order asked) as JPEG 2000 lossless codestreams, for `image/jp2`.

    Raises FrameNotFoundError before anything is encoded, TranscodingError, OSError.
    """
    return _converted(path, frame_numbers, lambda *frame: jpeg_2000_bytes(*frame)[0])


def _converted(
    path: str | PathLike[str],
    frame_numbers: Sequence[int],
    convert: Callable[[ImageFile, FrameTable, PixelFormat, int], bytes],
) -> list[bytes]:
    try:
        with ImageFile(path) as image:
            table, declared = frame_table(image), image.pixel_format()
            for frame_number in frame_numbers:
                table.slices(frame_number)
            wanted = dict.fromkeys(frame_numbers)
            if len(wanted) * declared.frame_bits > MAX_DECODED_BYTES * 8:
                raise DecodingError(f"{len(wanted)} frames are more than {MAX_DECODED_BYTES} bytes")
            converted = {n: convert(image, table, declared, n) for n in wanted}
    except (DecodingError, MalformedFileError) as error:
        raise TranscodingError(str(error)) from error
    return [converted[frame_number] for frame_number in frame_numbers]


def native_bytes(image: ImageFile, table: FrameTable, declared: PixelFormat, frame_number: int) -> bytes:
    """One frame as `frames_little_endian` gives it, of an open file. Raises FrameNotFoundError, DecodingError."""
    if table.is_encapsulated:
        return layout(decode_frame(image, table, declared, frame_number), table.transfer_syntax_uid, declared)
    if not image.part10.encoding.is_big_endian:
        return read_slices(image.part10.stream, table, frame_number)
    return _swapped(image, table, declared, frame_number)


def native_format(table: FrameTable, declared: PixelFormat, decoded: PixelFormat) -> PixelFormat:
    """How frames from `native_bytes` are laid out: RLE keeps the planar configuration, other codecs interleave."""
    if not table.is_encapsulated:
        return declared
    return replace(decoded, is_planar=declared.is_planar and table.transfer_syntax_uid == RLE_LOSSLESS)


def layout(frame: Frame, transfer_syntax_uid: str, declared: PixelFormat) -> bytes:
    """The bytes of a decoded frame, by pixel, or by plane for planar RLE."""
    if declared.bits_allocated == 1:
        return np.packbits(frame.pixels, bitorder="little").tobytes()
    if declared.is_planar and transfer_syntax_uid == RLE_LOSSLESS:
        return frame.pixels.transpose(2, 0, 1).tobytes()
    return frame.pixels.tobytes()


def jpeg_2000_bytes(
    image: ImageFile, table: FrameTable, declared: PixelFormat, frame_number: int
) -> tuple[bytes, PixelFormat]:
    """One frame as a codestream of even length or not, and its layout before encoding. Raises DecodingError."""
    frame = decode_frame(image, table, declared, frame_number)
    return encode_jpeg_2000(frame.pixels, frame.described), frame.described


def decode_frame(image: ImageFile, table: FrameTable, declared: PixelFormat, frame_number: int) -> Frame:
    """One frame (1-based) as an array. Raises FrameNotFoundError, DecodingError."""
    if table.is_encapsulated:
        data = read_slices(image.part10.stream, table, frame_number)
        pixels, photometric_interpretation = decode(table.transfer_syntax_uid, data, declared)
        described = replace(declared, is_planar=False, photometric_interpretation=photometric_interpretation)
        return Frame(pixels, described)
    if declared.frame_bits > MAX_FRAME_BYTES * 8:
        raise DecodingError(f"a frame of {declared.rows} × {declared.columns} is larger than {MAX_FRAME_BYTES} bytes")
    return native_frame(native_bytes(image, table, declared, frame_number), declared)


def native_frame(data: bytes, declared: PixelFormat) -> Frame:
    """The array of an uncompressed little endian frame. Raises DecodingError for odd numbers of bits."""
    if declared.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, "u1"), count=declared.frame_bits, bitorder="little")
        words: Pixels = bits
    elif declared.bits_allocated in (8, 16, 32, 64):
        words = np.frombuffer(data, f"<{'i' if declared.is_signed else 'u'}{declared.bits_allocated // 8}")
    else:
        raise DecodingError(f"{declared.bits_allocated} bits allocated")
    rows, columns, samples = declared.rows, declared.columns, declared.samples_per_pixel
    if samples == 1:
        return Frame(words.reshape(rows, columns), declared)
    if declared.photometric_interpretation in SUBSAMPLED_422:
        return Frame(
            _upsampled(words, declared),
            replace(declared, photometric_interpretation=_FULL_SIZE[declared.photometric_interpretation]),
        )
    if declared.is_planar:
        return Frame(words.reshape(samples, rows, columns).transpose(1, 2, 0), replace(declared, is_planar=False))
    return Frame(words.reshape(rows, columns, samples), declared)


# There is no name for a YBR_PARTIAL range in full size; such frames can be shown, but not stored again.
_FULL_SIZE = {"YBR_FULL_422": "YBR_FULL", "YBR_PARTIAL_422": "YBR_PARTIAL_422"}


def _upsampled(words: Pixels, declared: PixelFormat) -> Pixels:
    """Y1 Y2 Cb Cr for two pixels to three samples each (PS3.3 §C.7.6.3.1.2)."""
    if declared.is_planar or declared.samples_per_pixel != 3:
        raise DecodingError(f"planar {declared.photometric_interpretation}")
    pairs = words.reshape(declared.rows, -1, 4)
    full = np.empty((declared.rows, pairs.shape[1] * 2, 3), words.dtype)
    full[:, 0::2, 0], full[:, 1::2, 0] = pairs[:, :, 0], pairs[:, :, 1]
    full[:, 0::2, 1:] = full[:, 1::2, 1:] = pairs[:, :, 2:]
    return full[:, : declared.columns]


def native_value(image: ImageFile, declared: PixelFormat) -> bytes:
    """The whole value of native pixel data, in little endian."""
    value = image.part10.value(image.elements[PIXEL_DATA])
    return _little_endian(value, _swap_unit(image, declared)) if image.part10.encoding.is_big_endian else value


def _swapped(image: ImageFile, table: FrameTable, declared: PixelFormat, frame_number: int) -> bytes:
    """A big-endian frame in little endian; what is swapped begins at a word, the frame may not."""
    unit = _swap_unit(image, declared)
    ((offset, length),) = table.slices(frame_number)
    start = image.elements[PIXEL_DATA].value_offset
    first = (offset - start) // unit * unit
    last = -(-(offset - start + length) // unit) * unit
    image.part10.stream.seek(start + first)
    words = image.part10.stream.read(last - first)
    frame = _little_endian(words, unit)[offset - start - first :][:length]
    return aligned(frame, table, frame_number) if table.is_bit_packed else frame


def _swap_unit(image: ImageFile, declared: PixelFormat) -> int:
    """Bytes to a swapped word: 8-bit samples in an OW value are swapped in pairs (PS3.5 §8.1.2)."""
    is_words = image.elements[PIXEL_DATA].vr == "OW"
    return max(2 if is_words else 1, declared.bits_allocated // 8)


def _little_endian(value: bytes, unit: int) -> bytes:
    whole = len(value) // unit * unit
    return np.frombuffer(value[:whole], f">u{unit}").astype(f"<u{unit}").tobytes() + value[whole:]
