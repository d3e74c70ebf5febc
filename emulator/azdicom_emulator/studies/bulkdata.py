"""Bulk data: the value of one attribute as the file has it, of any VR; an extension (PS3.18 §10.4)."""

import contextlib
import re

from aiohttp import web

from azdicom_emulator.dicom.bulk_value import find_value, inflate_value
from azdicom_emulator.dicom.syntax import DEFLATED
from azdicom_emulator.storage.records import InstanceKey, StoredInstance
from azdicom_emulator.studies.retrieve import send_current
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, MATCH, WORKERS
from azdicom_emulator.web.negotiation import OCTET_STREAM, parse_accept
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.sending import FileSlice, Part, send_multipart, send_single
from azdicom_emulator.web.uids import path_uids
from azdicom_emulator.web.warnings import announce

BULK_DATA = "retrieve.bulkdata"
INVALID_TAG = "tag must be 8 hexadecimal digits (DICOM GGGGEEEE format)"
TAG = re.compile("[0-9A-Fa-f]{8}")


async def retrieve_bulkdata(request: web.Request) -> web.StreamResponse:
    """`…/instances/{instance}/bulkdata/{attribute}`: 200 with the bytes of the value (seed-features §8).

    There is no such route where the extension is off. Raises BadRequestError, ResourceNotFoundError.
    """
    announce(request, BULK_DATA, "answer 404")
    tag = request[MATCH].parameters["attribute"]
    partition = await partition_of(request)
    authorize(request)
    study, series, instance = path_uids(request)
    if not TAG.fullmatch(tag):
        raise BadRequestError(INVALID_TAG)
    key = InstanceKey(partition, study, series or "", instance or "")
    return await send_current(request, key, lambda found: _send(request, found, int(tag, 16)))


async def _send(request: web.Request, instance: StoredInstance, tag: int) -> web.StreamResponse:
    files, workers = request.app[INDEX].files, request.app[WORKERS]
    path = files.paths(instance.key, instance.watermark).dicom
    with contextlib.ExitStack() as sent:
        if instance.transfer_syntax_uid in DEFLATED:
            path, deflated = files.temporary(), path
            path.touch()
            sent.callback(path.unlink)
            value = await workers.in_thread(inflate_value, deflated, tag, path)
        else:
            value = await workers.in_thread(find_value, path, tag)
        if value is None:
            raise ResourceNotFoundError.of("bulk data")
        part = Part(OCTET_STREAM, (FileSlice(path, value.offset, value.size_bytes),))
        return await (send_multipart(request, [part]) if _wants_multipart(request) else send_single(request, part))


def _wants_multipart(request: web.Request) -> bool:
    """DICOMweb clients do, and the standard answers them so; a browser or curl gets the bytes alone."""
    return any(entry.is_multipart for entry in parse_accept(request.headers.getall("Accept", ())))
