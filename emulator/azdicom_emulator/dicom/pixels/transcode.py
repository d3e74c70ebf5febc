"""A whole file in another transfer syntax: explicit VR little endian or JPEG 2000 lossless (retrieve §9)."""

import struct
from collections.abc import Callable
from io import BytesIO
from os import PathLike

from azdicom_emulator import __version__
from azdicom_emulator.dicom.pixels.codecs import JPEG_2000_LOSSLESS
from azdicom_emulator.dicom.pixels.elements import EXPLICIT_VR_LITTLE_ENDIAN, ITEM, SEQUENCE_DELIMITATION, UNDEFINED_LENGTH, end_of
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
from azdicom_emulator.dicom.pixels.native import decode_frame, jpeg_2000_bytes, native_bytes, native_format
from azdicom_emulator.dicom.pixels.rewrite import Rewriter

MAX_TRANSCODE_BYTES = 104857600
"""Largest stored file that is transcoded; the handlers check it before they call."""

MAX_DECODED_BYTES = 1024 * 1024 * 1024
"""Most pixel data that a result may hold, uncompressed: ten times the largest file, a usual ratio of lossy compression."""

IMPLEMENTATION_CLASS_UID = "1.3.6.1.4.1.311.129"
IMPLEMENTATION_VERSION_NAME = f"azdicom {__version__}"[:16]
