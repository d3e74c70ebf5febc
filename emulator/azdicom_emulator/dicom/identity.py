"""Which instance a data set is, and whether it says so as the service demands (store §6)."""

from dataclasses import dataclass

from azdicom_emulator.dicom.top_level import TopLevel

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
PATIENT_ID = 0x00100020
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E

_REQUIRED_UIDS = (SOP_CLASS_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID)

_MISMATCH = "The StudyInstanceUid in the payload does not match the specified StudyInstanceUid."


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identifiers as the file has them, valid or not, without trailing spaces and NULs; None: absent or several."""

    sop_class_uid: str | None
    study: str | None
    series: str | None
    instance: str | None


@dataclass(frozen=True, slots=True)
class PresenceFailure:
    """The first attribute that is missing, or the study UID that is not the one of the request."""

    tag: int
    text: str
    is_study_mismatch: bool = False


def identity_of(top_level: TopLevel) -> Identity:
    return Identity(
        sop_class_uid=_single(top_level, SOP_CLASS_UID),
        study=_single(top_level, STUDY_INSTANCE_UID),
        series=_single(top_level, SERIES_INSTANCE_UID),
        instance=_single(top_level, SOP_INSTANCE_UID),
    )


def _single(top_level: TopLevel, tag: int) -> str | None:
    values = top_level.texts(tag)
    return values[0].rstrip(" \0") or None if len(values) == 1 else None


def presence_failure(top_level: TopLevel, *, api_version: int, study: str | None) -> PresenceFailure | None:
    """Looks in the service's order and stops at the first failure. An identifier with two values counts as missing.

    study: the UID in the request's path. Version 1 wants a value in Patient ID, version 2 the attribute only.
    """
    for tag in _REQUIRED_UIDS:
        if _single(top_level, tag) is None:
            return missing(tag)
    if study is not None and not _same_uid(_single(top_level, STUDY_INSTANCE_UID) or "", study):
        return PresenceFailure(STUDY_INSTANCE_UID, _MISMATCH, is_study_mismatch=True)
    if api_version == 1:
        return missing(PATIENT_ID) if _single(top_level, PATIENT_ID) is None else None
    return missing(PATIENT_ID) if PATIENT_ID not in top_level.elements else None


def missing(tag: int) -> PresenceFailure:
    return PresenceFailure(tag, f"The required tag '({tag >> 16:04x},{tag & 0xFFFF:04x})' is missing.")


def _same_uid(one: str, other: str) -> bool:
    return one.rstrip().lower() == other.rstrip().lower()
