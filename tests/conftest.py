"""The fixtures of all tests: a running server, as it is by default, strict, or with settings of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from azdicom_emulator.settings import Settings
from tests.support.azurite import Azurite, running_azurite
from tests.support.client import Emulator
from tests.support.server import running

# A machine that is busy elsewhere must not fail a property, and a failure must come again.
hypothesis_settings.register_profile(
    "azdicom", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("azdicom")

EmulatorWith = Callable[..., Emulator]
"""Starts a server with the given fields of `Settings`; it runs until the end of the test."""


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    """An empty server with default settings, for this test alone."""
    with running(Settings(data_dir=tmp_path / "data")) as started:
        yield started


@pytest.fixture
def strict_emulator(tmp_path: Path) -> Iterator[Emulator]:
    """An empty server that behaves as the managed service alone."""
    with running(Settings(data_dir=tmp_path / "strict", strict=True)) as started:
        yield started


@pytest.fixture
def emulator_with(tmp_path: Path) -> Iterator[EmulatorWith]:
    """Starts servers with settings, on the same data unless told otherwise: `emulator_with(strict=True)`."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Emulator:
            return stack.enter_context(running(Settings(**{"data_dir": tmp_path / "data"} | settings)))

        yield start


@pytest.fixture(scope="module")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A default server for all tests of a module, which tell their data apart by fresh UIDs."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("shared") / "data")) as started:
        yield started


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """One Azurite for all tests of the session, which mark their module `xdist_group("azurite")`: one worker has it."""
    with running_azurite() as started:
        yield started
