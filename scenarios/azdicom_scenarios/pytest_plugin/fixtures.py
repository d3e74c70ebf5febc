"""The plugin's fixtures (docs/pytest.md)."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azdicom_scenarios.pytest_plugin.emulator import DicomEmulator, DicomFaults
from azdicom_scenarios.pytest_plugin.options import target_of

if TYPE_CHECKING:
    from azdicom_scenarios.pytest_plugin.parity import DicomParity
    from azdicom_scenarios.pytest_plugin.proxies import DicomProxy


@pytest.fixture(scope="session")
def dicom_emulator_settings() -> dict[str, Any]:
    """What the emulator of the run is told: fields of `azdicom_emulator.settings.Settings`. To be overridden."""
    return {}


@pytest.fixture(scope="session")
def dicom_emulator(
    pytestconfig: pytest.Config, dicom_emulator_settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DicomEmulator]:
    """The service that tests talk to: one emulator a session (under xdist, a worker), or `--dicom-target`."""
    target = target_of(pytestconfig)
    if target is not None:
        yield DicomEmulator(target.rstrip("/").removesuffix("/v2"), is_own=False)
        return
    from azdicom_emulator.embedded import running
    from azdicom_emulator.settings import Settings

    data_dir = tmp_path_factory.mktemp("dicom") / "data"
    with running(Settings(**{"data_dir": data_dir} | dicom_emulator_settings)) as url:
        yield DicomEmulator(url)


@pytest.fixture
def dicom_clean(dicom_emulator: DicomEmulator) -> DicomEmulator:
    """The emulator, without any data and fault rules; the test is skipped where the target is not this run's own."""
    if not dicom_emulator.is_own:
        pytest.skip(f"{dicom_emulator.url} is not emptied for a test")
    dicom_emulator.reset()
    return dicom_emulator


@pytest.fixture
def dicom_faults(dicom_emulator: DicomEmulator) -> Iterator[DicomFaults]:
    """Fault rules of the emulator; none are left after the test."""
    if not dicom_emulator.is_own:
        pytest.skip(f"no fault rules on {dicom_emulator.url}")
    faults = DicomFaults(dicom_emulator)
    yield faults
    faults.clear()


@pytest.fixture
def dicom_proxy(request: pytest.FixtureRequest) -> Iterator[Callable[..., "DicomProxy"]]:
    """Starts proxies: `dicom_proxy(upstream=URL, mode="record", cassette=PATH, record_mode="once")`.

    They stop, and their cassettes are written, when the test ends. upstream: by default `--dicom-upstream`, else the
    emulator. All other keywords are fields of `azdicom_proxy.settings.ProxySettings`.
    """
    from azdicom_scenarios.pytest_plugin.proxies import start_proxy

    with ExitStack() as stack:

        def start(**settings: Any) -> "DicomProxy":
            return start_proxy(stack, request, settings)

        yield start


@pytest.fixture
def dicom_cassette(request: pytest.FixtureRequest) -> Iterator["DicomProxy"]:
    """A proxy with the cassette `cassettes/<module>/<test>.yaml` beside the test file.

    What is recorded comes from `--dicom-upstream`, else from the emulator. Fails the test when it asked for what the
    cassette does not have.
    """
    from azdicom_scenarios.pytest_plugin.proxies import cassette_settings, start_proxy

    with ExitStack() as stack:
        proxy = start_proxy(stack, request, cassette_settings(request))
        yield proxy
        misses = proxy.misses
    if misses:
        pytest.fail("the cassette has no answer:\n" + "\n\n".join(misses), pytrace=False)


@pytest.fixture
def dicom_parity(request: pytest.FixtureRequest, dicom_emulator: DicomEmulator) -> Iterator["DicomParity"]:
    """Compares answers of the emulator with the upstream's, which are kept in `parity/<module>/<test>.yaml`."""
    from azdicom_scenarios.pytest_plugin.parity import DicomParity
    from azdicom_scenarios.pytest_plugin.proxies import parity_settings, start_proxy

    with ExitStack() as stack:
        yield DicomParity(dicom_emulator, start_proxy(stack, request, parity_settings(request)))


def path_beside(request: pytest.FixtureRequest, folder: str, name: str | None = None) -> Path:
    """`<folder>/<module>/<test>.yaml` beside the test's file; characters that file names lack become `-`."""
    stem = name if name is not None else re.sub(r"[^A-Za-z0-9._-]+", "-", request.node.name).strip("-")
    file: Path = request.node.path
    return file.parent / folder / file.stem / f"{stem.removesuffix('.yaml')}.yaml"
