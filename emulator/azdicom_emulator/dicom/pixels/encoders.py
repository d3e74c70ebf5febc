"""Encoding one frame to JPEG 2000 lossless. The codec libraries are loaded on first use."""

from io import BytesIO

import numpy as np

from azdicom_emulator.dicom.pixels.codecs import Pixels
from azdicom_emulator.dicom.pixels.errors import DecodingError
from azdicom_emulator.dicom.pixels.image import SUBSAMPLED_422, PixelFormat

# Five wavelet levels need this many rows and columns.
_OPENJPEG_LEAST_SIDE = 32


def encode_jpeg_2000(pixels: Pixels, declared: PixelFormat) -> bytes:
    """A lossless JPEG 2000 codestream; RGB goes through the reversible colour transform (PS3.5 §8.2.4).

    pixels: as from `decode`. Raises DecodingError when the codec does not take such pixels (more than 24 bits, say).
    """
    precision = _precision_of(pixels, declared)
    space = declared.photometric_interpretation
    if precision > 24 or declared.samples_per_pixel not in (1, 3) or space in SUBSAMPLED_422:
        raise DecodingError(f"JPEG 2000 of {space} with {declared.samples_per_pixel} samples of {precision} bits")
    width = 1 if precision <= 8 else 2 if precision <= 16 else 4
    container = np.ascontiguousarray(pixels, f"<{'i' if declared.is_signed else 'u'}{width}")
    encode = _openjpeg_encoded if min(declared.rows, declared.columns) >= _OPENJPEG_LEAST_SIDE else _pillow_encoded
    try:
        return encode(container, declared, precision)
    except Exception as error:  # what the codec libraries raise is not documented
        raise DecodingError(f"{type(error).__name__}: {error}") from error


def _openjpeg_encoded(pixels: Pixels, declared: PixelFormat, precision: int) -> bytes:
    from openjpeg.utils import encode_buffer

    is_rgb = declared.photometric_interpretation == "RGB"
    stream: bytes = encode_buffer(
        pixels.tobytes(),
        declared.columns,
        declared.rows,
        declared.samples_per_pixel,
        precision,
        declared.is_signed,
        photometric_interpretation=1 if is_rgb else 0,
        use_mct=is_rgb,
    )
    return stream


def _pillow_encoded(pixels: Pixels, declared: PixelFormat, _precision: int) -> bytes:
    """For images too small for the wavelet levels that the other binding insists on. Precision is 8 or 16 bits."""
    from PIL import Image

    sink = BytesIO()
    Image.fromarray(pixels.view(f"u{pixels.dtype.itemsize}")).save(
        sink,
        "JPEG2000",
        no_jp2=True,
        irreversible=False,
        num_resolutions=1,
        mct=int(declared.photometric_interpretation == "RGB"),
    )
    return sink.getvalue()


def _precision_of(pixels: Pixels, declared: PixelFormat) -> int:
    """BitsStored, or BitsAllocated when values need the bits above it (old overlays, unused bits that are not zero)."""
    low, high = int(pixels.min()), int(pixels.max())
    bits = declared.bits_stored
    limits = (-(1 << bits - 1), (1 << bits - 1) - 1) if declared.is_signed else (0, (1 << bits) - 1)
    return bits if limits[0] <= low and high <= limits[1] else declared.bits_allocated
