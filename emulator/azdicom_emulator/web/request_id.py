"""The id under which the log knows a request, and which its answer carries."""

import re
import uuid

from aiohttp import web

REQUEST_ID_HEADER = "x-ms-request-id"
"""The name that Azure services use. The DICOM service itself documents none, hence the switch (http §8)."""
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context §3.2."""


def request_id(request: web.Request) -> str:
    """32 hex digits: the trace id of `traceparent`, which is what the service correlates by, else a fresh one."""
    matched = TRACE_PARENT.fullmatch(request.headers.get("traceparent", ""))
    return matched[1] if matched else uuid.uuid4().hex
