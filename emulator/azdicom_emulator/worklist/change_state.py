"""UPS-RS change state: claim, complete, cancel by the owner (PS3.18 §11.7; worklist §7)."""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet, element, text_of
from azdicom_emulator.dicom.worklist_tags import PROCEDURE_STEP_STATE, TRANSACTION_UID
from azdicom_emulator.storage.worklist import WorkitemState
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.worklist.answers import NOT_FOUND, RefusedError, negotiated
from azdicom_emulator.worklist.bodies import read_body, require_dicom_json_body
from azdicom_emulator.worklist.changing import Worklist, change
from azdicom_emulator.worklist.events import state_report
from azdicom_emulator.worklist.requirements import NEEDED, Attribute, final_state_violation, first_violation, written
from azdicom_emulator.worklist.state_machine import WARNINGS, Action, Code, outcome, transaction_uid_matches
from azdicom_emulator.worklist.uids import path_workitem

CANNOT_TRANSITION = "The workitem instance can not transition to '{target}' state: {code}."
IN_FINAL_STATE = "The workitem instance is already in the final state '{state}'. {code}."
UNKNOWN_STATE = "Expected value '{tag}' to be one of the following values: [{states}]"
TARGETS: Mapping[str, Action] = {each.value: each for each in (Action.CLAIM, Action.COMPLETE, Action.CANCEL)}
REQUIRED = (Attribute(TRANSACTION_UID, "TransactionUID", ()), Attribute(PROCEDURE_STEP_STATE, "ProcedureStepState", ()))


async def change_workitem_state(request: web.Request) -> web.StreamResponse:
    """200, with a `Warning` when the workitem was in that final state already."""
    require_dicom_json_body(request)
    partition = await partition_of(request)
    body = await read_body(request)
    authorize(request)
    data_set = body.data_set
    uid = await path_workitem(request, partition)
    try:
        message = await _change_state(request, partition, uid, data_set, checks_final_state=not body.is_object)
    except RefusedError as error:
        return negotiated(request, error.status, error.message)
    return negotiated(request, 200, message)


async def _change_state(
    request: web.Request, partition: str, uid: str, data_set: DataSet, *, checks_final_state: bool
) -> str:
    """The text of the answer, empty if the state changed. Raises RefusedError."""
    action = _wanted(data_set)
    target = WorkitemState(action.value)
    transaction_uid = text_of(data_set, TRANSACTION_UID) or ""

    def change_state(worklist: Worklist) -> str:
        workitem = worklist.find(uid)
        if workitem is None:
            raise RefusedError(404, NOT_FOUND)
        result = outcome(workitem.state, action, matches=transaction_uid_matches(workitem, action, transaction_uid))
        if isinstance(result, Code) and result not in WARNINGS:
            raise RefusedError(400, CANNOT_TRANSITION.format(target=target, code=result))
        after = replace(
            workitem,
            state=target,
            transaction_uid=transaction_uid,
            data_set={**workitem.data_set, PROCEDURE_STEP_STATE: element("CS", target.value)},
        )
        violation = final_state_violation(after.data_set, target) if checks_final_state else None
        if violation is not None:
            raise RefusedError(400, violation)
        if isinstance(result, Code):
            return IN_FINAL_STATE.format(state=workitem.state, code=result)
        worklist.replace(after, [state_report(after)])
        return ""

    return await change(request, partition, change_state)


def _wanted(data_set: DataSet) -> Action:
    """Raises RefusedError."""
    violation = first_violation(data_set, REQUIRED, lambda _: NEEDED)
    if violation is not None:
        raise RefusedError(400, violation)
    action = TARGETS.get(text_of(data_set, PROCEDURE_STEP_STATE) or "")
    if action is None:
        states = ", ".join(TARGETS)
        raise RefusedError(400, UNKNOWN_STATE.format(tag=written(PROCEDURE_STEP_STATE), states=states))
    return action
