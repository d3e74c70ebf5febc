"""How large the head of a request may be: the service's limits, and wider ones of the parser in front (http §1.1)."""

import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

REQUEST_LINE_BYTES = 8 * 1024
HEADERS_BYTES = 32 * 1024
PARSER_LIMITS: Mapping[str, Any] = {
    "max_line_size": 1024 * 1024,
    "max_field_size": 128 * 1024,
    "max_headers": 256,
}
"""What is larger never reaches `oversized`: the parser answers 400 and closes the connection."""
JSON_BODY_BYTES = 64 * 1024 * 1024
"""Of bodies that are read whole into memory. Instances are streamed, and bounded by `Settings.max_request_bytes`."""

_REQUEST_LINE_REST = len("  HTTP/1.1\r\n")
_HEADER_REST = len(": \r\n")


def oversized(request: web.Request) -> web.Response | None:
    """414 or 431, empty, and the connection closes, as of the service's web server; None: the head is small enough."""
    if len(request.method) + len(request.raw_path) + _REQUEST_LINE_REST > REQUEST_LINE_BYTES:
        return _refusal(414)
    if sum(len(name) + len(value) + _HEADER_REST for name, value in request.raw_headers) > HEADERS_BYTES:
        return _refusal(431)
    return None


def _refusal(status: int) -> web.Response:
    response = web.Response(status=status)
    response.force_close()
    return response


def connection_log() -> logging.Logger:
    """Where the web server writes about connections: what is not HTTP gets one line, without a traceback."""
    log = logging.getLogger("azdicom.connection")
    log.addFilter(_one_line)
    return log


def _one_line(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.INFO, "INFO"
        reason = " ".join(error.message.split())
        record.msg, record.args = "refused what is not HTTP: %s", (reason,)
        record.exc_info = None
    return True
