"""`azdicom diff` and `azdicom proxy --mode diff` as commands: sources, reports and exit codes."""

import json
import signal
from pathlib import Path

import pytest

from azdicom_proxy.exit_codes import ExitCode
from tests.parity.outcomes import outcomes
from tests.proxy.commands import azdicom, started
from tests.proxy.conversations import TOUR_STATUSES, Conversation
from tests.support.client import Emulator
from tests.support.instances import an_instance

TOUR = Path(__file__).parents[2] / "cassettes" / "tour.yaml"


def a_wrong_tour(folder: Path) -> Path:
    """The example cassette, in which one answer is not the emulator's."""
    cassette = folder / "wrong.yaml"
    cassette.write_text(TOUR.read_text().replace('"Sample^Sam"', '"Sample^Tom"', 1))
    return cassette


@pytest.mark.parametrize("command", ["diff", "parity"])
def test_a_cassette_is_compared_with_the_emulator(command: str, tmp_path: Path) -> None:
    """record-replay §1: no Azure account needed; exit code 0 without differences."""
    ended = azdicom(command, f"--cassette={TOUR}", "--target=local", "--json=result.json", cwd=tmp_path)

    summary = json.loads((tmp_path / "result.json").read_text())["summary"]
    assert (ended.returncode, summary["same"], summary["score"]) == (ExitCode.OK, 11, 100), ended.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), ExitCode.FAILED),
        (("--fail-on=never",), ExitCode.OK),
        (("--fail-on=never", "--min-score=99"), ExitCode.FAILED),
    ],
    ids=["by default", "never", "score"],
)
def test_a_difference_decides_the_exit_code(options: tuple[str, ...], code: ExitCode, tmp_path: Path) -> None:
    """record-replay §1: 1 for a difference at or above --fail-on, or a score under --min-score."""
    ended = azdicom("diff", f"--cassette={a_wrong_tour(tmp_path)}", "--target=local", *options, cwd=tmp_path)

    assert ended.returncode == code, ended.stderr
    assert "00100010" in ended.stdout


def test_a_service_is_compared_with_a_fresh_emulator(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §1: `--upstream URL --requests R`; hydrated instances are listed in the report."""
    instance = strict_emulator.store(an_instance())
    (tmp_path / "requests.txt").write_text("GET /v2/studies\nGET /v2/changefeed/latest application/json\n")

    ended = azdicom(
        "diff",
        f"--upstream={strict_emulator.base_url}",
        "--requests=requests.txt",
        "--hydrate",
        "--json=-",
        cwd=tmp_path,
    )

    result = json.loads(ended.stdout)
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert result["run"]["hydrated"] == [
        f"/studies/{instance.StudyInstanceUID}/series/{instance.SeriesInstanceUID}/instances/{instance.SOPInstanceUID}"
    ]
    assert result["summary"]["same"] == 2


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            (f"--cassette={TOUR}", "--requests=r", "--target=local"),
            ExitCode.USAGE,
            "choose one of --cassette, --requests",
        ),
        ((f"--cassette={TOUR}",), ExitCode.USAGE, "choose one of --upstream URL"),
        ((f"--cassette={TOUR}", "--target=local", "--upstream=http://h"), ExitCode.USAGE, "choose one of"),
        (("--requests=r", "--target=local"), ExitCode.USAGE, "--target needs recorded answers"),
        ((f"--cassette={TOUR}", "--target=nowhere"), ExitCode.USAGE, "'nowhere' is no address"),
        (("--requests=absent", "--upstream=http://h"), ExitCode.USAGE, "cannot read absent"),
        (("--cassette=absent.yaml", "--target=local"), ExitCode.CASSETTE, "absent.yaml: no such cassette"),
        ((f"--cassette={TOUR}", "--target=http://127.0.0.1:1"), ExitCode.UPSTREAM, "127.0.0.1:1"),
        ((f"--cassette={TOUR}", "--upstream=http://127.0.0.1:1"), ExitCode.UPSTREAM, "127.0.0.1:1"),
    ],
    ids=[
        "two sources",
        "no side",
        "two sides",
        "no answers",
        "no URL",
        "no file",
        "no cassette",
        "no target",
        "no upstream",
    ],
)
def test_what_cannot_begin_says_why(options: tuple[str, ...], code: ExitCode, said: str, tmp_path: Path) -> None:
    """record-replay §1, exit codes."""
    ended = azdicom("diff", *options, cwd=tmp_path)

    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stopped_proxy_reports_what_it_found(stop: signal.Signals, strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §1, §11: reports are written when the proxy stops, and differences decide the exit code."""
    unseen = strict_emulator.store(an_instance())
    options = ("--mode=diff", f"--upstream={strict_emulator.base_url}", "--json=result.json", "--html=result.html")
    with started(tmp_path, "proxy", *options, "--fail-on=any") as proxy:
        Conversation().tour(proxy.client)
        proxy.client.get(f"/studies/{unseen.StudyInstanceUID}/metadata")
        outcomes(proxy.client, len(TOUR_STATUSES) + 1)
        proxy.process.send_signal(stop)
        code = proxy.ends()

    summary = json.loads((tmp_path / "result.json").read_text())["summary"]
    assert (summary["same"], summary["unseeded"]) == (len(TOUR_STATUSES), 1)
    assert (tmp_path / "result.html").stat().st_size > 1000
    assert code == ExitCode.FAILED
    assert "unseeded (--fail-on any)" in proxy.said
