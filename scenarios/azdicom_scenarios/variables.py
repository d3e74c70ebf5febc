"""Values for `${…}`: names and functions of one run, the same for the same seed and scenario (record-replay §12)."""

import base64
import calendar
import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path as FilePath
from random import Random
from typing import Any

from azdicom_scenarios.expressions import (
    REFERENCE,
    Call,
    Expression,
    ExpressionError,
    Literal,
    Path,
    parse,
    references,
)
from azdicom_scenarios.model import Json

BUILT_IN_NAMES = {
    "base_url": "the URL of the target with the scenario's base, without a slash at the end",
    "index": "in a step with `repeat`: which time it is, from 0",
}
"""Names that the runner sets beside those of the scenario."""
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
"""The time of a run is within a year of it, by seed and scenario: two runs send the same bytes."""
OFFSET = re.compile(r"([+-])\s*(\d+)\s*([dwmy])")


class VariableError(ValueError):
    """A `${…}` that has no value; the text names it and what there is."""


@dataclass(slots=True)
class Scope:
    """The names that a text may use.

    values: name to a text, number, boolean, None, list, mapping, or an object whose public attributes are walked into
    (`ct1.i[0].sop`). folder: what paths of file() are relative to. salt: makes the UIDs of each run of a shared target
    different. clock: what now() and date() tell; None: a time by seed and scenario.
    """

    seed: int
    scenario_name: str
    values: dict[str, Any] = field(default_factory=dict)
    folder: FilePath = field(default_factory=FilePath)
    salt: str = ""
    clock: datetime | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    label: str = ""
    _drawn: int = 0

    def child(self, label: str, **values: Any) -> "Scope":
        """A scope of its own sequence of uid() and rand(): what runs at the same time draws the same in any order.

        What is set in it later (`values[...] = …`) is not seen here.
        """
        return Scope(
            seed=self.seed,
            scenario_name=self.scenario_name,
            values={**self.values, **values},
            folder=self.folder,
            salt=self.salt,
            clock=self.clock,
            environment=self.environment,
            label=f"{self.label}/{label}",
        )

    def substitute(self, text: str) -> str:
        """The text with every `${…}` replaced; `$${` becomes `${`. Raises VariableError."""
        if "${" not in text:
            return text
        self._check(text)

        def replaced(found: re.Match[str]) -> str:
            return "${" if found[1] is None else as_text(self._evaluated(found[0], parse(found[1])))

        return REFERENCE.sub(replaced, text)

    def value(self, text: str) -> Any:
        """As `substitute`; a text that is one `${…}` and nothing else keeps the type of its value."""
        whole = REFERENCE.fullmatch(text)
        if whole is None or whole[1] is None:
            return self.substitute(text)
        self._check(text)
        return self._evaluated(text, parse(whole[1]))

    def fill(self, json: Json) -> Any:
        """A JSON value (or Words) with its texts replaced, keys among them."""
        if isinstance(json, str):
            return self.value(json)
        if isinstance(json, Mapping):
            return {self.substitute(key): self.fill(value) for key, value in json.items()}
        if isinstance(json, Sequence):
            return [self.fill(item) for item in json]
        return json

    def evaluate(self, expression: Expression) -> Any:
        """Raises VariableError."""
        match expression:
            case Literal():
                return expression.value
            case Path():
                return self._walked(expression)
            case Call():
                return _FUNCTIONS[expression.name](self, *(self.evaluate(each) for each in expression.arguments))

    def now(self) -> datetime:
        """The run's time, UTC."""
        if self.clock is not None:
            return self.clock
        return FIRST_DAY + timedelta(seconds=Random(f"{self.seed}\0{self.scenario_name}").randrange(365 * 86400))

    def _check(self, text: str) -> None:
        try:
            list(references(text))
        except ExpressionError as error:
            raise VariableError(str(error)) from None

    def _evaluated(self, written: str, expression: Expression) -> Any:
        try:
            return self.evaluate(expression)
        except VariableError as error:
            raise VariableError(f"{written}: {error}") from None

    def _walked(self, path: Path) -> Any:
        if path.root not in self.values:
            raise VariableError(f"there is no '{path.root}' (have: {', '.join(sorted(self.values)) or 'nothing'})")
        value = self.values[path.root]
        for number, step in enumerate(path.steps[1:], start=2):
            value = _inside(value, step, Path(path.steps[:number]))
        return value

    def draw(self) -> bytes:
        """32 bytes that no other draw of the run has."""
        self._drawn += 1
        text = "\0".join((str(self.seed), self.salt, self.scenario_name, self.label, str(self._drawn)))
        return hashlib.sha256(text.encode()).digest()


def as_text(value: Any) -> str:
    """How a value stands within a text: JSON's words for booleans and null, bytes as UTF-8."""
    match value:
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case None | bool() | list() | dict():
            import json

            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _inside(value: Any, step: str | int, path: Path) -> Any:
    if isinstance(step, int):
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise VariableError(f"{path}: this is no list")
        if step >= len(value):
            raise VariableError(f"{path}: there are only {len(value)}")
        return value[step]
    if isinstance(value, Mapping):
        if step in value:
            return value[step]
        names = list(map(str, value))
    elif _is_object(value):
        names = [name for name in dir(value) if not name.startswith("_")]
        if step in names:
            return getattr(value, step)
    else:
        names = []
    have = f" (have: {', '.join(sorted(names))})" if names else ""
    raise VariableError(f"{path}: there is no '{step}'{have}")


def _is_object(value: Any) -> bool:
    return not isinstance(value, str | bytes | int | float | bool | list | tuple | None)


def _uid(scope: Scope) -> str:
    digest = int.from_bytes(scope.draw()[:16], "big")
    # A UUID of version 8 with its variant bits (PS3.5 §B.2).
    return f"2.25.{digest & ~(0xF << 76) & ~(0x3 << 62) | (0x8 << 76) | (0x2 << 62)}"


def _now(scope: Scope, pattern: str = "") -> str:
    return scope.now().strftime(pattern) if pattern else scope.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(scope: Scope, offset: str = "", pattern: str = "%Y%m%d") -> str:
    return _moved(scope.now(), offset).strftime(pattern)


def _moved(moment: datetime, offset: str) -> datetime:
    if not offset:
        return moment
    found = OFFSET.fullmatch(offset.strip())
    if found is None:
        raise VariableError(f"'{offset}' is no offset such as +1d, -2w, +3m or -1y")
    number = int(found[2]) * (1 if found[1] == "+" else -1)
    try:
        if found[3] in "dw":
            return moment + timedelta(days=number * (7 if found[3] == "w" else 1))
        months = moment.year * 12 + moment.month - 1 + number * (12 if found[3] == "y" else 1)
        year, month = months // 12, months % 12 + 1
        return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        raise VariableError(f"'{offset}' leads out of the calendar") from None


def _env(scope: Scope, name: str, default: str | None = None) -> str:
    value = scope.environment.get(name, default)
    if value is None:
        raise VariableError(f"the environment has no {name}")
    return value


def _file(scope: Scope, name: str) -> bytes:
    try:
        return (scope.folder / name).read_bytes()
    except OSError as error:
        raise VariableError(f"cannot read {name}: {error.strerror}") from None


def _b64(_scope: Scope, value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else as_text(value).encode()).decode()


def _rand(scope: Scope, limit: str) -> int:
    if not limit.isascii() or not limit.isdigit() or int(limit) == 0:
        raise VariableError(f"rand({limit}): expected a whole number, 1 or more")
    return int.from_bytes(scope.draw()[:16], "big") % int(limit)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "uid": _uid,
    "now": _now,
    "date": _date,
    "env": _env,
    "file": _file,
    "b64": _b64,
    "rand": _rand,
}
