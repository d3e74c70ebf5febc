"""What is recorded, in which order, and what is not; record modes; nothing changes when it is recorded again."""

import gzip
import json
from pathlib import Path

import pytest

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.errors import CassetteLockedError
from azdicom_proxy.cassette.model import Omitted
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.settings import Mode
from tests.proxy.conversations import INSTANCE, TOUR_STATUSES, Conversation, essence, only
from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Client, Peer, answering, raw_upstream
from tests.support.client import Emulator

OK_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def files_in(folder: Path) -> dict[str, bytes]:
    """What a reviewer would see in git: all but the timings."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".timings.json")
    }


def test_client_gets_the_upstreams_answers_while_they_are_recorded(emulator: Emulator, tmp_path: Path) -> None:
    """The recorder changes nothing but the URLs' host."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        answers = Conversation().tour(proxy.client)
    direct = Conversation(2).tour(emulator)

    assert [answer.status for answer in answers] == TOUR_STATUSES
    assert [answer.content_type for answer in answers][:3] == [answer.content_type for answer in direct][:3]
    assert {answer.headers["x-azdicom-source"] for answer in answers} == {"upstream"}


def test_interactions_are_recorded_in_the_order_of_the_conversation(emulator: Emulator, tmp_path: Path) -> None:
    """Each with a route and a stable id."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        Conversation().tour(proxy.client)

    assert [interaction.id for interaction in load(tmp_path / "c.yaml").interactions] == [
        "stow-studies-0001",
        "qido-studies-0001",
        "wado-instance-0001",
        "wado-frames-0001",
        "wado-study-metadata-0001",
        "delete-study-0001",
        "wado-study-metadata-0002",
    ]


def test_cassette_knows_neither_the_upstreams_nor_the_proxys_host(emulator: Emulator, tmp_path: Path) -> None:
    """A placeholder stands for the service, also where the path names the recording."""
    with proxying(emulator.base_url, Mode.RECORD, cassette_dir=tmp_path) as proxy:
        Conversation(prefix="/_r/named").tour(proxy.client)

    text = (tmp_path / "named.yaml").read_text()
    assert "127.0.0.1" not in text
    assert "/_r/" not in text
    assert "https://workspace-dicom.dicom.azurehealthcareapis.com/v2/studies/" in text


def test_recording_replaying_and_recording_again_leaves_the_files_as_they_are(
    emulator: Emulator, tmp_path: Path
) -> None:
    """`rewrite`: no change in git, on another port, after a replay."""
    cassette = tmp_path / "repo" / "tour.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        recorded = Conversation().tour(proxy.client)
    first = files_in(cassette.parent)

    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        replayed = Conversation().tour(proxy.client)
    assert files_in(cassette.parent) == first

    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette, record_mode="rewrite") as proxy:
        again = Conversation().tour(proxy.client)

    assert files_in(cassette.parent) == first
    assert only(proxy.closed).report is not None
    assert only(proxy.closed).report.summary() == "kept 7, changed 0, added 0, removed 0"  # type: ignore[union-attr]
    assert [answer.status for answer in replayed] == [answer.status for answer in recorded] == TOUR_STATUSES
    assert len(again) == len(recorded)


def test_replayed_answers_are_the_recorded_ones(emulator: Emulator, tmp_path: Path) -> None:
    """But for the host in URLs, which is the serving proxy's."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        recorded = essence(Conversation().tour(proxy.client))
        recording_url = proxy.url
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        replayed = essence(Conversation().tour(proxy.client))

    assert json.loads(json.dumps(replayed, default=bytes.hex).replace(proxy.url, recording_url)) == json.loads(
        json.dumps(recorded, default=bytes.hex)
    )
    assert only(proxy.closed).player.unplayed() == []  # type: ignore[union-attr]


def test_once_records_a_new_cassette_and_replays_one_that_is_there(emulator: Emulator, tmp_path: Path) -> None:
    """The default, as VCR.py has it: what is not in the cassette is a miss, not a new episode."""
    for expected in ("upstream", "cassette"):
        with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
            answer = Conversation().ask(proxy.client, "GET", "/studies")
            unknown = Conversation().ask(proxy.client, "GET", "/studies?limit=1") if expected == "cassette" else None
        assert answer.headers["x-azdicom-source"] == expected

    assert unknown is not None
    assert (unknown.status, unknown.headers["x-azdicom-error"]) == (502, "cassette-miss")


def test_new_episodes_replays_what_it_knows_and_adds_the_rest(emulator: Emulator, tmp_path: Path) -> None:
    """Also requests with a body, which must be read before it is known who answers them."""
    talk = Conversation()
    cassette = tmp_path / "c.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette) as proxy:
        talk.ask(proxy.client, "GET", "/studies")
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette, record_mode="new_episodes") as proxy:
        sources = [
            answer.headers["x-azdicom-source"]
            for answer in (
                talk.ask(proxy.client, "GET", "/studies"),
                talk.store(proxy.client),
                talk.ask(proxy.client, "GET", talk.instance_path, accept=INSTANCE),
                talk.ask(proxy.client, "GET", talk.instance_path, accept=INSTANCE),
            )
        ]

    assert sources == ["cassette", "upstream", "upstream", "cassette"]
    assert len(load(cassette).interactions) == 3
    assert Conversation().ask(emulator, "GET", talk.instance_path, accept=INSTANCE).status == 200


def test_all_records_anew_and_forgets_what_is_no_longer_asked(emulator: Emulator, tmp_path: Path) -> None:
    """`all`: always forward."""
    cassette = tmp_path / "c.yaml"
    for path in ("/studies", "/studies?limit=2"):
        with proxying(emulator.base_url, Mode.RECORD, cassette=cassette, record_mode="all") as proxy:
            assert Conversation().ask(proxy.client, "GET", path).headers["x-azdicom-source"] == "upstream"

    (interaction,) = load(cassette).interactions
    assert interaction.request.uri.endswith("/v2/studies?limit=2")


def test_aborted_and_failed_exchanges_are_not_recorded(tmp_path: Path) -> None:
    """A cassette holds whole answers only; what was whole before stays."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(OK_JSON)
        peer.head()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nContent-Length: 1000\r\n\r\nstart")

    with (
        raw_upstream(script) as upstream,
        proxying(upstream.url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy,
        Client(proxy.client.address) as client,
    ):
        proxy.client.request("GET", "/v2/operations/1")
        client.say(b"GET /v2/studies/1 HTTP/1.1\r\nHost: h\r\n\r\n")
        client.rest()
    with proxying(upstream.url, Mode.RECORD, cassette=tmp_path / "c.yaml", record_mode="new_episodes") as proxy:
        assert proxy.client.request("GET", "/v2/studies/2").status == 502

    assert len(load(tmp_path / "c.yaml").interactions) == 1


def test_client_that_hangs_up_right_behind_the_answer_is_recorded(emulator: Emulator, tmp_path: Path) -> None:
    """The answer was whole: what happens to the connection afterwards does not matter."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        for number in range(20):
            with Client(proxy.client.address) as client:
                request = (
                    f"GET /v2/studies?limit={number + 1} HTTP/1.1\r\nHost: h\r\nAccept: application/dicom+json\r\n\r\n"
                )
                client.say(request.encode())
                client.head()

    uris = [interaction.request.uri for interaction in load(tmp_path / "c.yaml").interactions]
    assert [uri.rpartition("=")[2] for uri in uris] == [str(number + 1) for number in range(20)]


def test_coded_answers_are_recorded_decoded_and_the_client_gets_them_as_they_came(tmp_path: Path) -> None:
    """And replay codes them again only with --recode, for a client that takes it."""
    coded = gzip.compress(b'{"a": 1}')
    lines = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded)
    accepts = {"Accept-Encoding": "gzip", "Accept": "application/json"}
    with (
        raw_upstream(answering(b"HTTP/1.1 200 OK\r\n" + lines + coded)) as upstream,
        proxying(upstream.url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy,
    ):
        live = proxy.client.request("GET", "/v2/operations/1", headers=accepts)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        plain = proxy.client.request("GET", "/v2/operations/1", headers=accepts)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml", recode=True) as proxy:
        recoded = proxy.client.request("GET", "/v2/operations/1", headers=accepts)

    (interaction,) = load(tmp_path / "c.yaml").interactions
    assert (live.content, interaction.response_coding) == (coded, "gzip")
    assert json.loads(content_of(interaction.response.body)) == {"a": 1}
    assert (plain.headers["Content-Encoding"], plain.json()) == (None, {"a": 1})
    assert recoded.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(recoded.content)) == {"a": 1}


def test_body_over_the_limit_flows_and_only_its_hash_is_kept(emulator: Emulator, tmp_path: Path) -> None:
    """--max-record-body: its replay is refused with a reason."""
    talk = Conversation()
    cassette = tmp_path / "c.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=cassette, max_record_body_bytes=1000) as proxy:
        assert talk.store(proxy.client).status == 200
        live = talk.ask(proxy.client, "GET", talk.instance_path, accept=INSTANCE)
    with proxying(None, Mode.REPLAY, cassette=cassette) as proxy:
        replayed = talk.ask(proxy.client, "GET", talk.instance_path, accept=INSTANCE)

    store, retrieve = load(cassette).interactions
    assert isinstance(store.request.body, Omitted)
    assert isinstance(retrieve.response.body, Omitted)
    assert retrieve.response.body.size_bytes == len(live.content) > 1000
    assert (replayed.status, replayed.headers["x-azdicom-error"]) == (502, "body-not-recorded")
    assert "--max-record-body" in replayed.json()["detail"]


def test_second_recorder_of_a_cassette_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    """Two writers would lose interactions."""
    with (
        proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml"),
        pytest.raises(CassetteLockedError),
        proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml"),
    ):
        raise AssertionError("unreachable")
