"""Media types in headers, read leniently: clients leave out the quotes that `type="application/dicom"` needs."""

import re
from dataclasses import dataclass

DICOM_JSON = "application/dicom+json"

_ELEMENT = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^",])+')
_PARAMETER = re.compile(r';\s*([^\s;="]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)')


@dataclass(frozen=True, slots=True)
class MediaType:
    """essence, `type/subtype`, and parameter names in lower case; values unquoted, as they were otherwise."""

    essence: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str | None:
        """The first parameter of that name."""
        return next((value for key, value in self.parameters if key == name), None)


def parse(text: str) -> MediaType:
    """The media type, whatever else may be in `text`."""
    essence = text.partition(";")[0].strip().lower()
    parameters = tuple((found[1].lower(), _unquoted(found[2])) for found in _PARAMETER.finditer(text))
    return MediaType(essence, parameters)


def parse_list(text: str) -> list[MediaType]:
    """The elements of a list such as Accept has, empty ones left out."""
    return [parse(element) for element in _ELEMENT.findall(text) if element.strip()]


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
