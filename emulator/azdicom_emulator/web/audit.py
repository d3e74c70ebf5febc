"""Audit headers of a request: what a client wants to find in the audit log (http §8)."""

import logging

from aiohttp import web

from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.keys import REQUEST_ID

log = logging.getLogger("azdicom.audit")

PREFIX = "X-MS-AZUREDICOM-AUDIT-"
MAX_HEADERS = 10
MAX_VALUE_LENGTH = 2048


def log_audit_headers(request: web.Request) -> None:
    """One line in the log with the headers of the request that begin with the prefix, if there are any.

    Raises BadRequestError: more than ten of them, or a value over 2,048 characters.
    """
    found = audit_headers(request)
    if not found:
        return
    if len(found) > MAX_HEADERS:
        raise BadRequestError(
            f"The maximum number of custom audit headers allowed is {MAX_HEADERS}. "
            f"The number of custom audit headers supplied is {len(found)}."
        )
    for name, value in found:
        if len(value) > MAX_VALUE_LENGTH:
            raise BadRequestError(
                f"The maximum length of a custom audit header value is {MAX_VALUE_LENGTH}. "
                f"The supplied custom audit header '{name}' has length of {len(value)}."
            )
    said = ", ".join(f"{name[len(PREFIX) :]}={value}" for name, value in found)
    log.info("%s %s: %s", request.method, request.path, said, extra={"request_id": request[REQUEST_ID]})


def audit_headers(request: web.Request) -> list[tuple[str, str]]:
    """The headers that begin with the prefix, as they were sent."""
    return [(name, value) for name, value in request.headers.items() if name.upper().startswith(PREFIX)]
