"""The bodies of successful answers."""

from collections.abc import Mapping

import orjson
from aiohttp import web

DICOM_JSON = "application/dicom+json; charset=utf-8"
JSON = "application/json; charset=utf-8"


def dicom_json(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """DICOM JSON (PS3.18 F.2), whichever accepted spelling the client asked for (store §3)."""
    return web.Response(status=status, body=body, headers={**(headers or {}), "Content-Type": DICOM_JSON})


def json_value(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON of the service's own APIs (azure-apis §0): not indented; the caller leaves null properties out."""
    return web.Response(status=status, body=orjson.dumps(value), headers={**(headers or {}), "Content-Type": JSON})
