"""WADO-RS metadata: the DICOM JSON that was made at store time, with ETag (PS3.18 §10.4, retrieve §8)."""

from collections.abc import Sequence

from aiohttp import web

from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.metadata import read_metadata
from azdicom_emulator.storage.records import InstanceKey, StoredInstance
from azdicom_emulator.studies.originals import requested_version
from azdicom_emulator.studies.retrieve import ATTEMPTS
from azdicom_emulator.web import responses
from azdicom_emulator.web.accept import require_dicom_json
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, SETTINGS, WORKERS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.uids import path_uids

READ_TOGETHER = 64
READ_TOGETHER_BYTES = 4 * 1024 * 1024
"""How much metadata one hand-over to a thread reads: so many files, or so many bytes, whichever comes first."""


async def study_metadata(request: web.Request) -> web.StreamResponse:
    return await _metadata(request, "study")


async def series_metadata(request: web.Request) -> web.StreamResponse:
    return await _metadata(request, "series")


async def instance_metadata(request: web.Request) -> web.StreamResponse:
    return await _metadata(request, "instance")


async def _metadata(request: web.Request, resource: str) -> web.StreamResponse:
    partition = await partition_of(request)
    require_dicom_json(request)
    authorize(request)
    study, series, instance = path_uids(request)
    index = request.app[INDEX]
    for attempts_left in reversed(range(ATTEMPTS)):
        if instance is not None:
            one = await index.instance(InstanceKey(partition, study, series or "", instance))
            found = [one] if one else []
        else:
            found = await index.instances(partition, study, series)
        if not found:
            break
        etag = _etag(found, is_instance=instance is not None)
        if request.app[SETTINGS].quirk("retrieve.etag_quotes") == "on":
            etag = f'"{etag}"'
        if request.headers.get("If-None-Match", "").lower() == etag.lower():
            return web.Response(status=304)
        try:
            return await _send(request, index, [requested_version(request, each) for each in found], etag)
        except FileNotFoundError:
            if not attempts_left:
                raise
    raise ResourceNotFoundError.of(resource)


def _etag(found: Sequence[StoredInstance], *, is_instance: bool) -> str:
    """`{watermark}` of an instance, `{highest watermark}-{count}` above; the service quotes neither (retrieve §8.4)."""
    highest = max(instance.watermark for instance in found)
    return str(highest) if is_instance else f"{highest}-{len(found)}"


async def _send(request: web.Request, index: Index, found: Sequence[StoredInstance], etag: str) -> web.StreamResponse:
    """A JSON array, one object an instance, streamed: a study of thousands is never held whole.

    Raises FileNotFoundError, before anything is sent: an instance was replaced or deleted since it was looked up.
    """
    block = await _read(request, index, found)
    if len(block) == len(found):
        return responses.dicom_json(b"[" + b",".join(block) + b"]", headers={"ETag": etag})
    response = web.StreamResponse(headers={"ETag": etag, "Content-Type": responses.DICOM_JSON})
    await response.prepare(request)
    await response.write(b"[" + b",".join(block))
    sent = len(block)
    while sent < len(found):
        try:
            block = await _read(request, index, found[sent : sent + READ_TOGETHER])
        except FileNotFoundError as error:
            raise EOFError("an instance is gone in the middle of the answer") from error
        await response.write(b"," + b",".join(block))
        sent += len(block)
    await response.write_eof(b"]")
    return response


async def _read(request: web.Request, index: Index, instances: Sequence[StoredInstance]) -> list[bytes]:
    """The metadata of the first of `instances`, one at least."""

    def read() -> list[bytes]:
        block: list[bytes] = []
        size_bytes = 0
        for instance in instances[:READ_TOGETHER]:
            block.append(read_metadata(index.files, instance.key, instance.watermark))
            size_bytes += len(block[-1])
            if size_bytes >= READ_TOGETHER_BYTES:
                break
        return block

    return await request.app[WORKERS].in_thread(read)
