"""`--offline-fallback`: who answers safe requests while the upstream cannot be reached (record-replay §2)."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.embedded import running
from azdicom_emulator.settings import Settings
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Mode, OfflineFallback
from azdicom_proxy.upstream.address import Address
from tests.parity.outcomes import outcomes
from tests.proxy.commands import azdicom
from tests.proxy.conversations import FRAMES, Conversation, only
from tests.proxy.proxies import RunningProxy, proxying
from tests.support.client import Emulator
from tests.support.waiting import eventually

REPLAY, LOCAL = OfflineFallback.REPLAY, OfflineFallback.LOCAL
ONE = Conversation()


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def stopping_upstream(folder: Path, mode: Mode, **settings: Any) -> Iterator[tuple[RunningProxy, Callable[[], None]]]:
    """A proxy, and what stops its upstream."""
    with ExitStack() as upstream:
        url = upstream.enter_context(running(Settings(data_dir=folder / "upstream")))
        with proxying(url, mode, **settings) as proxy:
            yield proxy, upstream.close


def source(proxy: RunningProxy, path: str, accept: str = "application/dicom+json") -> tuple[int, str]:
    answer = ONE.ask(proxy.client, "GET", path, accept=accept)
    return answer.status, answer.headers["x-azdicom-source"]


@pytest.fixture
def toured(emulator: Emulator, tmp_path: Path) -> Path:
    """A cassette of a search that finds nothing, a store, and reads."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        ONE.ask(proxy.client, "GET", "/studies")
        ONE.store(proxy.client)
        ONE.ask(proxy.client, "GET", "/studies")
        ONE.ask(proxy.client, "GET", f"{ONE.instance_path}/frames/1,2", accept=FRAMES)
    return tmp_path / "c.yaml"


def test_newest_known_answer_of_the_cassette_is_given(toured: Path) -> None:
    """In passthrough as well; the search before the store is not what the service would say now."""
    with proxying(nobody(), cassette=toured, offline_fallback=REPLAY) as proxy:
        found = [source(proxy, "/studies") for _ in range(2)]
        frames = source(proxy, f"{ONE.instance_path}/frames/1,2", FRAMES)
        journal = proxy.admin("GET", "journal").json()

    assert found == [(200, "cassette")] * 2
    assert frames == (200, "cassette")
    assert journal[0]["verdict"] == "qido-studies-0002"


def test_what_the_cassette_does_not_know_and_writes_get_the_error(toured: Path) -> None:
    """record-replay §2: 502, as without a fallback; a write is never answered from a cassette."""
    with proxying(nobody(), cassette=toured, offline_fallback=REPLAY) as proxy:
        unknown = ONE.ask(proxy.client, "GET", "/studies?PatientID=other")
        write = ONE.store(proxy.client)

    for answer in (unknown, write):
        assert (answer.status, answer.headers["x-azdicom-error"]) == (502, "upstream-unreachable")


def test_nothing_is_recorded_of_it(toured: Path) -> None:
    """record-replay §2: in record nothing is written for that exchange."""
    before = toured.read_bytes()
    settings = {"cassette": toured, "record_mode": "new_episodes", "offline_fallback": REPLAY}
    with proxying(nobody(), Mode.RECORD, **settings) as proxy:
        ONE.ask(proxy.client, "GET", "/studies?PatientID=other")

    assert only(proxy.closed).recorded == 0
    assert toured.read_bytes() == before


def test_rewriting_without_the_upstream_loses_nothing(toured: Path) -> None:
    """What is not recorded again could not be: it stays as it was."""
    before = toured.read_bytes()
    with proxying(nobody(), Mode.RECORD, cassette=toured, record_mode="rewrite", offline_fallback=REPLAY) as proxy:
        found = source(proxy, "/studies")

    report = only(proxy.closed).report
    assert found == (200, "cassette")
    assert report is not None
    assert (report.kept, report.removed) == (4, 0)
    assert toured.read_bytes() == before


def test_what_this_run_recorded_is_known_too(tmp_path: Path) -> None:
    """The upstream goes away in the middle of a recording."""
    settings = {"cassette": tmp_path / "c.yaml", "record_mode": "all", "offline_fallback": REPLAY}
    with stopping_upstream(tmp_path, Mode.RECORD, **settings) as (proxy, stop):
        ONE.store(proxy.client)
        before = source(proxy, "/studies")
        eventually(lambda: proxy.admin("GET", "recordings/default").json()["recorded"] == 2)
        stop()
        after = source(proxy, "/studies")

    assert (before, after) == ((200, "upstream"), (200, "cassette"))
    assert len(load(tmp_path / "c.yaml").interactions) == 2


def test_local_service_answers_in_the_upstreams_place(emulator: Emulator) -> None:
    """`--local URL` names it."""
    ONE.store(emulator)
    with proxying(nobody(), offline_fallback=LOCAL, local=Address.parse(emulator.base_url)) as proxy:
        found = source(proxy, "/studies")
        write = ONE.store(proxy.client)

    assert found == (200, "local")
    assert write.status == 502


def test_local_emulator_is_empty_without_a_name() -> None:
    """A fresh one in the proxy's process."""
    with proxying(nobody(), offline_fallback=LOCAL) as proxy:
        assert source(proxy, "/studies") == (204, "local")


def test_local_side_of_diff_mode_answers_with_what_was_mirrored(tmp_path: Path) -> None:
    """Writes are there; the answer is not compared with itself."""
    with stopping_upstream(tmp_path, Mode.DIFF, offline_fallback=LOCAL) as (proxy, stop):
        ONE.store(proxy.client)
        before = outcomes(proxy.client, 1)
        stop()
        found = source(proxy, f"/studies/{ONE.study}/metadata")
        after = outcomes(proxy.client, 2)

    assert found == (200, "local")
    assert (before, after) == ({"same": 1}, {"same": 1, "skipped": 1})


def test_without_the_option_the_client_gets_the_error(toured: Path) -> None:
    """record-replay §2, Upstream down."""
    with proxying(nobody(), cassette=toured) as proxy:
        answer = ONE.ask(proxy.client, "GET", "/studies")

    assert (answer.status, answer.headers["x-azdicom-error"]) == (502, "upstream-unreachable")
    assert json.loads(answer.content)["status"] == 502


def test_replay_needs_a_cassette(tmp_path: Path) -> None:
    """Usage errors end with 2 before anything is run."""
    done = azdicom("proxy", "--upstream", nobody(), "--offline-fallback", "replay", cwd=tmp_path)

    assert done.returncode == 2
    assert "--offline-fallback replay needs --cassette" in done.stderr
