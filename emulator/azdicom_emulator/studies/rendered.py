"""WADO-RS rendered resources: one frame as JPEG or PNG (PS3.18 §10.4, retrieve §10)."""

from aiohttp import web

from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError, RenderingError
from azdicom_emulator.storage.records import InstanceKey, StoredInstance
from azdicom_emulator.studies.frames import INVALID_FRAMES
from azdicom_emulator.studies.retrieve import MAX_CONVERTED_BYTES, send_current
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, NotAcceptableError, ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, MATCH, WORKERS
from azdicom_emulator.web.negotiation import NOT_ACCEPTABLE, parse_accept
from azdicom_emulator.web.paging import parameter
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.uids import path_uids
from azdicom_emulator.web.whole_numbers import INT32, whole_number
from azdicom_emulator.web.workers import WorkerDiedError

JPEG, PNG = "image/jpeg", "image/png"
MANY_ACCEPTS = "The request contains multiple accept headers, which is not supported."
TOO_LARGE_TO_RENDER = (
    f"Requested DICOM instance size is above the supported limit of {MAX_CONVERTED_BYTES} for rendering. Please "
    "retrieve the whole file in the original transfer syntax instead of rendering to image media type."
)
NOT_AN_IMAGE = "An error was encountered when attempting to convert the dicom file into an image"
DEFAULT_QUALITY = 100


async def retrieve_rendered(request: web.Request) -> web.StreamResponse:
    """`/rendered` (frame 1) and `/frames/{frame}/rendered`."""
    frame = _integer("frame", request[MATCH].parameters.get("frame", "1"))
    given = parameter(request, "quality")
    quality = DEFAULT_QUALITY if given is None else _integer("quality", given)
    partition = await partition_of(request)
    authorize(request)
    study, series, instance = path_uids(request)
    if frame <= 0:
        raise BadRequestError(INVALID_FRAMES)
    if not 1 <= quality <= 100:
        raise BadRequestError("Image quality must be between 1 and 100 inclusive")
    media_type = _media_type(request)
    key = InstanceKey(partition, study, series or "", instance or "")
    return await send_current(request, key, lambda found: _rendered(request, found, frame, media_type, quality))


async def _rendered(
    request: web.Request, instance: StoredInstance, frame: int, media_type: str, quality: int
) -> web.StreamResponse:
    if instance.size_bytes > MAX_CONVERTED_BYTES:
        raise NotAcceptableError(TOO_LARGE_TO_RENDER)
    from azdicom_emulator.dicom.pixels.render import render

    path, _ = request.app[INDEX].files.paths(instance.key, instance.watermark)
    try:
        image = await request.app[WORKERS].in_process(render, path, frame, media_type, quality)
    except FrameNotFoundError:
        raise ResourceNotFoundError.of("frame") from None
    except (RenderingError, WorkerDiedError) as error:
        raise NotAcceptableError(NOT_AN_IMAGE, hint=str(error)) from error
    return web.Response(body=image, content_type=media_type)


def _integer(name: str, text: str) -> int:
    number = whole_number(text, INT32)
    if number is None:
        raise BadRequestError.query_parameter(name, f"The value '{text}' is not valid.")
    return number


def _media_type(request: web.Request) -> str:
    """No Accept is JPEG; otherwise exactly one entry, JPEG or PNG."""
    lines = request.headers.getall("Accept", ())
    entries = parse_accept(lines)
    if not lines:
        return JPEG
    if len(entries) > 1:
        raise NotAcceptableError(MANY_ACCEPTS)
    media_type = entries[0].media_type.lower() if entries else ""
    if media_type not in (JPEG, PNG):
        raise NotAcceptableError(NOT_ACCEPTABLE, hint=f"Accept: {JPEG} or {PNG}, or no Accept header")
    return media_type
