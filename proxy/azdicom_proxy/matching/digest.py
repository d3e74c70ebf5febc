"""Data sets as values to compare: elements in tag order, padding trimmed, pixel data by its bytes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from azdicom_emulator.dicom.dictionary import keyword_of
from azdicom_emulator.dicom.elements import TEXT_VRS, BinaryValue, DataSet
from azdicom_emulator.dicom.parse import DicomFile, NotDicomError, parse
from azdicom_proxy.cassette.bodies import sha256_of
from azdicom_proxy.cassette.model import Inline, SpooledFile
from azdicom_proxy.cassette.sources import CHUNK_BYTES, Source, source_of

SOP_INSTANCE_UID = 0x00080018
TRANSFER_SYNTAX = "TransferSyntaxUID"
_SHORT_BYTES = 64
_DIFFERENCES = 10

UidMap = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class DataSetDigest:
    """sop: the SOP Instance UID, "" if there is none; digest: of all elements, or of the bytes if they do not parse."""

    sop: str
    digest: str
    elements: dict[str, str] = field(default_factory=dict, compare=False, hash=False)
    """Each element by its path (`StudyDate`, `RequestAttributesSequence[1].ScheduledProcedureStepID`), values short."""


def digest_of(body: Inline | SpooledFile, map_uid: UidMap | None = None) -> DataSetDigest:
    """The digest of a DICOM file. map_uid: applied to every UI value before it counts."""
    with source_of(body) as source:
        try:
            with source.view() as view:
                file = parse(view)
        except NotDicomError:
            return DataSetDigest("", sha256_of(body))
        return _digest(file, source, map_uid)


def differences(request: DataSetDigest, recorded: DataSetDigest) -> list[str]:
    """The first elements that differ, one line each, the sides named."""
    lines = []
    for path in sorted(request.elements.keys() | recorded.elements.keys()):
        ours, theirs = request.elements.get(path, "absent"), recorded.elements.get(path, "absent")
        if ours != theirs:
            lines.append(f"{path}: request {ours}, recorded {theirs}")
    if not lines and request.digest != recorded.digest:
        lines.append("the bytes differ")
    return lines[:_DIFFERENCES]


def uids_of(body: Inline | SpooledFile) -> list[str]:
    """All UI values in their order; none of bytes that do not parse."""
    with source_of(body) as source, source.view() as view:
        try:
            data_set = parse(view).data_set
        except NotDicomError:
            return []
        return list(_uids(data_set))


def _uids(data_set: DataSet) -> Iterator[str]:
    for attribute, value in data_set:
        if isinstance(value, list):
            for item in value:
                yield from _uids(item)
        elif attribute.vr == "UI" and isinstance(value, bytes):
            yield from (uid.strip(" \0") for uid in value.decode("latin-1").split("\\"))


def _digest(file: DicomFile, source: Source, map_uid: UidMap | None) -> DataSetDigest:
    whole = hashlib.sha256()
    elements = {TRANSFER_SYNTAX: file.transfer_syntax_uid}
    whole.update(file.transfer_syntax_uid.encode())
    instance = ""
    is_deflated = file.transfer_syntax_uid.endswith(".99")
    for path, tag, vr, value in _walk(file.data_set, ""):
        if isinstance(value, BinaryValue) and value.length_bytes > CHUNK_BYTES and not is_deflated:
            whole.update(_opening(path, tag, vr, value.length_bytes))
            elements[path] = _update(whole, value, source)
            continue
        content = _content(value, source, is_deflated=is_deflated)
        if vr in TEXT_VRS:
            content = content.rstrip(b" \0")
        if vr == "UI" and map_uid is not None:
            content = "\\".join(map(map_uid, content.decode("latin-1").split("\\"))).encode("latin-1")
        if path == keyword_of(SOP_INSTANCE_UID):
            instance = content.decode("latin-1")
        whole.update(_opening(path, tag, vr, len(content)))
        whole.update(content)
        elements[path] = _short(vr, content)
    return DataSetDigest(instance, whole.hexdigest(), elements)


def _opening(path: str, tag: int, vr: str, size_bytes: int) -> bytes:
    """What goes into the digest before a value."""
    return f"\n{path}:{tag:08X}{vr}:{size_bytes}:".encode()


def _update(whole: "hashlib._Hash", value: BinaryValue, source: Source) -> str:
    """Adds a long value, which is never in memory as a whole; as people read it."""
    digest = hashlib.sha256()
    for chunk in source.chunks(value.offset, value.offset + value.length_bytes):
        whole.update(chunk)
        digest.update(chunk)
    return _told_by_hash(value.length_bytes, digest.hexdigest())


def _walk(data_set: DataSet, prefix: str) -> Iterator[tuple[str, int, str, "bytes | BinaryValue"]]:
    for attribute, value in data_set:
        path = prefix + keyword_of(attribute.tag)
        if isinstance(value, list):
            yield path, attribute.tag, "SQ", str(len(value)).encode()
            for number, item in enumerate(value, 1):
                yield from _walk(item, f"{path}[{number}].")
        else:
            yield path, attribute.tag, attribute.vr, value


def _content(value: bytes | BinaryValue, source: Source, *, is_deflated: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    if is_deflated:  # the position is one of the inflated data set, which is gone
        return f"{value.length_bytes} bytes".encode()
    return source[value.offset : value.offset + value.length_bytes]


def _short(vr: str, content: bytes) -> str:
    """As people read it; the values of elements are compared by this, so a long one is told by its hash."""
    if vr in TEXT_VRS or vr == "SQ":
        text = content.decode("latin-1")
        if len(content) <= _SHORT_BYTES:
            return repr(text) if vr != "SQ" else f"{text} items"
        return f"{text[:_SHORT_BYTES]!r}… ({hashlib.sha256(content).hexdigest()[:8]})"
    if len(content) <= 8:
        return content.hex() or "empty"
    return _told_by_hash(len(content), hashlib.sha256(content).hexdigest())


def _told_by_hash(size_bytes: int, sha256: str) -> str:
    return f"{size_bytes} bytes ({sha256[:8]})"
