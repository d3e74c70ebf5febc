"""The library of scenarios as files: complete, clean and listed in the docs. `make scenarios` runs them."""

from collections import Counter
from pathlib import Path

import pytest

from azdicom_scenarios.scenario_files import LoadedFile, load_all, scenario_files

LIBRARY = Path(__file__).parents[2] / "scenarios" / "library"
GROUPS = ("store", "retrieve", "search", "worklist", "azure", "tour")
MINIMUM_DESCRIPTION = 80


@pytest.fixture(scope="module")
def library() -> list[LoadedFile]:
    return load_all(scenario_files([LIBRARY]))


def test_the_library_has_no_findings(library: list[LoadedFile]) -> None:
    """record-replay §13.5: neither errors nor warnings."""
    assert [str(finding) for each in library for finding in each.findings] == []


def test_there_are_scenarios_of_every_group(library: list[LoadedFile]) -> None:
    """File names begin with what the scenarios are about."""
    groups = Counter(each.file.name.partition(".")[0].partition("-")[0] for each in library)

    assert groups.keys() == set(GROUPS)
    assert groups.total() >= 40


def test_every_scenario_says_what_breaks_and_has_tags(library: list[LoadedFile]) -> None:
    """The catalogue is for integrators: a name alone does not tell why it matters."""
    scenarios = [each.scenario for each in library if each.scenario is not None]

    assert [each.name for each in scenarios if len(each.description) < MINIMUM_DESCRIPTION or not each.tags] == []
    assert len(scenarios) == len(library)


def test_every_step_expects_something(library: list[LoadedFile]) -> None:
    """A step without an expectation would pass whatever the answer is."""
    steps = [(each.file.name, step) for each in library if each.scenario is not None for step in each.scenario.steps]

    assert [(name, step.title) for name, step in steps if step.expect is None and step.retry is None] == []


def test_scenarios_of_the_managed_service_are_strict(library: list[LoadedFile]) -> None:
    """README of the emulator: extensions change answers only outside of `strict`."""
    tagged = [each.scenario for each in library if each.scenario is not None and "managed" in each.scenario.tags]

    assert [each.name for each in tagged if each.settings.config.get("strict") != "true"] == []
    assert tagged
