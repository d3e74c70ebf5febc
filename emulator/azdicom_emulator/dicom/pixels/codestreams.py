"""What compressed frames say of themselves in their headers, and whether the data set agrees."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from azdicom_emulator.dicom.pixels.errors import DecodingError
from azdicom_emulator.dicom.pixels.image import PixelFormat

# SOF0…SOF15 without DHT, JPG and DAC, which share their range; SOF55 is JPEG-LS.
START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
START_OF_SCAN = 0xDA
NEEDED_SEGMENTS = START_OF_FRAME | {
    START_OF_SCAN,
    0xC4,
    0xDB,
    0xDD,
}  # Huffman and quantisation tables, restart interval


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and samples of a frame; `precision` is in bits, `is_signed` None in formats without such a flag."""

    rows: int
    columns: int
    samples_per_pixel: int
    precision: int
    is_signed: bool | None = None


def jpeg_2000_header(data: bytes) -> Codestream:
    """The SIZ marker segment, of a bare codestream or one inside a JP2 file (ISO 15444-1 §A.5.1)."""
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or len(data) < start + 44:
        raise DecodingError("not a JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    depth = data[start + 42]
    return Codestream(bottom - top, right - left, components, (depth & 0x7F) + 1, bool(depth & 0x80))


def jpeg_header(data: bytes) -> Codestream:
    """The frame header of a JPEG or JPEG-LS stream (ISO 10918-1 §B.2.2, ISO 14495-1 §C.2.2)."""
    for marker, start, _end in jpeg_segments(data):
        if marker in START_OF_FRAME and start + 10 <= len(data):
            precision, rows, columns, components = struct.unpack_from(">BHHB", data, start + 4)
            return Codestream(rows, columns, components, precision)
    raise DecodingError("no JPEG frame header")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the first scan, start of scan included. Raises DecodingError."""
    if not data.startswith(b"\xff\xd8"):
        raise DecodingError("not a JPEG stream")
    position, marker = 2, 0
    while marker != START_OF_SCAN:
        if position + 4 > len(data) or data[position] != 0xFF:
            raise DecodingError("a JPEG header that is not a row of segments")
        marker, (length,) = data[position + 1], struct.unpack_from(">H", data, position + 2)
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        yield marker, position, position + 2 + length
        position += 2 + length


def without_application_segments(data: bytes) -> bytes:
    """The stream with the segments only that decoding needs, one after the other."""
    kept, end = [data[:2]], 2
    for marker, start, end in jpeg_segments(data):
        if marker in NEEDED_SEGMENTS:
            kept.append(data[start:end])
    return b"".join((*kept, data[end:]))


def check(stream: Codestream, declared: PixelFormat) -> None:
    """Raises DecodingError when a codestream contradicts the data set: decoding it could take any amount of memory."""
    said = (stream.rows, stream.columns, stream.samples_per_pixel)
    if said != (declared.rows, declared.columns, declared.samples_per_pixel):
        raise DecodingError(f"the codestream is {said}, the data set says otherwise")
    if not 1 <= stream.precision <= declared.bits_allocated:
        raise DecodingError(f"{stream.precision} bits do not fit into {declared.bits_allocated}")
