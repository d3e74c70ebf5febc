"""`azdicom report`, `azdicom noise`, and the options that commands share."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from azdicom_emulator.cli import main
from azdicom_proxy.cassette.model import Interaction, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.writing import CassetteWriter
from azdicom_proxy.exit_codes import UsageFailure
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.model import Severity
from azdicom_proxy.parity.noise_profile import load_profile, save_profile
from azdicom_proxy.parity.report_options import ReportSettings, report_options, take_report_options
from azdicom_proxy.parity.reports.writing import json_text
from azdicom_proxy.parity.thresholds import FailOn
from tests.parity.compared import a_difference, outcome
from tests.parity.mutating import set_header
from tests.parity.sample_result import result_of
from tests.parity.twins import Twins
from tests.support.client import DICOM_JSON

FLAPPING = a_difference("header:X-Count")


def run(*arguments: str | Path) -> Result:
    return CliRunner(env={"GITHUB_STEP_SUMMARY": ""}).invoke(main, [str(argument) for argument in arguments])


def stored(folder: Path, *outcomes: Any) -> Path:
    path = folder / "result.json"
    path.write_text(json_text(result_of(outcomes)), "utf-8")
    return path


def test_a_stored_result_is_rendered_again(tmp_path: Path) -> None:
    """Record and replay §1: azdicom report render RESULT.json --html OUT."""
    page, summary, xml = (tmp_path / name for name in ("out.html", "out.md", "out.xml"))
    done = run(
        "report", "render", stored(tmp_path, outcome()), "--html", page, "--md", summary, "--junit", xml, "--full"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert "score 100 %" in done.stdout
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert summary.read_text("utf-8").startswith("## Parity of ")
    assert xml.read_text("utf-8").startswith("<?xml ")


def test_rendering_has_the_exit_code_of_the_threshold(tmp_path: Path) -> None:
    """Record and replay §1, exit code 1."""
    path = stored(tmp_path, outcome(a_difference("body", severity=Severity.MINOR)))
    assert run("report", "render", path).exit_code == 0
    failed = run("report", "render", path, "--fail-on", "minor", "--min-score", "90")
    assert failed.exit_code == 1
    assert failed.stderr.splitlines() == [
        "failed: 1 of 1 exchanges: minor (--fail-on minor)",
        "failed: score 50 % is under --min-score 90",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("[]", "is no parity result"), ('{"schema": 1}', "is no parity result")],
    ids=["no-json", "a-list", "no-members"],
)
def test_what_is_no_result_is_told_in_a_line(tmp_path: Path, text: str, message: str) -> None:
    """Record and replay §1, exit code 2."""
    path = tmp_path / "other.json"
    path.write_text(text)
    refused = run("report", "render", path)
    assert (refused.exit_code, message in refused.stderr) == (2, True)
    assert run("report", "render", tmp_path / "none.json").exit_code == 2


def test_a_result_of_another_schema_is_refused(tmp_path: Path) -> None:
    """Record and replay §1: `--json` carries the schema."""
    path = stored(tmp_path, outcome())
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "schema": 2}))
    assert "has schema 2; this version reads 1" in run("report", "render", path).stderr


def learned(folder: Path) -> Path:
    learning = Learning()
    for _ in range(2):
        learning.learn(outcome(FLAPPING), outcome(FLAPPING))
    learning.learn(outcome(FLAPPING, route="GET /series"))
    path = folder / "noise.yaml"
    save_profile(path, learning.profile)
    return path


def test_noise_show_explains_each_place(tmp_path: Path) -> None:
    """Record and replay §10.4: noise show explains each entry."""
    path = learned(tmp_path)
    text = run("noise", "show", "--noise", path).stdout
    assert "GET /studies  header:X-Count\n    noise: a difference here is not reported\n" in text
    assert (
        "of 2 answers asked for twice the upstream differed from itself here in 2, the local side from it in 2" in text
    )
    assert "GET /series  header:X-Count\n    undecided: a difference here is minor at most\n" in text
    rows = json.loads(run("noise", "show", "--noise", path, "--json").stdout)
    assert [(row["route"], row["opinion"]) for row in rows] == [("GET /series", "undecided"), ("GET /studies", "noise")]


def test_noise_show_of_nothing_says_so(tmp_path: Path) -> None:
    """Record and replay §10.4."""
    assert "No noise was learned" in run("noise", "show", "--noise", tmp_path / "none.yaml").stdout


def test_noise_learn_asks_the_same_again_and_remembers_in_what_the_answers_differ(pair: Twins, tmp_path: Path) -> None:
    """Record and replay §1 and §10.4: azdicom noise learn; only safe requests are sent."""
    cassette, path = tmp_path / "tour.yaml", tmp_path / "noise.yaml"
    recording = CassetteWriter(cassette)
    for method in ("GET", "DELETE"):
        request = RecordedRequest(method, "http://other.example/v2/studies/1.2.3", (("Accept", DICOM_JSON),))
        recording.append(Interaction(request=request, response=RecordedResponse(404, "Not Found")))
    recording.close()
    numbers = count()
    pair.front.mutation = lambda answer: set_header("Retry-After", str(next(numbers)))(answer)
    done = run("noise", "learn", "--upstream", pair.front.url, "--cassette", cassette, "--noise", path)
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [f"1 requests sent 3 times; 1 new noisy places; {path} has 1"],
    )
    (row,) = Learning(load_profile(path)).as_json()
    assert (row["route"], row["at"], row["opinion"]) == ("GET /studies/{study}", "header:Retry-After", "noise")
    assert (row["raw"], row["noise"], row["total"]) == (0, 2, 2)


def test_noise_learn_tells_what_is_missing(tmp_path: Path) -> None:
    """Record and replay §1: exit codes 3 and 4."""
    cassette = tmp_path / "tour.yaml"
    asked = ("noise", "learn", "--upstream", "http://127.0.0.1:9", "--cassette", cassette, "--noise", tmp_path / "n")
    assert run(*asked).exit_code == 4
    recording = CassetteWriter(cassette)
    recording.append(
        Interaction(request=RecordedRequest("GET", "http://a.example/v2/studies"), response=RecordedResponse(204))
    )
    recording.close()
    assert run(*asked).exit_code == 3


def test_noise_reset_forgets_a_route_or_all(tmp_path: Path) -> None:
    """Record and replay §1: azdicom noise reset."""
    path = learned(tmp_path)
    assert run("noise", "reset", "--noise", path, "--route", "GET /ser*").exit_code == 0
    assert list(load_profile(path).asked) == ["GET /studies"]
    assert run("noise", "reset", "--noise", path, "--route", "GET /ser*").exit_code == 2
    assert run("noise", "reset", "--noise", path).exit_code == 0
    assert not path.exists()


def settings(*arguments: str) -> ReportSettings:
    """What a command with the shared options makes of its arguments."""

    @click.command()
    @report_options
    def command(**options: Any) -> ReportSettings:
        taken = take_report_options(options, {"GITHUB_STEP_SUMMARY": "summary.md"})
        assert options == {}
        return taken

    taken = command.main(list(arguments), standalone_mode=False)
    assert isinstance(taken, ReportSettings)
    return taken


def test_shared_options_become_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record and replay §1, common options."""
    monkeypatch.chdir(tmp_path)
    taken = settings("--json", "a.json", "--fail-on", "any", "--min-score", "90", "--learn", "5", "--full")
    assert (taken.reports.json, taken.reports.full, taken.reports.step_summary) == (
        Path("a.json"),
        True,
        Path("summary.md"),
    )
    assert (taken.threshold.fail_on, taken.threshold.min_score) == (FailOn.ANY, 90)
    assert [taken.learning.should_ask_again("GET /studies", "GET", 1) for _ in range(6)] == [True] * 5 + [False]
    assert taken.rules.rules == ()


def test_rules_are_those_of_the_project_file_unless_a_file_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record and replay §10.5."""
    monkeypatch.chdir(tmp_path)
    Path("azdicom.yaml").write_text("parity:\n- {do: ignore, because: of the project}\n")
    Path("mine.yaml").write_text("- {do: minor, because: of the file}\n")
    assert [rule.because for rule in settings().rules.rules] == ["of the project"]
    assert [rule.because for rule in settings("--rules", "mine.yaml").rules.rules] == ["of the file"]
    with pytest.raises(UsageFailure, match="missing-file"):
        settings("--rules", "none.yaml")


def test_strict_rules_fail_on_an_unused_one(tmp_path: Path) -> None:
    """Record and replay §10.5: --strict-rules fails on them."""
    Path(tmp_path / "rules.yaml").write_text("- {at: status, do: ignore, because: not used}\n")
    taken = settings("--rules", str(tmp_path / "rules.yaml"), "--strict-rules", "--noise", str(tmp_path / "n.yaml"))
    result = result_of([outcome()], rules=taken.rules)
    assert taken.threshold.failures(result) == ["1 rules were not used (--strict-rules)"]
