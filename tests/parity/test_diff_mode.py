"""Diff mode: the client is served by the upstream alone, while a copy of each exchange is compared behind its back."""

import json
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from azdicom_proxy.cassette.reading import load
from azdicom_proxy.parity.fresh_local import FAKE_TOKEN
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.report_options import ReportOptions, ReportSettings
from azdicom_proxy.parity.rules import Rules
from azdicom_proxy.parity.shadow import QUEUE
from azdicom_proxy.parity.thresholds import Threshold
from azdicom_proxy.settings import Mode
from azdicom_proxy.upstream.address import Address
from tests.parity.outcomes import metrics, outcomes, result, waiting
from tests.proxy.commands import started
from tests.proxy.conversations import TOUR_STATUSES, Conversation
from tests.proxy.large_bodies import bottomless_upstream, peak_memory_mb, retrieve, sha256_of, store
from tests.proxy.proxies import RunningProxy, proxying
from tests.proxy.raw_upstream import Peer, RawUpstream, raw_upstream
from tests.support.client import DICOM_JSON, Emulator, Response
from tests.support.instances import an_instance, instance_path, study_path
from tests.support.waiting import eventually

STUDY = re.compile(rb" /v2/studies/([0-9.]+)")
EMPTY_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MEBIBYTES = 64
MEMORY_MB = 200


class Local:
    """A local side of bare sockets: it answers 200 without a body, when it is let."""

    def __init__(self) -> None:
        self.gates: dict[bytes, threading.Event] = {}
        self.heads: list[bytes] = []

    def __call__(self, peer: Peer) -> None:
        while True:
            head = peer.head()
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length:
                peer.take(int(length[1]))
            self.heads.append(head)
            for part, gate in self.gates.items():
                if part in head:
                    gate.wait(20)
            peer.say(EMPTY_OK)

    def hold(self, part: bytes) -> threading.Event:
        """Requests with `part` in their head wait for the event."""
        return self.gates.setdefault(part, threading.Event())


@contextmanager
def beside(upstream: str, local: Local, **settings: Any) -> Iterator[tuple[RunningProxy, RawUpstream]]:
    """A proxy that compares `upstream` with `local`."""
    with (
        raw_upstream(local) as side,
        proxying(upstream, Mode.DIFF, local=Address.parse(side.url), **settings) as proxy,
    ):
        try:
            yield proxy, side
        finally:
            for gate in local.gates.values():
                gate.set()


def a_report(folder: Path, *, first: int) -> ReportSettings:
    """Nothing is written; `first` requests of each route are asked again."""
    return ReportSettings(
        reports=ReportOptions(is_quiet=True),
        threshold=Threshold(),
        rules=Rules(),
        learning=Learning(first=first),
        noise_path=folder / "noise.yaml",
    )


def a_long_session(client: Emulator) -> list[Response]:
    """All kinds of requests: of studies, workitems, tags and operations, right and wrong ones."""
    first, second = Conversation(1), Conversation(2)
    answers = [first.store(client), second.store(client), second.store(client)]
    for target, accept in (
        ("/studies?includefield=all", DICOM_JSON),
        ("/studies?PatientID=P-1&limit=1", DICOM_JSON),
        ("/series?Modality=CT", DICOM_JSON),
        (f"/studies/{first.study}", 'multipart/related; type="application/dicom"; transfer-syntax=*'),
        (f"/studies/{first.study}/metadata", DICOM_JSON),
        (first.instance_path, "application/dicom; transfer-syntax=*"),
        (f"{first.instance_path}/rendered", "image/jpeg"),
        (f"{first.instance_path}/frames/1/rendered", "image/png"),
        (f"{first.instance_path}/frames/9", "application/octet-stream; transfer-syntax=*"),
        ("/changefeed", "application/json"),
        ("/extendedquerytags", "application/json"),
        ("/studies?NoSuch=1", DICOM_JSON),
        ("/nowhere", None),
    ):
        answers.append(first.ask(client, "GET", target, accept=accept))
    answers.append(first.ask(client, "DELETE", f"/studies/{first.study}", accept=None))
    return answers + first.tour(client)


# What the client gets.


def test_the_client_gets_what_the_upstream_said(strict_emulator: Emulator) -> None:
    """record-replay §2: the upstream's response, byte for byte."""
    instance = strict_emulator.store(an_instance())
    path = f"/v2{instance_path(instance)}"
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    directly = strict_emulator.request("GET", path, headers=accept)

    with proxying(strict_emulator.base_url, Mode.DIFF) as proxy:
        through = proxy.client.request("GET", path, headers=accept)

    assert (through.status, through.content) == (directly.status, directly.content)
    assert through.headers["x-azdicom-source"] == "upstream"


def test_a_local_side_that_hangs_holds_no_client_up(strict_emulator: Emulator) -> None:
    """record-replay §2: the client is served with no wait on the local side."""
    local = Local()
    local.hold(b" /v2/")
    with beside(strict_emulator.base_url, local) as (proxy, _):
        statuses = [answer.status for answer in Conversation().tour(proxy.client)]
        is_held = waiting(proxy.client) > 0

    assert statuses == TOUR_STATUSES
    assert is_held


def test_a_local_side_that_crashes_is_a_finding_and_no_trouble(strict_emulator: Emulator) -> None:
    """record-replay §2: a crash of the local side is itself a finding, `local-error`."""

    def crash(peer: Peer) -> None:
        peer.head()

    with (
        raw_upstream(crash) as local,
        proxying(strict_emulator.base_url, Mode.DIFF, local=Address.parse(local.url)) as proxy,
    ):
        statuses = [answer.status for answer in Conversation().tour(proxy.client)]
        found = outcomes(proxy.client, len(statuses))
        told = json.dumps(result(proxy))

    assert statuses == TOUR_STATUSES
    assert sum(found.values()) == len(statuses)
    assert found["breaking"] >= 1
    assert found.keys() == {"breaking", "unseeded"}  # what was to be stored there is not
    assert "local-error" in told


def test_more_than_the_queue_holds_is_counted_not_waited_for(strict_emulator: Emulator) -> None:
    """record-replay §2: when the queue is full, exchanges are counted as `skipped: backpressure`."""
    local = Local()
    gate = local.hold(b" /v2/")
    asked = QUEUE + 20
    with beside(strict_emulator.base_url, local) as (proxy, _):
        for _ in range(asked):
            assert proxy.client.get("/studies?limit=1").status == 204
        gate.set()
        found = outcomes(proxy.client, asked)
        told = json.dumps(result(proxy))

    assert found["skipped"] == 20
    assert sum(found.values()) == asked
    assert "backpressure" in told


# What the local side sees.


def test_the_local_side_never_sees_the_live_token(strict_emulator: Emulator) -> None:
    """record-replay §4: it gets a fixed fake one."""
    local = Local()
    with beside(strict_emulator.base_url, local) as (proxy, _):
        proxy.client.get("/studies", headers={"Authorization": "Bearer live-secret"})
        outcomes(proxy.client, 1)
        told = json.dumps(result(proxy))

    assert b"live-secret" not in local.heads[0]
    assert f"Authorization: Bearer {FAKE_TOKEN}".encode() in local.heads[0]
    assert "live-secret" not in told


def test_exchanges_of_a_study_reach_the_local_side_in_the_upstreams_order(strict_emulator: Emulator) -> None:
    """record-replay §2, state: writes in completion order, a read after all earlier writes on its key."""
    local = Local()
    first, second = Conversation(1), Conversation(2)
    gate = local.hold(f"GET /v2/studies/{first.study}/metadata ".encode())
    with beside(strict_emulator.base_url, local) as (proxy, _):
        for conversation in (first, second):
            conversation.store(proxy.client)
            conversation.ask(proxy.client, "GET", f"/studies/{conversation.study}/metadata")
        for conversation in (first, second):
            conversation.ask(proxy.client, "DELETE", f"/studies/{conversation.study}", accept=None)
        others = eventually(lambda: _about(local, second), what="the other study's read")
        held = _about(local, first)
        gate.set()
        outcomes(proxy.client, 6)

    assert others == ["GET"]
    assert held == ["GET"]
    assert _about(local, first) == ["GET", "DELETE"]
    assert _about(local, second) == ["GET", "DELETE"]


def test_a_write_that_the_upstream_failed_is_not_repeated(tmp_path: Path) -> None:
    """record-replay §2, state: `skipped: upstream-failed` after a 5xx or a connection error."""

    def fail(peer: Peer) -> None:
        head = peer.head()
        length = re.search(rb"(?i)content-length: (\d+)", head)
        peer.take(int(length[1]) if length else 0)
        peer.say(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    local = Local()
    with raw_upstream(fail) as upstream, beside(upstream.url, local) as (proxy, _):
        assert Conversation().store(proxy.client).status == 503
        found = outcomes(proxy.client, 1)
        told = json.dumps(result(proxy))

    assert found == {"skipped": 1}
    assert "upstream-failed" in told
    assert local.heads == []


# What is found.


@pytest.mark.parametrize("asked_again", [0, 3], ids=["learning off", "learning on"])
def test_the_emulator_against_itself_is_the_same(asked_again: int, strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §16, 10: score 100 % in both directions, zero differences, with learning on and off."""
    report = a_report(tmp_path, first=asked_again)
    with proxying(strict_emulator.base_url, Mode.DIFF, report=report) as proxy:
        answers = a_long_session(proxy.client)
        found = outcomes(proxy.client, len(answers))
        told = result(proxy)

    assert found == {"same": len(answers)}, json.dumps(told, indent=1)
    summary = told["summary"]
    assert (summary["score"], summary["recall"], summary["precision"]) == (100, 100, 100)
    assert [each for each in told["fingerprints"] if each["severity"] != "noise"] == []
    assert bool(report.learning.profile.asked) == bool(asked_again)


def test_only_safe_requests_are_asked_again(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §10.4: the first of each route, never for unsafe methods."""
    report = a_report(tmp_path, first=2)
    with proxying(strict_emulator.base_url, Mode.DIFF, report=report) as proxy:
        for number in range(3):
            Conversation(number).store(proxy.client)
            proxy.client.get("/studies")
            outcomes(proxy.client, 2 * (number + 1))

    assert report.learning.profile.asked == {"GET /studies": 2}


def test_what_never_passed_by_is_unseeded(strict_emulator: Emulator) -> None:
    """record-replay §2, state: class `unseeded`, not `breaking`."""
    instance = strict_emulator.store(an_instance())
    with proxying(strict_emulator.base_url, Mode.DIFF) as proxy:
        proxy.client.get(f"{study_path(instance)}/metadata")
        proxy.client.get("/studies")
        proxy.client.get("/changefeed", accept="application/json")
        found = outcomes(proxy.client, 3)

    assert found == {"unseeded": 3}


def test_hydration_brings_what_never_passed_by(strict_emulator: Emulator) -> None:
    """record-replay §2, state: --hydrate fetches unknown instances, then compares; they are listed in the report."""
    instance = strict_emulator.store(an_instance())
    with proxying(strict_emulator.base_url, Mode.DIFF, hydrate=True) as proxy:
        proxy.client.get(f"{study_path(instance)}/metadata")
        proxy.client.get("/studies")
        found = outcomes(proxy.client, 2)
        told = json.dumps(result(proxy))

    assert found == {"same": 2}
    assert str(instance.SOPInstanceUID) in told


def test_hydration_stops_at_its_limit(strict_emulator: Emulator) -> None:
    """record-replay §2, state: --hydrate-limit."""
    instances = [strict_emulator.store(an_instance()) for _ in range(3)]
    with proxying(strict_emulator.base_url, Mode.DIFF, hydrate=True, hydrate_limit=2) as proxy:
        for instance in instances:
            proxy.client.get(f"{study_path(instance)}/metadata")
        found = outcomes(proxy.client, 3)

    assert found == {"same": 2, "unseeded": 1}


def test_operations_of_the_two_sides_are_paired(strict_emulator: Emulator) -> None:
    """record-replay §2, state: the 202 is compared at once, then the final states; ids are paired."""
    tags = json.dumps([{"path": "0008103E", "vr": "LO", "level": "Series"}]).encode()
    with proxying(strict_emulator.base_url, Mode.DIFF) as proxy:
        added = proxy.client.post(
            "/extendedquerytags", tags, content_type="application/json", accept="application/json"
        )
        operation = added.headers["Location"].removeprefix(proxy.url)
        eventually(lambda: proxy.client.request("GET", operation).json()["status"] == "succeeded", what="the operation")
        proxy.client.get("/extendedquerytags/0008103E", accept="application/json")
        eventually(lambda: _ends_compared(proxy) == 2, what="the ends, as the client and as the proxy saw them")
        told = result(proxy)["summary"]

    assert added.status == 202
    assert (told["breaking"], told["minor"], told["unseeded"]) == (0, 0, 0)


def _ends_compared(proxy: RunningProxy) -> int:
    routes = {route["route"]: route for route in result(proxy)["routes"]}
    return int(routes.get("GET /operations/{operation}", {}).get("same", 0))


def test_a_cassette_is_recorded_at_the_same_time(strict_emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §2: diff result, optional cassette."""
    cassette = tmp_path / "tour.yaml"
    with proxying(strict_emulator.base_url, Mode.DIFF, cassette=cassette) as proxy:
        Conversation().tour(proxy.client)
        found = outcomes(proxy.client, len(TOUR_STATUSES))

    assert found == {"same": len(TOUR_STATUSES)}
    assert [interaction.response.status for interaction in load(cassette).interactions] == TOUR_STATUSES


def test_admin_tells_what_was_found(strict_emulator: Emulator) -> None:
    """record-replay §15: GET diff, noise, coverage, and metrics of differences and queue length."""
    with proxying(strict_emulator.base_url, Mode.DIFF) as proxy:
        Conversation().tour(proxy.client)
        outcomes(proxy.client, len(TOUR_STATUSES))
        answers = {path: proxy.admin("GET", path) for path in ("diff", "noise", "coverage", "info")}
        text = metrics(proxy.client)

    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert answers["info"].json()["mode"] == "diff"
    assert 'azdicom_compared_total{verdict="same"} 7' in text
    assert "azdicom_diff_queue_length 0" in text


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory from /proc")
def test_large_bodies_do_not_grow_the_proxy(tmp_path: Path) -> None:
    """record-replay §16, 5: bodies flow and are kept in files; memory does not grow with their size."""
    expected = sha256_of(MEBIBYTES)
    with (
        bottomless_upstream() as upstream,
        started(tmp_path, "proxy", "--mode=diff", f"--upstream={upstream.url}") as proxy,
    ):
        assert retrieve(proxy.client.address, 1) == (1024 * 1024, sha256_of(1))
        outcomes(proxy.client, 1)
        small_mb = peak_memory_mb(proxy.pid)
        assert store(proxy.client.address, MEBIBYTES) == expected
        assert retrieve(proxy.client.address, MEBIBYTES)[1] == expected
        outcomes(proxy.client, 3)
        grown_mb = peak_memory_mb(proxy.pid) - small_mb
        proxy.process.send_signal(signal.SIGTERM)
        proxy.ends()

    assert grown_mb < MEBIBYTES


def _about(local: Local, conversation: Conversation) -> list[str]:
    """The methods of the requests that name the study in their path, in their order."""
    named = [head for head in local.heads if STUDY.search(head) and conversation.study.encode() in head]
    return [head.split(b" ")[0].decode() for head in named]
