"""`azdicom pull`: what is copied, what is left as it is, and what is said about it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from azdicom_emulator.settings import Settings
from azdicom_proxy.exit_codes import ExitCode
from tests.proxy.commands import azdicom
from tests.proxy.raw_upstream import Peer, raw_upstream
from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_series, another_in_study, instance_path
from tests.support.server import running


@contextmanager
def another_emulator(folder: Path) -> Iterator[Emulator]:
    with running(Settings(data_dir=folder / "target")) as started:
        yield started


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Emulator]:
    with another_emulator(tmp_path) as started:
        yield started


def pulled(source: Emulator, target: Emulator, cwd: Path, *options: str) -> tuple[int, dict[str, object]]:
    """Exit code and counts."""
    ended = azdicom("pull", f"--from={source.base_url}", f"--to={target.base_url}", "--json", *options, cwd=cwd)
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else {"stderr": ended.stderr}


def counts(result: dict[str, object]) -> tuple[object, object, object]:
    return result["copied"], result["skipped"], result["failed"]


def a_study() -> list[Dataset]:
    """Two series: one of two instances, one of one."""
    first = an_instance()
    return [first, another_in_series(first, InstanceNumber=2), another_in_study(first)]


def test_everything_is_copied_as_it_was_stored(emulator: Emulator, target: Emulator, tmp_path: Path) -> None:
    """docs/pull.md: without a selection all studies are copied, byte for byte."""
    stored = emulator.store_all(a_study()) + emulator.store_all(a_study())

    code, result = pulled(emulator, target, tmp_path)

    assert (code, *counts(result)) == (ExitCode.OK, 6, 0, 0)
    for instance in stored:
        path = instance_path(instance)
        assert target.retrieve(path) == emulator.retrieve(path)


def test_a_second_pull_fetches_only_what_is_new(emulator: Emulator, target: Emulator, tmp_path: Path) -> None:
    """docs/pull.md: what the target has is not fetched again, so that an interrupted pull goes on where it was."""
    first, *_ = emulator.store_all(a_study())
    pulled(emulator, target, tmp_path)
    emulator.store(another_in_series(first, InstanceNumber=3))

    code, result = pulled(emulator, target, tmp_path)

    assert (code, *counts(result)) == (ExitCode.OK, 1, 3, 0)


@pytest.mark.parametrize("by", ["study", "query"])
def test_a_selection_copies_the_chosen_studies_only(
    by: str, emulator: Emulator, target: Emulator, tmp_path: Path
) -> None:
    """docs/pull.md: --study names studies, --query finds them."""
    wanted = emulator.store(an_instance(PatientID="P-1", PatientName="Doe^Jane"))
    emulator.store(an_instance(PatientID="P-2"))
    option = f"--study={wanted.StudyInstanceUID}" if by == "study" else "--query=PatientName=Doe^Jane"

    code, result = pulled(emulator, target, tmp_path, option, *(["--query=PatientID=P-1"] if by == "query" else []))

    assert (code, *counts(result)) == (ExitCode.OK, 1, 0, 0)
    assert [study["0020000D"]["Value"] for study in target.search_studies()] == [[wanted.StudyInstanceUID]]


def test_the_change_feed_leads_to_what_is_still_there(emulator: Emulator, target: Emulator, tmp_path: Path) -> None:
    """docs/pull.md: --changefeed copies current instances, and says from when to go on."""
    kept, removed = emulator.store(an_instance()), emulator.store(an_instance())
    emulator.delete(instance_path(removed))

    code, result = pulled(emulator, target, tmp_path, "--changefeed")
    later = emulator.store(an_instance())
    since = str(result["latest_change"])
    code_later, result_later = pulled(emulator, target, tmp_path, "--changefeed", f"--since={since}")

    assert (code, *counts(result)) == (ExitCode.OK, 1, 0, 0)
    assert (code_later, result_later["copied"], result_later["failed"]) == (ExitCode.OK, 1, 0)
    assert target.retrieve(kept)
    assert target.retrieve(later)


def test_more_than_a_page_of_instances_is_copied(emulator: Emulator, target: Emulator, tmp_path: Path) -> None:
    """conformance statement v2, Search: a page has at most 200 results."""
    first = an_instance(has_pixel_data=False)
    others = [another_in_series(first, has_pixel_data=False, InstanceNumber=number) for number in range(2, 206)]
    emulator.store_all([first, *others])

    code, result = pulled(emulator, target, tmp_path)

    assert (code, *counts(result)) == (ExitCode.OK, 205, 0, 0)


def test_a_data_folder_is_filled_without_a_server(emulator: Emulator, tmp_path: Path) -> None:
    """docs/pull.md: --data copies into the folder of an emulator that does not run."""
    instance = emulator.store(an_instance())
    data = tmp_path / "pulled"

    ended = azdicom("pull", f"--from={emulator.base_url}", f"--data={data}", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (0, "1 copied, 0 there already, 0 failed\n")
    with running(Settings(data_dir=data)) as opened:
        assert opened.retrieve(instance) == emulator.retrieve(instance)


def test_a_study_that_is_not_there_is_a_failure(emulator: Emulator, target: Emulator, tmp_path: Path) -> None:
    """docs/pull.md, exit codes: 1, and the study is named."""
    code, result = pulled(emulator, target, tmp_path, "--study=1.2.3")

    assert code == ExitCode.FAILED
    assert result["failures"] == ["study 1.2.3: the source does not have it"]


def test_a_source_that_breaks_off_leaves_nothing_half(target: Emulator, tmp_path: Path) -> None:
    """PS3.18 §10.5: a store whose body breaks off stores nothing; what failed is counted, exit code 1."""
    instance = {
        "0020000E": {"vr": "UI", "Value": ["1.2.3.1"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3.1.1"]},
    }
    listed = json.dumps([instance]).encode()

    def script(peer: Peer) -> None:
        while True:
            target = peer.head().split(b" ")[1]
            if b"/instances?" in target:
                lines = b"Content-Type: application/dicom+json\r\nContent-Length: %d\r\n\r\n" % len(listed)
                peer.say(b"HTTP/1.1 200 OK\r\n" + lines + listed)
                continue
            lines = (
                b'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\nContent-Length: 9999\r\n\r\n'
            )
            peer.say(b"HTTP/1.1 200 OK\r\n" + lines + b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM")
            return

    with raw_upstream(script) as source:
        code, result = pulled(Emulator(source.url, tmp_path), target, tmp_path, "--study=1.2.3")

    assert (code, *counts(result)) == (ExitCode.FAILED, 0, 0, 1)
    assert "the source broke off" in str(result["failures"])
    assert target.search_studies() == []


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--from=http://127.0.0.1:1",), ExitCode.UPSTREAM, "127.0.0.1:1"),
        (("--from=http://127.0.0.1:1", "--auth=token-env", "--token-env=NOT_SET"), ExitCode.UPSTREAM, "NOT_SET"),
        (("--from=http://h", "--to=http://h", "--data=d"), ExitCode.USAGE, "--to and --data: choose one"),
        (("--from=http://h", "--study=1", "--changefeed"), ExitCode.USAGE, "choose one"),
        (("--from=http://h", "--since=2026-01-01"), ExitCode.USAGE, "--since needs --changefeed"),
        (("--from=h",), ExitCode.USAGE, "'h' is no address"),
    ],
    ids=["unreachable", "no token", "two targets", "two selections", "since alone", "no URL"],
)
def test_what_cannot_begin_says_why(options: tuple[str, ...], code: ExitCode, said: str, tmp_path: Path) -> None:
    """docs/pull.md, exit codes."""
    ended = azdicom("pull", *options, cwd=tmp_path)

    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
