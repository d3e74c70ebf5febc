"""UPS-RS retrieve (PS3.18 §11.5; worklist §5)."""

from aiohttp import web

from azdicom_emulator.web import responses
from azdicom_emulator.web.accept import require_dicom_json
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.worklist.answers import NOT_FOUND, RefusedError, quoted
from azdicom_emulator.worklist.uids import path_workitem, workitem_json


async def retrieve_workitem(request: web.Request) -> web.StreamResponse:
    """One data set, an object, in every state; without the Transaction UID, which is not part of what is stored."""
    partition = await partition_of(request)
    require_dicom_json(request)
    authorize(request)
    uid = await path_workitem(request, partition)
    data_set = await workitem_json(request, partition, uid)
    if data_set is None:
        return quoted(request, RefusedError(404, NOT_FOUND))
    return responses.dicom_json(data_set)
