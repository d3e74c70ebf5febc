"""UPS-RS request cancellation, of a workitem that may be another's (PS3.18 §11.8; worklist §8, §13.4)."""

from dataclasses import replace

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet, Element, element, text_of
from azdicom_emulator.dicom.worklist_tags import (
    CANCELLATION_DATE_TIME,
    COMMUNICATIONS_URIS,
    CONTACT_DISPLAY_NAME,
    CONTACT_URI,
    DISCONTINUATION_REASON_CODES,
    PERFORMED_PROCEDURES,
    PROCEDURE_STEP_STATE,
    PROGRESS_INFORMATION,
    REASON_FOR_CANCELLATION,
)
from azdicom_emulator.storage.worklist import Workitem, WorkitemState
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.keys import SETTINGS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.warnings import announce
from azdicom_emulator.worklist.answers import NOT_FOUND, RefusedError, quoted, quoted_text
from azdicom_emulator.worklist.bodies import (
    WorkitemBody,
    has_dicom_json,
    read_body,
    require_dicom_json_body,
)
from azdicom_emulator.worklist.changing import SUBSCRIPTIONS, Worklist, change
from azdicom_emulator.worklist.events import cancel_requested, state_report
from azdicom_emulator.worklist.requirements import final_state_violation
from azdicom_emulator.worklist.seed_dialect import announce_dialect, speaks_dialect
from azdicom_emulator.worklist.state_machine import Action, Code, outcome
from azdicom_emulator.worklist.uids import path_workitem

CANCELED = "The workitem instance has been cancelled."
REQUESTED = "The performer of the workitem instance has been asked to cancel it."
CANNOT_CANCEL = "The workitem instance can not transition to 'Canceled' state: {code}."
ALREADY_CANCELED = "The UPS is already in the requested state of CANCELED."


async def request_workitem_cancellation(request: web.Request) -> web.StreamResponse:
    """202 when it is canceled, or when its subscribers are told that somebody wants it canceled."""
    body = WorkitemBody({}, is_object=True)
    has_no_body = speaks_dialect(request) and not await request.read()
    if not has_no_body:
        require_dicom_json_body(request)
    partition = await partition_of(request)
    if has_no_body:
        announce_dialect(request, "answer 400" if has_dicom_json(request) else "answer 415")
    else:
        body = await read_body(request)
    authorize(request)
    data_set = body.data_set
    uid = await path_workitem(request, partition)
    try:
        message = await _cancel(request, partition, uid, data_set, checks_final_state=not body.is_object)
    except RefusedError as error:
        return quoted(request, error)
    if message == REQUESTED:
        announce(request, SUBSCRIPTIONS, "answer 400")
    return quoted_text(message, 202)


async def _cancel(request: web.Request, partition: str, uid: str, sent: DataSet, *, checks_final_state: bool) -> str:
    """The text of the answer. Raises RefusedError."""
    status_of_completed = int(request.app[SETTINGS].quirk("worklist.cancel_completed"))

    def cancel(worklist: Worklist) -> str:
        workitem = worklist.find(uid)
        if workitem is None:
            raise RefusedError(404, NOT_FOUND)
        match outcome(workitem.state, Action.REQUEST_CANCEL):
            case Code.ALREADY_CANCELED:
                raise RefusedError(409, ALREADY_CANCELED, warns=True)
            case Code.PERFORMER_NOT_REACHED if worklist.tell(workitem, cancel_requested(workitem, sent)):
                return REQUESTED
            case Code() as code:
                status = status_of_completed if code is Code.CANCEL_AFTER_COMPLETED else 400
                raise RefusedError(status, CANNOT_CANCEL.format(code=code))
            case _:
                after = _canceled(workitem, sent, worklist.now)
        violation = final_state_violation(after.data_set, after.state) if checks_final_state else None
        if violation is not None:
            raise RefusedError(400, violation)
        worklist.replace(after, [state_report(after)])
        return CANCELED

    return await change(request, partition, cancel)


def _canceled(workitem: Workitem, sent: DataSet, now: str) -> Workitem:
    """With what the service writes then (worklist §8); nobody owns it, so there is still no Transaction UID."""
    reason = element("SQ", {REASON_FOR_CANCELLATION: _copied(sent, REASON_FOR_CANCELLATION, "LT")})
    contact = {
        CONTACT_URI: _copied(sent, CONTACT_URI, "UR"),
        CONTACT_DISPLAY_NAME: _copied(sent, CONTACT_DISPLAY_NAME, "LO"),
    }
    progress = {
        CANCELLATION_DATE_TIME: element("DT", now),
        COMMUNICATIONS_URIS: element("SQ", contact),
        DISCONTINUATION_REASON_CODES: reason,
    }
    performed = {PERFORMED_PROCEDURES: sent[PERFORMED_PROCEDURES]} if PERFORMED_PROCEDURES in sent else {}
    state = WorkitemState.CANCELED
    return replace(
        workitem,
        state=state,
        data_set={
            **workitem.data_set,
            **performed,
            PROCEDURE_STEP_STATE: element("CS", state.value),
            CANCELLATION_DATE_TIME: element("DT", now),
            DISCONTINUATION_REASON_CODES: reason,
            PROGRESS_INFORMATION: element("SQ", progress),
        },
    )


def _copied(sent: DataSet, tag: str, vr: str) -> Element:
    """The sent value, or an empty element."""
    text = text_of(sent, tag)
    return element(vr) if text is None and vr == "LO" else element(vr, text)
