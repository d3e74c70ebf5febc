"""UPS-RS update, by POST as the service has it and by PUT as the seed dialect has it (PS3.18 §11.6; worklist §6)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from azdicom_emulator.dicom.dictionary import entry_of
from azdicom_emulator.dicom.elements import VRS
from azdicom_emulator.dicom.json_data_set import DataSet, Element, element
from azdicom_emulator.dicom.worklist_tags import MODIFICATION_DATE_TIME, TRANSACTION_UID
from azdicom_emulator.storage.worklist import Workitem, WorkitemState
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, UnsupportedMediaTypeError
from azdicom_emulator.web.keys import SETTINGS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.worklist.answers import NOT_FOUND, RefusedError, negotiated, quoted
from azdicom_emulator.worklist.bodies import has_dicom_json, read_body, require_dicom_json_body
from azdicom_emulator.worklist.changing import Worklist, change
from azdicom_emulator.worklist.create import create_relaxed, workitem_url
from azdicom_emulator.worklist.events import updated
from azdicom_emulator.worklist.requirements import update_violation
from azdicom_emulator.worklist.seed_dialect import announce_dialect, relaxed_update_violation, speaks_dialect
from azdicom_emulator.worklist.uids import (
    TRANSACTION_ELEMENT,
    WORKITEM_ELEMENT,
    checked_uid,
    first_parameter,
    is_loose,
    is_uid,
    path_text,
    path_workitem,
    workitem_json,
)

NOT_CLAIMED = "The target URI did not reference a claimed Workitem."
NOT_YET_CLAIMED = "Invalid TransactionUID for the specified Workitem Instance UID."
INCONSISTENT = (
    "The submitted request is inconsistent with the current state of the Workitem. The UPS is already {state}."
)
STATE_OF_CANCELED = "in the requested state of CANCELED"
TRANSACTION_NAME = "transaction-uid"
METHODS_OF_SERVICE = "GET, POST"

FIRST_VALUE_VRS = frozenset(("DS", "IS", "SL", "SV", "SS", "UL", "UV", "US", "FD", "FL"))
REPLACED_VRS = VRS - FIRST_VALUE_VRS - {"AT"}
"""What is neither here nor in FIRST_VALUE_VRS is ignored (worklist §6, merge rules)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """violation: of `data_set`, told only if the state allows an update at all."""

    uid: str
    transaction_uid: str | None
    data_set: DataSet
    violation: str | None
    unknown: RefusedError


async def update_workitem(request: web.Request) -> web.StreamResponse:
    """200; the name of the first query parameter is the Transaction UID."""
    require_dicom_json_body(request)
    partition = await partition_of(request)
    body = await read_body(request)
    authorize(request)
    data_set = body.data_set
    if body.is_object:
        return await _post_object(request, partition, data_set)
    uid = await path_workitem(request, partition)
    # Row 2 of worklist §6: the service's code for an unknown workitem is a matter of dispute.
    unknown = RefusedError(int(request.app[SETTINGS].quirk("worklist.update_unknown")), NOT_CLAIMED)
    return await _update(
        request,
        partition,
        _Update(
            uid=uid,
            transaction_uid=_transaction_uid_of_query(request, loose=is_loose(request, uid)),
            data_set=data_set,
            violation=_violation(data_set),
            unknown=unknown,
        ),
    )


async def update_workitem_by_put(request: web.Request) -> web.StreamResponse:
    """The seed dialect's spelling, with the Transaction UID in a header (worklist §12.1, row 6).

    What is neither an object nor an array of data sets gets the service's own answer to a PUT.
    """
    if not has_dicom_json(request):
        announce_dialect(request, "answer 405")
        raise UnsupportedMediaTypeError
    partition = await partition_of(request)
    try:
        body = await read_body(request, "answer 405")
        data_set = body.data_set
    except BadRequestError:
        return web.Response(status=405, headers={"Allow": METHODS_OF_SERVICE})
    announce_dialect(request, "answer 405")
    authorize(request)
    uid = await path_workitem(request, partition)
    written = request.headers.get("Transaction-UID", request.query.get(TRANSACTION_NAME))
    transaction_uid = None if written is None else checked_uid(request, written, TRANSACTION_ELEMENT, loose=True)
    violation = relaxed_update_violation(data_set) if body.is_object else _violation(data_set)
    return await _update(
        request,
        partition,
        _Update(
            uid=uid,
            transaction_uid=transaction_uid,
            data_set=data_set,
            violation=violation,
            unknown=RefusedError(404, NOT_FOUND),
        ),
    )


async def _post_object(request: web.Request, partition: str, data_set: DataSet) -> web.StreamResponse:
    """A relaxed update, of an unknown workitem a relaxed create (worklist §12.1, row 5)."""
    uid = checked_uid(request, path_text(request), WORKITEM_ELEMENT, loose=True)
    if await workitem_json(request, partition, uid) is None:
        try:
            return await create_relaxed(request, partition, uid, data_set)
        except RefusedError as error:
            return quoted(request, error)
    return await _update(
        request,
        partition,
        _Update(
            uid=uid,
            transaction_uid=_transaction_uid_of_query(request, loose=True),
            data_set=data_set,
            violation=relaxed_update_violation(data_set),
            unknown=RefusedError(404, NOT_FOUND),
        ),
    )


def _transaction_uid_of_query(request: web.Request, *, loose: bool) -> str | None:
    """Raises InvalidUidError."""
    found = first_parameter(request)
    if found is None:
        return None
    name, value = found
    if name == TRANSACTION_NAME and speaks_dialect(request) and (is_uid(request, value) or is_loose(request, value)):
        announce_dialect(request)
        return value
    return checked_uid(request, name, TRANSACTION_ELEMENT, loose=loose)


def _violation(data_set: DataSet) -> str | None:
    """The service sets the time of the change before it checks, so a client need not send it."""
    return update_violation({**data_set, MODIFICATION_DATE_TIME: element("DT", "set by the service")})


async def _update(request: web.Request, partition: str, wanted: _Update) -> web.Response:
    status_of_canceled = int(request.app[SETTINGS].quirk("worklist.update_canceled"))

    def update(worklist: Worklist) -> None:
        workitem = worklist.find(wanted.uid)
        if workitem is None:
            raise wanted.unknown
        refusal = _refusal(workitem, wanted.transaction_uid, status_of_canceled)
        if refusal is None and wanted.violation is not None:
            refusal = RefusedError(400, wanted.violation)
        if refusal is not None:
            raise refusal
        changed = merged(workitem.data_set, wanted.data_set)
        after = replace(workitem, data_set={**changed, MODIFICATION_DATE_TIME: element("DT", worklist.now)})
        worklist.replace(after, updated(workitem, after))

    try:
        await change(request, partition, update)
    except RefusedError as error:
        return negotiated(request, error.status, error.message)
    headers: Mapping[str, str] = {"Content-Location": workitem_url(request, wanted.uid)}
    return negotiated(request, 200, headers=headers)


def _refusal(workitem: Workitem, transaction_uid: str | None, status_of_canceled: int) -> RefusedError | None:
    """What the state of the workitem says to an update (worklist §6, rows 3 to 7)."""
    match workitem.state:
        case WorkitemState.SCHEDULED:
            return None if transaction_uid is None else RefusedError(400, NOT_YET_CLAIMED)
        case WorkitemState.IN_PROGRESS:
            return None if transaction_uid == workitem.transaction_uid else RefusedError(400, NOT_CLAIMED)
        case WorkitemState.COMPLETED:
            return RefusedError(400, INCONSISTENT.format(state=workitem.state))
        case WorkitemState.CANCELED:
            return RefusedError(status_of_canceled, INCONSISTENT.format(state=STATE_OF_CANCELED))


def merged(stored: DataSet, sent: DataSet) -> DataSet:
    """The stored data set with what was sent laid over it; nothing is ever removed (worklist §6, merge rules)."""
    kept = {tag: new for tag, each in sent.items() if (new := _merged_element(tag, each)) is not None}
    kept.pop(TRANSACTION_UID, None)  # it would not change the lock
    return {**stored, **kept}


def _merged_element(tag: str, sent: Element) -> Element | None:
    """None: the service ignores it. The VR that counts is the dictionary's."""
    entry = entry_of(int(tag, 16))
    vr = entry.vr.partition(" ")[0] if entry is not None else ""
    if vr in FIRST_VALUE_VRS:
        return element(sent["vr"], *sent.get("Value", ())[:1])
    return sent if vr in REPLACED_VRS else None
