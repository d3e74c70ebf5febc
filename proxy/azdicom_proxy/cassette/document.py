"""Interactions as the mappings that YAML holds, in VCR.py's shape with our keys beside it; and back."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from azdicom_proxy.cassette.bodies import header, media_type_of
from azdicom_proxy.cassette.headers import (
    headers_from_mapping,
    part_headers_from_value,
    part_headers_to_value,
    request_headers_to_mapping,
    response_headers_to_mapping,
)
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import (
    Body,
    Cassette,
    Empty,
    Headers,
    Inline,
    Interaction,
    Metadata,
    Multipart,
    Omitted,
    Part,
    RecordedRequest,
    RecordedResponse,
    SpooledFile,
    ThinnedPixels,
)
from azdicom_proxy.cassette.side_files import SideFiles

FORMAT = 1
VCR_VERSION = 1
STORED_ELSEWHERE = 'azdicom: body stored in {folder}; see docs "vcrpy"'
NOT_STORED = 'azdicom: body over the recording limit; see docs "vcrpy"'

Mapped = dict[str, Any]


class MalformedError(ValueError):
    """The document is no cassette; the text says where."""


def to_document(cassette: Cassette, side_files: SideFiles) -> Mapped:
    """The whole file. Bodies are laid out already: files are side files of `side_files`."""
    document: Mapped = {
        "interactions": [interaction_to_mapping(interaction, side_files) for interaction in cassette.interactions],
        "version": VCR_VERSION,
    }
    if cassette.metadata is not None:
        document["recorder"] = {key: value for key, value in asdict(cassette.metadata).items() if value}
    return document


def interaction_to_mapping(interaction: Interaction, side_files: SideFiles) -> Mapped:
    """One entry of `interactions`: exactly VCR.py's `request` and `response`, and `recorder` for the rest."""
    request, response = interaction.request, interaction.response
    recorder: Mapped = {"id": interaction.id, "route": interaction.route, "seq": interaction.seq}
    described = _described(request.body, side_files)
    if described is not None:
        recorder["request_body"] = described
    if interaction.response_coding:
        recorder["response_coding"] = interaction.response_coding
    if interaction.json_reformatted:
        recorder["json_reformatted"] = True
    if interaction.scrubbed:
        recorder["scrubbed"] = sorted(interaction.scrubbed)
    if interaction.thinned:
        recorder["thinned"] = [
            {"part": pixels.part, "sha256": pixels.sha256, "side": pixels.side, "size": pixels.size_bytes}
            for pixels in interaction.thinned
        ]
    return {
        "recorder": recorder,
        "request": {
            "body": _inline(request.body, request.headers) if described is None else None,
            "headers": request_headers_to_mapping(request.headers),
            "method": request.method,
            "uri": request.uri,
        },
        "response": {
            "body": _response_body(interaction, side_files),
            "headers": response_headers_to_mapping(response.headers),
            "status": {"code": response.status, "message": response.reason.encode("ascii", "replace").decode()},
        },
    }


def from_document(document: Any, path: Path, side_files: SideFiles) -> Cassette:
    """The cassette of a file's document. Raises MalformedError."""
    if not isinstance(document, dict) or not isinstance(document.get("interactions"), list):
        raise MalformedError("not a cassette: there is no list `interactions` at the top")
    interactions = []
    for position, mapping in enumerate(document["interactions"], 1):
        try:
            interactions.append(interaction_from_mapping(mapping, position, side_files))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedError(f"interaction {position} is malformed: {type(error).__name__}: {error}") from error
    return Cassette(interactions=tuple(interactions), metadata=_metadata(document.get("recorder")), path=path)


def interaction_from_mapping(mapping: Mapped, position: int, side_files: SideFiles) -> Interaction:
    """One entry, written by us or by VCR.py. position: from 1, for entries that do not say their own."""
    recorder: Mapped = mapping.get("recorder") or {}
    request, response = mapping["request"], mapping["response"]
    described = recorder.get("request_body")
    request_headers = headers_from_mapping(request.get("headers"))
    headers = headers_from_mapping(response.get("headers"))
    body, headers, coding = _decoded(_response_body_from(response.get("body"), side_files), headers)
    status = response.get("status") or {}
    return Interaction(
        id=str(recorder.get("id", "")),
        seq=int(recorder.get("seq", position)),
        route=str(recorder.get("route", "")),
        response_coding=recorder.get("response_coding") or coding,
        json_reformatted=bool(recorder.get("json_reformatted", False)),
        scrubbed=tuple(recorder.get("scrubbed") or ()),
        thinned=tuple(
            ThinnedPixels(str(pixels["side"]), int(pixels["part"]), str(pixels["sha256"]), int(pixels["size"]))
            for pixels in recorder.get("thinned") or ()
        ),
        request=RecordedRequest(
            method=str(request["method"]),
            uri=str(request["uri"]),
            headers=request_headers,
            body=_from_inline(request.get("body")) if described is None else _from_described(described, side_files),
        ),
        response=RecordedResponse(
            status=int(status.get("code", 200)), reason=str(status.get("message") or ""), headers=headers, body=body
        ),
    )


def described_body(described: Mapped, side_files: SideFiles) -> Body:
    """The body behind `response.body` or `request_body` of a mapping whose body is not inline."""
    return _from_described(described, side_files)


def _response_body(interaction: Interaction, side_files: SideFiles) -> Mapped:
    response = interaction.response
    described = _described(response.body, side_files)
    if described is None:
        return {"string": _inline(response.body, response.headers) or ""}
    folder = side_files.folder.name
    note = NOT_STORED if isinstance(response.body, Omitted) else STORED_ELSEWHERE.format(folder=folder)
    return {**described, "interaction": interaction.id, "string": note}


def _response_body_from(body: Any, side_files: SideFiles) -> Body:
    if not isinstance(body, dict):
        return _from_inline(body)
    if "kind" in body:
        return _from_described(body, side_files)
    return _from_inline(body.get("string"))


def _described(body: Body, side_files: SideFiles) -> Mapped | None:
    match body:
        case SpooledFile():
            return {"kind": "file", **_file(body, side_files)}
        case Multipart():
            described: Mapped = {"kind": "multipart", "boundary": body.boundary}
            described["parts"] = [_part(part, side_files) for part in body.parts]
            if body.preamble:
                described["preamble"] = body.preamble
            if body.epilogue != b"\r\n":
                described["epilogue"] = body.epilogue
            return described
        case Omitted(size_bytes, sha256):
            return {"kind": "omitted", "sha256": sha256, "size": size_bytes}
        case _:
            return None


def _file(body: SpooledFile, side_files: SideFiles) -> Mapped:
    return {"file": side_files.name_of(body), "size": body.size_bytes}


def _part(part: Part, side_files: SideFiles) -> Mapped:
    mapping: Mapped = {"headers": part_headers_to_value(part.headers)}
    if isinstance(part.body, SpooledFile):
        mapping |= _file(part.body, side_files)
    else:
        mapping["string"] = part.body.content
    if part.sop:
        mapping["sop"] = part.sop
    return mapping


def _from_described(described: Mapped, side_files: SideFiles) -> Body:
    match described["kind"]:
        case "file":
            return _from_file(described, side_files)
        case "multipart":
            return Multipart(
                boundary=str(described["boundary"]),
                parts=tuple(_from_part(part, side_files) for part in described["parts"]),
                preamble=_bytes(described.get("preamble", b"")),
                epilogue=_bytes(described.get("epilogue", b"\r\n")),
            )
        case "omitted":
            return Omitted(int(described["size"]), str(described["sha256"]))
        case kind:
            raise ValueError(f"unknown kind of body {kind!r}")


def _from_file(described: Mapped, side_files: SideFiles) -> SpooledFile:
    name = str(described["file"])
    folder, _, file = name.partition("/")
    if not file or "/" in file or "\\" in name or ".." in (folder, file):
        raise ValueError(f"{name!r} is no name of a side file")
    return SpooledFile(side_files.folder / folder / file, int(described["size"]), file.partition(".")[0])


def _from_part(mapping: Mapped, side_files: SideFiles) -> Part:
    body = _from_file(mapping, side_files) if "file" in mapping else Inline(_bytes(mapping.get("string", b"")))
    sop = mapping.get("sop")
    return Part(part_headers_from_value(mapping.get("headers")), body, None if sop is None else str(sop))


def _inline(body: Body, headers: Headers) -> str | bytes | None:
    """Text where the type says text, or nothing says anything and it reads as text; bytes for the rest."""
    if not isinstance(body, Inline):
        return None
    media_type = media_type_of(headers)
    if is_text(media_type) or not media_type:
        try:
            text = body.content.decode("utf-8")
        except UnicodeDecodeError:
            return body.content
        if media_type or text.isprintable():
            return text
    return body.content


def _from_inline(value: Any) -> Body:
    content = _bytes(value)
    return Inline(content) if content else Empty()


def _bytes(value: Any) -> bytes:
    """A body as VCR.py writes it: text, bytes, nothing, a file, pieces of an iterator, or parsed JSON."""
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if hasattr(value, "read"):
        return _bytes(value.read())
    if isinstance(value, Mapping):
        raise TypeError("a body that is a mapping")
    return b"".join(_bytes(piece) for piece in value)


def _decoded(body: Body, headers: Headers) -> tuple[Body, Headers, str | None]:
    """Takes off a content coding that VCR.py recorded; the coding, or None."""
    coding = (header(headers, "content-encoding") or "").strip().lower()
    if coding not in ("gzip", "x-gzip", "deflate") or not isinstance(body, Inline):
        return body, headers, None
    try:
        content = _uncompressed(body.content, coding)
    except (OSError, EOFError, zlib.error):
        return body, headers, None
    kept = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
    corrected = ((name, str(len(content)) if name.lower() == "content-length" else value) for name, value in kept)
    return Inline(content) if content else Empty(), tuple(corrected), coding


def _uncompressed(content: bytes, coding: str) -> bytes:
    if coding != "deflate":
        return gzip.decompress(content)
    try:
        return zlib.decompress(content)
    except zlib.error:
        return zlib.decompress(content, -zlib.MAX_WBITS)


def _metadata(recorder: Any) -> Metadata | None:
    if not isinstance(recorder, dict):
        return None
    return Metadata(
        format=int(recorder.get("format", FORMAT)),
        tool=str(recorder.get("tool", "")),
        recorded=str(recorder.get("recorded", "")),
        upstream=str(recorder.get("upstream", "")),
        bodies=recorder.get("bodies"),
    )
