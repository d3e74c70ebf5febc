"""Bodies as values to compare, by their content type."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from azdicom_proxy.cassette.bodies import content_of, header, media_type_of, sha256_of, split_multipart
from azdicom_proxy.cassette.model import (
    Body,
    Empty,
    Headers,
    Inline,
    Multipart,
    Omitted,
    Part,
    RecordedRequest,
    SpooledFile,
)
from azdicom_proxy.matching.digest import DataSetDigest, UidMap, differences, digest_of
from azdicom_proxy.matching.values import form_value, is_form, is_json, json_value

DICOM = "application/dicom"
_SHORT = 64


class BodyLevel(StrEnum):
    """How DICOM bodies are compared: by SOP Instance UIDs, by whole data sets, or by bytes."""

    UIDS = "uids"
    DATASET = "dataset"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class BodyValue:
    """Equal when the bodies match. data_sets: for the explanation of a difference."""

    kind: str
    value: Hashable
    data_sets: tuple[DataSetDigest, ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BodyValue) and (self.kind, self.value) == (other.kind, other.value)

    def __hash__(self) -> int:
        return hash((self.kind, self.value))


EMPTY = BodyValue("empty", None)


def body_value(
    request: RecordedRequest, level: BodyLevel = BodyLevel.DATASET, map_uid: UidMap | None = None
) -> BodyValue:
    """The value of the request's body. map_uid: applied to the UIDs of data sets before they count."""
    body, headers = request.body, request.headers
    match body:
        case Empty():
            return EMPTY
        case Omitted(sha256=sha256):
            return BodyValue("bytes", sha256)
        case _ if level is BodyLevel.BYTES:
            return BodyValue("bytes", sha256_of(body))
    parts = parts_of(headers, body)
    if parts is not None:
        return _parts_value(parts, level, map_uid)
    if is_json(headers) and (value := json_value(content_of(body))) is not None:
        return BodyValue("JSON", value)
    if is_form(headers):
        return BodyValue("form", form_value(content_of(body)))
    return BodyValue("bytes", sha256_of(body))


def parts_of(headers: Headers, body: Body) -> tuple[Part, ...] | None:
    """The parts of a multipart body, a single DICOM file as one part; None: neither."""
    if isinstance(body, Multipart):
        return body.parts
    if not isinstance(body, Inline | SpooledFile):
        return None
    media_type = media_type_of(headers)
    if media_type == DICOM:
        return (Part((("Content-Type", DICOM),), body),)
    if media_type.startswith("multipart/"):
        split = split_multipart(header(headers, "content-type") or "", body)
        return None if split is None else split.parts
    return None


def explain(request: BodyValue, recorded: BodyValue) -> list[str]:
    """Lines that say how two bodies differ: UIDs missing and extra, then elements."""
    if request.kind != recorded.kind:
        return [f"request {request.kind}, recorded {recorded.kind}"]
    if not request.data_sets and not recorded.data_sets:
        return [f"{request.kind} bodies differ"]
    ours = {data_set.sop: data_set for data_set in request.data_sets}
    theirs = {data_set.sop: data_set for data_set in recorded.data_sets}
    lines = [f"SOP instance {_name(sop)}: only in recorded" for sop in theirs.keys() - ours.keys()]
    lines += [f"SOP instance {_name(sop)}: only in request" for sop in ours.keys() - theirs.keys()]
    lines.sort()
    for sop in sorted(ours.keys() & theirs.keys()):
        lines += differences(ours[sop], theirs[sop])
    return lines[:10]


def _parts_value(parts: tuple[Part, ...], level: BodyLevel, map_uid: UidMap | None) -> BodyValue:
    if not any(_is_dicom(part) for part in parts):
        return BodyValue("parts", tuple(_other_part(part) for part in parts))
    data_sets = tuple(digest_of(part.body, map_uid) for part in parts if _is_dicom(part))
    others = frozenset(_other_part(part) for part in parts if not _is_dicom(part))
    if level is BodyLevel.UIDS:
        found = frozenset(data_set.sop or data_set.digest for data_set in data_sets)
        return BodyValue("DICOM", (found, others), data_sets)
    return BodyValue("DICOM", (frozenset((each.sop, each.digest) for each in data_sets), others), data_sets)


def _is_dicom(part: Part) -> bool:
    return media_type_of(part.headers) in (DICOM, "")


def _other_part(part: Part) -> Hashable:
    if is_json(part.headers) and (value := json_value(content_of(part.body))) is not None:
        return value
    return sha256_of(part.body)


def _name(sop: str) -> str:
    return sop[:_SHORT] or "(unreadable)"
