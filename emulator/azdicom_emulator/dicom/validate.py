"""Validates an instance as a version of the service does: what refuses it, what it is warned about (store §7)."""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from azdicom_emulator.dicom.charset import decode_ascii
from azdicom_emulator.dicom.dictionary import is_private
from azdicom_emulator.dicom.elements import DataSet
from azdicom_emulator.dicom.identity import (
    PATIENT_ID,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    missing,
    presence_failure,
)
from azdicom_emulator.dicom.top_level import TopLevel
from azdicom_emulator.dicom.validate_full import failures
from azdicom_emulator.dicom.validate_minimum import minimum_failure, minimum_message

# Version 2 refuses an instance for these only.
_CORE_TAGS = (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID, PATIENT_ID, SOP_CLASS_UID)

# Version 1 refuses it for any attribute that it indexes.
_V1_TAGS = (
    STUDY_INSTANCE_UID,
    0x00080020,
    0x00081030,
    0x00080050,
    PATIENT_ID,
    0x00100010,
    0x00080090,
    0x00100030,
    SERIES_INSTANCE_UID,
    0x00080060,
    0x00400244,
    0x00081090,
    SOP_INSTANCE_UID,
)

# Warned about perhaps, never dropped.
_KEPT_TAGS = frozenset((STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID))


@dataclass(slots=True)
class Findings:
    """The messages about an instance by tag, one a tag: the first stays, and an error hides a warning."""

    errors: dict[int, str] = field(default_factory=dict)
    warnings: dict[int, str] = field(default_factory=dict)
    is_study_mismatch: bool = False
    has_multiple_values: bool = False

    @property
    def messages(self) -> tuple[str, ...]:
        """Errors first."""
        return (*self.errors.values(), *self.warnings.values())

    @property
    def dropped_tags(self) -> Collection[int]:
        """What metadata and index do not get, were it warned about at the top level or in an item."""
        return self.warnings.keys() - _KEPT_TAGS

    def add_error(self, tag: int, text: str, data_set: DataSet) -> None:
        self.errors.setdefault(tag, _message(tag, text, data_set))

    def add_warning(self, tag: int, text: str, data_set: DataSet) -> None:
        if tag not in self.errors and tag not in self.warnings:
            self.warnings[tag] = _message(tag, text, data_set)


def validate(
    data_set: DataSet,
    top_level: TopLevel,
    *,
    api_version: int,
    study: str | None,
    query_tags: Mapping[int, str] = MappingProxyType({}),
) -> Findings:
    """study: the UID in the request's path. query_tags: VRs of the extended query tags, which version 1 validates."""
    findings = Findings()
    absent = presence_failure(top_level, api_version=api_version, study=study)
    if absent is not None:
        findings.add_error(absent.tag, absent.text, data_set)
        findings.is_study_mismatch = absent.is_study_mismatch
    is_strict = api_version == 1
    for tag in (*_V1_TAGS, *query_tags) if is_strict else _CORE_TAGS:
        _validate_minimum(data_set, top_level, tag, findings, vr=query_tags.get(tag), strip_nuls=not is_strict)
    if not is_strict:
        _validate_full(data_set, top_level, findings)
    return findings


def _validate_minimum(
    data_set: DataSet, top_level: TopLevel, tag: int, findings: Findings, *, vr: str | None, strip_nuls: bool
) -> None:
    """vr: what an extended query tag expects; of other attributes the dictionary says it."""
    element = top_level.elements.get(tag)
    if element is None:
        return
    attribute, raw = element
    dictionary_vr = attribute.entry.vr if attribute.entry else attribute.vr
    expected_vr = dictionary_vr if vr is None else vr
    failure = minimum_failure(
        attribute,
        raw if type(raw) is bytes else b"",
        expected_vr=expected_vr,
        character_set=top_level.character_set,
        strip_nuls=strip_nuls,
    )
    if failure is not None:
        findings.add_error(tag, minimum_message(tag, expected_vr, failure), data_set)
    if len(top_level.texts(tag)) > 1:
        findings.has_multiple_values = True


def _validate_full(data_set: DataSet, top_level: TopLevel, findings: Findings) -> None:
    if PATIENT_ID in top_level.elements and not "\\".join(top_level.texts(PATIENT_ID)).strip():
        findings.add_warning(PATIENT_ID, missing(PATIENT_ID).text, data_set)
    for attribute, text, current in failures(data_set):
        findings.add_warning(attribute.tag, text, current)


def _message(tag: int, text: str, data_set: DataSet) -> str:
    """As the service's responses have it; 100 is the only number there is."""
    return f"DICOM100: {_label(tag, data_set)} - {text}"


def _label(tag: int, data_set: DataSet) -> str:
    """`(gggg,eeee)`; of a private attribute with its private creator: `(gggg,eeee:CREATOR)`."""
    numbers = f"{tag >> 16:04x},{tag & 0xFFFF:04x}"
    if is_private(tag) and tag & 0xFFFF >= 0x1000:
        creator_tag = tag & 0xFFFF_0000 | tag >> 8 & 0xFF
        place = bisect_left(data_set, creator_tag, key=lambda element: element[0].tag)
        attribute, value = data_set[place]  # not beyond the end: the attribute itself comes later
        if attribute.tag == creator_tag and type(value) is bytes:
            return f"({numbers}:{decode_ascii(value).rstrip(' ')})"
    return f"({numbers})"
