"""UPS-RS create (PS3.18 §11.4; worklist §3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet, element, text_of
from azdicom_emulator.dicom.worklist_tags import (
    MODIFICATION_DATE_TIME,
    PROCEDURE_STEP_STATE,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    TRANSACTION_UID,
    WORKLIST_LABEL,
)
from azdicom_emulator.storage.worklist import WorkitemState
from azdicom_emulator.web.accept import require_dicom_json
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.urls import service_url
from azdicom_emulator.worklist.answers import RefusedError, quoted
from azdicom_emulator.worklist.bodies import read_body, require_dicom_json_body
from azdicom_emulator.worklist.changing import Worklist, change
from azdicom_emulator.worklist.events import UPS_PUSH
from azdicom_emulator.worklist.requirements import MISSING, create_violation, written
from azdicom_emulator.worklist.seed_dialect import announce_dialect, relaxed_create_violation, speaks_dialect
from azdicom_emulator.worklist.uids import WORKITEM_ELEMENT, checked_uid, first_parameter, is_uid

MISMATCH = "SOPInstanceUID in the payload does not match the workitem query parameter."
EXISTS = "The workitem instance already exists. Try creating using a different UID."
LABEL = "worklist"
DATE_TIME = "%Y%m%d%H%M%S"
UID_NAMES = ("workitem", "workitemUID")
"""Query parameters whose value the seed dialect takes for the UID (worklist §12.1, row 8)."""


async def create_workitem(request: web.Request) -> web.StreamResponse:
    """201 without a body; what is required of a data set depends on whether it stands in an array."""
    require_dicom_json_body(request)
    partition = await partition_of(request, create=True)
    require_dicom_json(request)
    body = await read_body(request)
    authorize(request)
    try:
        return await _create(request, partition, body.data_set, relaxed=body.is_object)
    except RefusedError as error:
        return quoted(request, error)


async def create_relaxed(request: web.Request, partition: str, uid: str, data_set: DataSet) -> web.Response:
    """By the rules of the seed dialect (worklist §12.2). Raises RefusedError, BadRequestError."""
    _require_same_uid(uid, data_set)
    violation = relaxed_create_violation(data_set)
    if violation is not None:
        raise RefusedError(400, violation)
    return await _add(request, partition, uid, data_set)


def workitem_url(request: web.Request, uid: str) -> str:
    return f"{service_url(request)}/workitems/{quote(uid, safe='')}"


async def _create(request: web.Request, partition: str, data_set: DataSet, *, relaxed: bool) -> web.Response:
    """Raises RefusedError, BadRequestError."""
    uid = _query_uid(request, relaxed=relaxed)
    if relaxed:
        given = uid or text_of(data_set, SOP_INSTANCE_UID)
        if given is None:
            raise RefusedError(400, MISSING.format(tag=written(SOP_INSTANCE_UID)))
        return await create_relaxed(
            request, partition, checked_uid(request, given, WORKITEM_ELEMENT, loose=True), data_set
        )
    if uid is not None:
        _require_same_uid(uid, data_set)
        data_set = {**data_set, SOP_INSTANCE_UID: element("UI", uid)}
    violation = create_violation({**data_set, **_set_by_service()})
    if violation is not None:
        raise RefusedError(400, violation)
    if uid is None:  # with another one in the data set the workitem could never be named in a path
        uid = checked_uid(request, text_of(data_set, SOP_INSTANCE_UID) or "", WORKITEM_ELEMENT)
    return await _add(request, partition, uid, data_set)


def _query_uid(request: web.Request, *, relaxed: bool) -> str | None:
    """Raises InvalidUidError."""
    found = first_parameter(request)
    if found is None:
        return None
    name, value = found
    if speaks_dialect(request) and name in UID_NAMES and (relaxed or is_uid(request, value)):
        announce_dialect(request)
        name = value
    return checked_uid(request, name, WORKITEM_ELEMENT, loose=relaxed)


def _require_same_uid(uid: str, data_set: DataSet) -> None:
    """Raises BadRequestError."""
    if SOP_INSTANCE_UID in data_set and (text_of(data_set, SOP_INSTANCE_UID) or "").rstrip(" ") != uid:
        raise BadRequestError(MISMATCH)


def _set_by_service() -> DataSet:
    """What is overwritten, whatever the client sent (worklist §3.1)."""
    return {
        SOP_CLASS_UID: element("UI", UPS_PUSH),
        MODIFICATION_DATE_TIME: element("DT", datetime.now(UTC).strftime(DATE_TIME)),
        WORKLIST_LABEL: element("LO", LABEL),
        PROCEDURE_STEP_STATE: element("CS", WorkitemState.SCHEDULED.value),
    }


async def _add(request: web.Request, partition: str, uid: str, data_set: DataSet) -> web.Response:
    """Raises RefusedError."""
    stored = {**data_set, **_set_by_service(), SOP_INSTANCE_UID: element("UI", uid)}
    stored.pop(TRANSACTION_UID, None)

    def add(worklist: Worklist) -> None:
        if worklist.find(uid) is not None:
            raise RefusedError(409, EXISTS)
        worklist.add(uid, stored)

    await change(request, partition, add)
    url = workitem_url(request, uid)
    headers: Mapping[str, str] = {"Location": url, "Content-Location": url}
    return web.Response(status=201, headers=headers)
