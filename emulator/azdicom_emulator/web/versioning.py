"""API versions: what a request asked for, and what answers say about the others (http §2)."""

from aiohttp import web

from azdicom_emulator.web import responses
from azdicom_emulator.web.keys import MATCH, SETTINGS

SUPPORTED_VERSIONS = "1.0-prerelease, 1, 2"


def api_version(request: web.Request) -> int:
    """1 or 2; the pre-release counts as 1."""
    return request[MATCH].api_version


def unsupported_version(request: web.Request, version: str) -> web.Response:
    if request.app[SETTINGS].quirk("versions.unsupported") == "404":
        return web.Response(status=404)
    message = (
        f"The HTTP resource that matches the request URI '{request.url}' does not support the API version '{version}'."
    )
    return responses.json_value({"error": {"code": "UnsupportedApiVersion", "message": message}}, status=400)
