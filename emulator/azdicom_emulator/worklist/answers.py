"""The answers of the worklist: texts as the service writes them, now a JSON string, now plain (worklist §2.1)."""

from collections.abc import Mapping

import orjson
from aiohttp import web

from azdicom_emulator.web.mediatypes import MediaType, parse_list
from azdicom_emulator.web.responses import DICOM_JSON
from azdicom_emulator.web.warnings import service_warning

NOT_FOUND = "The workitem instance is not found."
PLAIN = "text/plain"


class RefusedError(Exception):
    """What a transaction's own logic refuses. What is wrong before it comes that far is a ServiceError."""

    def __init__(self, status: int, message: str, *, warns: bool = False) -> None:
        """warns: whether the answer has the message in its `Warning` header as well."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.warns = warns


def quoted(request: web.Request, error: RefusedError) -> web.Response:
    """The message as a JSON string: create, retrieve, request cancel."""
    headers = {"Warning": service_warning(request, error.message)} if error.warns else {}
    return quoted_text(error.message, error.status, headers)


def quoted_text(message: str, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(message), headers={**(headers or {}), "Content-Type": DICOM_JSON}
    )


def negotiated(
    request: web.Request, status: int, message: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """The message as Accept wants it, and in the `Warning` header unless it is empty: update, change state."""
    sent = dict(headers or {})
    if message:
        sent["Warning"] = service_warning(request, message)
    json_type = _json_type(request)
    if json_type is None:
        return web.Response(status=status, text=message, headers=sent)
    return web.Response(
        status=status, body=orjson.dumps(message), headers={**sent, "Content-Type": f"{json_type}; charset=utf-8"}
    )


def _json_type(request: web.Request) -> str | None:
    """The JSON type that is sent; None: plain text.

    The framework has a writer for each and takes the first that Accept names. Who takes everything gets plain text.
    """
    entries = sorted(parse_list(", ".join(request.headers.getall("Accept", []))) or [], key=_quality, reverse=True)
    if any(entry.essence == "*/*" for entry in entries):
        return None
    for entry in entries:
        if entry.essence in (PLAIN, "text/*"):
            return None
        if entry.essence in ("application/json", "text/json") or entry.subtype.endswith("+json"):
            return entry.essence
        if entry.essence == "application/*":
            return "application/json"
    return None


def _quality(entry: MediaType) -> float:
    try:
        return float(entry.parameter("q") or 1)
    except ValueError:
        return 0
