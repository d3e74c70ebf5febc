"""The grammar inside `${…}`: paths such as `ct1.i[0].sop`, and calls such as `date(+1d)` (record-replay §12)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
"""A `${…}`, or the `$${` that stands for the two characters themselves."""
UNCLOSED = re.compile(r"(?<!\$)\$\{(?![^{}]*\})")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*|\[\d+\])*")
_STEP = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")
_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\((.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Function:
    """minimum, maximum: numbers of arguments. is_evaluated: they are paths and calls, or texts in quotes."""

    minimum: int
    maximum: int
    summary: str
    is_evaluated: bool = False


FUNCTIONS: dict[str, Function] = {
    "uid": Function(0, 0, "a new UID, `2.25.…`, each time that it is written"),
    "now": Function(0, 1, "the run's time by a strftime format, `%Y%m%d` for a DA; without one as ISO 8601"),
    "date": Function(0, 2, "the run's day, moved by `+1d`, `-2w`, `+3m` or `-1y`, as a DA or by a second argument"),
    "env": Function(1, 2, "an environment variable; the second argument stands in for one that is not set"),
    "file": Function(1, 1, "the text of a file, relative to the scenario"),
    "b64": Function(1, 1, "Base64 of a variable, of `file(P)`, or of a text in quotes", is_evaluated=True),
    "rand": Function(1, 1, "a whole number from 0 up to and without the argument"),
}


class ExpressionError(ValueError):
    """What stands in `${…}` makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Path:
    """steps: names and indices, the first of them a name."""

    steps: tuple[str | int, ...]

    @property
    def root(self) -> str:
        return str(self.steps[0])

    def __str__(self) -> str:
        rest = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps[1:])
        return f"{self.root}{rest}"


@dataclass(frozen=True, slots=True)
class Literal:
    value: str


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: "tuple[Expression, ...]"


Expression = Path | Literal | Call


@dataclass(frozen=True, slots=True)
class Reference:
    """A `${…}` in a text. start, end: where; expression: what stands in it."""

    start: int
    end: int
    written: str
    expression: Expression


def references(text: str) -> Iterator[Reference]:
    """The `${…}` of a text. Raises ExpressionError."""
    if unclosed := UNCLOSED.search(text):
        raise ExpressionError(f"'{text[unclosed.start() :][:40]}' has no closing brace ($${{ stands for the text ${{)")
    for found in REFERENCE.finditer(text):
        if found[1] is not None:
            yield Reference(found.start(), found.end(), found[0], parse(found[1]))


def has_references(text: str) -> bool:
    return "${" in text


def parse(text: str) -> Expression:
    """What stands between the braces. Raises ExpressionError."""
    text = text.strip()
    if call := _CALL.fullmatch(text):
        return _call(call[1], call[2])
    if not _PATH.fullmatch(text):
        raise ExpressionError(f"'{text}' is neither a name such as ct1.i[0].sop nor a call such as uid()")
    return Path(tuple(name or int(index) for name, index in _STEP.findall(text)))


def _call(name: str, inside: str) -> Call:
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(f"there is no function {name}() (have: {', '.join(FUNCTIONS)})")
    arguments = _arguments(inside)
    if not function.minimum <= len(arguments) <= function.maximum:
        raise ExpressionError(f"{name}() takes {_counted(function)}, not {len(arguments)}")
    if function.is_evaluated:
        return Call(name, tuple(Literal(each[1:-1]) if _is_quoted(each) else parse(each) for each in arguments))
    return Call(name, tuple(Literal(each[1:-1] if _is_quoted(each) else each) for each in arguments))


def _counted(function: Function) -> str:
    if function.minimum == function.maximum:
        return f"{function.minimum or 'no'} argument{'s' * (function.minimum != 1)}"
    return f"{function.minimum} to {function.maximum} arguments"


def _arguments(inside: str) -> list[str]:
    """Split at commas outside of quotes and parentheses."""
    if not inside.strip():
        return []
    pieces, depth, quote, current = [], 0, "", ""
    for character in inside:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            pieces.append(current.strip())
            current = ""
            continue
        current += character
    return [*pieces, current.strip()]


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
