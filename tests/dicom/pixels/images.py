"""Makes image files for tests: any layout, any transfer syntax, valid or not."""

import struct
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_fragments
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

Pixels = NDArray[Any]


def a_dataset(pixels: Pixels, *, number_of_frames: int | None = None, **attributes: Any) -> Dataset:
    """A data set that describes `pixels`: (rows, columns[, 3]), or frames of that when `number_of_frames` is given.

    Attributes override what is derived; None removes one.
    """
    shape = pixels.shape if number_of_frames is None else pixels.shape[1:]
    bits = pixels.dtype.itemsize * 8
    described = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "SOPInstanceUID": generate_uid(),
        "SamplesPerPixel": 3 if len(shape) == 3 else 1,
        "PhotometricInterpretation": "RGB" if len(shape) == 3 else "MONOCHROME2",
        "PlanarConfiguration": 0 if len(shape) == 3 else None,
        "NumberOfFrames": number_of_frames,
        "Rows": shape[0],
        "Columns": shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": attributes.get("BitsStored", bits) - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }
    dataset = Dataset()
    for keyword, value in {**described, **attributes}.items():
        if value is not None:
            setattr(dataset, keyword, value)
    return dataset


def write(path: Path, dataset: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> Path:
    """Writes a Part 10 file and returns its path."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    dataset.save_as(path, enforce_file_format=True)
    return path


def native_file(
    path: Path, pixels: Pixels, transfer_syntax_uid: str = ExplicitVRLittleEndian, **attributes: Any
) -> Path:
    """`pixels` uncompressed in little endian order, or big endian when the transfer syntax is."""
    dataset = a_dataset(pixels, **attributes)
    is_big = transfer_syntax_uid == "1.2.840.10008.1.2.2"
    data = pixels.astype(pixels.dtype.newbyteorder(">" if is_big else "<")).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    is_byte = dataset.BitsAllocated <= 8 and transfer_syntax_uid != ImplicitVRLittleEndian
    dataset["PixelData"].VR = "OB" if is_byte else "OW"
    return write(path, dataset, transfer_syntax_uid)


def relabelled(path: Path, transfer_syntax_uid: str) -> Path:
    """Changes nothing but (0002,0010), as no honest writer would."""
    content = path.read_bytes()
    start = content.index(b"\x02\x00\x10\x00UI") + 6
    end = start + 2 + int.from_bytes(content[start : start + 2], "little")
    value = even(transfer_syntax_uid.encode())
    path.write_bytes(content[:start] + struct.pack("<H", len(value)) + value + content[end:])
    return path


def encapsulated(fragments: Sequence[bytes], offsets: Sequence[int] = ()) -> bytes:
    """A pixel data value but for the delimiter that a writer adds: offset table item, then fragments as given."""
    items = (struct.pack(f"<{len(offsets)}I", *offsets), *fragments)
    return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)


def encapsulated_file(
    path: Path,
    dataset: Dataset,
    fragments: Sequence[bytes],
    transfer_syntax_uid: str = JPEG2000Lossless,
    offsets: Sequence[int] = (),
) -> Path:
    """The data set with the fragments as its pixel data."""
    dataset.PixelData = encapsulated(fragments, offsets)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return write(path, dataset, transfer_syntax_uid)


def compressed_file(
    path: Path, pixels: Pixels, transfer_syntax_uid: str, *, number_of_frames: int | None = None, **attributes: Any
) -> Path:
    """`pixels` encoded frame by frame, one fragment each."""
    encode = ENCODERS[transfer_syntax_uid]
    frames = [pixels] if number_of_frames is None else list(pixels)
    bits = attributes.get("BitsStored", pixels.dtype.itemsize * 8)
    fragments = [even(encode(frame, bits)) for frame in frames]
    dataset = a_dataset(pixels, number_of_frames=number_of_frames, **attributes)
    return encapsulated_file(path, dataset, fragments, transfer_syntax_uid)


def even(fragment: bytes) -> bytes:
    return fragment + b"\0" * (len(fragment) % 2)


def jpeg(pixels: Pixels, _bits: int = 8) -> bytes:
    sink = BytesIO()
    Image.fromarray(pixels).save(sink, "JPEG", quality=100, subsampling=0)
    return sink.getvalue()


def jpeg_2000(pixels: Pixels, bits: int, *, is_mct: bool = True) -> bytes:
    from openjpeg.utils import encode_array

    stream: bytes = encode_array(pixels, bits, photometric_interpretation=1 if pixels.ndim == 3 else 0, use_mct=is_mct)
    return stream


def jpeg_ls(pixels: Pixels, bits: int) -> bytes:
    """JPEG-LS has unsigned samples only; negative ones are written as two's complement of `bits` bits."""
    from jpeg_ls import encode_array

    unsigned = pixels.view(f"u{pixels.dtype.itemsize}") & ((1 << bits) - 1)
    return bytes(encode_array(unsigned, interleave_mode=2 if pixels.ndim == 3 else 0))


def jpeg_lossless(pixels: Pixels, bits: int) -> bytes:
    """Process 14, selection value 1; GDCM encodes files only."""
    import gdcm

    with TemporaryDirectory() as folder:
        path = native_file(Path(folder) / "native.dcm", pixels, BitsStored=bits)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        assert writer.Write()
        return next(generate_fragments(dcmread(path).PixelData[8:]))


def rle(pixels: Pixels, _bits: int) -> bytes:
    from rle.utils import encode_pixel_data

    encoded: bytes = encode_pixel_data(
        pixels.tobytes(),
        byteorder="<",
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=3 if pixels.ndim == 3 else 1,
        bits_allocated=pixels.dtype.itemsize * 8,
    )
    return encoded


ENCODERS: dict[str, Callable[[Pixels, int], bytes]] = {
    JPEGBaseline8Bit: jpeg,
    JPEGLosslessSV1: jpeg_lossless,
    "1.2.840.10008.1.2.4.57": jpeg_lossless,  # of which selection value 1 is a special case
    JPEGLSLossless: jpeg_ls,
    "1.2.840.10008.1.2.4.81": jpeg_ls,
    JPEG2000Lossless: jpeg_2000,
    "1.2.840.10008.1.2.4.91": jpeg_2000,
    RLELossless: rle,
}


def grey_ramp(dtype: str = "u2", rows: int = 40, columns: int = 48, high: int | None = None) -> Pixels:
    """Different values all over the range of the type (or up to `high`), negative ones included."""
    info = np.iinfo(dtype)
    top = info.max if high is None else high
    low = 0 if info.min == 0 else -top - 1
    return np.linspace(low, top, rows * columns).astype(dtype).reshape(rows, columns)


def colours(rows: int = 40, columns: int = 48) -> Pixels:
    """Three channels that differ."""
    y, x = np.mgrid[:rows, :columns]
    return np.stack([x * 5 % 256, y * 6 % 256, (x + 2 * y) % 256], axis=-1).astype("u1")
