"""The JSON bodies that add and change extended query tags: their shape alone (azure-apis §1.2, §1.6)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from azdicom_emulator.storage.query_tags import Level, QueryStatus
from azdicom_emulator.web.errors import BadRequestError

NOT_AN_ARRAY = "The JSON value could not be converted to an array."
NOT_AN_OBJECT = "The JSON value could not be converted to an object."
NOT_A_STRING = "The JSON value could not be converted to a string."
UNKNOWN_LEVEL = "Expected value '{value}' to be one of the following values: ['Instance', 'Series', 'Study']"
BLANK = "The Dicom Tag Property {name} must be specified and must not be null, empty or whitespace."
UNKNOWN_PROPERTY = 'The field is not supported: "{name}".'
NO_QUERY_STATUS = "The QueryStatus field is required."
UNKNOWN_QUERY_STATUS = 'The value is not valid. It need to be one of "Disabled","Enabled".'

LEVELS = {level.name.lower(): level for level in Level}
QUERY_STATUSES = {
    "disabled": QueryStatus.DISABLED,
    "enabled": QueryStatus.ENABLED,
    "0": QueryStatus.DISABLED,
    "1": QueryStatus.ENABLED,
}


@dataclass(frozen=True, slots=True)
class TagEntry:
    """One tag to add, as the client wrote it; texts that were not given are empty."""

    path: str
    vr: str
    private_creator: str
    level: Level


def parse_tag_entries(body: Any) -> list[TagEntry]:
    """The array of `POST /extendedquerytags`; other properties are ignored. Raises BadRequestError.

    First what is no value of its type, then what is missing: of that, the service reports the last.
    """
    if not isinstance(body, list):
        raise BadRequestError.body_field("$", NOT_AN_ARRAY)
    read = [_Properties(entry, f"$[{number}]") for number, entry in enumerate(body)]
    found = [(each.text("path"), each.text("vr"), each.text("privateCreator"), each.level()) for each in read]
    blank = [
        (number, name)
        for number, (path, _, _, level) in enumerate(found)
        for name, is_blank in (("Path", not path.strip()), ("Level", level is None))
        if is_blank
    ]
    if blank:
        number, name = blank[-1]
        raise BadRequestError.body_field(f"[{number}].{name}", BLANK.format(name=name))
    return [
        TagEntry(path, vr, private_creator, level) for path, vr, private_creator, level in found if level is not None
    ]


def parse_query_status(body: Any) -> QueryStatus:
    """The object of `PATCH /extendedquerytags/{tagPath}` (azure-apis §1.6). Raises BadRequestError."""
    properties = _Properties(body, "$")
    for name in properties.names:
        if name.lower() != "querystatus":
            raise BadRequestError.body_field(name, UNKNOWN_PROPERTY.format(name=name))
    name, value = properties.find("queryStatus")
    if value is None:
        raise BadRequestError.body_field("QueryStatus", NO_QUERY_STATUS)
    status = QUERY_STATUSES.get(value.strip().lower()) if isinstance(value, str) else None
    if status is None:
        raise BadRequestError.body_field(f"$.{name}", UNKNOWN_QUERY_STATUS)
    return status


class _Properties:
    """An object, by property names in any case; error texts spell them as the client did."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise BadRequestError.body_field(path, NOT_AN_OBJECT)
        self._values: Mapping[str, Any] = value
        self._path = path

    @property
    def names(self) -> Iterable[str]:
        return self._values

    def find(self, name: str) -> tuple[str, Any]:
        """The client's spelling and the value; of several the last, None when there is none."""
        found = [(each, value) for each, value in self._values.items() if each.lower() == name.lower()]
        return found[-1] if found else (name, None)

    def text(self, name: str) -> str:
        spelled, value = self.find(name)
        if value is not None and not isinstance(value, str):
            raise BadRequestError.body_field(f"{self._path}.{spelled}", NOT_A_STRING)
        return value or ""

    def level(self) -> Level | None:
        spelled, value = self.find("level")
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRequestError.body_field(f"{self._path}.{spelled}", NOT_A_STRING)
        if value.strip().lower() not in LEVELS:
            raise BadRequestError.body_field(f"{self._path}.{spelled}", UNKNOWN_LEVEL.format(value=value))
        return LEVELS[value.strip().lower()]
