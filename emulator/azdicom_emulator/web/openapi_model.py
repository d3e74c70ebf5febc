"""What an operation of the OpenAPI description consists of, beyond method and path."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Schema = Mapping[str, object]

TEXT, JSON, DICOM_JSON = "text/plain", "application/json", "application/dicom+json"
DICOM, MULTIPART, OCTET_STREAM = "application/dicom", "multipart/related", "application/octet-stream"
JPEG, PNG, HTML = "image/jpeg", "image/png", "text/html"

STRING: Schema = {"type": "string"}
BINARY: Schema = {"type": "string", "format": "binary"}
BOOLEAN: Schema = {"type": "boolean"}
OBJECT: Schema = {"type": "object"}
DATASETS: Schema = {"type": "array", "items": OBJECT}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a request header."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: STRING)
    location: str = "query"
    min_version: int = 1
    is_required: bool = False
    example: str = ""
    """What the example call sends; left out of it when empty."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One status. Without media types it has no body, or one that depends on who refused."""

    description: str
    media_types: tuple[str, ...] = ()
    schema: Schema = field(default_factory=lambda: BINARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one handler does. `curl`: options of an example call, as a shell reads them."""

    summary: str
    answers: Mapping[int, Answer]
    parameters: tuple[Parameter, ...] = ()
    body: tuple[str, ...] = ()
    body_schema: Schema = field(default_factory=lambda: BINARY)
    curl: str = ""


def text(description: str) -> Answer:
    """An answer that is a bare message."""
    return Answer(description, (TEXT,), STRING)


def parameters_of(operation: Operation, api_version: int) -> Iterable[Parameter]:
    """Those that the API version has."""
    return (parameter for parameter in operation.parameters if api_version >= parameter.min_version)
