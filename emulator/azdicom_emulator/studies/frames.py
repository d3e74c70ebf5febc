"""WADO-RS frames: slices of stored files, decoded or encoded where asked for (PS3.18 §10.4, retrieve §7)."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError, TranscodingError
from azdicom_emulator.dicom.pixels.frames import FrameTable, locate_frames, read_frames
from azdicom_emulator.dicom.syntax import DEFLATED
from azdicom_emulator.storage.records import InstanceKey, StoredInstance
from azdicom_emulator.studies.retrieve import (
    MAX_CONVERTED_BYTES,
    TOO_LARGE_TO_TRANSCODE,
    TRANSCODING_NOT_SUPPORTED,
    send_current,
)
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, NotAcceptableError, ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, MATCH, WORKERS
from azdicom_emulator.web.negotiation import (
    AS_STORED,
    FRAME_OFFERS,
    JPEG_2000,
    OCTET_STREAM,
    Choice,
    choose,
    parse_accept,
)
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.sending import FileSlice, Part, send_multipart, send_single
from azdicom_emulator.web.uids import path_uids
from azdicom_emulator.web.whole_numbers import INT32, whole_number
from azdicom_emulator.web.workers import WorkerDiedError

INVALID_FRAMES = (
    "The specified frames value is not valid. At least one frame must be present, "
    "and all requested frames must have value greater than 0."
)
SINGLE_PART_FRAMES = "The accept header is supported for single frame retrieval, use multi-part accept header instead."


class FrameTables:
    """Where the frames of recently asked files are, by path; a stored version never changes, so nothing grows stale."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._tables: OrderedDict[Path, FrameTable] = OrderedDict()

    def get(self, path: Path) -> FrameTable | None:
        table = self._tables.get(path)
        if table is not None:
            self._tables.move_to_end(path)
        return table

    def put(self, path: Path, table: FrameTable) -> None:
        self._tables[path] = table
        if len(self._tables) > self._capacity:
            self._tables.popitem(last=False)


FRAME_TABLES = web.AppKey("frame_tables", FrameTables)


async def retrieve_frames(request: web.Request) -> web.StreamResponse:
    """The frames of the list in the path, in its order; one frame alone may be asked for as single part.

    They are the original version's: a bulk update leaves the pixels as they are (async §2.6).
    """
    numbers = parse_frame_numbers(request[MATCH].parameters["frames"])
    partition = await partition_of(request)
    authorize(request)
    study, series, instance = path_uids(request)
    if any(number <= 0 for number in numbers):
        raise BadRequestError(INVALID_FRAMES)
    choice = choose(parse_accept(request.headers.getall("Accept", ())), FRAME_OFFERS, star_means=OCTET_STREAM)
    if not choice.is_multipart and len(numbers) > 1:
        raise BadRequestError(SINGLE_PART_FRAMES)
    key = InstanceKey(partition, study, series or "", instance or "")
    return await send_current(request, key, lambda found: _send(request, found.first, choice, numbers))


async def _send(
    request: web.Request, instance: StoredInstance, choice: Choice, numbers: Sequence[int]
) -> web.StreamResponse:
    try:
        parts = await _frame_parts(request, instance, choice, numbers)
    except FrameNotFoundError:
        raise ResourceNotFoundError.of("frame") from None
    return await (send_multipart(request, parts) if choice.is_multipart else send_single(request, parts[0]))


def parse_frame_numbers(text: str) -> list[int]:
    """`1,3,2`, spaces allowed. Raises BadRequestError naming the item that is no 32-bit integer."""
    return [_int32(item) for item in text.split(",")]


def _int32(item: str) -> int:
    number = whole_number(item, INT32)
    if number is None:
        raise BadRequestError.query_parameter("frames", f"Unable to parse value '{item}' as Int32.")
    return number


async def _frame_parts(
    request: web.Request, instance: StoredInstance, choice: Choice, numbers: Sequence[int]
) -> list[Part]:
    as_stored = choice.transfer_syntax in (AS_STORED, instance.transfer_syntax_uid)
    if not as_stored and instance.size_bytes > MAX_CONVERTED_BYTES:
        raise NotAcceptableError(TOO_LARGE_TO_TRANSCODE)
    path, _ = request.app[INDEX].files.paths(instance.key, instance.watermark)
    table = request.app[FRAME_TABLES].get(path)
    if table is None:
        table = await request.app[WORKERS].in_thread(locate_frames, path)
        request.app[FRAME_TABLES].put(path, table)
    if any(number > table.number_of_frames for number in numbers):
        raise FrameNotFoundError("beyond the last frame")
    transfer_syntax = instance.transfer_syntax_uid if as_stored else choice.transfer_syntax
    content_type = f"{choice.media_type}; transfer-syntax={transfer_syntax}"
    if not as_stored:
        bodies = await _converted_frames(request, path, choice, numbers)
        return [Part(content_type, body) for body in bodies]
    if table.is_bit_packed or table.transfer_syntax_uid in DEFLATED:
        frames = await request.app[WORKERS].in_thread(read_frames, path, table, numbers)
        return [Part(content_type, frames[number]) for number in numbers]
    return [
        Part(content_type, [FileSlice(path, offset, length) for offset, length in table.slices(number)])
        for number in numbers
    ]


async def _converted_frames(request: web.Request, path: Path, choice: Choice, numbers: Sequence[int]) -> list[bytes]:
    from azdicom_emulator.dicom.pixels.native import encode_frames_j2k, frames_little_endian  # numpy and the codecs

    convert = encode_frames_j2k if choice.media_type.lower() == JPEG_2000 else frames_little_endian
    try:
        return await request.app[WORKERS].in_process(convert, path, tuple(numbers))
    except (TranscodingError, WorkerDiedError) as error:
        raise NotAcceptableError(TRANSCODING_NOT_SUPPORTED, hint=str(error)) from error
