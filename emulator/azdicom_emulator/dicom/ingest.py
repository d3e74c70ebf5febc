"""What becomes of an instance that is stored: refused, or its identity, metadata and indexed attributes (store §7)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from azdicom_emulator.dicom.identity import SOP_CLASS_UID, Identity, identity_of
from azdicom_emulator.dicom.indexed import IndexedAttributes, indexed_attributes
from azdicom_emulator.dicom.json_model import UnrepresentableError, data_set_json
from azdicom_emulator.dicom.parse import DicomFile, NotDicomError, Source, parse
from azdicom_emulator.dicom.reasons import FailureReason, WarningReason
from azdicom_emulator.dicom.top_level import TopLevel
from azdicom_emulator.dicom.validate import Findings, validate

__all__ = ["Accepted", "Identity", "Refused", "read_instance"]

log = logging.getLogger(__name__)

ImplicitVr: TypeAlias = Literal["warn", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An instance to be stored. Of its identity all is set, but the SOP class UID is None when a warning dropped it.

    metadata: one DICOM JSON object. messages: `DICOM100: (gggg,eeee) - text`. has_multiple_values: an attribute of
    which only the first value is indexed has several (store §12).
    """

    identity: Identity
    transfer_syntax_uid: str
    metadata: bytes
    attributes: IndexedAttributes
    warning: WarningReason | None
    messages: tuple[str, ...]
    has_multiple_values: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An instance that must not be stored; `identity` is None when it could not be read at all."""

    identity: Identity | None
    reason: FailureReason
    messages: tuple[str, ...] = ()
    has_multiple_values: bool = False


def read_instance(
    source: Source,
    *,
    api_version: int,
    study: str | None,
    implicit_vr: ImplicitVr = "warn",
    study_mismatch: FailureReason = FailureReason.VALIDATION,
    query_tags: Mapping[int, str] = MappingProxyType({}),
) -> Accepted | Refused:
    """Parses, validates and describes one file; never raises for what is in it.

    api_version: 1 or 2. study: the UID in the request's path. implicit_vr, study_mismatch: quirks, the documentation's
    word against the source's. query_tags: VRs of the extended query tags, which version 1 validates like indexed
    attributes.
    """
    try:
        file = parse(source)
    except NotDicomError as error:
        log.debug("unreadable: %s", error)
        return Refused(identity=None, reason=FailureReason.VALIDATION)
    top_level = TopLevel(file.data_set)
    identity = identity_of(top_level)
    try:
        findings = validate(file.data_set, top_level, api_version=api_version, study=study, query_tags=query_tags)
        if findings.errors:
            return _refuse(identity, findings, study_mismatch)
        if file.is_implicit_vr and implicit_vr == "reject":
            return Refused(identity=identity, reason=FailureReason.VALIDATION)
        return _accept(file, top_level, identity, findings)
    except UnrepresentableError as error:
        log.info("no metadata for %s: %s", identity.instance, error)
    except Exception:
        # One bad instance must not fail the others: what nobody expected is a processing failure (store §10).
        log.exception("could not process %s", identity.instance)
    return Refused(identity=identity, reason=FailureReason.PROCESSING)


def _refuse(identity: Identity, findings: Findings, study_mismatch: FailureReason) -> Refused:
    return Refused(
        identity=identity,
        reason=study_mismatch if findings.is_study_mismatch else FailureReason.VALIDATION,
        messages=findings.messages,
        has_multiple_values=findings.has_multiple_values,
    )


def _accept(file: DicomFile, top_level: TopLevel, identity: Identity, findings: Findings) -> Accepted:
    dropped = findings.dropped_tags
    return Accepted(
        identity=replace(identity, sop_class_uid=None) if SOP_CLASS_UID in dropped else identity,
        transfer_syntax_uid=file.transfer_syntax_uid,
        metadata=data_set_json(file.data_set, without=dropped),
        attributes=indexed_attributes(top_level, without=dropped),
        warning=_warning(file, findings),
        messages=findings.messages,
        has_multiple_values=findings.has_multiple_values,
    )


def _warning(file: DicomFile, findings: Findings) -> WarningReason | None:
    if file.is_implicit_vr:
        return WarningReason.DATASET_DOES_NOT_MATCH_SOP_CLASS
    return WarningReason.VALIDATION if findings.warnings else None
