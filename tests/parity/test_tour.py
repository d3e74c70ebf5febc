"""`azdicom diff` with the built-in tour and with scenarios, and the probe (record-replay §10, §16 check 10)."""

import json
from pathlib import Path
from typing import Any

import pytest

from azdicom_scenarios.scenario_files import load_all, scenario_files
from tests.conftest import EmulatorWith
from tests.proxy.commands import azdicom
from tests.support.client import Emulator

TOUR = Path("scenarios/azdicom_scenarios/tour")


def result_of(tmp_path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of `azdicom diff`."""
    out = tmp_path / "result.json"
    done = azdicom("diff", *options, "--json", str(out), cwd=tmp_path)
    assert out.exists(), done.stderr
    document: dict[str, Any] = json.loads(out.read_text())
    return done.returncode, document


def found_in(result: dict[str, Any]) -> list[str]:
    """The differences; what no two services can agree in is listed as noise."""
    return [found["text"] for found in result["fingerprints"] if found["severity"] != "noise"]


def test_tour_is_without_errors() -> None:
    """It is shipped, so it must load (record-replay §13.5)."""
    loaded = load_all(scenario_files([TOUR]))

    assert [str(error) for each in loaded for error in each.errors] == []
    assert len(loaded) == 5


@pytest.mark.slow
@pytest.mark.parametrize("learn", ["0", "3"], ids=["not learning", "learning"])
def test_emulator_equals_itself_in_both_directions_and_is_clean_after(
    strict_emulator: Emulator, tmp_path: Path, learn: str
) -> None:
    """Score, recall and precision 100 %, no difference; run twice, since the second finds traces of the first."""
    for _ in range(2):
        code, result = result_of(tmp_path, "--upstream", strict_emulator.base_url, "--learn", learn)

        assert (code, found_in(result)) == (0, [])
        assert result["summary"]["score"] == 100
        assert (result["summary"]["recall"], result["summary"]["precision"]) == (100, 100)
        assert result["coverage"]["never_exercised"] == []
        assert result["coverage"]["percent"] > 80
    assert strict_emulator.get("/studies").status == 204
    assert strict_emulator.get("/extendedquerytags", accept="application/json").json() == []


@pytest.mark.slow
def test_another_reading_of_an_open_question_is_found(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """A service that refuses implicit VR is not the same; the difference names the route."""
    upstream = emulator_with(strict=True, quirks={"store.implicit_vr": "reject"})

    code, result = result_of(tmp_path, "--upstream", upstream.base_url)

    assert code == 1
    breaking = {found["route"] for found in result["fingerprints"] if found["severity"] == "breaking"}
    assert "POST /studies" in breaking


def test_probe_prints_the_settings_that_follow(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """And they are the ones that the service was started with."""
    upstream = emulator_with(strict=True, quirks={"uid.alphabet": "alphanumeric", "retrieve.etag_quotes": "on"})

    done = azdicom(
        "parity", "--probe", "--upstream", upstream.base_url, "--no-tags", "--json", "probe.json", cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        "azdicom serve --quirk retrieve.etag_quotes=on --quirk uid.alphabet=alphanumeric"
    )
    assert "tags.private_tags" in done.stdout
    assert json.loads((tmp_path / "probe.json").read_text())["options"] == [
        "--quirk retrieve.etag_quotes=on",
        "--quirk uid.alphabet=alphanumeric",
    ]


def test_scenarios_are_compared_and_a_missing_one_is_a_usage_error(strict_emulator: Emulator, tmp_path: Path) -> None:
    """--scenario takes files and folders; exit code 2 (record-replay §1)."""
    scenario = Path("scenarios/library/search-dates.scenario.yaml").resolve()
    code, result = result_of(tmp_path, "--upstream", strict_emulator.base_url, "--scenario", str(scenario))
    missing = azdicom("diff", "--upstream", strict_emulator.base_url, "--scenario", "nothing", cwd=tmp_path)

    assert (code, found_in(result)) == (0, [])
    assert result["summary"]["compared"] > 0
    assert missing.returncode == 2
    assert "nothing: no such file or folder" in missing.stderr


def test_service_that_is_not_there_is_exit_code_3(tmp_path: Path) -> None:
    """record-replay §1."""
    done = azdicom("diff", "--upstream", "http://127.0.0.1:1", cwd=tmp_path)

    assert done.returncode == 3
