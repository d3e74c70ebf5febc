"""The example project of the docs in a clean virtual environment: the wheel's plugin is found by its entry point."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path("docs/examples/viewer-app").resolve()
REPOSITORY = Path().resolve()
TIMEOUT_S = 600


@pytest.mark.skipif(not os.environ.get("AZDICOM_TEST_CONTAINER"), reason="installs a virtual environment: make interop")
def test_example_project_passes_and_then_replays(tmp_path: Path) -> None:
    """record-replay §13.3: fixtures, a scenario as a test, a cassette that is recorded once and replayed under CI."""
    project = tmp_path / "viewer-app"
    shutil.copytree(EXAMPLE, project)
    subprocess.run((sys.executable, "-m", "venv", str(tmp_path / "venv")), check=True, timeout=TIMEOUT_S)
    python = tmp_path / "venv" / "bin" / "python"
    install = (str(python), "-m", "pip", "install", "--quiet", str(REPOSITORY), "pytest>=8")
    subprocess.run(install, check=True, timeout=TIMEOUT_S)

    runs = []
    for environment in ({}, {"CI": "1"}):
        kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PYTEST_")}
        done = subprocess.run(
            (str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            cwd=project,
            env=kept | environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        runs.append((done.returncode, done.stdout.splitlines()[-1][:8]))

    assert runs == [(0, "5 passed"), (0, "5 passed")]
    assert (project / "tests/cassettes/test_viewer/test_works_from_a_recording.yaml").exists()
