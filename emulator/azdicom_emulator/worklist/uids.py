"""The UIDs of a worklist request: in the path, and as the name of the first query parameter (worklist §2.3, §2.4)."""

import re
from urllib.parse import parse_qsl

from aiohttp import web

from azdicom_emulator.dicom.uid import MAX_UID_LENGTH, validate_uid
from azdicom_emulator.storage.worklist import find_data_set
from azdicom_emulator.web.errors import InvalidUidError
from azdicom_emulator.web.keys import INDEX, MATCH, SETTINGS
from azdicom_emulator.worklist.seed_dialect import announce_dialect, speaks_dialect

WORKITEM_ELEMENT = "WorkitemInstanceUid"
TRANSACTION_ELEMENT = "TransactionUid"
LOOSE_UID = re.compile(r"[0-9]+(\.[0-9A-Za-z_-]+)+", re.ASCII)
"""With letters, as the README of an earlier emulator has them (worklist §12.1)."""


def first_parameter(request: web.Request) -> tuple[str, str] | None:
    """Name and value of the first query parameter, decoded; None: there is no query, or its name is empty."""
    parameters = parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True)
    return parameters[0] if parameters and parameters[0][0] else None


def is_uid(request: web.Request, text: str) -> bool:
    return validate_uid(text, alphabet=request.app[SETTINGS].quirk("uid.alphabet"))


def is_loose(request: web.Request, text: str) -> bool:
    """Whether the seed dialect takes it for a UID and the service does not."""
    return (
        speaks_dialect(request)
        and len(text) <= MAX_UID_LENGTH
        and LOOSE_UID.fullmatch(text) is not None
        and not is_uid(request, text)
    )


def checked_uid(request: web.Request, text: str, element: str, *, loose: bool = False) -> str:
    """loose: whether the seed dialect's UIDs are taken too. Raises InvalidUidError."""
    uid = text.rstrip(" ")
    if is_uid(request, uid):
        return uid
    if loose and is_loose(request, uid):
        announce_dialect(request)
        return uid
    raise InvalidUidError.of(element)


def path_text(request: web.Request) -> str:
    """What stands in the path for the workitem, UID or not."""
    return request[MATCH].parameters["workitem"].rstrip(" ")


async def path_workitem(request: web.Request, partition: str) -> str:
    """The workitem UID of the path; a loose one only if there is such a workitem. Raises InvalidUidError."""
    uid = path_text(request)
    if is_loose(request, uid) and await workitem_json(request, partition, uid) is not None:
        announce_dialect(request)
        return uid
    return checked_uid(request, uid, WORKITEM_ELEMENT)


async def workitem_json(request: web.Request, partition: str, uid: str) -> bytes | None:
    """The data set of a workitem, None if there is none."""
    index = request.app[INDEX]
    found = await index.partition(partition, create=False)
    if found is None:
        return None
    return await index.read(lambda cursor: find_data_set(cursor, found.key, uid))
