"""Decoding one compressed frame to an array. The codec libraries are loaded on first use."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdicom_emulator.dicom.pixels.codestreams import (
    Codestream,
    check,
    jpeg_2000_header,
    jpeg_header,
    without_application_segments,
)
from azdicom_emulator.dicom.pixels.errors import DecodingError
from azdicom_emulator.dicom.pixels.image import PixelFormat
from azdicom_emulator.dicom.pixels.limits import MAX_FRAME_BYTES

JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

# Decoded components are all of full size.
_WITHOUT_SUBSAMPLING = {"YBR_FULL_422": "YBR_FULL", "YBR_PARTIAL_420": "YBR_FULL"}
Pixels = NDArray[Any]


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
    except (DecodingError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # what the codec libraries raise is not documented; the RLE one even panics
        raise DecodingError(f"{type(error).__name__}: {error}") from error
    shape = (declared.rows, declared.columns, declared.samples_per_pixel)[: 3 if declared.samples_per_pixel > 1 else 2]
    if pixels.shape != shape:
        raise DecodingError(f"decoded to {pixels.shape} instead of {shape}")
    return pixels, _WITHOUT_SUBSAMPLING.get(photometric_interpretation, photometric_interpretation)


def _contained(pixels: Pixels, stream: Codestream, declared: PixelFormat) -> Pixels:
    """Samples in BitsAllocated; unsigned ones of a signed image get their sign from the codestream's top bit."""
    if declared.is_signed and not stream.is_signed:
        bits = pixels.dtype.itemsize * 8 - stream.precision
        pixels = (pixels << bits).view(f"i{pixels.dtype.itemsize}") >> bits
    return pixels.astype(f"<{'i' if declared.is_signed else 'u'}{-(-declared.bits_allocated // 8)}", copy=False)


def _jpeg_2000(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    from openjpeg.utils import decode as openjpeg_decode

    stream = jpeg_2000_header(data)
    check(stream, declared)
    pixels = openjpeg_decode(data)
    space = declared.photometric_interpretation
    return _contained(pixels, stream, declared), "RGB" if space in ("YBR_RCT", "YBR_ICT") else space


def _jpeg(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    """Baseline and extended. Colour comes out as RGB whatever the data set calls it, by the JFIF or Adobe marker."""
    from PIL import Image

    stream = jpeg_header(data)
    check(stream, declared)
    if stream.precision > 8:
        return _gdcm(data, declared, stream, "JPEGExtendedProcess2_4")
    with Image.open(BytesIO(data), formats=("JPEG",)) as picture:
        # Without a marker that tells the colour space the data set is believed: no conversion if it says RGB.
        if declared.photometric_interpretation == "RGB" and not {"jfif", "adobe_transform"} & picture.info.keys():
            picture.draft("YCbCr", picture.size)
        pixels = np.asarray(picture)
    return _contained(pixels, stream, declared), "RGB" if pixels.ndim == 3 else declared.photometric_interpretation


def _jpeg_lossless(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    stream = jpeg_header(data)
    check(stream, declared)
    return _gdcm(data, declared, stream, "JPEGLosslessProcess14_1")


def _gdcm(data: bytes, declared: PixelFormat, stream: Codestream, transfer_syntax: str) -> tuple[Pixels, str]:
    import gdcm

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    fragment = gdcm.Fragment()
    # The library ends the process on a warning about the header, so it gets nothing to warn about.
    fragment.SetByteStringValue(without_application_segments(data))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stream.columns, stream.rows, 1))
    image.SetDataElement(element)
    # RGB keeps the library from converting anything.
    kind = (
        gdcm.PhotometricInterpretation.RGB
        if stream.samples_per_pixel > 1
        else gdcm.PhotometricInterpretation.MONOCHROME2
    )
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

    stream = jpeg_header(data)
    check(stream, declared)
    if not data.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise DecodingError("the JPEG-LS stream is cut off")  # the library would spin for seconds before it says so
    buffer, info = decode_pixel_data(data)
    pixels = np.frombuffer(buffer, "u1" if stream.precision <= 8 else "<u2")
    by_plane = stream.samples_per_pixel > 1 and info["interleave_mode"] == 0
    return _contained(_shaped(pixels, stream, by_plane=by_plane), stream, declared), declared.photometric_interpretation


def _rle(data: bytes, declared: PixelFormat) -> tuple[Pixels, str]:
    from rle.rle import decode_frame  # type: ignore[import-not-found]  # an extension module without stubs

    buffer = decode_frame(data, declared.rows * declared.columns, declared.bits_allocated, "<")
    stream = Codestream(
        declared.rows, declared.columns, declared.samples_per_pixel, declared.bits_allocated, declared.is_signed
    )
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
