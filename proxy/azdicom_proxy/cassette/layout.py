"""How an interaction is laid out in a cassette: what is inline, what becomes a side file, what is normalised."""

from dataclasses import dataclass, replace

from azdicom_emulator.dicom.parse import NotDicomError, parse
from azdicom_proxy.cassette.bodies import (
    boundary_of,
    content_of,
    fix_boundary,
    header,
    media_type_of,
    size_of,
    split_multipart,
    with_boundary,
    with_header,
)
from azdicom_proxy.cassette.headers import REQUEST_NOISE, RESPONSE_NOISE, stored_headers
from azdicom_proxy.cassette.json_text import reindent
from azdicom_proxy.cassette.model import (
    Body,
    Empty,
    Headers,
    Inline,
    Interaction,
    Multipart,
    Omitted,
    Part,
    RecordedRequest,
    RecordedResponse,
    SpooledFile,
)
from azdicom_proxy.cassette.side_files import SideFiles
from azdicom_proxy.cassette.sources import source_of

_SOP_INSTANCE_UID = 0x00080018
MAX_INLINE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutOptions:
    """raw_json: keep the bytes of JSON; inline_all: no side files, however large the YAML gets."""

    raw_json: bool = False
    keep_boundary: bool = False
    keep_headers: bool = False
    inline_all: bool = False
    max_inline_bytes: int = MAX_INLINE_BYTES


def is_text(media_type: str) -> bool:
    """Whether bodies of this type are written as text: JSON, XML, `text/*`, forms."""
    return (
        media_type.startswith("text/")
        or "json" in media_type
        or "xml" in media_type
        or media_type == "application/x-www-form-urlencoded"
    )


def lay_out(interaction: Interaction, side_files: SideFiles, options: LayoutOptions) -> Interaction:
    """The interaction as it is written: headers chosen, JSON indented, boundary fixed, large bodies in side files."""
    request, response = interaction.request, interaction.response
    headers, body, request_json = _message(request.headers, request.body, REQUEST_NOISE, side_files, options)
    laid_request = RecordedRequest(request.method, request.uri, headers, body)
    headers, body, response_json = _message(response.headers, response.body, RESPONSE_NOISE, side_files, options)
    if request.method == "HEAD":
        headers = stored_headers(response.headers, RESPONSE_NOISE, keep_noise=options.keep_headers)
    laid_response = RecordedResponse(response.status, response.reason, headers, body)
    reformatted = interaction.json_reformatted or request_json or response_json
    return replace(interaction, request=laid_request, response=laid_response, json_reformatted=reformatted)


def _message(
    headers: Headers, body: Body, noise: frozenset[str], side_files: SideFiles, options: LayoutOptions
) -> tuple[Headers, Body, bool]:
    """Headers and body as stored, and whether its JSON was laid out anew."""
    headers = stored_headers(headers, noise, keep_noise=options.keep_headers)
    if isinstance(body, Omitted):
        return headers, body, False
    media_type = media_type_of(headers)
    is_reformatted = False
    if media_type.startswith("multipart/") and not isinstance(body, Empty):
        headers, body = _multipart(headers, body, side_files, options)
    elif is_text(media_type):
        content = content_of(body)
        laid_out = None if options.raw_json or "json" not in media_type else _reindented(content)
        is_reformatted = laid_out is not None and laid_out != content
        body = Inline(content if laid_out is None else laid_out)
    elif isinstance(body, Inline | SpooledFile):
        body = _binary(body, media_type, side_files, options)
    if size_of(body) == 0:
        body = Empty()
    if header(headers, "content-length") is not None:
        headers = with_header(headers, "content-length", str(size_of(body)))
    return headers, body, is_reformatted


def _reindented(content: bytes) -> bytes | None:
    try:
        text = reindent(content.decode("utf-8"))
    except UnicodeDecodeError:
        return None
    return None if text is None else text.encode("ascii")


def _multipart(headers: Headers, body: Body, side_files: SideFiles, options: LayoutOptions) -> tuple[Headers, Body]:
    content_type = header(headers, "content-type") or ""
    recipe = body if isinstance(body, Multipart) else None
    if isinstance(body, Inline | SpooledFile):
        recipe = split_multipart(content_type, body)
        if recipe is None:
            return headers, _binary(body, "", side_files, options)
    assert recipe is not None
    if not options.keep_boundary and recipe.boundary == boundary_of(content_type):
        recipe = fix_boundary(recipe)
        headers = with_header(headers, "content-type", with_boundary(content_type, recipe.boundary))
    if options.inline_all or size_of(recipe) <= options.max_inline_bytes:
        return headers, Inline(content_of(recipe))
    parts = (
        replace(part, sop=part.sop or _instance_of(part), body=side_files.store(part.body, media_type_of(part.headers)))
        for part in recipe.parts
    )
    return headers, replace(recipe, parts=tuple(parts))


def _binary(
    body: Inline | SpooledFile, media_type: str, side_files: SideFiles, options: LayoutOptions
) -> Inline | SpooledFile:
    if options.inline_all or size_of(body) <= options.max_inline_bytes:
        return Inline(content_of(body))
    return side_files.store(body, media_type)


def _instance_of(part: Part) -> str | None:
    """The SOP Instance UID of a part that is a DICOM file."""
    if media_type_of(part.headers) != "application/dicom":
        return None
    with source_of(part.body) as source, source.view() as view:
        try:
            data_set = parse(view).data_set
        except NotDicomError:
            return None
    value = next((value for attribute, value in data_set if attribute.tag == _SOP_INSTANCE_UID), None)
    return value.decode("latin-1").strip(" \0") or None if isinstance(value, bytes) else None
