"""`azdicom serve --scenario`: a server with data in it from the start."""

from pathlib import Path

from tests.scenarios.running_scenarios import CT, write
from tests.support.process import COMMAND, serving

DEMO = CT + "    steps:\n      - {get: /studies, expect: {status: 200}}\n"


def test_the_fixtures_are_there_when_the_server_is_announced(tmp_path: Path) -> None:
    """record-replay §14, §15: fixtures of a scenario in `serve`."""
    file = write(tmp_path, DEMO)

    with serving(tmp_path / "data", tmp_path, f"--scenario={file}") as server:
        found = server.emulator.search_studies(PatientID="P-1")
    with serving(tmp_path / "data", tmp_path, f"--scenario={file}") as server:
        again = server.emulator.search_studies(PatientID="P-1")

    assert len(found) == len(again) == 1
    assert found[0]["0020000D"] == again[0]["0020000D"]
    assert f"loaded   a ({file}): 1 study" in (tmp_path / "serve.log").read_text()


def test_a_server_with_tokens_is_filled_as_well(tmp_path: Path) -> None:
    """The server's own issuer gives the token."""
    file = write(tmp_path, DEMO)

    with serving(tmp_path / "data", tmp_path, f"--scenario={file}", "--auth=jwt") as server:
        refused = server.emulator.get("/studies")

    assert refused.status == 401
    assert "1 study" in (tmp_path / "serve.log").read_text()


def test_a_scenario_with_errors_is_refused_before_the_server_starts(tmp_path: Path) -> None:
    """record-replay §1: exit code 2, with the place."""
    import subprocess

    file = write(tmp_path, "name: a\nsteps:\n  - {get: /studies, expct: {status: 200}}\n")

    ended = subprocess.run(
        (*COMMAND, "serve", "--port=0", f"--data-dir={tmp_path / 'data'}", f"--scenario={file}"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert f"{file}:4:21: error[unknown-key]" in ended.stderr
