"""The Accept filter of what produces `application/dicom+json`: search, metadata, store (http §4, store §3)."""

from aiohttp import web

from azdicom_emulator.web.errors import NotAcceptableError
from azdicom_emulator.web.mediatypes import MediaType, parse_list

PRODUCED = "Accept: application/dicom+json is what this resource is sent as"


def require_dicom_json(request: web.Request) -> None:
    """Raises NotAcceptableError (406, empty body) unless one entry covers `application/dicom+json`; `q` is ignored."""
    entries = parse_list(", ".join(request.headers.getall("Accept", [])))
    if not entries or not any(covers_dicom_json(entry) for entry in entries):
        raise NotAcceptableError(hint=PRODUCED)


def covers_dicom_json(entry: MediaType) -> bool:
    """A structured suffix counts: `application/json` covers `application/dicom+json`."""
    return entry.essence in ("*/*", "application/*", "application/json", "application/dicom+json")
