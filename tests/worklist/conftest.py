"""A strict server for all tests of a module."""

from collections.abc import Iterator

import pytest

from azdicom_emulator.settings import Settings
from tests.support.client import Emulator
from tests.support.server import running


@pytest.fixture(scope="module")
def shared_strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A server that behaves as the managed service alone, for all tests of a module."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("strict") / "data", strict=True)) as started:
        yield started
