"""`azdicom upload` over real HTTP: what it sends, what it says, how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from azdicom_emulator.upload import upload
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path, part10


def run_upload(*arguments: object) -> Result:
    return CliRunner().invoke(upload, [str(argument) for argument in arguments])


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_upload_stores_every_file_of_a_folder_and_exits_with_0(emulator: Emulator, tmp_path: Path) -> None:
    """Own design: folders are walked, each file is one store request."""
    datasets = [an_instance() for _ in range(5)]
    for number, dataset in enumerate(datasets):
        write(tmp_path / "export" / f"series{number % 2}" / f"{number}.dcm", part10(dataset))

    result = run_upload(tmp_path / "export", "--url", emulator.service_url)

    assert result.exit_code == 0, result.output
    assert result.stdout == "stored        5\n"
    for dataset in datasets:
        assert emulator.retrieve(dataset) == part10(dataset)


def test_upload_counts_each_outcome_and_exits_with_1_when_a_file_was_refused(
    shared_emulator: Emulator, tmp_path: Path
) -> None:
    """Own design; the reasons are those of the conformance statement v2, Store."""
    stored = shared_emulator.store(an_instance())
    write(tmp_path / "files" / "a-new.dcm", part10(an_instance()))
    write(tmp_path / "files" / "b-again.dcm", part10(stored))
    write(tmp_path / "files" / "c-warned.dcm", part10(an_instance(StudyDate="NotADate")))
    refused = write(tmp_path / "files" / "d-notes.txt", b"not DICOM")

    result = run_upload(tmp_path / "files", "--url", shared_emulator.service_url)

    assert result.exit_code == 1
    reason = "refused, 43264 (not readable, or a required attribute is missing or invalid)"
    assert [line.rsplit(maxsplit=1) for line in result.stdout.splitlines()] == [
        ["stored", "1"],
        ["stored with warnings", "1"],
        ["already stored", "1"],
        [reason, "1"],
    ]
    assert f"{refused}: {reason}\n" in result.stderr


def test_upload_as_json_gives_each_file_its_outcome_reason_and_comments(
    shared_emulator: Emulator, tmp_path: Path
) -> None:
    """Own design: `--json` gives a machine the same content, and nothing else on standard output."""
    good = write(tmp_path / "a.dcm", part10(an_instance()))
    incomplete = write(tmp_path / "b.dcm", part10(an_instance(PatientID=None)))

    result = run_upload(good, incomplete, "--json", "--url", shared_emulator.service_url)

    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["counts"]["stored"] == 1
    assert report["counts"]["refused"] == 1
    assert report["files"] == [
        {"path": str(good), "outcome": "stored", "status": 200, "reason": None, "comments": []},
        {
            "path": str(incomplete),
            "outcome": "refused",
            "status": 409,
            "reason": 43264,
            "comments": ["DICOM100: (0010,0020) - The required tag '(0010,0020)' is missing."],
        },
    ]


def test_upload_sends_a_token_to_a_service_that_asks_for_one(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """http §5: 401 without a token."""
    emulator = emulator_with(auth="any")
    path = write(tmp_path / "a.dcm", part10(an_instance()))

    without = run_upload(path, "--url", emulator.service_url)
    with_one = run_upload(path, "--url", emulator.service_url, "--token", "anything")

    assert (without.exit_code, without.stdout.split()) == (1, ["HTTP", "401", "1"])
    assert (with_one.exit_code, with_one.stdout.split()) == (0, ["stored", "1"])


def test_upload_of_a_file_of_many_chunks_arrives_whole(shared_emulator: Emulator, tmp_path: Path) -> None:
    """Own design: bodies are streamed from disk in chunks of a mebibyte."""
    dataset = an_instance(rows=1500, columns=1000, pixels=bytes(3_000_000))
    path = write(tmp_path / "large.dcm", part10(dataset))

    result = run_upload(path, "--url", shared_emulator.service_url)

    assert result.exit_code == 0, result.output
    assert shared_emulator.retrieve(instance_path(dataset)) == path.read_bytes()


def test_upload_says_in_one_line_that_the_server_cannot_be_reached(tmp_path: Path) -> None:
    """Own design: exit code 2, no traceback, nothing on standard output."""
    path = write(tmp_path / "a.dcm", b"")

    result = run_upload(path, "--url", "http://127.0.0.1:1/v2")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "Error: cannot reach http://127.0.0.1:1/v2: Connection refused."
        " To start a server on this machine: azdicom serve\n"
    )


class BusyService(BaseHTTPRequestHandler):
    """Answers 503 twice, then as a service that stored the instance."""

    protocol_version = "HTTP/1.1"
    busy = 2

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        is_busy, BusyService.busy = BusyService.busy > 0, BusyService.busy - 1
        body = b"" if is_busy else b'{"00081199":{"vr":"SQ","Value":[{"00741048":{"vr":"SQ"}}]}}'
        self.send_response(503 if is_busy else 200)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Type", "application/dicom+json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class BrokenService(BusyService):
    """Closes the connection instead of answering."""

    def do_POST(self) -> None:
        self.close_connection = True


@contextmanager
def listening(service: type[BusyService]) -> Iterator[str]:
    """The URL of `service`, until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), service) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v2"
        finally:
            server.shutdown()
            thread.join()


def test_upload_tries_again_while_the_service_is_busy(tmp_path: Path) -> None:
    """http §3.1: 503 is an answer for a moment; Retry-After says for how long."""
    path = write(tmp_path / "a.dcm", part10(an_instance()))

    with listening(BusyService) as url:
        result = run_upload(path, "--url", url)

    assert (result.exit_code, result.stdout.split()) == (0, ["stored", "1"])


def test_upload_reports_a_connection_that_breaks_and_goes_on(tmp_path: Path) -> None:
    """Own design: a lost connection is an outcome of that file."""
    for name in ("a.dcm", "b.dcm"):
        write(tmp_path / "files" / name, part10(an_instance()))

    with listening(BrokenService) as url:
        result = run_upload(tmp_path / "files", "--url", url)

    assert (result.exit_code, result.stdout.split()) == (1, ["connection", "lost", "2"])


def test_upload_draws_a_progress_bar_on_a_terminal(shared_emulator: Emulator, tmp_path: Path) -> None:
    """Own design: a terminal gets a bar on standard error, a pipe plain lines; the summary is the same."""
    write(tmp_path / "files" / "a.dcm", part10(an_instance()))
    refused = write(tmp_path / "files" / "b.dcm", b"not DICOM")
    ours, theirs = os.openpty()
    command = (sys.executable, "-m", "azdicom_emulator", "upload", "files", "--url", shared_emulator.service_url)

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        summary = process.stdout.read().decode()
    seen = os.read(ours, 100_000).decode()
    os.close(ours)

    assert process.returncode == 1
    assert [line.split()[0] for line in summary.splitlines()] == ["stored", "refused,"]
    assert "Sending" in seen
    assert "2/2" in seen
    assert f"{refused.relative_to(tmp_path)}: refused, 43264" in seen


def test_upload_to_a_url_without_version_says_what_is_missing(shared_emulator: Emulator, tmp_path: Path) -> None:
    """http §1.1: routes without a version are 404."""
    path = write(tmp_path / "a.dcm", part10(an_instance()))

    result = run_upload(path, "--url", shared_emulator.base_url)

    assert result.exit_code == 1
    assert result.stdout.split() == ["HTTP", "404", "1"]
    assert "end in the API version" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["no-such-folder"], [".", "--url", "localhost"]], ids=str)
def test_upload_refuses_wrong_usage_with_2(arguments: list[str]) -> None:
    """Own design: click's usage errors."""
    assert run_upload(*arguments).exit_code == 2


def test_upload_is_a_sub_command_of_azdicom() -> None:
    """Own design: sub-commands load lazily by name."""
    done = subprocess.run(
        [sys.executable, "-m", "azdicom_emulator", "upload", "--help"], capture_output=True, text=True, check=True
    )
    assert "azdicom upload exports/" in done.stdout
