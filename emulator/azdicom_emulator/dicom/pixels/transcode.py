"""A whole file in another transfer syntax: explicit VR little endian or JPEG 2000 lossless (retrieve §9)."""

import struct
from collections.abc import Callable
from io import BytesIO
from os import PathLike
from typing import BinaryIO

from azdicom_emulator.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from azdicom_emulator.dicom.pixels.codecs import JPEG_2000_LOSSLESS
from azdicom_emulator.dicom.pixels.elements import (
    ITEM,
    SEQUENCE_DELIMITATION,
    UNDEFINED_LENGTH,
    end_of,
)
from azdicom_emulator.dicom.pixels.errors import DecodingError, FrameNotFoundError, MalformedFileError, TranscodingError
from azdicom_emulator.dicom.pixels.frames import FrameTable, frame_table
from azdicom_emulator.dicom.pixels.image import (
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    PHOTOMETRIC_INTERPRETATION,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    PLANAR_CONFIGURATION,
    ImageFile,
    PixelFormat,
)
from azdicom_emulator.dicom.pixels.limits import MAX_DECODED_BYTES
from azdicom_emulator.dicom.pixels.native import (
    decode_frame,
    jpeg_2000_bytes,
    layout,
    native_bytes,
    native_format,
    native_value,
)
from azdicom_emulator.dicom.pixels.rewrite import Rewriter
from azdicom_emulator.dicom.syntax import EXPLICIT_VR_LITTLE_ENDIAN

_META_VERSION, _META_TRANSFER_SYNTAX, _META_CLASS_UID, _META_VERSION_NAME = (
    0x00020001,
    0x00020010,
    0x00020012,
    0x00020013,
)
_Changes = dict[int, tuple[str, bytes]]


def transcode(path: str | PathLike[str], target_transfer_syntax_uid: str) -> bytes:
    """The whole file in explicit VR little endian or JPEG 2000 lossless; a file without pixel data is just rewritten.

    Every attribute is kept as it is, private and unknown ones included, except those that describe the pixels' layout.
    Raises TranscodingError, OSError.
    """
    sink = BytesIO()
    _transcode(path, target_transfer_syntax_uid, sink)
    return sink.getvalue()


def transcode_to_file(
    path: str | PathLike[str], target_transfer_syntax_uid: str, destination: str | PathLike[str]
) -> int:
    """`transcode` into `destination`, a file that exists, so that the result is never held whole; returns its size.

    When the caller removes `destination` meanwhile, nothing stays behind.
    """
    with open(destination, "r+b") as sink:
        _transcode(path, target_transfer_syntax_uid, sink)
        return sink.tell()


def _transcode(path: str | PathLike[str], target: str, sink: BinaryIO) -> None:
    try:
        with ImageFile(path) as image:
            _write_transcoded(image, target, sink)
    except (DecodingError, FrameNotFoundError, MalformedFileError) as error:
        raise TranscodingError(str(error)) from error


def _write_transcoded(image: ImageFile, target: str, sink: BinaryIO) -> None:
    if target not in (EXPLICIT_VR_LITTLE_ENDIAN, JPEG_2000_LOSSLESS):
        raise TranscodingError(f"transfer syntax {target} is not a target")
    if PIXEL_DATA not in image.elements:
        _write_file(image, target, {}, None, sink)
        return
    table, declared = frame_table(image), image.pixel_format()
    if table.number_of_frames < image.number_of_frames:
        raise TranscodingError(f"NumberOfFrames is {image.number_of_frames}, the data hold {table.number_of_frames}")
    if declared.frame_bits * table.number_of_frames > MAX_DECODED_BYTES * 8:
        raise TranscodingError(f"more than {MAX_DECODED_BYTES} bytes of pixels")
    if target == JPEG_2000_LOSSLESS:
        _to_jpeg_2000(image, table, declared, sink)
    elif table.is_encapsulated:
        _decoded(image, table, declared, sink)
    else:
        _native(image, declared, sink)


def _to_jpeg_2000(image: ImageFile, table: FrameTable, declared: PixelFormat, sink: BinaryIO) -> None:
    """One fragment a frame, with a basic offset table."""
    fragments, described = [], declared
    for frame_number in range(1, table.number_of_frames + 1):
        codestream, described = jpeg_2000_bytes(image, table, declared, frame_number)
        fragments.append(codestream + b"\0" * (len(codestream) % 2))
    is_rgb = described.photometric_interpretation == "RGB"
    changes = _layout_changes(declared, "YBR_RCT" if is_rgb else described.photometric_interpretation, is_planar=False)

    def write(rewriter: Rewriter) -> None:
        offsets, position = [], 0
        for fragment in fragments:
            offsets.append(position & 0xFFFFFFFF)
            position += 8 + len(fragment)
        basic_offset_table = struct.pack(f"<{len(offsets)}I", *offsets) if position <= 0xFFFFFFFF else b""
        rewriter.write_header(PIXEL_DATA, "OB", UNDEFINED_LENGTH)
        for item in (basic_offset_table, *fragments):
            sink.write(struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(item)) + item)
        sink.write(struct.pack("<HHI", SEQUENCE_DELIMITATION >> 16, SEQUENCE_DELIMITATION & 0xFFFF, 0))

    _write_file(image, JPEG_2000_LOSSLESS, changes, write, sink)


def _decoded(image: ImageFile, table: FrameTable, declared: PixelFormat, sink: BinaryIO) -> None:
    """Frames are decoded one by one into the result: only the first tells what the attributes must say."""
    first = decode_frame(image, table, declared, 1)
    described = native_format(table, declared, first.described)
    if declared.bits_allocated == 1 and declared.frame_bits % 8 and table.number_of_frames > 1:
        raise TranscodingError("compressed frames that do not end at a byte")
    changes = _layout_changes(declared, described.photometric_interpretation, is_planar=described.is_planar)
    data = layout(first, table.transfer_syntax_uid, declared)

    def write(rewriter: Rewriter) -> None:
        size = len(data) * table.number_of_frames
        rewriter.write_header(PIXEL_DATA, "OB" if declared.bits_allocated <= 8 else "OW", size + size % 2)
        sink.write(data)
        for frame_number in range(2, table.number_of_frames + 1):
            sink.write(native_bytes(image, table, declared, frame_number))
        sink.write(b"\0" * (size % 2))

    _write_file(image, EXPLICIT_VR_LITTLE_ENDIAN, changes, write, sink)


def _native(image: ImageFile, declared: PixelFormat, sink: BinaryIO) -> None:
    """The value is kept whole; only its byte order and its VR may change."""

    def write(rewriter: Rewriter) -> None:
        pixel_data = image.elements[PIXEL_DATA]
        vr = pixel_data.vr or ("OB" if declared.bits_allocated <= 8 else "OW")
        rewriter.write(PIXEL_DATA, vr, native_value(image, declared))

    _write_file(image, EXPLICIT_VR_LITTLE_ENDIAN, {}, write, sink)


def _layout_changes(declared: PixelFormat, photometric_interpretation: str, *, is_planar: bool) -> _Changes:
    changes: _Changes = {}
    if photometric_interpretation != declared.photometric_interpretation:
        changes[PHOTOMETRIC_INTERPRETATION] = ("CS", photometric_interpretation.encode("ascii"))
    if declared.samples_per_pixel > 1:
        changes[PLANAR_CONFIGURATION] = ("US", struct.pack("<H", is_planar))
    return changes


def _write_file(
    image: ImageFile,
    target: str,
    changes: _Changes,
    write_pixel_data: Callable[[Rewriter], None] | None,
    sink: BinaryIO,
) -> None:
    """Preamble, meta group and data set; attributes in `changes` are replaced, or inserted at their place."""
    rewriter = Rewriter(image.part10, sink, is_signed=image.integer(PIXEL_REPRESENTATION) == 1)
    _write_meta(image, target, rewriter, sink)
    pending = sorted(changes.items())
    for element in image.part10.elements():
        while pending and pending[0][0] <= element.tag:
            tag, (vr, value) = pending.pop(0)
            rewriter.write(tag, vr, value)
        end = end_of(image.part10.stream, element, image.part10.encoding)
        if element.tag == PIXEL_DATA and write_pixel_data is not None:
            write_pixel_data(rewriter)
        elif element.tag & 0xFFFF and element.tag not in changes and element.tag not in _DROPPED:
            rewriter.copy(element, end)


_DROPPED = frozenset({EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS})


def _write_meta(image: ImageFile, target: str, rewriter: Rewriter, sink: BinaryIO) -> None:
    """Meta elements are kept, except those that say how and by whom the file was written (PS3.10 §7.1)."""
    meta = {
        **image.part10.meta,
        _META_VERSION: ("OB", b"\x00\x01"),
        _META_TRANSFER_SYNTAX: ("UI", target.encode("ascii")),
        _META_CLASS_UID: ("UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        _META_VERSION_NAME: ("SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    }
    sink.write(bytes(128) + b"DICM")
    start = sink.tell()
    rewriter.write(0x00020000, "UL", bytes(4))
    for tag in sorted(meta.keys() - {0x00020000}):
        rewriter.write(tag, *meta[tag])
    end = sink.tell()
    sink.seek(start + 8)
    sink.write(struct.pack("<I", end - start - 12))
    sink.seek(end)
