"""CORS: which pages in a browser may call the service, and the answers to their preflights (http §6)."""

import re
from collections.abc import Iterable

from aiohttp import hdrs, web

from azdicom_emulator.settings import ANY, LOOPBACK_ORIGINS
from azdicom_emulator.web.keys import SETTINGS

LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE | re.ASCII)


def preflight(request: web.Request) -> web.Response | None:
    """204 to an `OPTIONS` that asks for a page's permission, on every path; None: the request is no preflight."""
    if request.method != hdrs.METH_OPTIONS or hdrs.ORIGIN not in request.headers:
        return None
    method = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
    if method is None:
        return None
    response = web.Response(status=204)
    if _allowed_origin(request) is None:
        return response
    settings = request.app[SETTINGS]
    asked = request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "")
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _echo_or_list(settings.cors_methods, method)
    if headers := _echo_or_list(settings.cors_headers, asked):
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = headers
    if settings.cors_max_age_s is not None:
        response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = str(settings.cors_max_age_s)
    return response


def add_cors_headers(request: web.Request, response: web.StreamResponse) -> None:
    """To every answer, errors included, whose request comes from a page of an allowed origin."""
    origin = _allowed_origin(request)
    if origin is None:
        return
    response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
    if origin != ANY:
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
    if request.app[SETTINGS].cors_credentials:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"


def is_foreign_page(request: web.Request) -> bool:
    """Whether the request comes from a page that may not call the service.

    For WebSockets: browsers let every page open one to every server, so it is for the server to refuse.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    is_own = origin == f"{request.scheme}://{request.host}"
    return origin is not None and not is_own and _allowed_origin(request) is None


def _allowed_origin(request: web.Request) -> str | None:
    """The value of `Access-Control-Allow-Origin`; None: no origin, or one that is not allowed."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return None
    allowed = request.app[SETTINGS].allowed_origins
    if ANY in allowed:
        return ANY
    is_allowed = origin in allowed or (LOOPBACK_ORIGINS in allowed and LOOPBACK_ORIGIN.fullmatch(origin))
    return origin if is_allowed else None


def _echo_or_list(configured: Iterable[str], asked: str) -> str:
    """What was asked for where everything is allowed: `*` itself would not cover `Authorization` (Fetch §3.2.3)."""
    return asked if ANY in configured else ",".join(configured)
