"""`azdicom scenario new|lint|list|explain` (record-replay §1, §12, §13.5)."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from azdicom_emulator.cli import main
from azdicom_scenarios import scenario_cli
from azdicom_scenarios.scenario_files import load

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["scenario", *arguments])


@pytest.mark.parametrize("name", scenario_cli.COMMANDS)
def test_every_sub_command_loads_and_has_help(name: str) -> None:
    """The table names modules by text."""
    result = run(name, "--help")

    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")


def test_a_new_scenario_passes_lint_as_it_is(in_folder: Path) -> None:
    """`scenario new` writes what works."""
    assert run("new", "first").exit_code == 0

    assert load(in_folder / "first.scenario.yaml").findings == ()
    assert run("lint", "--strict").exit_code == 0


def test_new_adds_to_gitignore_once_and_keeps_what_is_there(in_folder: Path) -> None:
    """`scenario new`: state of runs is not for git."""
    (in_folder / ".gitignore").write_text("*.pyc")

    run("new", "one")
    run("new", "two")

    assert (in_folder / ".gitignore").read_text() == "*.pyc\n.azdicom/\n"


@pytest.mark.parametrize("name", ["first", "../x", "a b", ""])
def test_new_refuses_names_that_are_taken_or_none(in_folder: Path, name: str) -> None:
    """Record-replay §1: usage errors are 2."""
    (in_folder / "first.scenario.yaml").write_text("mine")

    result = run("new", name)

    assert result.exit_code == 2
    assert (in_folder / "first.scenario.yaml").read_text() == "mine"


def test_lint_prints_lines_and_ends_with_2_on_errors(in_folder: Path) -> None:
    """Record-replay §1 and §13.5."""
    (in_folder / "a.scenario.yaml").write_text("name: a\nsteps:\n  - gett: /studies\n")

    result = run("lint")

    assert result.exit_code == 2
    assert result.stdout == (
        "a.scenario.yaml:3:5: error[unknown-key]: 'gett' is not allowed under a step; did you mean 'get'?\n"
    )
    assert result.stderr == "1 file, 1 error, 0 warnings\n"


def test_lint_prints_json_for_machines(in_folder: Path) -> None:
    """Record-replay §13.5, `--json`."""
    (in_folder / "a.scenario.yaml").write_text("name: a\nsteps:\n  - sleep: 1s\n")

    result = run("lint", "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout) == [
        {
            "file": "a.scenario.yaml",
            "line": 3,
            "column": 5,
            "level": "warning",
            "rule": "sleep",
            "text": "use retry or wait_operation instead of a fixed sleep",
        }
    ]


def test_warnings_fail_a_strict_scenario(in_folder: Path) -> None:
    """Record-replay §12, `settings.strict`."""
    (in_folder / "a.scenario.yaml").write_text("name: a\nsettings: {strict: true}\nsteps:\n  - sleep: 1s\n")

    assert run("lint").exit_code == 2


def test_nothing_to_lint_is_a_usage_error(in_folder: Path) -> None:
    """A pattern that fits nothing must not look like success."""
    for arguments in (("lint",), ("lint", "no.scenario.yaml"), ("list", "nowhere")):
        assert run(*arguments).exit_code == 2


def test_list_shows_names_tags_files_and_descriptions(in_folder: Path) -> None:
    """`scenario list`."""
    (in_folder / "a.scenario.yaml").write_text(
        "name: first\ndescription: It works.\ntags: [smoke]\nparameters: [{id: x}, {id: y}]\nsteps: []\n"
    )
    (in_folder / "b.scenario.yaml").write_text("name: second\nsteps: []\n")
    (in_folder / "c.scenario.yaml").write_text("steps: []\n")

    result = run("list")

    assert result.stdout.splitlines() == [
        "first[x,y]  smoke  a.scenario.yaml  It works.",
        "second             b.scenario.yaml",
    ]
    assert "c.scenario.yaml: cannot be run" in result.stderr
    assert [each["name"] for each in json.loads(run("list", "--tag", "smoke", "--json").stdout)] == ["first"]


def test_explain_tells_what_a_scenario_does(in_folder: Path) -> None:
    """`scenario explain FILE`."""
    run("new", "first")

    result = run("explain", "first.scenario.yaml")

    assert result.exit_code == 0
    assert "makes the study ct1 (CT)" in result.stdout
    assert "POST /studies with the instances of ct1" in result.stdout
    assert "again every 0.2 s, for 5 s at most, until: status 204" in result.stdout


def test_explain_tells_what_a_key_is_for(in_folder: Path) -> None:
    """`scenario explain KEY`, and a path where a name is not enough."""
    assert "Repeat the request until" in run("explain", "retry").stdout
    assert run("explain", "retry.for").stdout.splitlines()[0] == "for  (retry)"
    assert "did you mean 'retry'?" in run("explain", "retyr").stderr
    assert run("explain", "retyr").exit_code == 2
    assert run("explain", "no.scenario.yaml").exit_code == 2


def test_a_new_scenario_runs_as_it_is(in_folder: Path) -> None:
    """`scenario new` writes what works."""
    run("new", "first")

    result = run("run", "first.scenario.yaml")

    assert result.exit_code == 0, result.output


def test_the_examples_of_the_reference_pass_lint_and_run(in_folder: Path) -> None:
    """docs/scenarios.md: examples work as printed."""
    examples = re.findall(r"^```yaml scenario\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert examples

    for number, example in enumerate(examples):
        file = in_folder / f"{number}.scenario.yaml"
        file.write_text(example)
        assert load(file).findings == ()
        result = run("run", str(file))
        assert result.exit_code == 0, result.output


def test_the_lint_example_of_the_reference_is_what_lint_prints(in_folder: Path) -> None:
    """docs/scenarios.md, Lint: the file and what is said of it."""
    found = re.search(r"^```yaml wrong\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    (in_folder / "a.scenario.yaml").write_text(found[1])

    assert run("lint", "a.scenario.yaml").stdout == found[2]
