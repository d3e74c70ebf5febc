"""One table makes the loader, the JSON Schema and the reference: they say the same (record-replay §12, §13.5)."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from azdicom_scenarios.findings import RULES
from azdicom_scenarios.json_schema import as_text, json_schema
from azdicom_scenarios.loading.schema import OBJECTS
from azdicom_scenarios.new_command import TEMPLATE
from tests.scenarios.reference import PAGE, filled_in
from tests.scenarios.test_loading import WHOLE

PROJECT = Path(__file__).parents[2]
SCHEMA_FILE = PROJECT / "scenarios" / "scenario.schema.json"


def errors(document: Any) -> list[str]:
    return [each.message for each in jsonschema.Draft7Validator(json_schema()).iter_errors(document)]


def test_the_schema_in_the_repository_is_current() -> None:
    """`python -m azdicom_scenarios.json_schema > scenarios/scenario.schema.json` writes it."""
    assert SCHEMA_FILE.read_text("utf-8") == as_text()


def test_the_schema_is_one() -> None:
    """JSON Schema draft 7."""
    jsonschema.Draft7Validator.check_schema(json.loads(as_text()))


@pytest.mark.parametrize(
    "text",
    [pytest.param(WHOLE, id="all keys"), pytest.param(TEMPLATE.format(name="a", file="a"), id="the new scenario")],
)
def test_editors_accept_what_lint_accepts(text: str) -> None:
    """Record-replay §13.5: a JSON Schema for editors, which read YAML with types of its own."""
    as_editors_see_it = json.loads(json.dumps(yaml.safe_load(text)))

    assert errors(as_editors_see_it) == []


@pytest.mark.parametrize(
    "step",
    [
        {"gett": "/studies"},
        {"get": "/studies", "post": "/studies"},
        {"get": "/studies", "expect": {"statu": 200}},
        {"get": "/studies", "retry": {"until": {"status": 204}, "for": "5"}},
        {"post": "/studies", "body": {"json": {}, "text": ""}},
    ],
    ids=["unknown key", "two methods", "unknown key below", "no duration", "two bodies"],
)
def test_editors_refuse_what_lint_refuses(step: dict[str, Any]) -> None:
    """Record-replay §13.5."""
    assert errors({"name": "a", "steps": [step]})


def test_every_key_of_the_table_is_in_the_schema() -> None:
    """The schema comes from the table."""
    definitions = json_schema()["definitions"]

    for name, shape in OBJECTS.items():
        assert tuple(definitions[name.replace(" ", "_")]["properties"]) == shape.names


def test_the_reference_is_current() -> None:
    """docs/scenarios.md: `python -m tests.scenarios.reference` writes its tables."""
    assert PAGE.read_text("utf-8") == filled_in()


def test_every_rule_is_documented() -> None:
    """docs/scenarios.md, Lint."""
    page = PAGE.read_text("utf-8")

    assert all(f"`{rule}`" in page for rule in RULES)
