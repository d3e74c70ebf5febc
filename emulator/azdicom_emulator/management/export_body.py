"""The JSON body of an export: what to export and where to, as its shape alone tells (async §3.1, §3.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from azdicom_emulator.dicom.uid import validate_uid
from azdicom_emulator.management.export_settings import BlobSettings, DestinationSettings, FolderSettings
from azdicom_emulator.management.json_objects import property_of
from azdicom_emulator.web.errors import BadRequestError

NOT_AN_OBJECT = "The JSON value could not be converted to an object."
NOT_A_STRING = "The JSON value could not be converted to a string."
NOT_A_BOOLEAN = "The JSON value could not be converted to a boolean."
NOT_AN_ARRAY = "The JSON value could not be converted to an array of strings."
NOT_AN_IDENTIFIER = "The string '{value}' was not recognized as a valid DICOM identifier."
NOT_A_CONTAINER = "The JSON value could not be converted to the URI of a container."
REQUIRED = "The {name} field is required."
UNKNOWN_TYPE = "Expected value '{value}' to be one of the following values: {known}"

IDENTIFIERS, AZURE_BLOB, LOCAL_DIRECTORY = "Identifiers", "AzureBlob", "LocalDirectory"
MAX_PARTS = 3


@dataclass(frozen=True, slots=True)
class Identifier:
    """A study, a series or an instance, as its UIDs with slashes between them."""

    study: str
    series: str | None = None
    instance: str | None = None

    @classmethod
    def parse(cls, text: str, alphabet: str = "digits") -> Self | None:
        """None: `text` is no identifier."""
        parts = text.split("/")
        if len(parts) > MAX_PARTS or not all(validate_uid(part, alphabet=alphabet) for part in parts):
            return None
        return cls(*parts)

    @property
    def resource(self) -> str:
        return "instance" if self.instance else "series" if self.series else "study"

    def __str__(self) -> str:
        return "/".join(filter(None, (self.study, self.series, self.instance)))


@dataclass(frozen=True, slots=True)
class ExportBody:
    """identifiers: None exports everything."""

    identifiers: tuple[Identifier, ...] | None
    destination: DestinationSettings


def parse_export(body: Any, *, needs_source: bool, has_folders: bool, alphabet: str) -> ExportBody:
    """Names of properties and types in any case. has_folders: whether a destination may be a folder.

    Raises BadRequestError.
    """
    root = _Object(body, "$")
    source, destination = root.object("source"), root.object("destination")
    if source is None and needs_source:
        raise BadRequestError.body_field("Source", REQUIRED.format(name="Source"))
    if destination is None:
        raise BadRequestError.body_field("Destination", REQUIRED.format(name="Destination"))
    identifiers = None if source is None else _identifiers(source, alphabet)
    return ExportBody(identifiers, _destination(destination, has_folders=has_folders))


def _identifiers(source: "_Object", alphabet: str) -> tuple[Identifier, ...]:
    source.type_among(IDENTIFIERS)
    settings = source.settings()
    name, values = settings.find("values")
    path = f"{settings.path}.{name}"
    if values is not None and not isinstance(values, list):
        raise BadRequestError.body_field(path, NOT_AN_ARRAY)
    identifiers = []
    for number, value in enumerate(values or ()):
        if not isinstance(value, str):
            raise BadRequestError.body_field(f"{path}[{number}]", NOT_A_STRING)
        identifier = Identifier.parse(value, alphabet)
        if identifier is None:
            raise BadRequestError.body_field(f"{path}[{number}]", NOT_AN_IDENTIFIER.format(value=value))
        identifiers.append(identifier)
    return tuple(identifiers)


def _destination(destination: "_Object", *, has_folders: bool) -> DestinationSettings:
    known = (AZURE_BLOB, LOCAL_DIRECTORY) if has_folders else (AZURE_BLOB,)
    if destination.type_among(*known) == LOCAL_DIRECTORY:
        return FolderSettings(destination.settings().text("path"))
    settings = destination.settings()
    blob = BlobSettings(
        uri=settings.text("blobContainerUri"),
        connection_string=settings.text("connectionString"),
        container=settings.text("blobContainerName"),
        uses_managed_identity=settings.flag("useManagedIdentity"),
    )
    if blob.uri and not blob.names_container:
        raise BadRequestError.body_field(f"{settings.path}.{settings.find('blobContainerUri')[0]}", NOT_A_CONTAINER)
    return blob


class _Object:
    """An object of the body; error texts spell its properties as the client did."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise BadRequestError.body_field(path, NOT_AN_OBJECT)
        self._values: Mapping[str, Any] = value
        self.path = path

    def find(self, name: str) -> tuple[str, Any]:
        return property_of(self._values, name)

    def object(self, name: str) -> "_Object | None":
        spelled, value = self.find(name)
        return None if value is None else _Object(value, f"{self.path}.{spelled}")

    def settings(self) -> "_Object":
        return self.object("settings") or _Object({}, f"{self.path}.settings")

    def text(self, name: str) -> str:
        """Empty when it is absent or blank."""
        spelled, value = self.find(name)
        if value is not None and not isinstance(value, str):
            raise BadRequestError.body_field(f"{self.path}.{spelled}", NOT_A_STRING)
        return (value or "").strip()

    def flag(self, name: str) -> bool:
        spelled, value = self.find(name)
        if value is not None and not isinstance(value, bool):
            raise BadRequestError.body_field(f"{self.path}.{spelled}", NOT_A_BOOLEAN)
        return bool(value)

    def type_among(self, *known: str) -> str:
        """The one of `known` that the type is, in any case."""
        spelled, _ = self.find("type")
        value = self.text("type")
        found = next((each for each in known if each.lower() == value.lower()), None)
        if found is None:
            listed = ", ".join(f"'{each}'" for each in known)
            text = UNKNOWN_TYPE.format(value=value, known=f"[{listed}]")
            raise BadRequestError.body_field(f"{self.path}.{spelled}", text)
        return found
