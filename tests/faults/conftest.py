"""A server with fault rules of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import EmulatorWith
from tests.support.client import Emulator

FaultyEmulator = Callable[..., Emulator]
"""Starts a server with the given rules (YAML), and settings."""


@pytest.fixture
def faulty(emulator_with: EmulatorWith, tmp_path: Path) -> FaultyEmulator:
    """`faulty("- do: {reset: true}")`: the rules as a list, without `faults:`."""

    def start(rules: str, **settings: object) -> Emulator:
        file = tmp_path / "faults.yaml"
        file.write_text(f"faults:\n{rules}")
        return emulator_with(faults=file, seed=1, **settings)

    return start
