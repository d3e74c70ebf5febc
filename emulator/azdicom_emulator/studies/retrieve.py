"""WADO-RS: studies, series and instances as DICOM files (PS3.18 §10.4, retrieve §4–§6)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from azdicom_emulator.dicom.part10 import PREAMBLE_BYTES
from azdicom_emulator.dicom.pixels.errors import TranscodingError
from azdicom_emulator.storage.records import InstanceKey, StoredInstance
from azdicom_emulator.studies.originals import requested_version
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import NotAcceptableError, ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, SETTINGS, WORKERS
from azdicom_emulator.web.negotiation import (
    AS_STORED,
    BARE_STAR_OFFER,
    DICOM,
    INSTANCE_OFFERS,
    STUDY_OFFERS,
    Choice,
    Offer,
    choose,
    parse_accept,
)
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.sending import FileSlice, Part, send_multipart, send_single
from azdicom_emulator.web.uids import path_uids
from azdicom_emulator.web.workers import WorkerDiedError

MAX_CONVERTED_BYTES = 104857600
"""Largest stored file that is transcoded or rendered (retrieve §9, §10)."""
ATTEMPTS = 2
"""Between look-up and sending, a version can be replaced or deleted, and its file be gone: it is looked up again."""
PREPARED_IN_A_ROW = 256
"""Of how many instances the paths are made before other requests get their turn."""
TRANSCODING_NOT_SUPPORTED = "The specified transcoding is not supported."
TOO_LARGE_TO_TRANSCODE = (
    f"Requested DICOM instance size is above the supported limit of {MAX_CONVERTED_BYTES}. The entire instance can be "
    "retrieved with the original transfer syntax by specifying 'transfer-syntax=*' in the Accept header."
)


async def retrieve_study(request: web.Request) -> web.StreamResponse:
    """All instances of a study, in watermark order."""
    return await _retrieve_many(request, "study")


async def retrieve_series(request: web.Request) -> web.StreamResponse:
    """All instances of a series, in watermark order."""
    return await _retrieve_many(request, "series")


async def retrieve_instance(request: web.Request) -> web.StreamResponse:
    """One instance, single part or multipart as Accept says."""
    partition = await partition_of(request)
    authorize(request)
    study, series, instance = path_uids(request)
    choice = choose(parse_accept(request.headers.getall("Accept", ())), INSTANCE_OFFERS, star_means=DICOM)
    key = InstanceKey(partition, study, series or "", instance or "")
    return await send_current(request, key, lambda found: _send(request, [found], choice))


async def send_current(
    request: web.Request, key: InstanceKey, send: Callable[[StoredInstance], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What `send` makes of the current version; once more when its file is gone. Raises ResourceNotFoundError."""
    for _ in range(ATTEMPTS):
        found = await request.app[INDEX].instance(key)
        if found is None:
            break
        with contextlib.suppress(FileNotFoundError):
            return await send(found)
    raise ResourceNotFoundError.of("instance")


async def _retrieve_many(request: web.Request, resource: str) -> web.StreamResponse:
    partition = await partition_of(request)
    authorize(request)
    study, series, _ = path_uids(request)
    offers: tuple[Offer, ...] = STUDY_OFFERS
    if request.app[SETTINGS].quirk("retrieve.bare_star_on_study") == "multipart":
        offers = (*offers, BARE_STAR_OFFER)
    choice = choose(parse_accept(request.headers.getall("Accept", ())), offers, star_means=DICOM)
    for _ in range(ATTEMPTS):
        found = await request.app[INDEX].instances(partition, study, series)
        if not found:
            break
        _require_one_unless_as_stored(found, choice)
        with contextlib.suppress(FileNotFoundError):
            return await _send(request, found, choice)
    raise ResourceNotFoundError.of(resource)


def _require_one_unless_as_stored(found: Sequence[StoredInstance], choice: Choice) -> None:
    if len(found) > 1 and choice.transfer_syntax != AS_STORED:
        raise NotAcceptableError(
            f"Accept transfer syntax '{choice.transfer_syntax}' is not supported when multiple instances are matched. "
            "Matching instances can be retrieved with their original transfer syntax by specifying "
            "'transfer-syntax=*' in the Accept header.",
            hint="add transfer-syntax=* to the Accept header",
        )


async def _send(request: web.Request, instances: Sequence[StoredInstance], choice: Choice) -> web.StreamResponse:
    with contextlib.ExitStack() as sent:
        parts = []
        for number, instance in enumerate(instances):
            if number % PREPARED_IN_A_ROW == 0:
                await asyncio.sleep(0)
            parts.append(await _part(request, requested_version(request, instance), choice, sent))
        if choice.is_multipart:
            return await send_multipart(request, parts)
        return await send_single(request, parts[0])


async def _part(request: web.Request, instance: StoredInstance, choice: Choice, sent: contextlib.ExitStack) -> Part:
    """The stored file, or a transcoded one, which `sent` removes, where another syntax is asked for (retrieve §9)."""
    path, _ = request.app[INDEX].files.paths(instance.key, instance.watermark)
    if choice.transfer_syntax in (AS_STORED, instance.transfer_syntax_uid):
        zeroed = PREAMBLE_BYTES if request.app[SETTINGS].quirk("store.preamble") == "zero-at-retrieve" else 0
        return Part(
            f"{choice.media_type}; transfer-syntax={instance.transfer_syntax_uid}",
            (FileSlice(path, 0, instance.size_bytes, zeroed),),
        )
    if instance.size_bytes > MAX_CONVERTED_BYTES:
        raise NotAcceptableError(TOO_LARGE_TO_TRANSCODE)
    from azdicom_emulator.dicom.pixels.transcode import transcode_to_file

    transcoded = request.app[INDEX].files.temporary()
    transcoded.touch()
    sent.callback(transcoded.unlink)
    try:
        size = await request.app[WORKERS].in_process(transcode_to_file, path, choice.transfer_syntax, transcoded)
    except (TranscodingError, WorkerDiedError) as error:
        raise NotAcceptableError(TRANSCODING_NOT_SUPPORTED, hint=str(error)) from error
    return Part(f"{choice.media_type}; transfer-syntax={choice.transfer_syntax}", (FileSlice(transcoded, 0, size),))
