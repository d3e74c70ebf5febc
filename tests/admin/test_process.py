"""Health, info and shutdown (record-replay §15)."""

from pathlib import Path

from azdicom_emulator import __version__
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.process import serving
from tests.support.waiting import eventually


def test_health_says_so(shared_emulator: Emulator) -> None:
    """§15."""
    assert shared_emulator.request("GET", "/_azdicom/health").json() == {"status": "Healthy"}


def test_info_says_what_it_is(emulator_with: EmulatorWith) -> None:
    """§15: version, mode, data folder, strict, seed."""
    emulator = emulator_with(strict=True, seed=7)

    assert emulator.request("GET", "/_azdicom/info").json() == {
        "version": __version__,
        "mode": "emulator",
        "data_folder": str(emulator.data_dir.resolve()),
        "ephemeral": False,
        "strict": True,
        "seed": 7,
    }


def test_shutdown_ends_the_process_in_order(tmp_path: Path) -> None:
    """§15; with rules the log tells what they did."""
    rules = tmp_path / "faults.yaml"
    rules.write_text("faults:\n  - {name: never, route: GET /nowhere, do: {hang: true}}\n")
    with serving(tmp_path / "data", tmp_path, f"--faults={rules}", "--seed=3") as server:
        assert server.emulator.request("POST", "/_azdicom/shutdown").status == 202

        assert eventually(lambda: server.ended, what="the end of the process")
        assert server.stop() == 0

    log = (tmp_path / "serve.log").read_text()
    assert "warning fault rule never (GET /nowhere): 0 matches, 0 firings (seed 3)" in log
