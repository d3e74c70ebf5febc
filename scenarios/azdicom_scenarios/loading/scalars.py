"""Single values by their kind: what a text must look like, and what it becomes (record-replay §12)."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from azdicom_scenarios.conditions import ConditionError
from azdicom_scenarios.conditions import parse as parse_condition
from azdicom_scenarios.expressions import IDENTIFIER, REFERENCE, has_references
from azdicom_scenarios.findings import did_you_mean
from azdicom_scenarios.loading.kinds import Scalar
from azdicom_scenarios.loading.nodes import ScalarNode
from azdicom_scenarios.model import Text

BOOLEANS = {"true": True, "false": False}
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
STATUS = re.compile(r"[1-5](?:\d\d|xx)", re.IGNORECASE)
SIZE = re.compile(r"([1-9]\d{0,4})\s*[x×]\s*([1-9]\d{0,4})")
DEFECT = re.compile(r"truncate:\s*\d+|no-final-boundary|wrong-boundary")
SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
MAX_COUNT = 1_000_000
_SEGMENT = re.compile(r"(\w+)(?:\[(\d+)\])?")


class BadValueError(ValueError):
    """A single value of the wrong kind. `rule`: when it is another than the kind's."""

    def __init__(self, text: str, rule: str | None = None) -> None:
        super().__init__(text)
        self.rule = rule


def convert(node: ScalarNode, kind: Scalar) -> Any:
    """A bool, int or float where the kind says so, else a Text. Raises BadValueError."""
    return _CONVERTERS[kind](node)


def as_text(node: ScalarNode) -> Text:
    return Text(node.text, node.mark, node.is_quoted)


def seconds(text: str) -> float | None:
    """A duration in seconds; None: it is none."""
    found = DURATION.fullmatch(text.strip())
    return float(found[1]) * SECONDS[found[2]] if found else None


def _fitting(pattern: re.Pattern[str], expected: str, *, with_variables: bool) -> Callable[[ScalarNode], Text]:
    def check(node: ScalarNode) -> Text:
        is_variable = with_variables and has_references(node.text)
        if not is_variable and not pattern.fullmatch(node.text.strip()):
            raise BadValueError(f"'{node.text}': expected {expected}")
        return as_text(node)

    return check


def _boolean(node: ScalarNode) -> bool:
    value = BOOLEANS.get(node.text)
    if value is None:
        raise BadValueError(f"'{node.text}': expected true or false")
    return value


def _count(node: ScalarNode) -> int:
    text = node.text
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:10]) <= MAX_COUNT or len(text) > 10:
        raise BadValueError(f"'{text}': expected a whole number, 1 to {MAX_COUNT}")
    return int(text)


def _count_or_variable(node: ScalarNode) -> Text:
    if not has_references(node.text):
        _count(node)
    return as_text(node)


def _number(node: ScalarNode) -> float:
    if not NUMBER.fullmatch(node.text):
        raise BadValueError(f"'{node.text}': expected a number")
    return float(node.text)


def _duration(node: ScalarNode) -> float:
    value = seconds(node.text)
    if value is not None:
        return value
    hint = f"; did you mean '{node.text}s'?" if NUMBER.fullmatch(node.text) else ""
    raise BadValueError(f"'{node.text}' is no duration such as 200ms, 10s, 2m or 1h{hint}")


def _tag_path(node: ScalarNode) -> Text:
    """Segments of keywords or tags: what is left of a text that has variables is not looked at."""
    if not has_references(node.text):
        for segment in node.text.split("."):
            _check_segment(node.text, segment)
    return as_text(node)


def _check_segment(path: str, segment: str) -> None:
    from azdicom_emulator.dicom.tag_paths import parse_tag_path

    found = _SEGMENT.fullmatch(segment)
    if found is None:
        raise BadValueError(f"'{path}' is no keyword, no tag of 8 hex digits and no path of them")
    if parse_tag_path(found[1]) is None:
        raise BadValueError(f"'{found[1]}' is not in the DICOM dictionary{did_you_mean(found[1], _keywords(found[1]))}")


def _keywords(like: str) -> list[str]:
    """Keywords that may be meant: those that begin alike."""
    from pydicom.datadict import keyword_dict

    return [keyword for keyword in keyword_dict if keyword[:2].lower() == like[:2].lower()]


def _jsonpath(node: ScalarNode) -> Text:
    from azdicom_scenarios.running.jsonpath import JsonPathError, parse

    try:
        # Variables stand for names and numbers alike.
        parse(REFERENCE.sub("0", node.text))
    except JsonPathError as error:
        raise BadValueError(str(error)) from None
    return as_text(node)


def _regex(node: ScalarNode) -> Text:
    try:
        re.compile(REFERENCE.sub("x", node.text))
    except re.error as error:
        raise BadValueError(f"'{node.text}' is no regular expression: {error}") from None
    return as_text(node)


def _condition(node: ScalarNode) -> Text:
    try:
        parse_condition(node.text)
    except ConditionError as error:
        raise BadValueError(f"'{node.text}': {error}") from None
    return as_text(node)


def _date(node: ScalarNode) -> Text:
    try:
        date.fromisoformat(node.text)
    except ValueError:
        raise BadValueError(f"'{node.text}': expected a day, YYYY-MM-DD") from None
    return as_text(node)


def _setting(node: ScalarNode) -> Text:
    name = node.text.replace("-", "_")
    if name not in _settings():
        raise BadValueError(f"'{node.text}' is no setting of the emulator{did_you_mean(name, _settings())}")
    return as_text(node)


@cache
def _settings() -> frozenset[str]:
    from azdicom_emulator.serve import serve
    from azdicom_emulator.settings import EXTENSIONS, QUIRKS

    options = (option.opts[0].removeprefix("--").replace("-", "_") for option in serve.params)
    named = (*(f"quirk.{name}" for name in QUIRKS), *(f"extension.{name}" for name in EXTENSIONS))
    return frozenset(("api_version", *options, *named))


_CONVERTERS: dict[Scalar, Callable[[ScalarNode], Any]] = {
    Scalar.TEXT: as_text,
    Scalar.DICOM: as_text,
    Scalar.NAME: _fitting(IDENTIFIER, "a name of letters, digits, `_` and `-`", with_variables=False),
    Scalar.BOOLEAN: _boolean,
    Scalar.COUNT: _count,
    Scalar.COUNT_OR_VARIABLE: _count_or_variable,
    Scalar.NUMBER: _number,
    Scalar.NUMBER_OR_VARIABLE: _fitting(NUMBER, "a number", with_variables=True),
    Scalar.DURATION: _duration,
    Scalar.STATUS: _fitting(STATUS, "a status code or a class such as 2xx", with_variables=True),
    Scalar.TAG_PATH: _tag_path,
    Scalar.JSONPATH: _jsonpath,
    Scalar.REGEX: _regex,
    Scalar.CONDITION: _condition,
    Scalar.DATE: _date,
    Scalar.SIZE: _fitting(SIZE, "WIDTHxHEIGHT in pixels, such as 512x512", with_variables=False),
    Scalar.DEFECT: _fitting(DEFECT, "truncate:BYTES, no-final-boundary or wrong-boundary", with_variables=False),
    Scalar.SHA256: _fitting(SHA256, "64 hex digits", with_variables=True),
    Scalar.SETTING: _setting,
}
