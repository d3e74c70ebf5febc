"""Where a rule applies: expressions for places in an answer, matched with the places of differences."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from azdicom_proxy.parity.model import Difference

HEADER = "header:"
DICOM = re.compile(r"dicom:\(?([0-9A-Fa-f]{4}),?\s?([0-9A-Fa-f]{4})\)?")
BODY_PREFIX = re.compile(r"^(?:part\[\*\]:|frames\[\*\]:)*(?:dicom|json):")
STEP = re.compile(r"\.\.|\.?([\w$@ -]+)|\[\s*(\*|-?\d+|'[^']*'|\"[^\"]*\"|\?[^\]]*)\s*\]|\.(\*)")
DEEP = ".."
ANY_INDEX = "[*]"
FORMS = "status, body, header:NAME, dicom:(gggg,eeee), a JSONPath such as $[*].00080056, or a place as reports show it"

Matches = Callable[[Difference], bool]


class BadPlaceError(ValueError):
    """An expression that names no place."""


@dataclass(frozen=True, slots=True)
class Place:
    """expression: as it was written."""

    expression: str
    matches: Matches

    @classmethod
    def parse(cls, expression: str) -> "Place":
        """Raises BadPlaceError."""
        return cls(expression, _matcher(expression.strip()))


def _matcher(expression: str) -> Matches:
    """A place as reports show it always means exactly itself; the other forms also cover what is below them."""
    if not expression:
        raise BadPlaceError(f"an empty place: expected {FORMS}")
    if expression == "body":
        return lambda difference: not (difference.at == "status" or difference.at.startswith(HEADER))
    if expression.lower().startswith(HEADER):
        pattern = expression[len(HEADER) :].strip().lower()
        return lambda difference: (
            difference.at.lower().startswith(HEADER) and fnmatchcase(difference.at[len(HEADER) :].lower(), pattern)
        )
    if found := DICOM.fullmatch(expression):
        tag = (found[1] + found[2]).upper()
        return lambda difference: difference.at == expression or _names(difference, tag)
    if expression.startswith("$"):
        steps = _steps(expression)
        return lambda difference: _covers(steps, _steps_of(difference.at))
    return lambda difference: difference.at == expression


def _names(difference: Difference, tag: str) -> bool:
    """Whether the tag is the difference's own, or that of a sequence around it."""
    return (difference.tag or "").upper() == tag or tag in re.split(r"[.:\[\]]", difference.at.upper())


def _steps(path: str) -> tuple[str, ...]:
    """`$[*].a..b` as `[*]`, `a`, `..`, `b`; indices are generalised as in differences. Raises BadPlaceError."""
    steps: list[str] = []
    position = 1
    while position < len(path):
        found = STEP.match(path, position)
        if found is None:
            raise BadPlaceError(f"'{path}': what is '{path[position:]}'? Expected {FORMS}")
        position = found.end()
        name, bracket, star = found.groups()
        if found[0] == DEEP:
            steps.append(DEEP)
        elif name is not None:
            steps.append(name)
        elif star is not None:
            steps.append("*")
        elif bracket[0] in "'\"":
            steps.append(bracket[1:-1])
        elif bracket[0] == "?":
            raise BadPlaceError(f"'{path}': filters are not understood. Expected {FORMS}")
        else:
            steps.append(ANY_INDEX)
    return tuple(steps)


def _steps_of(at: str) -> tuple[str, ...] | None:
    """The steps of a difference's place; None: it is in no JSON and no data set."""
    path = BODY_PREFIX.sub("", at, count=1)
    if path == at:
        return None
    path = path if path.startswith("$") else f"$.{path}" if path[:1] not in ("[", "", ".") else f"${path}"
    try:
        return _steps(path)
    except BadPlaceError:
        return None


def _covers(pattern: Sequence[str], steps: Sequence[str] | None) -> bool:
    """Whether `steps` are at, or below, what the pattern names.

    `Value` with its index is no step of a difference: `$[*].00080056.Value[0]` means the attribute's values.
    """
    if steps is None:
        return False
    if not pattern:
        return True
    head, rest = pattern[0], pattern[1:]
    if head == DEEP:
        return any(_covers(rest, steps[start:]) for start in range(len(steps) + 1))
    if steps and (head in (steps[0], "*") or (head == ANY_INDEX and steps[0] == "*")):
        return _covers(rest, steps[1:])
    if head == "Value":
        return _covers(rest[1:] if rest[:1] == (ANY_INDEX,) else rest, steps)
    # A data set that is no item of an array is the only one: `$[*].x` names its attributes too.
    return head == ANY_INDEX and _covers(rest, steps)
