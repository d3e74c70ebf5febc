"""Requests of the model from the records of steps: line, headers, bodies."""

from typing import Any

from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.loading.schema import METHODS
from azdicom_scenarios.model import (
    Auth,
    Base64Body,
    Body,
    Defect,
    DicomBody,
    DicomSource,
    FileBody,
    JsonBody,
    Malformed,
    MultipartBody,
    Part,
    Request,
    Text,
    TextBody,
)


def method_and_path(step: Record) -> tuple[str, Text] | None:
    """Upper-case method, and path; None: the step sends nothing."""
    for method in METHODS:
        if (path := step.get(method)) is not None:
            return method.upper(), path
    method, path = step.get("method"), step.get("path")
    return None if method is None or path is None else (str(method), path)


def request(step: Record) -> Request | None:
    line = method_and_path(step)
    if line is None:
        return None
    auth = step.get("auth")
    return Request(
        mark=step.mark,
        method=line[0],
        path=line[1],
        query=tuple((name, value) for name, values in step.many("query") for value in values),
        headers=tuple(step.many("headers")),
        auth=None if auth is None else Auth(str(auth)),
        body=_body(step.get("body")),
    )


def _body(record: Record | None) -> Body | None:
    if record is None:
        return None
    mark = record.mark
    match next(name for name in ("file", "json", "text", "base64", "dicom", "multipart") if name in record.values):
        case "file":
            return FileBody(mark=mark, file=record.get("file"))
        case "json":
            return JsonBody(mark=mark, json=record.get("json"))
        case "text":
            return TextBody(mark=mark, text=record.get("text"))
        case "base64":
            return Base64Body(mark=mark, base64=record.get("base64"))
        case "dicom":
            return DicomBody(
                mark=mark,
                sources=tuple(_source(each) for each in record.many("dicom")),
                is_single=record.text("as") == "single",
                boundary=record.get("boundary"),
                part_type=record.get("part_type"),
                defect=_defect(record),
            )
        case _:
            return MultipartBody(
                mark=mark,
                parts=tuple(_part(each) for each in record.many("multipart")),
                boundary=record.get("boundary"),
                defect=_defect(record),
            )


def _source(written: Any) -> DicomSource:
    if isinstance(written, Text):
        return DicomSource(mark=written.mark, source=written)
    return DicomSource(
        mark=written.mark,
        source=written.get("from"),
        set=tuple(written.many("set")),
        remove=tuple(written.many("remove")),
        raw=tuple(written.many("raw")),
    )


def _part(record: Record) -> Part:
    return Part(mark=record.mark, headers=tuple(record.many("headers")), body=_body(record.get("body")))


def _defect(record: Record) -> Defect | None:
    written = record.get("malformed")
    if written is None:
        return None
    kind, _, at_byte = str(written).partition(":")
    return Defect(mark=written.mark, kind=Malformed(kind), at_byte=int(at_byte) if at_byte else None)
