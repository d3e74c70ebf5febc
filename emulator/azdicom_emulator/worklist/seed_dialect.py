"""The extension `worklist.seed_dialect`: bodies that are one bare object, by relaxed rules (worklist §12)."""

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet, values_of
from azdicom_emulator.dicom.worklist_tags import PROCEDURE_STEP_STATE, SOP_CLASS_UID, SOP_INSTANCE_UID, TRANSACTION_UID
from azdicom_emulator.web.keys import SETTINGS
from azdicom_emulator.web.warnings import announce
from azdicom_emulator.worklist.requirements import FORBIDDEN, NOT_EMPTY, written

SEED_DIALECT = "worklist.seed_dialect"
ANNOUNCED = web.RequestKey("seed_dialect_announced", bool)

NOT_UPDATED = (SOP_CLASS_UID, SOP_INSTANCE_UID, PROCEDURE_STEP_STATE, TRANSACTION_UID)
"""What a relaxed update must not contain (worklist §12.3)."""


def speaks_dialect(request: web.Request) -> bool:
    return request.app[SETTINGS].extension(SEED_DIALECT)


def announce_dialect(request: web.Request, what: str = "answer 400") -> None:
    """what: what the managed service would do.

    Only the first announcement of a request counts: it is of the error that the service would have come to first.
    """
    if ANNOUNCED not in request:
        request[ANNOUNCED] = True
        announce(request, SEED_DIALECT, what)


def relaxed_create_violation(data_set: DataSet) -> str | None:
    """Of all that a create requires, this is left (worklist §12.2)."""
    if values_of(data_set, PROCEDURE_STEP_STATE) not in ([], ["SCHEDULED"]):
        return "ProcedureStepState must be SCHEDULED for new workitem"
    if values_of(data_set, TRANSACTION_UID):
        return NOT_EMPTY.format(tag=written(TRANSACTION_UID))
    return None


def relaxed_update_violation(data_set: DataSet) -> str | None:
    """Of all that an update forbids, this is left (worklist §12.3)."""
    return next((FORBIDDEN.format(tag=written(tag)) for tag in NOT_UPDATED if tag in data_set), None)
