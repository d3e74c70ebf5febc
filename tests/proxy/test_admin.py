"""The admin API: what it shows, what it switches, and who may use it."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from azdicom_proxy.settings import Matching, Mode
from tests.proxy.conversations import Conversation
from tests.proxy.proxies import RunningProxy, proxying
from tests.support.client import Emulator
from tests.support.waiting import eventually


def journal(proxy: RunningProxy, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = proxy.admin("GET", f"journal{query}").json()
    return found


def test_health_and_info_describe_the_proxy(emulator: Emulator, tmp_path: Path) -> None:
    """The upstream is named by its alias, never by its host."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", upstream_alias="test-bed") as proxy:
        assert proxy.admin("GET", "health").json() == {"status": "Healthy"}
        info = proxy.admin("GET", "info")

    assert info.json()["mode"] == "record"
    assert info.json()["upstream"] == "test-bed"
    assert info.json()["cassette"] == str(tmp_path / "c.yaml")
    assert info.json()["recordings"] == ["default"]
    assert emulator.base_url not in info.text


def test_journal_keeps_the_last_exchanges_and_filters_them(emulator: Emulator) -> None:
    """With route, status, source, sizes and times; the id is the answer's."""
    with proxying(emulator.base_url) as proxy:
        first = proxy.client.get("/studies?PatientName=Doe&limit=2")
        proxy.client.request("GET", "/_r/other/v2/nothing")
        entries = journal(proxy)
        found = journal(proxy, "?status=4xx&recording=other")
        cleared = proxy.admin("DELETE", "journal").status
        left = journal(proxy)

    assert [entry["route"] for entry in entries] == ["GET /studies", "GET /nothing"]
    assert entries[0]["id"] == first.headers["x-azdicom-id"]
    assert entries[0]["target"] == "/v2/studies?PatientName=***&limit=2"
    assert (entries[0]["status"], entries[0]["source"]) == (204, "upstream")
    assert entries[0]["duration_ms"] >= entries[0]["first_byte_ms"] > 0
    assert [entry["recording"] for entry in found] == ["other"]
    assert (cleared, left) == (204, [])


def test_journal_is_given_as_har_and_as_curl_commands(emulator: Emulator) -> None:
    """HTTP Archive 1.2; a command that can be pasted."""
    with proxying(emulator.base_url) as proxy:
        proxy.client.get("/studies?limit=2&offset=1", headers={"X-Quote": "it's"})
        har = proxy.admin("GET", "journal?format=har").json()
        curl = proxy.admin("GET", "journal?format=curl").text

    (entry,) = har["log"]["entries"]
    assert entry["request"]["url"] == f"{proxy.url}/v2/studies?limit=2&offset=1"
    assert entry["request"]["queryString"] == [{"name": "limit", "value": "2"}, {"name": "offset", "value": "1"}]
    assert entry["response"]["status"] == 204
    assert curl.startswith("curl -i ")
    assert "-H 'Accept: application/dicom+json'" in curl
    assert "'X-Quote: it'\"'\"'s'" in curl
    assert curl.endswith(f"'{proxy.url}/v2/studies?limit=2&offset=1'\n")


def test_named_recording_is_started_shown_and_stopped(emulator: Emulator, tmp_path: Path) -> None:
    """Its cassette is written when it stops, not only when the proxy does."""
    with proxying(emulator.base_url, cassette_dir=tmp_path) as proxy:
        started = proxy.admin("POST", "recordings/one/start", json.dumps({"mode": "record"}).encode())
        again = proxy.admin("POST", "recordings/one/start")
        Conversation(prefix="/_r/one").ask(proxy.client, "GET", "/studies")
        shown = eventually(lambda: _recorded(proxy, "one"))
        stopped = proxy.admin("POST", "recordings/one/stop")
        is_written = (tmp_path / "one.yaml").exists()
        gone = proxy.admin("GET", "recordings/one")

    assert (started.status, started.json()["is_recording"]) == (201, True)
    assert again.status == 409
    assert (shown["mode"], shown["recorded"]) == ("record", 1)
    assert (stopped.status, stopped.json()["is_recording"]) == (200, False)
    assert is_written
    assert gone.status == 404


def _recorded(proxy: RunningProxy, name: str) -> dict[str, Any] | None:
    shown: dict[str, Any] = proxy.admin("GET", f"recordings/{name}").json()
    return shown if shown["recorded"] else None


def test_mode_is_switched_from_recording_to_replaying(emulator: Emulator, tmp_path: Path) -> None:
    """One proxy for the whole of a test run."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        Conversation().ask(proxy.client, "GET", "/studies")
        switched = proxy.admin("PUT", "mode", json.dumps({"mode": "replay"}).encode())
        mode = proxy.admin("GET", "mode").json()
        replayed = Conversation().ask(proxy.client, "GET", "/studies")
        bad = proxy.admin("PUT", "mode", json.dumps({"mode": "repaly"}).encode())

    assert (switched.status, mode) == (200, {"mode": "replay"})
    assert replayed.headers["x-azdicom-source"] == "cassette"
    assert bad.status == 400
    assert "passthrough, record, replay, spy" in bad.json()["detail"]


def test_reset_plays_the_cassette_from_its_beginning(emulator: Emulator, tmp_path: Path) -> None:
    """Between two tests that share a proxy; what was missed is forgotten."""
    talk = Conversation()
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        talk.tour(proxy.client)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        first = [answer.status for answer in talk.tour(proxy.client)]
        played = proxy.admin("GET", "recordings/default").json()
        assert proxy.admin("POST", "reset").status == 204
        unplayed = proxy.admin("GET", "recordings/default").json()
        second = [answer.status for answer in talk.tour(proxy.client)]

    assert first == second
    assert (played["played"], played["unplayed"]) == (7, [])
    assert (unplayed["played"], len(unplayed["unplayed"])) == (0, 7)


def test_metrics_count_requests_bytes_latencies_and_misses(emulator: Emulator, tmp_path: Path) -> None:
    """Prometheus text format."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        Conversation().ask(proxy.client, "GET", "/studies")
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        Conversation().ask(proxy.client, "GET", "/studies")
        Conversation().ask(proxy.client, "GET", "/series")
        answer = proxy.admin("GET", "metrics")

    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'azdicom_requests_total{route="GET /studies",status="204",source="cassette"} 1' in lines
    assert 'azdicom_requests_total{route="GET /series",status="502",source="cassette"} 1' in lines
    assert 'azdicom_misses_total{recording="default"} 1' in lines
    assert 'azdicom_request_seconds_bucket{route="GET /studies",le="+Inf"} 1' in lines


def test_shutdown_ends_the_proxy(emulator: Emulator) -> None:
    """A test run that knows no process id."""
    with proxying(emulator.base_url) as proxy:
        assert proxy.admin("POST", "shutdown").status == 202

        def is_closed() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(proxy.client.address) != 0

        assert eventually(is_closed)


def test_admin_token_is_asked_for_when_there_is_one(emulator: Emulator) -> None:
    """--admin-token: as a bearer token."""
    with proxying(emulator.base_url, admin_token="s3cret") as proxy:
        statuses = [
            proxy.admin("GET", "health", Authorization=value).status for value in ("", "Bearer wrong", "Bearer s3cret")
        ]

    assert statuses == [401, 401, 200]


def test_admin_api_can_be_turned_off(emulator: Emulator) -> None:
    """--no-admin: the paths are the upstream's."""
    with proxying(emulator.base_url, admin=False) as proxy:
        answer = proxy.admin("GET", "health")

    assert answer.headers["x-azdicom-source"] == "upstream"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("DELETE", "health", 405),
        ("GET", "journal?format=xml", 400),
        ("GET", "journal?colour=red", 400),
        ("POST", "recordings/none/stop", 404),
        ("POST", "recordings/none/pause", 404),
        ("PUT", "mode", 400),
    ],
)
def test_what_the_admin_api_does_not_know_is_a_problem_document(
    method: str, path: str, status: int, emulator: Emulator
) -> None:
    """RFC 9457."""
    with proxying(emulator.base_url) as proxy:
        answer = proxy.admin(method, path)

    assert answer.status == status
    assert status == 405 or answer.content_type == "application/problem+json"


def test_variables_pair_the_clients_ids_with_the_recorded_ones(emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §15 and §8: by recording; a reset forgets them."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        Conversation(1).store(proxy.client)
        recording = proxy.admin("GET", "variables").json()
    matching = Matching(map_uids=True)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml", matching=matching) as proxy:
        Conversation(2).store(proxy.client, PatientID="P-1")
        replaying = proxy.admin("GET", "variables").json()
        proxy.admin("POST", "reset")
        reset = proxy.admin("GET", "variables").json()

    ours, theirs = Conversation(2).study, Conversation(1).study
    pairs = [(f"{ours}{suffix}", f"{theirs}{suffix}") for suffix in (".3", "", ".2")]
    assert recording == reset == {"default": []}
    assert replaying == {"default": [{"client": client, "recorded": recorded} for client, recorded in pairs]}
