"""What `azdicom scenario run` prints and writes, and its exit codes."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from azdicom_emulator.cli import main
from tests.scenarios.running_scenarios import changed, write
from tests.support.client import Emulator

GOOD = "name: good\ntags: [smoke]\nsteps:\n  - {get: /studies, expect: {status: 204}}\n"
BAD = "name: bad\ntags: [slow]\nsteps:\n  - {get: /studies, expect: {status: 200}}\n"
SKIPPED = "name: skipped\nsettings: {skip_on: [emulator]}\nsteps:\n  - {get: /studies, expect: {status: 204}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three scenarios: one that passes, one that fails, one that is skipped."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, GOOD, "good.scenario.yaml")
    write(tmp_path, BAD, "bad.scenario.yaml")
    write(tmp_path, SKIPPED, "skipped.scenario.yaml")
    return tmp_path


def scenario_run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["scenario", "run", *arguments])


def test_without_a_terminal_there_is_a_line_for_each_and_a_summary(folder: Path) -> None:
    """record-replay §13.2: one line per scenario, then the counts with the coverage of routes."""
    result = scenario_run(".")

    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [["failed", "bad"], ["passed", "good"], ["skipped", "skipped"]]
    assert re.fullmatch(r"1 passed, 1 failed, 1 skipped in \d+\.\d\ds \(coverage \d+ % of \d+ routes\)", lines[-1])
    assert result.exit_code == 1


def test_a_failure_says_where_what_and_how_to_see_it_again(folder: Path) -> None:
    """record-replay §13.2: place, request, expected and actual, journal, curl, and the command to repeat it."""
    text = scenario_run("bad.scenario.yaml", "--seed", "4").stdout

    lines = (folder / "bad.scenario.yaml").read_text().splitlines()
    place = next(f"{number}:{line.index('200') + 1}" for number, line in enumerate(lines, 1) if "200" in line)
    assert f"bad.scenario.yaml:{place}: status" in text
    assert re.search(r"expected +200\n +actual +204", text)
    assert "GET /v2/studies → 204" in text
    assert re.search(r"curl +curl -i http://127\.0\.0\.1:\d+/v2/studies -H 'Accept: \*/\*'", text)
    assert "azdicom scenario run bad.scenario.yaml --step 1 --seed 4" in text


def test_captured_variables_are_shown_with_a_failure(folder: Path) -> None:
    """record-replay §13.2: captured variables."""
    write(
        folder,
        "name: two\nsteps:\n  - {get: /studies, expect: {status: 204}, capture: {code: {status: true}}}\n"
        '  - {get: "/studies?limit=${code}", expect: {status: 200}}\n',
        "two.scenario.yaml",
    )
    assert "captured  code=204" in scenario_run("two.scenario.yaml").stdout


SELECTIONS = [
    pytest.param(["-k", "good or skipped"], ["good", "skipped"], id="words"),
    pytest.param(["-k", "not (bad or skipped)"], ["good"], id="not and parentheses"),
    pytest.param(["--tag", "smoke", "--tag", "slow"], ["bad", "good"], id="tags"),
    pytest.param(["-k", "smoke"], ["good"], id="a tag as a word"),
]


@pytest.mark.parametrize(("arguments", "names"), SELECTIONS)
def test_scenarios_are_selected(folder: Path, arguments: list[str], names: list[str]) -> None:
    """record-replay §13.1: `-k EXPR`, `--tag`."""
    result = scenario_run(".", *arguments, "--json", "-")

    assert sorted(each["name"] for each in json.loads(result.stdout)["scenarios"]) == names


def test_those_that_failed_are_run_again(folder: Path) -> None:
    """record-replay §13.1: `--rerun-failed`, with its state in .azdicom/last.json."""
    assert "no run has been kept" in scenario_run(".", "--rerun-failed").stderr
    scenario_run(".")

    again = scenario_run(".", "--rerun-failed", "--json", "-")

    assert [each["name"] for each in json.loads(again.stdout)["scenarios"]] == ["bad"]
    assert json.loads((folder / ".azdicom/last.json").read_text())["failed"] == ["bad.scenario.yaml::bad"]


def test_reports_for_machines_say_the_same(folder: Path) -> None:
    """record-replay §13.2: JUnit with tags as properties, JSON with a schema number."""
    scenario_run(".", "--junit", "out.xml", "--json", "out.json", "--quiet")

    cases = {case.get("name"): case for case in ElementTree.parse(folder / "out.xml").iter("testcase")}
    failure, skipped = cases["bad"].find("failure"), cases["skipped"].find("skipped")
    assert failure is not None
    assert skipped is not None
    assert "expected 200, got 204" in failure.get("message", "")
    assert skipped.get("message") == "skip_on: emulator"
    assert [each.get("value") for each in cases["good"].iter("property")] == ["smoke"]
    document = json.loads((folder / "out.json").read_text())
    assert document["schema"] == 1
    assert document["counts"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert document["coverage"]["routes_exercised"] == ["GET /studies"]


def test_tap_has_a_point_for_each(folder: Path) -> None:
    """TAP version 14."""
    lines = scenario_run(".", "--tap").stdout.splitlines()

    assert lines[:2] == ["TAP version 14", "1..3"]
    points = [line for line in lines if re.match(r"(not )?ok ", line)]
    assert points == ["not ok 1 - bad", "ok 2 - good", "ok 3 - skipped # SKIP skip_on: emulator"]


def test_step_shows_what_was_answered(folder: Path) -> None:
    """record-replay §13.2: `--step N`."""
    assert "< 204" in scenario_run("good.scenario.yaml", "--step", "1").stdout


WRONG = [
    pytest.param(["nothing.scenario.yaml"], 2, "nothing.scenario.yaml", id="no such file"),
    pytest.param(["good.scenario.yaml", "--target", "emulatr"], 2, "emulatr", id="no target"),
    pytest.param(["good.scenario.yaml", "--target", "live"], 2, "--upstream", id="no upstream"),
    pytest.param([".", "--step", "1"], 2, "--step is for one scenario", id="a step of several"),
    pytest.param(["good.scenario.yaml", "-k", "a and"], 2, "a word is expected", id="half an expression"),
    pytest.param(["good.scenario.yaml", "--target", "http://127.0.0.1:9"], 3, "http://127.0.0.1:9", id="nobody there"),
    pytest.param(["good.scenario.yaml", "--target", "replay:none.yaml"], 4, "none.yaml", id="no cassette"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), WRONG)
def test_what_is_wrong_is_one_line_with_its_exit_code(folder: Path, arguments: list[str], code: int, text: str) -> None:
    """record-replay §1: exit codes."""
    result = scenario_run(*arguments)

    assert result.exit_code == code
    assert text in result.stderr.splitlines()[-1]


def test_nothing_runs_when_lint_finds_an_error(folder: Path) -> None:
    """record-replay §1: exit code 2, nothing was run."""
    write(folder, "name: wrong\nsteps:\n  - {get: /studies, expect: {statu: 204}}\n", "wrong.scenario.yaml")

    result = scenario_run(".")

    assert result.exit_code == 2
    assert "error[unknown-key]" in result.stderr
    assert result.stdout == ""


def test_two_sides_that_differ_fail_the_run(folder: Path, emulator: Emulator) -> None:
    """record-replay §13.1: `--target both`; --fail-on says what is too much."""

    def deny(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (404, body) if path.endswith("/workitems") else (status, body)

    write(folder, "name: w\nsteps:\n  - {get: /workitems, expect: {status: [204, 404]}}\n", "w.scenario.yaml")
    with changed(emulator.base_url, deny) as url:
        strict = scenario_run("w.scenario.yaml", "--target", "both", "--upstream", url)
        lax = scenario_run("w.scenario.yaml", "--target", "both", "--upstream", url, "--fail-on", "never")

    assert (strict.exit_code, lax.exit_code) == (1, 0)
    assert "status 204 instead of 404" in strict.stdout


def test_commands_of_the_page_work_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/running-scenarios.md, the first block of commands."""
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "running-scenarios.md").read_text()
    block = re.search(r"```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None

    for line in block[1].splitlines():
        result = CliRunner().invoke(main, line.split()[1:])
        assert result.exit_code == 0, (line, result.output)

    assert (tmp_path / "junit.xml").is_file()
    assert json.loads((tmp_path / "result.json").read_text())["counts"]["passed"] == 1
