"""Reads a DICOM file: finds out how it is encoded, then scans its data set."""

from dataclasses import dataclass

from azdicom_emulator.dicom.deflate import InflateError, inflated_bytes
from azdicom_emulator.dicom.elements import LONG_LENGTH_VRS, VRS, DataSet
from azdicom_emulator.dicom.part10 import PREAMBLE_BYTES, PREFIX, has_preamble
from azdicom_emulator.dicom.scan import NotDicomError, Source, scan
from azdicom_emulator.dicom.syntax import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_LITTLE,
    IMPLICIT_VR_LITTLE_ENDIAN,
    Syntax,
    syntax_of,
)

__all__ = ["DicomFile", "NotDicomError", "Source", "parse"]

MAX_INFLATED_BYTES = 512 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024

# Shorter ones are refused by the service's reader, preamble or not (service source: fo-dicom).
_MIN_FILE_BYTES = PREAMBLE_BYTES + len(PREFIX)

_FILE_META_GROUP = b"\x02\x00"
_TRANSFER_SYNTAX_UID = b"\x02\x00\x10\x00"
_LONG_LENGTH_VRS = frozenset(vr.encode() for vr in LONG_LENGTH_VRS)
_VRS = frozenset(vr.encode() for vr in VRS)

_DEFAULT_UIDS = {
    EXPLICIT_LITTLE: EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_BIG: EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_LITTLE: IMPLICIT_VR_LITTLE_ENDIAN,
}


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A file's data set, without file meta information, group lengths and the content of binary values."""

    transfer_syntax_uid: str
    is_implicit_vr: bool
    data_set: DataSet


def parse(source: Source, *, max_inflated_bytes: int = MAX_INFLATED_BYTES) -> DicomFile:
    """The data set of a file with or without preamble and file meta information (PS3.10 §7, store §5).

    A file that ends early gives what is there. Raises NotDicomError; nothing else for any bytes.
    """
    if len(source) < _MIN_FILE_BYTES:
        raise NotDicomError(f"only {len(source)} bytes")
    start = _MIN_FILE_BYTES if has_preamble(source[:_MIN_FILE_BYTES]) else 0
    syntax = _opening_syntax(bytes(source[start : start + 6]))
    uid = ""
    if source[start : start + 2] == _FILE_META_GROUP:
        uid, start = _file_meta(source, start, syntax)
        syntax = syntax_of(uid) if uid else syntax
    if uid in DEFLATED:
        source, start = _inflate(source, start, max_inflated_bytes), 0
    return DicomFile(uid or _DEFAULT_UIDS[syntax], not syntax.is_explicit, scan(source, start, syntax))


def _opening_syntax(header: bytes) -> Syntax:
    """The syntax that the first element header, 6 bytes, is written in; raises NotDicomError if it is none."""
    has_vr = header[4:6] in _VRS
    if len(header) == 6 and header[1] == 0:
        return EXPLICIT_LITTLE if has_vr else IMPLICIT_LITTLE
    if len(header) == 6 and header[0] == 0 and has_vr:
        return EXPLICIT_BIG
    raise NotDicomError("the first element is none of a DICOM file")


def _file_meta(source: Source, position: int, syntax: Syntax) -> tuple[str, int]:
    """The transfer syntax UID, empty when absent, and the position after the file meta information (PS3.10 §7.1)."""
    uid = ""
    last_header = len(source) - 8
    while position <= last_header:
        key, length = syntax.header(source, position)
        if key[:2] != _FILE_META_GROUP:
            return uid, position
        position += 8
        if key[4:] in _LONG_LENGTH_VRS:
            if position + 4 > len(source):
                break
            (length,) = syntax.length(source, position)
            position += 4
        if key[:4] == _TRANSFER_SYNTAX_UID:
            uid = bytes(source[position : position + min(length, 128)]).decode("ascii", "replace").strip(" \0")
        position += length
    raise NotDicomError("nothing after the file meta information")


def _inflate(source: Source, start: int, max_bytes: int) -> Source:
    """The deflated data set, as far as it is there."""
    blocks = (bytes(source[at : at + _BLOCK_BYTES]) for at in range(start, len(source), _BLOCK_BYTES))
    try:
        return inflated_bytes(blocks, max_bytes)
    except InflateError as error:
        raise NotDicomError(str(error)) from error
