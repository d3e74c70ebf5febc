"""The catalogue of docs/scenario-library.md, made from the scenarios themselves."""

from collections.abc import Iterator
from pathlib import Path

from azdicom_scenarios.model import Scenario
from azdicom_scenarios.scenario_files import load_all, scenario_files
from tests.support.markdown import table

LIBRARY = Path(__file__).parents[1] / "scenarios" / "library"
GROUPS = {
    "tour": "Tour",
    "store": "Store (STOW-RS)",
    "retrieve": "Retrieve (WADO-RS)",
    "search": "Search (QIDO-RS)",
    "azure": "What only Azure has",
    "worklist": "Worklist (UPS-RS)",
}


def catalogue() -> str:
    """A heading and a table for each group of files."""
    scenarios = [each.scenario for each in load_all(scenario_files([LIBRARY])) if each.scenario is not None]
    return "\n\n".join(_section(group, scenarios) for group in GROUPS)


def _section(group: str, scenarios: list[Scenario]) -> str:
    return f"## {GROUPS[group]}\n\n{table(('scenario', 'what breaks, and why', 'tags'), _rows(group, scenarios))}"


def _rows(group: str, scenarios: list[Scenario]) -> Iterator[tuple[str, ...]]:
    for each in scenarios:
        stem = each.file.name.removesuffix(".scenario.yaml")
        if stem.partition("-")[0] == group:
            link = f"[{stem}](../scenarios/library/{each.file.name})"
            yield link, f"**{_cell(each.name)}.** {_cell(each.description)}", ", ".join(each.tags)


def _cell(text: str) -> str:
    """Text within a table: one line, no bars, no emphasis by accident."""
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
