"""A pattern in the place of an image's samples: for native frames, for pictures, and in the frame formats of DICOM."""

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING

from azdicom_proxy.scrub.datasets import RefusedError

if TYPE_CHECKING:
    from azdicom_emulator.dicom.pixels.codecs import Pixels
    from azdicom_emulator.dicom.pixels.codestreams import Codestream

CHUNK_BYTES = 64 * 1024
_CYCLE = bytes(value for level in range(16) for value in (level, 0))
"""The same ramp whether a sample has 8 bits or 16, of which 12 may be stored."""
_CHUNK = _CYCLE * (CHUNK_BYTES // len(_CYCLE))
_JPEG = b"\xff\xd8\xff"
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_START_OF_FRAME_JPEG_LS = 0xF7
_BASELINE_AND_KIN = frozenset((0xC0, 0xC1, 0xC2))
_SIZ, _CAP, _COMMENT, _START_OF_TILE = 0xFF51, 0xFF50, 0xFF64, 0xFF90
_MOST_SAMPLES = 1 << 28
"""What a header claims is not worth more memory."""
_RLE_HEADER = struct.Struct("<16I")


def pattern(size_bytes: int) -> bytes:
    """The pattern of a frame that is `size_bytes` long."""
    return b"".join(pattern_chunks(size_bytes))


def pattern_chunks(size_bytes: int, frame_bytes: int = 0) -> Iterator[bytes]:
    """The pattern in chunks of at most 64 KiB; it begins anew at each frame. frame_bytes: 0 is one frame."""
    for begin in range(0, size_bytes, frame_bytes or size_bytes):
        end = min(begin + (frame_bytes or size_bytes), size_bytes)
        for at in range(begin, end, CHUNK_BYTES):
            yield _CHUNK[: min(CHUNK_BYTES, end - at)]


def is_coded(content: bytes) -> bool:
    """Whether `content` begins as a picture, or as a compressed frame of DICOM (PS3.5 §8.2, §A.4)."""
    return content.startswith((_JPEG, *_JPEG_2000, *_PICTURES)) or _is_rle(content)


def coded_pattern(content: bytes) -> bytes:
    """An image of the pattern, of the same size and in the same format as `content`. Raises RefusedError."""
    if content.startswith(_JPEG_2000):
        return _jpeg_2000(content)
    if _is_rle(content):
        return _rle(content)
    if content.startswith(_JPEG) and _jpeg_process(content) == _START_OF_FRAME_JPEG_LS:
        return _jpeg_ls(content)
    if content.startswith((_JPEG, *_PICTURES)):
        return _picture(content)
    raise RefusedError("thin-pixels: a compressed image in a format that cannot be written here")


def _jpeg_process(content: bytes) -> int:
    """The frame header's marker, which tells the process (ISO 10918-1 §B.1.1.3). Raises RefusedError."""
    from azdicom_emulator.dicom.pixels.codestreams import START_OF_FRAME, jpeg_segments
    from azdicom_emulator.dicom.pixels.errors import DecodingError

    try:
        return next(marker for marker, _, _ in jpeg_segments(content) if marker in START_OF_FRAME)
    except (DecodingError, StopIteration, struct.error):
        raise RefusedError("thin-pixels: a JPEG image without a frame header") from None


def _picture(content: bytes) -> bytes:
    """JPEG, PNG or GIF, a grey ramp in the picture's own mode."""
    from PIL import Image

    if content.startswith(_JPEG) and _jpeg_process(content) not in _BASELINE_AND_KIN:
        raise RefusedError("thin-pixels: JPEG of a process that cannot be written here (lossless, say)")
    try:
        with Image.open(BytesIO(content)) as original:
            size, mode, form = original.size, original.mode, original.format
            if getattr(original, "n_frames", 1) > 1:
                raise RefusedError("thin-pixels: an animated picture")
        sink = BytesIO()
        Image.frombytes("L", size, pattern(size[0] * size[1])).convert(mode).save(sink, form)
    except (OSError, ValueError, SyntaxError, KeyError, Image.DecompressionBombError) as error:
        raise RefusedError(f"thin-pixels: a picture cannot be written anew: {error}") from error
    return sink.getvalue()


def _jpeg_2000(content: bytes) -> bytes:
    from azdicom_emulator.dicom.pixels.codestreams import jpeg_2000_header
    from azdicom_emulator.dicom.pixels.encoders import encode_jpeg_2000
    from azdicom_emulator.dicom.pixels.errors import DecodingError
    from azdicom_emulator.dicom.pixels.image import PixelFormat

    if any(marker == _CAP for marker, _, _ in _main_header(content)):
        raise RefusedError("thin-pixels: High-Throughput JPEG 2000 cannot be written here")
    try:
        stream = jpeg_2000_header(content)
        declared = PixelFormat(
            rows=stream.rows,
            columns=stream.columns,
            samples_per_pixel=stream.samples_per_pixel,
            bits_allocated=_allocated(stream.precision),
            bits_stored=stream.precision,
            high_bit=stream.precision - 1,
            is_signed=bool(stream.is_signed),
            photometric_interpretation="RGB" if stream.samples_per_pixel == 3 else "MONOCHROME2",
            is_planar=False,
        )
        encoded = encode_jpeg_2000(_samples(stream), declared)
    except DecodingError as error:
        raise RefusedError(f"thin-pixels: JPEG 2000 cannot be written anew: {error}") from error
    return _without_comments(encoded)


def _without_comments(content: bytes) -> bytes:
    """Comments name the version of the encoder, which is another on another machine."""
    kept = [content[:2]]
    end = 2
    for marker, begin, end in _main_header(content):
        if marker != _COMMENT:
            kept.append(content[begin:end])
    return b"".join((*kept, content[end:]))


def _main_header(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment before the first tile (ISO 15444-1 §A.2)."""
    position = content.find(b"\xff\x4f\xff\x51", 0, 4096) + 2
    while position + 4 <= len(content):
        marker, length = struct.unpack_from(">HH", content, position)
        if marker == _START_OF_TILE or marker < 0xFF00:
            return
        yield marker, position, position + 2 + length
        position += 2 + length


def _jpeg_ls(content: bytes) -> bytes:
    from azdicom_emulator.dicom.pixels.codestreams import jpeg_header
    from azdicom_emulator.dicom.pixels.errors import DecodingError

    try:
        from jpeg_ls import encode_buffer

        stream = jpeg_header(content)
        encoded = encode_buffer(
            _samples(stream).tobytes(),
            stream.rows,
            stream.columns,
            stream.samples_per_pixel,
            stream.precision,
            lossy_error=0,
            interleave_mode=0 if stream.samples_per_pixel == 1 else 2,
        )
        return bytes(encoded)
    except (DecodingError, RuntimeError, ValueError) as error:
        raise RefusedError(f"thin-pixels: JPEG-LS cannot be written anew: {error}") from error


def _samples(stream: "Codestream") -> "Pixels":
    """The pattern as (rows, columns) or (rows, columns, samples), in little endian words."""
    import numpy as np

    width_bytes = _allocated(stream.precision) // 8
    shape = (stream.rows, stream.columns, stream.samples_per_pixel)[: 2 if stream.samples_per_pixel == 1 else 3]
    count = stream.rows * stream.columns * stream.samples_per_pixel
    if count > _MOST_SAMPLES:
        raise RefusedError("thin-pixels: an image that says it has more than 2^28 samples")
    samples = np.frombuffer(pattern(count * width_bytes), f"<u{width_bytes}").reshape(shape)
    return samples & ((1 << max(1, stream.precision - bool(stream.is_signed))) - 1)


def _allocated(precision: int) -> int:
    return 8 if precision <= 8 else 16 if precision <= 16 else 32


def _is_rle(content: bytes) -> bool:
    """Whether it begins as the header of an RLE frame (PS3.5 §G.5): there is no other mark."""
    if len(content) < _RLE_HEADER.size:
        return False
    count, *offsets = _RLE_HEADER.unpack_from(content)
    used = offsets[:count]
    return (
        1 <= count <= 15
        and used[0] == _RLE_HEADER.size
        and all(one < other for one, other in pairwise(used))
        and used[-1] < len(content)
        and not any(offsets[count:])
    )


def _rle(content: bytes) -> bytes:
    """Segments that decode to as many bytes, all of them zero: the frame does not say its rows and columns."""
    count, *offsets = _RLE_HEADER.unpack_from(content)
    bounds = [*offsets[:count], len(content)]
    segments = [_packed_zeros(_unpacked_bytes(content[begin:end])) for begin, end in pairwise(bounds)]
    begins = [_RLE_HEADER.size]
    for segment in segments[:-1]:
        begins.append(begins[-1] + len(segment))
    return _RLE_HEADER.pack(count, *begins, *[0] * (15 - count)) + b"".join(segments)


def _unpacked_bytes(segment: bytes) -> int:
    """How many bytes the segment decodes to (PS3.5 §G.3.2)."""
    position = size = 0
    while position + 1 < len(segment):
        length = segment[position]
        if length < 128:
            size += length + 1
            position += length + 2
        else:
            size += 257 - length if length > 128 else 0
            position += 2 if length > 128 else 1
    return size


def _packed_zeros(size_bytes: int) -> bytes:
    whole, rest = divmod(size_bytes, 128)
    packed = b"\x81\x00" * whole
    if rest:
        packed += bytes((257 - rest, 0)) if rest > 1 else b"\x00\x00"
    return packed + b"\0" * (len(packed) % 2)
