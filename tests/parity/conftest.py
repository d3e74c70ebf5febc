"""The two servers that comparisons are tried on."""

from collections.abc import Iterator

import pytest

from tests.parity.twins import Twins, twins


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """For all tests of a module: two servers with the same data, one behind a front that can change its answers."""
    with twins(tmp_path_factory.mktemp("twins")) as started:
        yield started
