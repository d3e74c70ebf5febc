"""Decoding one compressed frame to an array, and encoding one to JPEG 2000. The codec libraries are loaded on first use."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdicom_emulator.dicom.pixels.errors import DecodingError
from azdicom_emulator.dicom.pixels.image import PixelFormat

JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
# 8192 × 8192 pixels in colour with some room; more is refused before anything is allocated.
MAX_FRAME_BYTES = 256 * 1024 * 1024

Pixels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Codestream:
    """What a compressed frame says of itself. `precision` is in bits, `is_signed` None where the format has no such flag."""

    rows: int
    columns: int
    samples_per_pixel: int
    precision: int
    is_signed: bool | None = None


def decode(transfer_syntax_uid: str, data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    """One frame as (rows, columns) or (rows, columns, samples) in BitsAllocated wide integers, and its photometric
    interpretation after decoding (retrieve §9). Raises DecodingError.
    """
    codec = _DECODERS.get(transfer_syntax_uid)
    if codec is None:
        raise DecodingError(f"no codec for transfer syntax {transfer_syntax_uid}")
    if declared.rows * declared.columns * declared.samples_per_pixel * declared.bits_allocated > MAX_FRAME_BYTES * 8:
        raise DecodingError(f"a frame of {declared.rows} × {declared.columns} is larger than {MAX_FRAME_BYTES} bytes")
    try:
        pixels, photometric_interpretation = codec(data, declared)
    except DecodingError:
        raise
    except Exception as error:  # what the codec libraries raise on bad data is not documented
        raise DecodingError(f"{type(error).__name__}: {error}") from error
    shape = (declared.rows, declared.columns, declared.samples_per_pixel)[: 3 if declared.samples_per_pixel > 1 else 2]
    if pixels.shape != shape:
        raise DecodingError(f"decoded to {pixels.shape} instead of {shape}")
    return pixels, photometric_interpretation


def encode_jpeg_2000(pixels: Pixels, declared: PixelFormat) -> bytes:
    """A lossless JPEG 2000 codestream; RGB goes through the reversible colour transform (PS3.5 §8.2.4).

    pixels: as from `decode`. Raises DecodingError when the codec does not take such pixels (more than 24 bits, say).
    """
    from openjpeg.utils import encode_buffer

    precision = _precision_of(pixels, declared)
    if precision > 24 or declared.samples_per_pixel not in (1, 3):
        raise DecodingError(f"JPEG 2000 of {declared.samples_per_pixel} samples with {precision} bits")
    width = 1 if precision <= 8 else 2 if precision <= 16 else 4
    container = pixels.astype(f"<{'i' if declared.is_signed else 'u'}{width}", copy=False)
    is_rgb = declared.photometric_interpretation == "RGB"
    try:
        stream: bytes = encode_buffer(
            container.tobytes(),
            declared.columns,
            declared.rows,
            declared.samples_per_pixel,
            precision,
            declared.is_signed,
            photometric_interpretation=1 if is_rgb else 0,
            use_mct=is_rgb,
        )
    except Exception as error:  # as above
        raise DecodingError(f"{type(error).__name__}: {error}") from error
    return stream


def _precision_of(pixels: Pixels, declared: PixelFormat) -> int:
    """BitsStored, or BitsAllocated when values need the bits above it (old overlays, unused bits that are not zero)."""
    low, high = int(pixels.min()), int(pixels.max())
    bits = declared.bits_stored
    limits = (-(1 << bits - 1), (1 << bits - 1) - 1) if declared.is_signed else (0, (1 << bits) - 1)
    return bits if limits[0] <= low and high <= limits[1] else declared.bits_allocated


def _check(stream: Codestream, declared: PixelFormat) -> None:
    """A codestream that contradicts the data set is not decoded: it could ask for any amount of memory."""
    said = (stream.rows, stream.columns, stream.samples_per_pixel)
    if said != (declared.rows, declared.columns, declared.samples_per_pixel):
        raise DecodingError(f"the codestream is {said}, the data set says otherwise")
    if not 1 <= stream.precision <= declared.bits_allocated:
        raise DecodingError(f"{stream.precision} bits do not fit into {declared.bits_allocated}")


def _contained(pixels: Pixels, stream: Codestream, declared: PixelFormat) -> Pixels:
    """Samples widened to BitsAllocated; unsigned ones of a signed image get their sign from the codestream's top bit."""
    if declared.is_signed and not stream.is_signed:
        bits = pixels.dtype.itemsize * 8 - stream.precision
        pixels = (pixels << bits).view(f"i{pixels.dtype.itemsize}") >> bits
    return pixels.astype(f"<{'i' if declared.is_signed else 'u'}{-(-declared.bits_allocated // 8)}", copy=False)


def _jpeg_2000(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    from openjpeg.utils import decode as openjpeg_decode

    stream = _jpeg_2000_size(data)
    _check(stream, declared)
    pixels = openjpeg_decode(data)
    return _contained(pixels, stream, declared), _without_subsampling(declared.photometric_interpretation)


def _without_subsampling(photometric_interpretation: str) -> str:
    """What components of full size are called after the codec has undone its own transform."""
    if photometric_interpretation in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR_FULL" if photometric_interpretation in ("YBR_FULL_422", "YBR_PARTIAL_420") else photometric_interpretation


def _jpeg_2000_size(data: bytes) -> Codestream:
    """The SIZ marker segment, of a bare codestream or one inside a JP2 file (ISO 15444-1 §A.5.1)."""
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or len(data) < start + 44:
        raise DecodingError("not a JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    depth = data[start + 42]
    return Codestream(bottom - top, right - left, components, (depth & 0x7F) + 1, bool(depth & 0x80))


def _jpeg_size(data: bytes) -> Codestream:
    """The frame header of a JPEG or JPEG-LS stream (ISO 10918-1 §B.2.2, ISO 14495-1 §C.2.2)."""
    position = 2
    while position + 10 <= len(data) and data[position] == 0xFF:
        marker, (length,) = data[position + 1], struct.unpack_from(">H", data, position + 2)
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        # SOF0…SOF15 without DHT, JPG, DAC, which share their range; SOF55 is JPEG-LS.
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, position + 4)
            return Codestream(rows, columns, components, precision)
        position += 2 + length
    raise DecodingError("no JPEG frame header")


def _jpeg(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    """Baseline and extended. Colour comes out as RGB whatever the data set calls it: libjpeg decides by the markers."""
    from PIL import Image

    stream = _jpeg_size(data)
    _check(stream, declared)
    if stream.precision > 8:
        return _gdcm(data, declared, stream, "JPEGExtendedProcess2_4")
    with Image.open(BytesIO(data), formats=("JPEG",)) as picture:
        pixels = np.asarray(picture)
    return _contained(pixels, stream, declared), "RGB" if pixels.ndim == 3 else declared.photometric_interpretation


def _jpeg_lossless(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    stream = _jpeg_size(data)
    _check(stream, declared)
    return _gdcm(data, declared, stream, "JPEGLosslessProcess14_1")


def _gdcm(data: bytes, declared: PixelFormat, stream: Codestream, transfer_syntax: str) -> tuple[Pixels, str]:
    import gdcm

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stream.columns, stream.rows, 1))
    image.SetDataElement(element)
    # RGB keeps the library from converting anything.
    kind = gdcm.PhotometricInterpretation.RGB if stream.samples_per_pixel > 1 else gdcm.PhotometricInterpretation.MONOCHROME2
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, transfer_syntax)))
    allocated = 8 if stream.precision <= 8 else 16
    image.SetPixelFormat(
        gdcm.PixelFormat(stream.samples_per_pixel, allocated, stream.precision, stream.precision - 1, 0)
    )
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")
    pixels = np.frombuffer(buffer, f"<u{allocated // 8}")
    return _contained(_shaped(pixels, stream), stream, declared), declared.photometric_interpretation


def _jpeg_ls(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    from jpeg_ls import decode_pixel_data

    stream = _jpeg_size(data)
    _check(stream, declared)
    buffer, info = decode_pixel_data(data)
    pixels = np.frombuffer(buffer, "u1" if stream.precision <= 8 else "<u2")
    by_plane = stream.samples_per_pixel > 1 and info["interleave_mode"] == 0
    return _contained(_shaped(pixels, stream, by_plane=by_plane), stream, declared), declared.photometric_interpretation


def _rle(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    from rle.rle import decode_frame

    buffer = decode_frame(data, declared.rows * declared.columns, declared.bits_allocated, "<")
    stream = Codestream(declared.rows, declared.columns, declared.samples_per_pixel, declared.bits_allocated, declared.is_signed)
    pixels = np.frombuffer(buffer, f"<{'i' if declared.is_signed else 'u'}{-(-declared.bits_allocated // 8)}")
    return _shaped(pixels, stream, by_plane=True), declared.photometric_interpretation


def _shaped(pixels: Pixels, stream: Codestream, *, by_plane: bool = False) -> Pixels:
    if stream.samples_per_pixel == 1:
        return pixels.reshape(stream.rows, stream.columns)
    if by_plane:
        return pixels.reshape(stream.samples_per_pixel, stream.rows, stream.columns).transpose(1, 2, 0)
    return pixels.reshape(stream.rows, stream.columns, stream.samples_per_pixel)


_DECODERS: dict[str, Callable[[bytes, PixelFormat], tuple[Pixels, str]]] = {
    "1.2.840.10008.1.2.4.50": _jpeg,
    "1.2.840.10008.1.2.4.51": _jpeg,
    "1.2.840.10008.1.2.4.57": _jpeg_lossless,
    "1.2.840.10008.1.2.4.70": _jpeg_lossless,
    "1.2.840.10008.1.2.4.80": _jpeg_ls,
    "1.2.840.10008.1.2.4.81": _jpeg_ls,
    JPEG_2000_LOSSLESS: _jpeg_2000,
    "1.2.840.10008.1.2.4.91": _jpeg_2000,
    "1.2.840.10008.1.2.4.201": _jpeg_2000,
    "1.2.840.10008.1.2.4.202": _jpeg_2000,
    "1.2.840.10008.1.2.4.203": _jpeg_2000,
    RLE_LOSSLESS: _rle,
}
