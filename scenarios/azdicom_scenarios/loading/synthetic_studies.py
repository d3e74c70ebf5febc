"""The specifications of synthetic studies, once their variables are known."""

from collections.abc import Mapping
from typing import Any

from azdicom_scenarios.model import SyntheticStudy
from azdicom_scenarios.synthetic.spec import PatientSpec, SeriesSpec, SpecError, StudySpec
from azdicom_scenarios.variables import Scope

_COUNTS = ("instances", "rows", "columns", "frames")


def study_spec(study: SyntheticStudy, scope: Scope) -> StudySpec:
    """Raises SpecError for what cannot be built, VariableError."""
    written = {name: _text(value) for name, value in scope.fill(study.spec).items() if name != "study"}
    if "patient" in written:
        written["patient"] = PatientSpec(**written["patient"])
    if "series" in written:
        written["series"] = tuple(_series(each) for each in written["series"])
    return StudySpec(alias=study.alias, **written)


def _series(written: Mapping[str, Any]) -> SeriesSpec:
    values = dict(written)
    for name in _COUNTS:
        if name in values:
            values[name] = _count(name, values[name])
    if "colour" in values:
        values["colour"] = values["colour"] == "true"
    return SeriesSpec(**values)


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise SpecError(f"{name}: '{text}' is no whole number")
    return int(text)


def _text(value: Any) -> Any:
    """What a variable gave as a number is a text like all others."""
    if isinstance(value, Mapping):
        return {name: _text(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_text(each) for each in value]
    return str(value)
