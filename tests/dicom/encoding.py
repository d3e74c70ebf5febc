"""DICOM files written byte by byte, right or wrong as a test wants them."""

import struct

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

UNDEFINED = 0xFFFFFFFF
ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)

_LONG = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")


def explicit(tag: int, vr: str, value: bytes = b"", *, length: int | None = None, order: str = "<") -> bytes:
    """One explicit VR element. length: written in place of the true one."""
    size = len(value) if length is None else length
    layout, numbers = ("2sHI", (0, size)) if vr in _LONG else ("2sH", (size,))
    return struct.pack(f"{order}HH{layout}", tag >> 16, tag & 0xFFFF, vr.encode(), *numbers) + value


def implicit(tag: int, value: bytes = b"", *, length: int | None = None) -> bytes:
    """One implicit VR element, or an item with tag FFFEE000."""
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(content: bytes = b"", *, length: int | None = None) -> bytes:
    return implicit(0xFFFEE000, content, length=length)


def file(
    data_set: bytes, transfer_syntax: str | None = EXPLICIT_LITTLE, *, preamble: bytes | None = bytes(128)
) -> bytes:
    """A DICOM file. transfer_syntax None: no file meta information; preamble None: no preamble and no prefix."""
    meta = b""
    if transfer_syntax is not None:
        uid = transfer_syntax.encode() + b"\0" * (len(transfer_syntax) % 2)
        meta = explicit(0x00020000, "UL", struct.pack("<I", len(uid) + 8)) + explicit(0x00020010, "UI", uid)
    prefix = b"" if preamble is None else preamble + b"DICM"
    return prefix + meta + data_set


def padding() -> bytes:
    """An element that makes files long enough to be looked at, with a tag above most others."""
    return explicit(0x00204000, "LT", b" " * 132)
