"""Replaying: misses, the timeline, spying, and that nothing goes anywhere else."""

import json
import time
from pathlib import Path

import pytest

from azdicom_proxy.cassette.errors import CassetteError, CassetteMissingError
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Fallback, Latency, Mode
from tests.proxy.conversations import Conversation, only
from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Client
from tests.support.client import Emulator


@pytest.fixture
def cassette(emulator: Emulator, tmp_path: Path) -> Path:
    """The tour, recorded."""
    path = tmp_path / "tour.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=path) as proxy:
        Conversation().tour(proxy.client)
    return path


def test_miss_says_what_came_nearest_and_how_it_differs(cassette: Path) -> None:
    """The same text in the answer, for the admin API and, without names, in the log."""
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        answer = Conversation().ask(proxy.client, "GET", "/studies?PatientName=doe&PatientID=P-9&fuzzymatching=true")
        misses = proxy.admin("GET", "misses").json()

    assert (answer.status, answer.content_type) == (502, "application/problem+json")
    assert answer.headers["x-azdicom-error"] == "cassette-miss"
    assert answer.headers["x-azdicom-source"] == "cassette"
    assert "PatientID: request P-9, recorded P-1" in answer.json()["detail"]
    assert misses == {"default": [answer.json()["detail"]]}
    assert only(proxy.closed).missed == 1


def test_log_line_of_a_miss_names_no_patient(cassette: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Names and ids are in the answer, not in the log."""
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        Conversation().ask(proxy.client, "GET", "/studies?PatientName=Secret%5EName&PatientID=P-99")

    assert "MISS  GET /v2/studies?PatientName=***&PatientID=***" in caplog.text
    assert "Secret" not in caplog.text
    assert "P-99" not in caplog.text


def test_status_of_a_miss_can_be_chosen(cassette: Path) -> None:
    """--miss-status."""
    with proxying(None, Mode.REPLAY, cassette=cassette, miss_status=404) as proxy:
        assert proxy.client.request("GET", "/v2/nothing").status == 404


def test_get_before_a_delete_is_answered_as_then_however_often_it_is_asked(cassette: Path) -> None:
    """The timeline: 200, 200, DELETE, 404, 404."""
    talk = Conversation()
    path = f"/studies/{talk.study}/metadata"
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        statuses = [talk.store(proxy.client).status]
        statuses += [talk.ask(proxy.client, "GET", path).status for _ in range(2)]
        statuses.append(talk.ask(proxy.client, "DELETE", f"/studies/{talk.study}", accept=None).status)
        statuses += [talk.ask(proxy.client, "GET", path).status for _ in range(2)]

    assert statuses == [200, 200, 200, 204, 404, 404]


def test_body_that_waits_for_a_100_is_asked_for_at_once(cassette: Path) -> None:
    """RFC 9110 §10.1.1: here nobody else would say it."""
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy, Client(proxy.client.address) as client:
        client.say(b"POST /v2/studies HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.say(b"abc")
        assert client.head().startswith(b"HTTP/1.1 502")


def test_missing_cassette_is_an_error_at_the_start(tmp_path: Path) -> None:
    """Exit code 4 of the command, not a miss for each request."""
    with pytest.raises(CassetteMissingError), proxying(None, Mode.REPLAY, cassette=tmp_path / "no.yaml"):
        raise AssertionError("unreachable")


def test_missing_cassette_of_a_named_recording_is_a_miss_that_says_so(cassette: Path) -> None:
    """A test that was never recorded, beside others that were."""
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        answer = proxy.client.request("GET", "/_r/never-recorded/v2/studies")

    assert answer.headers["x-azdicom-error"] == "cassette-miss"
    assert "no cassette file" in answer.json()["detail"]
    assert "never-recorded.yaml" in answer.json()["detail"]


def test_spy_asks_the_upstream_what_the_cassette_does_not_know(emulator: Emulator, cassette: Path) -> None:
    """And leaves the cassette alone unless told otherwise."""
    before = cassette.read_bytes()
    with proxying(emulator.base_url, Mode.SPY, cassette=cassette) as proxy:
        known = Conversation().ask(proxy.client, "GET", f"/studies/{Conversation().study}/metadata")
        unknown = Conversation().ask(proxy.client, "GET", "/studies?limit=3")

    assert [answer.headers["x-azdicom-source"] for answer in (known, unknown)] == ["cassette", "upstream"]
    assert cassette.read_bytes() == before


def test_spy_can_add_what_it_missed(emulator: Emulator, cassette: Path) -> None:
    """--record-misses."""
    with proxying(emulator.base_url, Mode.SPY, cassette=cassette, record_misses=True) as proxy:
        for _ in range(2):
            Conversation().ask(proxy.client, "GET", "/studies?limit=3")

    assert [interaction.request.uri for interaction in load(cassette).interactions][7:] == [
        "https://workspace-dicom.dicom.azurehealthcareapis.com/v2/studies?limit=3"
    ]


def test_spy_can_ask_an_emulator_of_its_own(cassette: Path) -> None:
    """--fallback local: no upstream at all."""
    talk = Conversation(7)
    with proxying(None, Mode.SPY, cassette=cassette, fallback=Fallback.LOCAL) as proxy:
        stored = talk.store(proxy.client)
        found = talk.ask(proxy.client, "GET", "/studies?PatientID=P-7")

    assert [answer.headers["x-azdicom-source"] for answer in (stored, found)] == ["local", "local"]
    assert [match["0020000D"]["Value"] for match in found.json()] == [[talk.study]]
    assert stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0].startswith(proxy.url)


def test_answers_wait_as_long_as_when_they_were_recorded(cassette: Path) -> None:
    """--latency recorded reads the timings beside the cassette; record-replay §6.5."""
    timings = cassette.with_suffix(".timings.json")
    document = json.loads(timings.read_text())
    for timing in document["interactions"].values():
        timing["first_byte_ms"] = 0
    document["interactions"]["stow-studies-0001"]["first_byte_ms"] = 150
    timings.write_text(json.dumps(document))

    with proxying(None, Mode.REPLAY, cassette=cassette, latency=Latency.RECORDED) as proxy:
        started = time.perf_counter()
        answer = Conversation().store(proxy.client)
        waited_s = time.perf_counter() - started

    assert answer.status == 200
    assert waited_s >= 0.15


def test_waiting_needs_timings(cassette: Path) -> None:
    """A cassette from elsewhere has none: the timings are not for git."""
    cassette.with_suffix(".timings.json").unlink()

    with (
        pytest.raises(CassetteError, match="no timings beside it"),
        proxying(None, Mode.REPLAY, cassette=cassette, latency=Latency.RECORDED),
    ):
        pass
