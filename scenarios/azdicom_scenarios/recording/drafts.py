"""A scenario in the making: steps that still know the interaction they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from azdicom_proxy.cassette.model import Interaction

Yaml = dict[str, Any]
"""What is written as YAML, keys in their order; every scalar a text, a whole number or a truth value."""


@dataclass(slots=True)
class DraftStep:
    """path: below the base; query: pairs in order; body: as the schema has it. Literals become variables in place."""

    interaction: Interaction
    name: str
    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: Yaml | None = None
    expect: Yaml = field(default_factory=dict)
    capture: dict[str, Yaml] = field(default_factory=dict)
    wait_operation: Yaml | None = None
    retry: Yaml | None = None

    def as_yaml(self) -> Yaml:
        step: Yaml = {"name": self.name, self.method.lower(): self.path}
        if self.query:
            step["query"] = _query(self.query)
        for key in ("headers", "body", "expect", "capture", "wait_operation", "retry"):
            if value := getattr(self, key):
                step[key] = value
        if self.retry is not None:
            step.pop("expect", None)  # it is what the retry waits for
        return step


@dataclass(slots=True)
class Draft:
    """files: uploads that are kept as files, by their names beside the scenario."""

    name: str
    description: str
    base: str
    steps: list[DraftStep]
    synthetic: list[Yaml] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def as_yaml(self, steps: Sequence[DraftStep] | None = None) -> Yaml:
        """steps: those to keep; None: all."""
        document: Yaml = {"name": self.name, "description": self.description}
        if self.base != "/v2":
            document["settings"] = {"base": self.base}
        if self.variables:
            document["vars"] = dict(self.variables)
        if self.synthetic:
            document["fixtures"] = {"synthetic": self.synthetic}
        document["steps"] = [step.as_yaml() for step in (self.steps if steps is None else steps)]
        return document


def _query(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """A mapping; a name that is repeated has a list."""
    query: dict[str, Any] = {}
    for name, value in pairs:
        if name not in query:
            query[name] = value
        elif isinstance(query[name], list):
            query[name].append(value)
        else:
            query[name] = [query[name], value]
    return query
