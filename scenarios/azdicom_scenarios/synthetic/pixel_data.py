"""Pixel data of an instance in its transfer syntax, and the attributes that describe them."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from azdicom_scenarios.synthetic.spec import TRANSFER_SYNTAXES, UNCOMPRESSED

_NAMES = {uid: name for name, uid in TRANSFER_SYNTAXES.items()}
_LOSSY = {
    "jpeg-baseline": "ISO_10918_1",
    "jpeg-ls-near": "ISO_14495_1",
    "jpeg-2000": "ISO_15444_1",
}
"""Transfer syntaxes that lose something, and their LossyImageCompressionMethod (PS3.3 §C.7.6.1.1.5)."""

_NEAR, _J2K_RATIO, _JPEG_QUALITY = 2, 8, 90


def add_pixels(dataset: Dataset, frames: NDArray[Any], transfer_syntax_uid: str) -> None:
    """Sets PixelData and what describes it.

    frames: (frames, rows, columns) or (frames, rows, columns, 3) of uint8 or uint16; JPEG baseline holds uint8 alone.
    """
    syntax = _NAMES[transfer_syntax_uid]
    _describe(dataset, frames)
    if syntax in UNCOMPRESSED:
        _native(dataset, frames, syntax)
        return
    codestreams = [_encoded(dataset, frame, syntax) for frame in frames]
    dataset.PixelData = encapsulate(codestreams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    if syntax in _LOSSY:
        ratio = frames.nbytes / sum(map(len, codestreams))
        dataset.LossyImageCompression = "01"
        dataset.LossyImageCompressionRatio = f"{ratio:.4g}"
        dataset.LossyImageCompressionMethod = _LOSSY[syntax]
        dataset.ImageType = ["DERIVED", *dataset.ImageType[1:]]


def add_bits(dataset: Dataset, frames: NDArray[np.bool_]) -> None:
    """Sets PixelData to single bits, the first pixel in the lowest one (PS3.5 §8.1.1), without gaps between frames."""
    _, rows, columns = frames.shape
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 1, 1, 0, 0
    packed = np.packbits(frames.reshape(-1), bitorder="little").tobytes()
    dataset.add_new("PixelData", "OB", packed + b"\0" * (len(packed) % 2))


def _describe(dataset: Dataset, frames: NDArray[Any]) -> None:
    is_colour = frames.ndim == 4
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    bits = frames.dtype.itemsize * 8
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0


def _native(dataset: Dataset, frames: NDArray[Any], syntax: str) -> None:
    dtype = frames.dtype.newbyteorder(">") if syntax == "explicit-be" else frames.dtype
    value = frames.astype(dtype, copy=False).tobytes()
    is_bytes = frames.dtype.itemsize == 1 and syntax != "implicit-le"
    dataset.add_new("PixelData", "OB" if is_bytes else "OW", value + b"\0" * (len(value) % 2))


def _encoded(dataset: Dataset, frame: NDArray[Any], syntax: str) -> bytes:
    """One codestream; sets the photometric interpretation that it has."""
    is_colour = frame.ndim == 3
    if syntax == "jpeg-baseline":
        return _jpeg_baseline(dataset, frame)
    from pydicom.pixels.encoders.base import get_encoder

    options: dict[str, Any] = {
        "rows": frame.shape[0],
        "columns": frame.shape[1],
        "number_of_frames": 1,
        "samples_per_pixel": 3 if is_colour else 1,
        "bits_allocated": dataset.BitsAllocated,
        "bits_stored": dataset.BitsStored,
        "pixel_representation": dataset.PixelRepresentation,
        "photometric_interpretation": "RGB" if is_colour else "MONOCHROME2",
    }
    if is_colour:
        options["planar_configuration"] = 0
    if syntax == "jpeg-ls-near":
        options["jls_error"] = _NEAR
    if syntax == "jpeg-2000":
        options["j2k_cr"] = [_J2K_RATIO]
    if syntax in ("jpeg-2000", "jpeg-2000-lossless") and is_colour:
        options["use_mct"] = True
        options["photometric_interpretation"] = "YBR_ICT" if syntax == "jpeg-2000" else "YBR_RCT"
    dataset.PhotometricInterpretation = options["photometric_interpretation"]
    return get_encoder(UID(TRANSFER_SYNTAXES[syntax])).encode(np.ascontiguousarray(frame), **options)


def _jpeg_baseline(dataset: Dataset, frame: NDArray[Any]) -> bytes:
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(stream, "JPEG", quality=_JPEG_QUALITY)
    if frame.ndim == 3:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    return stream.getvalue() + b"\0" * (len(stream.getvalue()) % 2)
