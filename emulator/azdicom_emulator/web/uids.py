"""UIDs in paths (http §7): trailing spaces removed, then checked before any look-up."""

from aiohttp import web

from azdicom_emulator.dicom.uid import validate_uid
from azdicom_emulator.web.errors import InvalidUidError
from azdicom_emulator.web.keys import MATCH, SETTINGS

ELEMENTS = {"study": "StudyInstanceUid", "series": "SeriesInstanceUid", "instance": "SopInstanceUid"}


def path_uids(request: web.Request) -> tuple[str, str | None, str | None]:
    """Study, series and instance UID of the path, None below the route's level.

    Raises InvalidUidError, for the study first, then the series, then the instance.
    """
    parameters = request[MATCH].parameters
    study, series, instance = (_checked(request, name) if name in parameters else None for name in ELEMENTS)
    return study or "", series, instance


def _checked(request: web.Request, name: str) -> str:
    uid = request[MATCH].parameters[name].rstrip(" ")
    if not validate_uid(uid, alphabet=request.app[SETTINGS].quirk("uid.alphabet")):
        raise InvalidUidError.of(ELEMENTS[name])
    return uid
