"""The bytes of a step's body, and the media type that goes with them (record-replay §12)."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azdicom_scenarios.model import (
    Base64Body,
    Body,
    DicomBody,
    DicomSource,
    FileBody,
    JsonBody,
    MultipartBody,
    Part,
    Text,
    TextBody,
    Words,
)
from azdicom_scenarios.running.edits import EditError, edited
from azdicom_scenarios.running.multipart import PartContent, boundary_for, encoded
from azdicom_scenarios.variables import Scope

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
BY_SUFFIX = {".dcm": DICOM, ".json": "application/json", ".txt": "text/plain", ".xml": "application/xml"}
OCTETS = "application/octet-stream"


class BodyError(ValueError):
    """A body that cannot be made; `text` is where it stands."""

    def __init__(self, place: Text, message: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Content:
    """content_type: of the header, where the step gives none."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes bodies. instances: the files of an alias such as `ct1` or `ct1.i[0]`; None: it is none."""

    scope: Scope
    folder: Path
    instances: Callable[[str], list[bytes] | None]

    def content(self, body: Body) -> Content:
        """Raises BodyError, VariableError."""
        match body:
            case FileBody():
                path = self._path(body.file)
                return Content(self._read(body.file), BY_SUFFIX.get(path.suffix.lower(), OCTETS))
            case JsonBody():
                document = self.scope.fill(body.json)
                return Content(_json(document), DICOM_JSON if _is_dicom(document) else "application/json")
            case TextBody():
                return Content(self.scope.substitute(body.text.value).encode(), "text/plain; charset=utf-8")
            case Base64Body():
                return Content(self._base64(body.base64), OCTETS)
            case DicomBody():
                return self._dicom(body)
            case MultipartBody():
                return self._multipart(body)

    def files(self, source: DicomSource) -> list[bytes]:
        """The files that a source names, changed as it says. Raises BodyError, VariableError."""
        name = source.source.value
        contents = self.instances(self.scope.substitute(name))
        if contents is None:
            contents = [self._read(source.source)]
        try:
            return [
                edited(
                    content,
                    replaced=self._by_path(source.set),
                    removed=[self.scope.substitute(path.value) for path in source.remove],
                    raw=self._by_path(source.raw),
                )
                for content in contents
            ]
        except EditError as error:
            raise BodyError(source.source, str(error)) from None

    def _by_path(self, changes: tuple[tuple[Text, Words], ...]) -> dict[str, Any]:
        return {self.scope.substitute(path.value): self.scope.fill(value) for path, value in changes}

    def _dicom(self, body: DicomBody) -> Content:
        contents = [content for source in body.sources for content in self.files(source)]
        part_type = self.scope.substitute(body.part_type.value) if body.part_type is not None else DICOM
        if body.is_single:
            if len(contents) != 1:
                raise BodyError(
                    body.sources[0].source, f"`as: single` sends one instance, and these are {len(contents)}"
                )
            return Content(contents[0], part_type)
        parts: list[PartContent] = [((("Content-Type", part_type),), content) for content in contents]
        boundary = self._boundary(body.boundary, parts)
        content_type = f'multipart/related; type="{DICOM}"; boundary={boundary}'
        return Content(encoded(parts, boundary, body.defect), content_type)

    def _multipart(self, body: MultipartBody) -> Content:
        parts = [self._part(part) for part in body.parts]
        boundary = self._boundary(body.boundary, parts)
        return Content(encoded(parts, boundary, body.defect), f"multipart/related; boundary={boundary}")

    def _part(self, part: Part) -> PartContent:
        """With the headers that it has and no other, unless it has none: then the media type of its body."""
        made = self.content(part.body) if part.body is not None else Content(b"", "")
        headers = tuple(
            (self.scope.substitute(name.value), self.scope.substitute(value.value)) for name, value in part.headers
        )
        return headers or ((("Content-Type", made.content_type),) if made.content_type else ()), made.content

    def _boundary(self, written: Text | None, parts: list[PartContent]) -> str:
        return self.scope.substitute(written.value) if written is not None else boundary_for(parts)

    def _path(self, file: Text) -> Path:
        return self.folder / self.scope.substitute(file.value)

    def _read(self, file: Text) -> bytes:
        try:
            return self._path(file).read_bytes()
        except OSError as error:
            raise BodyError(file, f"cannot read {self._path(file)}: {error.strerror or error}") from None

    def _base64(self, written: Text) -> bytes:
        try:
            return base64.b64decode("".join(self.scope.substitute(written.value).split()), validate=True)
        except binascii.Error as error:
            raise BodyError(written, f"no base64: {error}") from None


def _json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _is_dicom(document: Any) -> bool:
    """Whether it has the shape of DICOM JSON: tags with objects."""
    from azdicom_proxy.parity.comparing.data_sets import is_data_set

    data_sets = document if isinstance(document, list) else [document]
    return bool(data_sets) and all(each and is_data_set(each) for each in data_sets)
