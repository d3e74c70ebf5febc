"""CORS in front of an upstream that has none, or not for this page: preflights, and headers on every answer."""

from aiohttp import hdrs, web

from azdicom_proxy.headers import without
from azdicom_proxy.upstream.head import RawHeaders

ANY = "*"
REQUEST_HEADERS = "accept, authorization, content-type, if-none-match, msdicom-request-original, x-azdicom-recording"
EXPOSED_HEADERS = "location, content-location, etag, warning, erroneous-dicom-attributes"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
OF_THE_UPSTREAM = (
    b"access-control-allow-origin",
    b"access-control-expose-headers",
    b"access-control-allow-credentials",
)


def preflight(request: web.BaseRequest, origins: tuple[str, ...]) -> web.Response | None:
    """204 to a browser that asks for permission; None: the request is no preflight, or CORS is not our business."""
    asks = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers and hdrs.ORIGIN in request.headers
    if not origins or request.method != hdrs.METH_OPTIONS or not asks:
        return None
    response = web.Response(status=204)
    if allowed_origin(request, origins) is not None:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = METHODS
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = REQUEST_HEADERS
    return response


def cors_headers(request: web.BaseRequest, origins: tuple[str, ...]) -> RawHeaders:
    """What an answer to a page of an allowed origin carries."""
    origin = allowed_origin(request, origins)
    if origin is None:
        return ()
    vary: RawHeaders = () if origin == ANY else ((b"Vary", b"Origin"),)
    return (
        (b"Access-Control-Allow-Origin", origin.encode("latin-1", "replace")),
        (b"Access-Control-Expose-Headers", EXPOSED_HEADERS.encode()),
        *vary,
    )


def without_upstreams_own(headers: RawHeaders) -> RawHeaders:
    """The lines but those by which the upstream allows a page of its own liking."""
    return without(headers, *OF_THE_UPSTREAM)


def allowed_origin(request: web.BaseRequest, origins: tuple[str, ...]) -> str | None:
    """The value of `Access-Control-Allow-Origin`."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or not origins:
        return None
    if ANY in origins:
        return ANY
    return origin if origin in origins else None
