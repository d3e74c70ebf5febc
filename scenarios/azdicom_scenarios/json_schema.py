"""The JSON Schema of scenarios for editors, by the loader's table; `python -m azdicom_scenarios.json_schema`."""

import json
import sys
from typing import Any

from azdicom_scenarios.loading.kinds import (
    Choice,
    Free,
    Group,
    Key,
    Kind,
    Literal,
    MatcherKind,
    Object,
    Ref,
    Scalar,
    Several,
    Table,
)
from azdicom_scenarios.loading.schema import OBJECTS

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What yaml-language-server understands best."""
VARIABLE = r"\$\{[^{}]*\}"
_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}
"""Editors read YAML as YAML does: a text without quotes may look like a number to them."""
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
_WITH_VARIABLE: dict[str, Any] = {"type": "string", "pattern": VARIABLE}
_SCALARS: dict[Scalar, dict[str, Any]] = {
    Scalar.NAME: {"type": ["string", "number"], "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$"},
    Scalar.BOOLEAN: {"type": "boolean"},
    Scalar.COUNT: _COUNT,
    Scalar.COUNT_OR_VARIABLE: {"anyOf": [_COUNT, _WITH_VARIABLE]},
    Scalar.NUMBER: {"type": "number"},
    Scalar.NUMBER_OR_VARIABLE: {"anyOf": [{"type": "number"}, _WITH_VARIABLE]},
    Scalar.DURATION: {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h)$"},
    Scalar.STATUS: {
        "anyOf": [
            {"type": "integer", "minimum": 100, "maximum": 599},
            {"type": "string", "pattern": rf"^[1-5](\d\d|xx|XX)$|{VARIABLE}"},
        ]
    },
    Scalar.JSONPATH: {"type": "string", "pattern": r"^\$"},
    Scalar.REGEX: {"type": "string"},
    Scalar.CONDITION: {"type": "string"},
    Scalar.SIZE: {"type": "string", "pattern": r"^\d+\s*[x×]\s*\d+$"},
    Scalar.DEFECT: {"type": "string", "pattern": r"^(truncate:\s*\d+|no-final-boundary|wrong-boundary)$"},
}
"""What is not here is any text."""


def json_schema() -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "title": "Scenario of azdicom",
        "$ref": _reference("scenario"),
        "definitions": {
            **{_name(name): _object(shape) for name, shape in OBJECTS.items()},
            "words": {"anyOf": [_TEXT, {"type": "array"}, {"type": "object"}]},
        },
    }


def as_text() -> str:
    """As the file `scenario.schema.json` has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _object(shape: Object) -> dict[str, Any]:
    required = [key.name for key in shape.keys if key.is_required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: _key(key) for key in shape.keys},
        "additionalProperties": _kind(shape.others.value) if shape.others else False,
    }
    if required:
        schema["required"] = required
    if shape.groups:
        schema["allOf"] = [_group(group) for group in shape.groups]
    return schema


def _key(key: Key) -> dict[str, Any]:
    schema = _kind(key.kind)
    description = f"{key.summary} Default: {key.default}." if key.default else key.summary
    # Beside a $ref, draft 7 ignores everything else.
    return (
        {"description": description, "allOf": [schema]} if "$ref" in schema else {"description": description, **schema}
    )


def _group(group: Group) -> dict[str, Any]:
    one = [{"required": [name]} for name in group.names]
    return {"oneOf": [*one, {"not": {"anyOf": one}}]} if group.is_optional else {"oneOf": one}


def _kind(kind: Kind) -> dict[str, Any]:
    match kind:
        case Scalar():
            return _SCALARS.get(kind, _TEXT)
        case Choice():
            return {"enum": list(kind.words)}
        case Several():
            several = {"type": "array", "items": _kind(kind.of)}
            return {"anyOf": [_kind(kind.of), several]} if kind.or_one else several
        case Table():
            table: dict[str, Any] = {"type": "object", "additionalProperties": _kind(kind.value)}
            return table | ({"minProperties": 1, "maxProperties": 1} if kind.is_single else {})
        case Ref():
            reference = {"$ref": _reference(kind.name)}
            return {"anyOf": [_kind(kind.shorthand), reference]} if kind.shorthand else reference
        case Free():
            return {} if kind is Free.JSON else {"$ref": _reference("words")}
        case Literal():
            return {}
        case MatcherKind():
            # A mapping without a matcher's word is a literal, so that no more can be said of it.
            return {"anyOf": [{"$ref": _reference("matcher")}, {}]}


def _name(name: str) -> str:
    return name.replace(" ", "_")


def _reference(name: str) -> str:
    return f"#/definitions/{_name(name)}"


if __name__ == "__main__":
    sys.stdout.write(as_text())
