"""Scenario files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from azdicom_scenarios.recording.drafts import Draft, DraftStep

WIDTH = 120


def write(draft: Draft, path: Path, steps: Sequence[DraftStep] | None = None) -> None:
    """Writes the scenario, and its files beside it. steps: those to keep; None: all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(draft, steps), "utf-8")
    for name, content in draft.files.items():
        file = path.parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def text_of(draft: Draft, steps: Sequence[DraftStep] | None = None) -> str:
    """The YAML; every text that another reader of YAML would take for a number or a date is in quotes."""
    document = draft.as_yaml(steps)
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text


class _Dumper(yaml.SafeDumper):
    """No anchors, and texts of digits and dots in quotes."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    is_number_like = bool(value) and all(character in "0123456789ABCDEFabcdef.:-+" for character in value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if is_number_like else None)


_Dumper.add_representer(str, _text)
