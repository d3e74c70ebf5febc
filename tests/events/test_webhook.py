"""Webhooks: what is sent, what a failing endpoint gets again, in which order, and what is given up (async §6.3)."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EmulatorWith
from tests.events.providers import providers, sinks, webhook
from tests.events.receiver import Received, Receiver, receiving
from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_study, study_path
from tests.support.waiting import eventually

Answer = tuple[int, Mapping[str, str], bytes]
TAKEN: Answer = (200, {}, b"")


@dataclass
class Failing:
    """Refuses, then is silent for longer than the sender waits, then is back."""

    refusals: int = 5
    silences: int = 2
    woken: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _: Received) -> Answer:
        with self._lock:
            self.refusals -= 1
            refuse = self.refusals >= 0
            silent = not refuse and self.silences > 0
            self.silences -= silent
        if silent:
            self.woken.wait(20)
        return (503, {}, b"busy") if refuse or silent else TAKEN


def delivered(emulator: Emulator, number: int) -> dict[str, Any]:
    """The only sink, once it has come so far."""

    def sink() -> dict[str, Any] | None:
        (found,) = sinks(emulator)
        return found if found["position"] == number and not found["pending"] else None

    found = eventually(sink, what=f"position {number}", within_s=20)
    assert found is not None
    return found


def test_notification_carries_the_headers_of_event_grid(emulator_with: EmulatorWith) -> None:
    """async §6.3: an array with one event, `aeg-event-type: Notification` and the headers beside it."""
    with receiving(Receiver()) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url, name="hook")))
        dataset = emulator.store(an_instance())
        delivered(emulator, 1)

    (request,) = receiver.requests
    assert request.method == "POST"
    assert isinstance(request.body, list)
    assert len(request.body) == 1
    assert request.instance == dataset.SOPInstanceUID
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert headers["aeg-event-type"] == "Notification"
    assert headers["aeg-subscription-name"] == "HOOK"
    assert headers["aeg-delivery-count"] == "0"
    assert (headers["aeg-data-version"], headers["aeg-metadata-version"]) == ("1", "1")


@pytest.mark.parametrize(
    ("more", "is_array", "content_type"),
    [
        ({"schema": "cloudevents"}, False, "application/cloudevents+json; charset=utf-8"),
        ({"batch": "single"}, False, "application/json; charset=utf-8"),
        ({"schema": "seed"}, False, "application/json"),
        ({"schema": "seed", "batch": "array"}, True, "application/json"),
    ],
    ids=["cloudevents", "single", "seed", "seed-array"],
)
def test_body_is_as_the_schema_and_batch_say(
    emulator_with: EmulatorWith, more: dict[str, Any], is_array: bool, content_type: str
) -> None:
    """async §6.3, HTTP body; §6.4: the earlier emulator sent one object, without Event Grid's headers."""
    with receiving(Receiver()) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url, **more)))
        emulator.store(an_instance())
        delivered(emulator, 1)

    (request,) = receiver.requests
    assert isinstance(request.body, list) == is_array
    assert request.headers["Content-Type"] == content_type
    assert ("aeg-event-type" in request.headers) == (more.get("schema") != "seed")


def test_endpoint_that_fails_hangs_and_comes_back_gets_everything_in_order(emulator_with: EmulatorWith) -> None:
    """async §6.3: at least once; the events of a study one after the other, ids kept when they are sent again."""
    failing = Failing()
    with receiving(Receiver(failing)) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url, timeout_seconds=0.3)))
        firsts = [an_instance() for _ in range(3)]
        studies = [[first, *(another_in_study(first) for _ in range(4))] for first in firsts]
        stored = [emulator.store(dataset) for group in zip(*studies, strict=True) for dataset in group]
        sink = delivered(emulator, len(stored))
        failing.woken.set()

    taken = receiver.instances()
    assert set(taken) == {dataset.SOPInstanceUID for dataset in stored}
    for study in studies:
        uids = [dataset.SOPInstanceUID for dataset in study]
        assert [uid for uid in dict.fromkeys(taken) if uid in uids] == uids
    ids: dict[str, set[str]] = {}
    for request in receiver.requests:
        ids.setdefault(request.instance, set()).add(request.event["id"])
    assert all(len(found) == 1 for found in ids.values())
    assert any(request.headers["aeg-delivery-count"] != "0" for request in receiver.requests)
    assert sink["failures"] >= 7
    assert sink["delivered"] == len(stored)
    assert sink["lastError"]


def test_silent_endpoint_does_not_hold_up_stores_or_other_sinks(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: every sink has a task of its own behind the commit; nothing of a store waits for it."""
    woken = threading.Event()

    def hang(_: Received) -> Answer:
        woken.wait(30)
        return TAKEN

    with receiving(Receiver(hang)) as receiver:
        entries = webhook(receiver.url), {"type": "file", "file_path": str(tmp_path / "events")}
        emulator = emulator_with(event_providers=providers(*entries))
        try:
            for _ in range(20):
                emulator.store(an_instance())
            assert emulator.search_studies()
            eventually(lambda: receiver.requests, what="a request that hangs")
            eventually(lambda: sinks(emulator)[1]["position"] == 20, what="the other sink's events")
            assert receiver.taken == []
            hook, file = sinks(emulator)
            assert (hook["type"], hook["position"], hook["pending"]) == ("webhook", 0, 20)
            assert (file["type"], file["position"], file["pending"]) == ("file", 20, 0)
            assert len((tmp_path / "events").read_bytes().splitlines()) == 20
        finally:
            woken.set()
        eventually(lambda: sinks(emulator)[0]["pending"] == 0, what="delivery")


def test_study_whose_event_is_refused_does_not_hold_up_other_studies(emulator_with: EmulatorWith) -> None:
    """async §6.3: delivery order is not promised across studies; within one it is kept."""
    refused = an_instance()
    is_open = threading.Event()

    def answer(request: Received) -> Answer:
        return TAKEN if is_open.is_set() or request.instance != refused.SOPInstanceUID else (500, {}, b"")

    with receiving(Receiver(answer)) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url)))
        emulator.store(refused)
        second = emulator.store(another_in_study(refused))
        others = [emulator.store(an_instance()) for _ in range(3)]
        eventually(lambda: len(receiver.taken) == 3, what="the other studies' events")
        assert sorted(receiver.instances()) == sorted(dataset.SOPInstanceUID for dataset in others)
        assert sinks(emulator)[0]["position"] == 0
        is_open.set()
        delivered(emulator, 5)

    assert receiver.instances()[3:] == [refused.SOPInstanceUID, second.SOPInstanceUID]


def echo_code(request: Received) -> Answer:
    if request.headers.get("aeg-event-type") != "SubscriptionValidation":
        return TAKEN
    return 200, {}, json.dumps({"validationResponse": request.event["data"]["validationCode"]}).encode()


def test_handshake_comes_before_the_first_event(emulator_with: EmulatorWith) -> None:
    """async §6.3, webhook-event-delivery: one validation event, answered 200 with its code."""
    with receiving(Receiver(echo_code)) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url, validate=True)))
        emulator.store_all([an_instance(), an_instance()])
        delivered(emulator, 2)

    handshake, *events = receiver.requests
    assert handshake.headers["aeg-event-type"] == "SubscriptionValidation"
    event = handshake.event
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert (event["subject"], event["dataVersion"], event["metadataVersion"]) == ("", "1", "1")
    assert set(event["data"]) == {"validationCode", "validationUrl"}
    assert [request.headers["aeg-event-type"] for request in events] == ["Notification", "Notification"]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, b"{}"),
        (200, {}, b""),
        (202, {}, b'{"validationResponse": "x"}'),
        (200, {}, b'{"validationResponse":"x"}'),
    ],
    ids=["no-code", "no-body", "202", "another-code"],
)
def test_endpoint_that_fails_the_handshake_gets_no_event_until_it_is_completed_by_hand(
    emulator_with: EmulatorWith, answer: Answer
) -> None:
    """async §6.3: 200 without the code leaves the GET of validationUrl; 202 is not accepted."""

    def no_handshake(request: Received) -> Answer:
        return answer if request.headers.get("aeg-event-type") == "SubscriptionValidation" else TAKEN

    with receiving(Receiver(no_handshake)) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url, validate=True)))
        emulator.store(an_instance())
        eventually(lambda: len(receiver.requests) >= 3, what="further handshakes")
        assert receiver.notifications == []
        url: str = receiver.requests[0].event["data"]["validationUrl"]
        assert url.startswith(emulator.base_url)
        assert emulator.request("GET", url.removeprefix(emulator.base_url) + "0").status == 404
        assert emulator.request("GET", url.removeprefix(emulator.base_url)).status == 200
        delivered(emulator, 1)

    assert len(receiver.notifications) == 1


@pytest.mark.parametrize(("allowed", "is_valid"), [("*", True), ("eventgrid.azure.net", True), ("other", False)])
def test_cloud_events_endpoint_is_asked_by_options(emulator_with: EmulatorWith, allowed: str, is_valid: bool) -> None:
    """CloudEvents 1.0, HTTP 1.1 Web Hooks, §4: WebHook-Request-Origin, answered by WebHook-Allowed-Origin."""

    def answer(request: Received) -> Answer:
        return (200, {"WebHook-Allowed-Origin": allowed}, b"") if request.method == "OPTIONS" else TAKEN

    with receiving(Receiver(answer)) as receiver:
        entry = webhook(receiver.url, validate=True, schema="cloudevents")
        emulator = emulator_with(event_providers=providers(entry))
        emulator.store(an_instance())
        if is_valid:
            delivered(emulator, 1)
        else:
            eventually(lambda: sinks(emulator)[0]["failures"] >= 2, what="failures")

    assert receiver.requests[0].method == "OPTIONS"
    assert receiver.requests[0].headers["WebHook-Request-Origin"] == "eventgrid.azure.net"
    assert ("POST" in [request.method for request in receiver.requests]) == is_valid


@pytest.mark.parametrize(
    ("status", "more", "reason", "outcome", "attempts"),
    [
        (500, {"retry_attempts": 3}, "MaxDeliveryAttemptsExceeded", "InternalServerError", 3),
        (404, {"retry_attempts": 2, "retry_scale": 0.0001}, "MaxDeliveryAttemptsExceeded", "NotFound", 2),
        (400, {}, "MaxDeliveryAttemptsExceeded", "BadRequest", 1),
        (500, {"ttl_minutes": 0}, "TimeToLiveExceeded", "InternalServerError", 1),
    ],
    ids=["attempts", "404", "400-at-once", "time-to-live"],
)
def test_event_that_is_given_up_becomes_a_dead_letter(
    emulator_with: EmulatorWith,
    tmp_path: Path,
    status: int,
    more: dict[str, Any],
    reason: str,
    outcome: str,
    attempts: int,
) -> None:
    """async §6.3, Dead letter: the event with five properties; 400 and 413 at once where there is a place for them."""
    folder = tmp_path / "dead"
    with receiving(Receiver(lambda _: (status, {}, b""))) as receiver:
        entry = webhook(receiver.url, name="hook", dead_letter_folder=str(folder), **more)
        emulator = emulator_with(event_providers=providers(entry))
        dataset = emulator.store(an_instance())
        sink = delivered(emulator, 1)

    (path,) = folder.rglob("*.json")
    (letter,) = json.loads(path.read_text())
    assert len(receiver.requests) == attempts
    assert path.relative_to(folder).parts[0] == "hook"
    assert letter["data"]["imageSopInstanceUid"] == dataset.SOPInstanceUID
    assert (letter["deadLetterReason"], letter["lastDeliveryOutcome"]) == (reason, outcome)
    assert letter["deliveryAttempts"] == attempts
    assert letter["publishTime"] <= letter["lastDeliveryAttemptTime"]
    assert sink["givenUp"] == 1


def test_dead_letter_of_a_cloud_event_has_lower_case_names(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §6.3: CloudEvents attributes have no capitals."""
    with receiving(Receiver(lambda _: (413, {}, b""))) as receiver:
        entry = webhook(receiver.url, schema="cloudevents", dead_letter_folder=str(tmp_path / "dead"))
        emulator = emulator_with(event_providers=providers(entry))
        emulator.store(an_instance())
        delivered(emulator, 1)

    (path,) = (tmp_path / "dead").rglob("*.json")
    (letter,) = json.loads(path.read_text())
    added = {"deadletterreason", "deliveryattempts", "lastdeliveryoutcome", "publishtime", "lastdeliveryattempttime"}
    assert added <= set(letter)


def test_reset_forgets_what_was_to_be_sent_and_follows_the_new_feed(emulator_with: EmulatorWith) -> None:
    """Own design: after a reset sequences begin at 1 again, and every change from there on has its event."""
    is_open = threading.Event()
    with receiving(Receiver(lambda _: TAKEN if is_open.is_set() else (500, {}, b""))) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url)))
        emulator.store_all([an_instance() for _ in range(3)])
        eventually(lambda: receiver.requests, what="an attempt")
        assert emulator.request("POST", "/_azdicom/reset").status == 204
        is_open.set()
        kept = emulator.store(an_instance())
        sink = delivered(emulator, 1)

    assert receiver.instances() == [kept.SOPInstanceUID]
    assert (sink["delivered"], sink["lastError"]) == (1, None)


def test_metrics_tell_of_each_sink(emulator_with: EmulatorWith) -> None:
    """Own design, docs/events.md: gauges by sink."""
    with receiving(Receiver()) as receiver:
        emulator = emulator_with(event_providers=providers(webhook(receiver.url, name="hook")))
        dataset = emulator.store(an_instance())
        emulator.delete(study_path(dataset))
        delivered(emulator, 2)
        metrics = emulator.request("GET", "/_azdicom/metrics").text

    assert 'azdicom_events_delivered_total{sink="hook"} 2\n' in metrics
    assert 'azdicom_events_pending{sink="hook"} 0\n' in metrics
