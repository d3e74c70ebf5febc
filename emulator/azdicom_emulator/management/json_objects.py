"""Objects in JSON bodies: their properties by name, in any case (azure-apis §0)."""

from collections.abc import Mapping
from typing import Any


def property_of(value: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """The client's spelling and the value; of several the last, None when there is none."""
    found = [(each, given) for each, given in value.items() if each.lower() == name.lower()]
    return found[-1] if found else (name, None)
