"""The pytest plugin `azdicom`: scenario files as tests, and fixtures that run the emulator and the proxy.

Loaded into every pytest run by its entry point, so that it imports nothing heavy before it is used.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azdicom_scenarios.pytest_plugin.fixtures import (
    dicom_cassette,
    dicom_clean,
    dicom_emulator,
    dicom_emulator_settings,
    dicom_faults,
    dicom_parity,
    dicom_proxy,
)

if TYPE_CHECKING:
    from azdicom_scenarios.pytest_plugin.collecting import ScenarioFile

__all__ = [
    "dicom_cassette",
    "dicom_clean",
    "dicom_emulator",
    "dicom_emulator_settings",
    "dicom_faults",
    "dicom_parity",
    "dicom_proxy",
]

SCENARIO_SUFFIX = ".scenario.yaml"
MARKS = (
    "dicom_cassette(name, record_mode, match_on, upstream): how the fixture dicom_cassette records and replays",
    "dicom_live: needs a service behind --dicom-upstream, and is skipped without one",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("azdicom", "DICOM service emulator")
    group.addoption(
        "--dicom-record",
        metavar="MODE",
        help="record mode of dicom_cassette: once, new_episodes, all, none or rewrite"
        " [default: none when $CI is set, else once]",
    )
    group.addoption(
        "--dicom-target",
        metavar="TARGET",
        default="emulator",
        help="what tests and scenarios talk to: emulator, live (--dicom-upstream), or a URL [default: emulator]",
    )
    group.addoption(
        "--dicom-upstream", metavar="URL", help="the service that is recorded and compared with [ini: dicom_upstream]"
    )
    group.addoption(
        "--dicom-auth",
        choices=("passthrough", "azure", "none"),
        default="passthrough",
        help="whose token the upstream sees: the test's, or one of azure-identity [default: passthrough]",
    )
    group.addoption(
        "--dicom-block-network", action="store_true", help="refuse connections to anything but this machine"
    )
    group.addoption(
        "--dicom-update-snapshots", action="store_true", help="take the snapshots of scenarios and dicom_parity anew"
    )
    parser.addini("dicom_upstream", "the service that is recorded and compared with")


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    record_mode = config.getoption("--dicom-record")
    if record_mode is not None:
        from azdicom_proxy.cassette.record_modes import UnknownRecordModeError, parse_record_mode

        try:
            parse_record_mode(record_mode)
        except UnknownRecordModeError as error:
            raise pytest.UsageError(f"--dicom-record: {error}") from None


@pytest.fixture(scope="session", autouse=True)
def _dicom_block_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Acts under --dicom-block-network only."""
    if not request.config.getoption("--dicom-block-network"):
        yield
        return
    from azdicom_scenarios.pytest_plugin.network import only_loopback

    with only_loopback():
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("dicom_live") is not None:
        from azdicom_scenarios.pytest_plugin.options import upstream_of

        if upstream_of(item.config) is None:
            pytest.skip("needs a live service: --dicom-upstream URL")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    if not file_path.name.endswith(SCENARIO_SUFFIX):
        return None
    from azdicom_scenarios.pytest_plugin.collecting import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)
