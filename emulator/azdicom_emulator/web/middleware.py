"""What happens to every request: an id, the access line, security headers, errors turned into HTTP, dispatch."""

import asyncio
import logging
import time
from collections.abc import Mapping
from functools import partial

from aiohttp import web

from azdicom_emulator.admin.api import AdminApi
from azdicom_emulator.faults.keys import FAULT
from azdicom_emulator.storage.errors import OverloadedError
from azdicom_emulator.web.audit import log_audit_headers
from azdicom_emulator.web.audit_log import audit_begin, audit_end
from azdicom_emulator.web.authentication import authenticate
from azdicom_emulator.web.cors import add_cors_headers, preflight
from azdicom_emulator.web.errors import (
    HINT_HEADER,
    INTERNAL_ERROR,
    STREAM_ABORTED,
    BadRequestError,
    BusyError,
    PayloadTooLargeError,
    ServiceError,
    error_response,
)
from azdicom_emulator.web.instruments import INSTRUMENTS
from azdicom_emulator.web.keys import MATCH, REQUEST_ID, ROUTER, SETTINGS
from azdicom_emulator.web.limits import JSON_BODY_BYTES, oversized
from azdicom_emulator.web.openapi import openapi_document
from azdicom_emulator.web.request_id import REQUEST_ID_HEADER, request_id
from azdicom_emulator.web.routing import Match, MethodNotAllowed, Scope, UnsupportedVersion
from azdicom_emulator.web.versioning import SUPPORTED_VERSIONS, unsupported_version
from azdicom_emulator.web.warnings import add_announcements

log = logging.getLogger(__name__)
access_log = logging.getLogger("azdicom.access")

SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-src 'self';",
}
HEADERS_SENT = web.RequestKey("headers_sent", bool)
BEFORE_ROUTING = (oversized, preflight, openapi_document)
"""What may answer before the path is looked at (http §11)."""


async def dispatch(request: web.Request) -> web.StreamResponse:
    """The one aiohttp handler: every request that reaches the server."""
    request[REQUEST_ID] = request_id(request)
    started = time.perf_counter()
    instruments = request.app[INSTRUMENTS]
    is_admin = AdminApi.covers(request.rel_url.raw_path)
    engine = instruments.faults.engine
    response: web.StreamResponse | None = None
    try:
        if engine is None or is_admin:
            response = await _answer(request)
        else:
            from azdicom_emulator.faults.exchange import run  # a server without rules starts without it

            response = await run(engine, request, partial(_answer, request))
        return response
    finally:
        seconds = time.perf_counter() - started
        if instruments.administration is not None and not is_admin:
            instruments.administration.observe(request, response, _size(response), seconds)
        audit_end(request, response)
        _log_access(request, response, seconds)


async def before_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: the headers that all answers carry, added when they are about to be sent."""
    response.headers.update(SECURITY_HEADERS)
    if MATCH in request and request[MATCH].route.scope is not Scope.ROOT:
        response.headers["api-supported-versions"] = SUPPORTED_VERSIONS
    settings = request.app[SETTINGS]
    if settings.strict:
        response.headers.popall(HINT_HEADER, None)
    if settings.sends_request_ids and REQUEST_ID in request:  # `OPTIONS *` never reaches `dispatch`
        response.headers[REQUEST_ID_HEADER] = request[REQUEST_ID]
    add_cors_headers(request, response)
    add_announcements(request, response)
    request[HEADERS_SENT] = True


async def _answer(request: web.Request) -> web.StreamResponse:
    """The answer, or what a failure is as HTTP. Raises only what ends the connection."""
    try:
        for early in BEFORE_ROUTING:
            if (answer := early(request)) is not None:
                return answer
        _check_query(request)
        administration = request.app[INSTRUMENTS].administration
        if administration is not None and AdminApi.covers(request.rel_url.raw_path):
            return await administration.api.answer(request)
        return await _routed(request)
    except ServiceError as error:
        _log_refusal(request, error)
        return error_response(error)
    except OverloadedError:
        return error_response(BusyError())
    except web.HTTPRequestEntityTooLarge:
        return error_response(PayloadTooLargeError(JSON_BODY_BYTES))
    except web.RequestPayloadError:
        return error_response(BadRequestError(STREAM_ABORTED))
    except (asyncio.CancelledError, ConnectionError, web.HTTPException):
        raise
    except Exception as error:
        log.exception("unhandled: %s %s (request %s)", request.method, request.path, request[REQUEST_ID])
        if HEADERS_SENT in request:
            # A status cannot be sent any more: a broken connection is how the client learns of it (retrieve §6.2).
            raise ConnectionResetError from error
        return error_response(ServiceError(INTERNAL_ERROR))


async def _routed(request: web.Request) -> web.StreamResponse:
    matched = request.app[ROUTER].resolve(request.method, request.rel_url.raw_path)
    match matched:
        case Match():
            await authenticate(request, matched.route.action)
            request[MATCH] = matched
            if matched.route.scope is not Scope.ROOT:
                audit_begin(request)
                log_audit_headers(request)
            return await matched.route.handler(request)
        case MethodNotAllowed(allow):
            return web.Response(status=405, headers={"Allow": allow})
        case UnsupportedVersion(version):
            return unsupported_version(request, version)
        case None:
            return web.Response(status=404)


def _check_query(request: web.Request) -> None:
    query = request.rel_url.raw_query_string
    if "<" in query or "%3c" in query.lower():
        raise BadRequestError("The query string included invalid characters.")


def _log_refusal(request: web.Request, error: ServiceError) -> None:
    if error.hint:
        log.info("%s %s: %d, %s", request.method, request.path, error.status, error.hint)
    elif error.status >= 500:
        log.warning("%s %s: %d, %s", request.method, request.path, error.status, error.message)


def _log_access(request: web.Request, response: web.StreamResponse | None, seconds: float) -> None:
    if not access_log.isEnabledFor(logging.INFO):
        return
    fault = request.get(FAULT)
    access_log.info(
        "%s %s %s %s bytes %.1f ms%s",
        request.method,
        request.rel_url.raw_path,
        (response.status or "no answer") if response is not None else "aborted",
        _size(response),
        seconds * 1000,
        f" fault: {fault}" if fault is not None else "",
        extra={
            "request_id": request[REQUEST_ID],
            "method": request.method,
            "path": request.rel_url.raw_path,
            "status": response.status if response is not None else None,
            "duration_ms": round(seconds * 1000, 1),
            **({"fault": fault} if fault is not None else {}),
        },
    )


def _size(response: web.StreamResponse | None) -> int:
    """Bytes of the body: what was streamed, or what is about to be sent."""
    if response is None:
        return 0
    return response.body_length or response.content_length or 0
