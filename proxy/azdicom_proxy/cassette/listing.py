"""Cassettes as text for people: the table of `cassette show`, and single interactions."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from azdicom_proxy.cassette.bodies import content_of, media_type_of, size_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Body, Empty, Headers, Inline, Interaction, Multipart, Omitted, SpooledFile
from azdicom_proxy.cassette.sources import source_of
from azdicom_proxy.dicom_files import UnreadableError, lenient, open_file
from azdicom_proxy.matching.bodies import DICOM, parts_of

COLUMNS = ("id", "method", "status", "request", "response", "SOP", "path")


def row(interaction: Interaction) -> dict[str, Any]:
    """What `show --json` says of an interaction."""
    request, response = interaction.request, interaction.response
    parts = urlsplit(request.uri)
    return {
        "id": interaction.id,
        "method": request.method,
        "path": parts.path + ("?" if parts.query else "") + parts.query,
        "status": response.status,
        "request_body": _kind(request.headers, request.body),
        "request_bytes": size_of(request.body),
        "response_body": _kind(response.headers, response.body),
        "response_bytes": size_of(response.body),
        "sop_instances": _instances(request.headers, request.body) + _instances(response.headers, response.body),
    }


def table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Aligned lines, the column heads first."""
    lines = [COLUMNS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def interaction_text(interaction: Interaction, *, shows_body: bool, shows_dicom: bool) -> str:
    """The whole exchange."""
    request, response = interaction.request, interaction.response
    lines = [f"# {interaction.id}", f"{request.method} {request.uri}"]
    lines += _message(request.headers, request.body, shows_body=shows_body, shows_dicom=shows_dicom)
    lines += ["", f"{response.status} {response.reason}"]
    lines += _message(response.headers, response.body, shows_body=shows_body, shows_dicom=shows_dicom)
    return "\n".join([*lines, ""])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    request, response = _size(row, "request"), _size(row, "response")
    status, instances = str(row["status"]), str(row["sop_instances"])
    return (row["id"], row["method"], status, request, response, instances, row["path"])


def _size(row: dict[str, Any], side: str) -> str:
    return f"{row[side + '_body']} {row[side + '_bytes']}" if row[side + "_bytes"] else "-"


def _message(headers: Headers, body: Body, *, shows_body: bool, shows_dicom: bool) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in headers)
    if shows_body and not isinstance(body, Empty):
        is_readable = isinstance(body, Inline) and is_text(media_type_of(headers))
        text = content_of(body).decode("utf-8", "replace").rstrip() if is_readable else f"({size_of(body)} bytes)"
        yield from ("", text)
    for part in (parts_of(headers, body) or ()) if shows_dicom else ():
        if media_type_of(part.headers) in (DICOM, ""):
            yield _data_set(part.body)


def _data_set(body: Inline | SpooledFile) -> str:
    with source_of(body) as source, lenient():
        try:
            return str(open_file(source).data_set)
        except UnreadableError as error:
            return f"(not readable: {error})"


def _kind(headers: Headers, body: Body) -> str:
    match body:
        case Empty():
            return "empty"
        case Omitted():
            return "omitted"
        case Multipart():
            return "multipart"
        case _:
            return "text" if is_text(media_type_of(headers)) else "file" if not isinstance(body, Inline) else "binary"


def _instances(headers: Headers, body: Body) -> int:
    """SOP instances in a body: DICOM parts."""
    return sum(media_type_of(part.headers) == DICOM for part in parts_of(headers, body) or ())
