"""Media types in headers, read strictly (RFC 9110 §8.3.1), as the service reads Content-Type and its Accept filter."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})\s*=\s*({_TOKEN}|"(?:[^"\\]|\\.)*")\s*')
_TYPE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*")


@dataclass(frozen=True, slots=True)
class MediaType:
    """Type and parameter names in lower case, values unquoted; `written` is the client's spelling of `type/subtype`."""

    type: str
    subtype: str
    written: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def essence(self) -> str:
        return f"{self.type}/{self.subtype}"

    def parameter(self, name: str) -> str | None:
        """The first parameter of that name."""
        return next((value for key, value in self.parameters if key == name), None)


def parse_media_type(value: str) -> MediaType | None:
    """The media type if the whole of `value` is one, else None."""
    found = scan_media_type(value, 0)
    return found[0] if found and found[1] == len(value) else None


def scan_media_type(text: str, start: int) -> tuple[MediaType, int] | None:
    """The media type at `start` and where it ends; None: there is none. A parameter that does not parse ends it."""
    matched = _TYPE.match(text, start)
    if matched is None:
        return None
    position = matched.end()
    parameters = []
    while parameter := _PARAMETER.match(text, position):
        parameters.append((parameter[1].lower(), unquote(parameter[2])))
        position = parameter.end()
    main, sub = matched[1], matched[2]
    return MediaType(main.lower(), sub.lower(), f"{main}/{sub}", tuple(parameters)), position


def parse_list(value: str) -> list[MediaType] | None:
    """A comma-separated list, empty elements allowed; None: something in it does not parse."""
    found = list(_strict_elements(value))
    return None if None in found else [element for element in found if element]


def unquote(value: str) -> str:
    """A quoted string's content, or the token itself."""
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _strict_elements(value: str) -> Iterator[MediaType | None]:
    position = 0
    while position < len(value):
        if value[position] in ", \t":
            position += 1
            continue
        found = scan_media_type(value, position)
        if found is None or (found[1] < len(value) and value[found[1]] != ","):
            yield None
            return
        yield found[0]
        position = found[1]
