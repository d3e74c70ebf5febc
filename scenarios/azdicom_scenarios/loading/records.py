"""Mappings of a scenario after conversion: values by key, and where each key stands."""

from dataclasses import dataclass, field
from typing import Any

from azdicom_scenarios.model import Mark, Text


class Single(list[Any]):
    """The one value that stood where a list could have."""


@dataclass(slots=True)
class Record:
    """values: Texts, numbers, booleans, lists, pairs, matchers, other records; what was wrong is left out.

    kind: the object's name in the schema; keys: where the key of each value stands, also of those that were wrong.
    """

    kind: str
    mark: Mark
    values: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    others: list[tuple[Text, Any]] = field(default_factory=list)

    def get(self, name: str) -> Any:
        """None: not there, or wrong."""
        return self.values.get(name)

    def many(self, name: str) -> list[Any]:
        """A list's or table's entries; empty when it is not there."""
        return list(self.values.get(name) or ())

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def at(self, name: str) -> Mark:
        """The key's place, or the mapping's."""
        return self.keys.get(name, self.mark)
