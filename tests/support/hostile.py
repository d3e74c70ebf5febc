"""DICOM files that nobody should have to read: deep, lying, cut off, explosive."""

import random
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.support.instances import an_instance, part10

SEQUENCE, ITEM, ITEM_END, SEQUENCE_END = (0x0040, 0xA730), (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
UNDEFINED = 0xFFFFFFFF
MIB = 1024 * 1024
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEG2000Lossless,
    JPEGLSLossless,
)


def base_files() -> dict[str, bytes]:
    """A small valid image in each transfer syntax, by its name."""
    return {
        UID(syntax).name: part10(an_instance(frames=2, rows=40, columns=40, transfer_syntax=syntax))
        for syntax in SYNTAXES
    }


def truncated(content: bytes, count: int) -> Iterator[bytes]:
    """`content` cut off at `count` places, evenly spread."""
    for number in range(1, count + 1):
        yield content[: len(content) * number // (count + 1)]


def mutated(content: bytes, seed: int) -> bytes:
    """`content` with bytes of its data set changed, removed, repeated; the same for the same seed."""
    chance = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(132, len(damaged) - 8)
        match chance.randrange(5):
            case 0:
                damaged[place] = chance.randrange(256)
            case 1:
                damaged[place : place + 4] = struct.pack("<I", chance.choice((0, 1, 0x7FFFFFFF, UNDEFINED, 0xFFFF)))
            case 2:
                del damaged[place : place + chance.randint(1, 9)]
            case 3:
                damaged[place:place] = damaged[place : place + chance.randint(1, 64)]
            case _:
                damaged[place : place + 2] = chance.choice((b"SQ", b"UN", b"OB", b"UT", b"AT", b"\xfe\xff", b"\0\0"))
    return bytes(damaged)


def nested(depth: int, *, is_implicit: bool, is_undefined: bool) -> bytes:
    """A valid instance with sequences `depth` deep."""
    dataset = an_instance(
        has_pixel_data=False, transfer_syntax=ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
    )
    return part10(dataset) + _nested(depth, is_implicit=is_implicit, is_undefined=is_undefined)


def _nested(depth: int, *, is_implicit: bool, is_undefined: bool) -> bytes:
    header_bytes = 8 if is_implicit else 12
    level_bytes = header_bytes + 8 + (16 if is_undefined else 0)
    opening = []
    for level in range(depth):
        inside = (depth - level) * level_bytes
        opening.append(struct.pack("<HH", *SEQUENCE))
        opening.append(b"" if is_implicit else b"SQ\0\0")
        opening.append(struct.pack("<I", UNDEFINED if is_undefined else inside - header_bytes))
        opening.append(struct.pack("<HHI", *ITEM, UNDEFINED if is_undefined else inside - header_bytes - 8))
    closing = struct.pack("<HHIHHI", *ITEM_END, 0, *SEQUENCE_END, 0) if is_undefined else b""
    return b"".join(opening) + closing * depth


def deflate_bomb(inflated_bytes: int) -> bytes:
    """A valid instance whose deflated data set holds pixel data of `inflated_bytes` zeros."""
    dataset = an_instance(has_pixel_data=False, Rows=65535, Columns=65535, transfer_syntax=ExplicitVRLittleEndian)
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    deflated = [deflater.compress(_data_set(dataset))]
    deflated.append(deflater.compress(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, inflated_bytes)))
    zeros = bytes(MIB)
    deflated += [deflater.compress(zeros) for _ in range(inflated_bytes // MIB)]
    deflated.append(deflater.flush())
    return _file_head(dataset, DeflatedExplicitVRLittleEndian) + b"".join(deflated)


def huge_jpeg_2000(rows: int, columns: int, *, is_declared: bool) -> bytes:
    """A small JPEG 2000 image whose codestream says that it is huge; is_declared: and so does the data set."""
    dataset = an_instance(rows=40, columns=40, transfer_syntax=JPEG2000Lossless)
    stream = bytearray(_only_frame(dataset))
    place = stream.index(b"\xff\x51") + 6
    struct.pack_into(">II", stream, place, columns, rows)
    struct.pack_into(">II", stream, place + 16, columns, rows)  # one tile
    dataset.PixelData = encapsulate([bytes(stream)])
    if is_declared:
        dataset.Rows, dataset.Columns = rows, columns
    return part10(dataset)


def lying(**attributes: object) -> bytes:
    """A small native image that says of itself what is not true."""
    dataset = an_instance(frames=2)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return part10(dataset)


def with_length_of_pixel_data(length: int) -> bytes:
    """A valid file but for the length of its last element."""
    content = part10(an_instance())
    place = content.rindex(b"\xe0\x7f\x10\x00OW\0\0") + 8
    return content[:place] + struct.pack("<I", length) + content[place + 4 :]


def _only_frame(dataset: FileDataset) -> bytes:
    from pydicom.encaps import generate_frames

    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def _data_set(dataset: FileDataset) -> bytes:
    """The data set alone, in explicit VR little endian."""
    content = part10(dataset)
    meta = _file_head(dataset, ExplicitVRLittleEndian)
    assert content.startswith(meta)
    return content[len(meta) :]


def _file_head(dataset: FileDataset, transfer_syntax: str) -> bytes:
    meta = FileMetaDataset(dataset.file_meta)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    buffer = BytesIO()
    buffer.write(bytes(128) + b"DICM")
    write_file_meta_info(buffer, meta, enforce_standard=True)
    return buffer.getvalue()
