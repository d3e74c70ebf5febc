"""`azdicom diff` with the built-in tour and with scenarios, and the probe (record-replay §10, §16 check 10)."""

import json
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.settings import AuthMode
from azdicom_scenarios.scenario_files import load_all, scenario_files
from tests.conftest import EmulatorWith
from tests.management.exports import a_container
from tests.proxy.commands import azdicom
from tests.support.azurite import Azurite
from tests.support.client import Emulator
from tests.support.tokens import token_for

pytestmark = pytest.mark.xdist_group("azurite")

TOUR = Path("scenarios/azdicom_scenarios/tour")


TOKEN = "TOUR_TOKEN"
EXPORTED = "POST /export 2xx application/json"
NOTHING_STORED = "GET /changefeed/latest 2xx"
PARTITIONS_LISTED = "GET /partitions 2xx application/json"
"""Kinds of answers that not every service can give."""


def result_of(tmp_path: Path, *options: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of `azdicom diff`."""
    out = tmp_path / "result.json"
    if token is not None:
        options = (*options, "--auth", "token-env", "--token-env", TOKEN)
    done = azdicom("diff", *options, "--json", str(out), cwd=tmp_path, env={TOKEN: token or ""})
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
    assert len(loaded) == 8


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
        unanswered = set(result["coverage"]["never_answered"]) - {EXPORTED, NOTHING_STORED, PARTITIONS_LISTED}
        assert all(kind.endswith(" 4xx") for kind in unanswered), "but for what needs a token, all is asked for"
    assert strict_emulator.get("/studies").status == 204
    assert strict_emulator.get("/extendedquerytags", accept="application/json").json() == []


@pytest.mark.slow
@pytest.mark.parametrize("learn", ["0", "3"], ids=["not learning", "learning"])
def test_tokens_and_partitions_are_toured_where_the_service_has_them(
    emulator_with: EmulatorWith, tmp_path: Path, learn: str
) -> None:
    """A successful export needs a container; that nothing was ever stored is answered once."""
    upstream = emulator_with(strict=True, auth=AuthMode.JWT, partitions=True)
    token = token_for(upstream)
    for unanswered in ([EXPORTED], [NOTHING_STORED, EXPORTED]):
        code, result = result_of(tmp_path, "--upstream", upstream.base_url, "--learn", learn, token=token)

        assert (code, found_in(result)) == (0, [])
        assert (result["summary"]["score"], result["summary"]["recall"]) == (100, 100)
        assert result["coverage"]["never_answered"] == unanswered
        assert result["coverage"]["beyond_known"] == []
    authorization = {"Authorization": f"Bearer {token}"}
    for partition in ("azdicom-tour", "azdicom-tour-2"):
        assert upstream.get(f"/partitions/{partition}/studies", headers=authorization).status == 204


@pytest.mark.slow
def test_all_known_answers_are_exercised_with_a_container_to_export_to(
    emulator_with: EmulatorWith, azurite: Azurite, tmp_path: Path
) -> None:
    """record-replay §10.6: the coverage is whole, so the table has nothing that no request can bring about."""
    upstream = emulator_with(strict=True, auth=AuthMode.JWT, partitions=True)
    container = a_container(azurite, "tour")
    code, result = result_of(
        tmp_path,
        *("--upstream", upstream.base_url, "--export-to", f"{azurite.blob_endpoint}/{container.container_name}"),
        token=token_for(upstream),
    )

    assert (code, found_in(result)) == (0, [])
    assert result["coverage"]["never_answered"] == []
    assert result["coverage"]["percent"] == 100


@pytest.mark.slow
def test_service_that_takes_any_token_is_compared_with_an_emulator_that_does(
    emulator_with: EmulatorWith, tmp_path: Path
) -> None:
    """http §5.3: `any` refuses a request without a bearer token alone."""
    upstream = emulator_with(strict=True, auth=AuthMode.ANY)

    code, result = result_of(tmp_path, "--upstream", upstream.base_url, token="any")

    assert (code, found_in(result)) == (0, [])
    assert result["coverage"]["never_answered"] == [PARTITIONS_LISTED, EXPORTED]


@pytest.mark.slow
def test_partitions_of_others_are_no_difference(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """The fresh emulator cannot have them, so the list is not asked for."""
    upstream = emulator_with(strict=True, partitions=True)
    upstream.post("/partitions/ward-a/workitems", b"[]", content_type="application/dicom+json")

    code, result = result_of(tmp_path, "--upstream", upstream.base_url)

    assert (code, found_in(result)) == (0, [])
    assert PARTITIONS_LISTED in result["coverage"]["never_answered"]


def test_service_that_refuses_the_token_is_exit_code_3(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Nothing could be compared (record-replay §1)."""
    upstream = emulator_with(strict=True, auth=AuthMode.JWT)

    done = azdicom("diff", "--upstream", upstream.base_url, cwd=tmp_path)

    assert done.returncode == 3
    assert "401, it does not take the token of --auth" in done.stderr


@pytest.mark.parametrize(
    "options", [("--export-to", "http://h/c?sig=x"), ("--export-to", "http://h/c", "--scenario", ".")]
)
def test_export_to_is_for_the_tour_and_without_a_signature(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A signature would be in the report (record-replay §9.1)."""
    done = azdicom("diff", "--upstream", "http://127.0.0.1:1", *options, cwd=tmp_path)

    assert done.returncode == 2
    assert "--export-to is for the built-in tour" in done.stderr


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
