"""What a STOW-RS request asks for: the checks of header and framing, before any instance is looked at (store §2–§4)."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from azdicom_emulator.web.accept import require_dicom_json
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, PayloadTooLargeError, UnsupportedMediaTypeError
from azdicom_emulator.web.keys import MATCH, SETTINGS
from azdicom_emulator.web.mediatypes import MediaType, parse_media_type
from azdicom_emulator.web.multipart import MultipartReader
from azdicom_emulator.web.spool import Spool, SpooledPart
from azdicom_emulator.web.uids import path_uids
from azdicom_emulator.web.warnings import announce

DICOM = "application/dicom"
MULTIPART = "multipart/related"
FORM_UPLOAD = "store.form_upload"
UNQUOTED_TYPE = re.compile(r";\s*type=application/dicom(?=\s*(;|$))", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """study: every instance must belong to it; is_upsert: replace what exists (PUT)."""

    study: str | None
    is_upsert: bool
    content_type: str
    multipart: MediaType | None
    has_unquoted_type: bool = False


def require_storable_type(request: web.Request) -> None:
    """Raises UnsupportedMediaTypeError (415, empty body): the framework's filter, which looks at no parameters."""
    written = request.headers.get("Content-Type", "")
    if written and _essence(written) not in (DICOM, MULTIPART):
        raise UnsupportedMediaTypeError(hint=f"Content-Type: {DICOM} or {MULTIPART}")


def parse_store_request(request: web.Request) -> StoreRequest:
    """Raises NotAcceptableError (406), ForbiddenError (403), InvalidUidError (400), UnsupportedMediaTypeError (415),

    in the service's order.
    """
    written = request.headers.get("Content-Type", "")
    if request.headers.get("Accept") or request.app[SETTINGS].quirk("store.missing_accept") == "406":
        require_dicom_json(request)
    authorize(request)
    study = path_uids(request)[0] if "study" in request[MATCH].parameters else None
    multipart, has_unquoted_type = _multipart_type(request, written)
    _check_declared_length(request)
    return StoreRequest(
        study=study,
        is_upsert=request.method == "PUT",
        content_type=written,
        multipart=multipart,
        has_unquoted_type=has_unquoted_type,
    )


async def read_parts(request: web.Request, store: StoreRequest, spool: Spool) -> list[SpooledPart]:
    """Reads the whole body into `spool`, since a framing or part-type error stores nothing (store §2).

    Raises BadRequestError, PayloadTooLargeError, UnsupportedMediaTypeError.
    """
    chunks = request.content.iter_any()
    if store.multipart is None:
        return [await _single_part(chunks, spool)]
    types = _PartTypes(request, store)
    reader = MultipartReader(chunks, store.multipart.parameter("boundary") or "")
    try:
        async for part in reader.parts(spool):
            types.check(part, is_first=part is spool.parts[0])
    except (BadRequestError, PayloadTooLargeError):
        types.raise_first_refusal()
        raise
    types.conclude()
    return spool.parts


def _essence(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _multipart_type(request: web.Request, written: str) -> tuple[MediaType | None, bool]:
    """The parsed header of a multipart request and whether only the form-upload extension made it readable."""
    if _essence(written) == MULTIPART:
        parsed = parse_media_type(written)
        unquoted = False
        if parsed is None and request.app[SETTINGS].extension(FORM_UPLOAD):
            parsed, unquoted = parse_media_type(UNQUOTED_TYPE.sub("", written)), True
        if parsed is None:
            raise UnsupportedMediaTypeError(
                f"The specified content type '{written}' is not supported.",
                hint='quote the type parameter: type="application/dicom"' if UNQUOTED_TYPE.search(written) else "",
            )
        if not parsed.parameter("boundary"):
            raise UnsupportedMediaTypeError(
                f"The content type '{written}' is either not multipart or is missing boundary."
            )
        if parsed.parameter("start") is not None:
            raise BadRequestError("The start parameter in multipart/related request is not supported.")
        return parsed, unquoted
    if written.lower() != DICOM:
        raise UnsupportedMediaTypeError.of(written)
    return None, False


def _check_declared_length(request: web.Request) -> None:
    limit = request.app[SETTINGS].max_request_bytes
    if (request.content_length or 0) > limit:
        raise PayloadTooLargeError(limit)


async def _single_part(chunks: AsyncIterator[bytes], spool: Spool) -> SpooledPart:
    part = spool.part()
    async for chunk in chunks:
        await part.write(chunk)
    await part.finish()
    return part


class _PartTypes:
    """Whether the parts' types are ones that the service stores, or all ones of a form upload (seed-features §8)."""

    def __init__(self, request: web.Request, store: StoreRequest) -> None:
        self._request = request
        self._store = store
        self._may_be_form = request.app[SETTINGS].extension(FORM_UPLOAD)
        self._first_refusal: UnsupportedMediaTypeError | None = None
        self._all_form_fields = True

    def check(self, part: SpooledPart, *, is_first: bool) -> None:
        """Raises at once where no later part can change the refusal."""
        written = part.headers.get("content-type", "")
        declared = self._declared_type() if is_first and not written else written
        self._all_form_fields = self._all_form_fields and _is_form_field(part)
        if declared.lower() == DICOM:
            return
        if self._first_refusal is None:
            self._first_refusal = UnsupportedMediaTypeError.of(written)
        if not (self._may_be_form and self._all_form_fields):
            raise self._first_refusal

    def raise_first_refusal(self) -> None:
        if self._first_refusal is not None:
            raise self._first_refusal

    def conclude(self) -> None:
        """After the last part: a form upload is announced, anything else that was refused is raised."""
        if self._first_refusal is not None and not self._all_form_fields:
            raise self._first_refusal
        if self._first_refusal is not None or self._store.has_unquoted_type:
            announce(self._request, FORM_UPLOAD, "answer 415")

    def _declared_type(self) -> str:
        multipart = self._store.multipart
        if multipart is None:
            return ""
        return DICOM if self._store.has_unquoted_type else multipart.parameter("type") or ""


def _is_form_field(part: SpooledPart) -> bool:
    disposition = part.headers.get("content-disposition", "").lower()
    has_name = re.search(r";\s*(file)?name\*?=", disposition) is not None
    return part.headers.get("content-type", "").lower() == "application/octet-stream" and has_name
