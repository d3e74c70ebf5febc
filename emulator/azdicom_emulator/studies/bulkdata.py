"""Bulk data: the value of one attribute as the file has it, of any VR; an extension (PS3.18 §10.4)."""

import contextlib
import re
from pathlib import Path

from aiohttp import web

from azdicom_emulator.dicom.bulk_value import ValueRange, find_value
from azdicom_emulator.storage.records import InstanceKey
from azdicom_emulator.studies.retrieve import ATTEMPTS
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, MATCH, WORKERS
from azdicom_emulator.web.negotiation import OCTET_STREAM
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.sending import FileSlice, Part, send_single
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
    index = request.app[INDEX]
    key = InstanceKey(partition, study, series or "", instance or "")
    for _ in range(ATTEMPTS):
        found = await index.instance(key)
        if found is None:
            break
        paths = index.files.paths(found.key, found.watermark)
        with contextlib.suppress(FileNotFoundError):
            return await _send(request, paths.dicom, int(tag, 16))
    raise ResourceNotFoundError.of("instance")


async def _send(request: web.Request, path: Path, tag: int) -> web.StreamResponse:
    value = await request.app[WORKERS].in_thread(find_value, path, tag)
    match value:
        case None:
            raise ResourceNotFoundError.of("bulk data")
        case ValueRange(offset, size_bytes):
            return await send_single(request, Part(OCTET_STREAM, (FileSlice(path, offset, size_bytes),)))
        case _:
            return await send_single(request, Part(OCTET_STREAM, value))
