"""`msdicom-request-original`: the version of an instance before its first bulk update (retrieve §11)."""

from aiohttp import web

from azdicom_emulator.storage.records import StoredInstance

HEADER = "msdicom-request-original"


def requested_version(request: web.Request, current: StoredInstance) -> StoredInstance:
    """The version that the request is about; any value of the header but `true` is no wish."""
    wants_original = request.headers.get(HEADER, "").strip().lower() == "true"
    return current.first if wants_original else current
