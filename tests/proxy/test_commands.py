"""The commands `proxy`, `record` and `replay`: what they start, print and leave behind, and their exit codes."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from azdicom_proxy.cassette.reading import load
from tests.proxy.commands import azdicom, started
from tests.proxy.conversations import TOUR_STATUSES, Conversation
from tests.support.client import Emulator
from tests.support.waiting import eventually

SEARCH = """
import os, sys, urllib.request
url = os.environ["AZDICOM_URL"] + "/v2/studies"
request = urllib.request.Request(url, headers={"Accept": "application/dicom+json"})
print(urllib.request.urlopen(request).status)
sys.exit(int(sys.argv[1]))
"""


def search(exit_code: int = 0) -> tuple[str, ...]:
    """A command that searches through the proxy, prints the status and ends with `exit_code`."""
    return "--", sys.executable, "-c", SEARCH, str(exit_code)


@pytest.fixture
def tour(emulator: Emulator, tmp_path: Path) -> Path:
    """A recorded tour."""
    with started(
        tmp_path, "proxy", "--mode=record", "--cassette=tour.yaml", f"--upstream={emulator.base_url}"
    ) as proxy:
        Conversation().tour(proxy.client)
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.ends() == 0
    return tmp_path / "tour.yaml"


def test_proxy_says_where_it_listens(emulator: Emulator, tmp_path: Path) -> None:
    """One line on stdout, the URL in the port file."""
    with started(tmp_path, "proxy", f"--upstream={emulator.base_url}") as proxy:
        assert proxy.client.get("/studies").status == 204
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.ends() == 0

    assert f"Listening on {proxy.url}\n" in proxy.said
    assert proxy.url.startswith("http://127.0.0.1:")


def test_record_runs_the_command_and_returns_its_exit_code(emulator: Emulator, tmp_path: Path) -> None:
    """AZDICOM_URL names the proxy; stdout is the command's own; the cassette is written whatever the code."""
    done = azdicom("record", "--out=deep/search.yaml", f"--upstream={emulator.base_url}", *search(7), cwd=tmp_path)

    assert (done.returncode, done.stdout) == (7, "204\n")
    assert "added 1" in done.stderr
    (interaction,) = load(tmp_path / "deep" / "search.yaml").interactions
    assert interaction.id == "qido-studies-0001"


def test_record_again_changes_nothing(emulator: Emulator, tmp_path: Path) -> None:
    """`rewrite` is what `record` does to a cassette that is there."""
    arguments = ("record", "--out=c.yaml", f"--upstream={emulator.base_url}", *search())
    azdicom(*arguments, cwd=tmp_path)
    before = (tmp_path / "c.yaml").read_bytes()

    done = azdicom(*arguments, cwd=tmp_path)

    assert "kept 1, changed 0, added 0, removed 0" in done.stderr
    assert (tmp_path / "c.yaml").read_bytes() == before


def test_command_that_a_signal_ends_is_128_and_its_number(emulator: Emulator, tmp_path: Path) -> None:
    """As shells have it."""
    command = ("--", sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")

    done = azdicom("record", "--out=c.yaml", f"--upstream={emulator.base_url}", *command, cwd=tmp_path)

    assert done.returncode == 128 + signal.SIGKILL


def test_replay_serves_the_cassette_and_tells_what_was_not_played(tour: Path, tmp_path: Path) -> None:
    """Exit code 0 when all that was asked was answered."""
    with started(tmp_path, "replay", tour.name) as proxy:
        assert [answer.status for answer in Conversation().tour(proxy.client)[:6]] == TOUR_STATUSES[:6]
        proxy.client.request("POST", "/_azdicom/shutdown")
        assert proxy.ends() == 0

    assert "7 played, 0 unplayed, 0 missed" in proxy.said


def test_something_unplayed_is_4_under_strict_only(tour: Path, tmp_path: Path) -> None:
    """Stale interactions are found by the run that no longer needs them."""
    codes = []
    for options in ((), ("--strict",)):
        with started(tmp_path, "replay", tour.name, *options) as proxy:
            Conversation().store(proxy.client)
            proxy.client.request("POST", "/_azdicom/shutdown")
            codes.append(proxy.ends())

    assert codes == [0, 4]
    assert "unplayed: delete-study-0001  DELETE /studies/{study}" in proxy.said


def test_miss_in_replay_is_4(tour: Path, tmp_path: Path) -> None:
    """A run that asked for something else is a failed run."""
    with started(tmp_path, "replay", tour.name) as proxy:
        assert proxy.client.request("GET", "/v2/nothing").status == 502
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.ends() == 4


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("replay", "none.yaml"), 4, "none.yaml: no such cassette"),
        (("replay", "broken.yaml"), 4, "broken.yaml"),
        (("proxy",), 2, "this mode needs --upstream"),
        (("proxy", "--mode=replay"), 2, "this mode needs --cassette"),
        (("proxy", "--mode=repaly"), 2, "'repaly'"),
        (("proxy", "--upstream=ftp://x"), 2, "is no address"),
        (("proxy", "--upstream=http://h", "--auth=token-file"), 2, "--auth token-file needs --token-file"),
        (("proxy", "--upstream=http://h", "--auth=azure", "--insecure"), 2, "not with --auth azure"),
        (("proxy", "--upstream=http://127.0.0.1:1", "--auth=token-env", "--token-env=NO_SUCH"), 3, "NO_SUCH"),
        (("record", "--out=c.yaml", "--upstream=http://127.0.0.1:1", "--", "true"), 3, "no connection to 127.0.0.1:1"),
        (("record", "--out=c.yaml", "--upstream=http://127.0.0.1:1"), 2, "COMMAND"),
        (("proxy", "--mode=record", "--cassette=c.yaml", "--upstream=http://h", "--record-mode=onec"), 2, "'onec'"),
        (("proxy", "--upstream=http://h", "--tls-cert=none.pem"), 2, "cannot start"),
        (("replay", "empty.yaml", "--match-on=+colour"), 2, "colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_what_cannot_be_run_is_said_in_one_line_with_an_exit_code(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    """2 usage, 3 upstream or token, 4 cassette."""
    (tmp_path / "broken.yaml").write_text("interactions: [")
    (tmp_path / "empty.yaml").write_text("interactions: []\nversion: 1\n")

    done = azdicom(*arguments, cwd=tmp_path)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_project_file_has_a_block_for_the_proxy(emulator: Emulator, tmp_path: Path) -> None:
    """azdicom.yaml: the command line wins; `record` and `replay` take what they have; `serve` leaves it alone."""
    (tmp_path / "azdicom.yaml").write_text(
        f"port: 1\nproxy:\n  upstream: {emulator.base_url}\n  mode: record\n  cassette: from-file.yaml\n  quiet: on\n"
    )
    with started(tmp_path, "proxy", "--cassette=from-flag.yaml") as proxy:
        Conversation().ask(proxy.client, "GET", "/studies")
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.ends() == 0

    assert len(load(tmp_path / "from-flag.yaml").interactions) == 1
    assert " GET /v2/studies" not in proxy.said


def test_unknown_key_in_the_block_is_named_with_its_line(tmp_path: Path) -> None:
    """Exit code 2."""
    (tmp_path / "azdicom.yaml").write_text("proxy:\n  mode: spy\n  colour: red\n")

    done = azdicom("proxy", "--upstream=http://127.0.0.1:1", cwd=tmp_path)

    assert done.returncode == 2
    assert "azdicom.yaml:3: unknown setting 'colour'" in done.stderr


def test_taken_port_is_a_usage_error(tmp_path: Path) -> None:
    """With what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = azdicom("proxy", "--upstream=http://127.0.0.1:1", f"--port={port}", cwd=tmp_path)

    assert done.returncode == 2
    assert str(port) in done.stderr


def test_idle_proxy_ends_by_itself(tmp_path: Path) -> None:
    """--auto-shutdown: a forgotten proxy does not hold up a CI job."""
    done = azdicom("proxy", "--upstream=http://127.0.0.1:1", "--port=0", "--auto-shutdown=0.1", cwd=tmp_path)

    assert done.returncode == 0
    assert "idle" in done.stderr


def test_interrupt_writes_the_cassette_and_is_130(emulator: Emulator, tmp_path: Path) -> None:
    """Ctrl+C is how a recording in a terminal ends."""
    arguments = ("proxy", "--mode=record", "--cassette=c.yaml", f"--upstream={emulator.base_url}")
    with started(tmp_path, *arguments) as proxy:
        Conversation().ask(proxy.client, "GET", "/studies")
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.ends() == 130

    assert len(load(tmp_path / "c.yaml").interactions) == 1


def test_finished_interactions_survive_a_kill(emulator: Emulator, tmp_path: Path) -> None:
    """The partial file becomes a cassette again."""
    arguments = ("proxy", "--mode=record", "--cassette=c.yaml", f"--upstream={emulator.base_url}")
    with started(tmp_path, *arguments) as proxy:
        answers = Conversation().tour(proxy.client)
        recording = "/_azdicom/recordings/default"
        eventually(lambda: proxy.client.request("GET", recording).json()["recorded"] == len(answers))
        os.kill(proxy.pid, signal.SIGKILL)
        proxy.ends()
    assert not (tmp_path / "c.yaml").exists()

    recovered = azdicom("cassette", "recover", "c.yaml", cwd=tmp_path)

    assert recovered.returncode == 0, recovered.stderr
    assert len(load(tmp_path / "c.yaml").interactions) == len(answers)
    with started(tmp_path, "replay", "c.yaml") as proxy:
        assert [answer.status for answer in Conversation().tour(proxy.client)] == TOUR_STATUSES


def test_log_lines_can_be_json(emulator: Emulator, tmp_path: Path) -> None:
    """--log-format json: one object a line, with the exchange's id."""
    with started(tmp_path, "proxy", f"--upstream={emulator.base_url}", "--log-format=json") as proxy:
        answer = proxy.client.get("/studies")
        proxy.process.send_signal(signal.SIGTERM)
        proxy.ends()

    lines = [json.loads(line) for line in proxy.said.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["logger"] == "azdicom.exchange"]
    assert (line["request_id"], line["status"]) == (answer.headers["x-azdicom-id"], 204)
