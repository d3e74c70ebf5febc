"""Subscriptions and the event channel: who is told what, in which order (PS3.4 §CC.2.3, §CC.2.4; worklist §13)."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from azdicom_emulator.settings import AuthMode, Settings
from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator
from tests.support.server import running
from tests.support.tokens import bearer, token_for
from tests.support.waiting import eventually
from tests.support.websocket import Channel, HandshakeError, opened_channel
from tests.worklist.workitems import CODE_ITEM, PERFORMED, Client, DataSet, a_workitem, element, state_change

ALL, FILTERED = "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.5.1"
STATE_REPORT, CANCEL_REQUESTED, PROGRESS_REPORT, ASSIGNED = 1, 2, 3, 5
WARNING = '299 azdicom "worklist.subscriptions: the managed service would answer {}"'
OWNER = "1.9"
CLIENTS, UPDATES = 4, 10
STATION = element("SQ", {"00080100": element("SH", "CT1"), **CODE_ITEM})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Nothing stands there for all workitems: tests that subscribe to all take a server of their own."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("subscriptions") / "data")) as started:
        yield started


def channel_path(ae_title: str) -> str:
    return f"/ws/subscribers/{ae_title}"


def told(emulator: Emulator, ae_title: str, count: int) -> list[tuple[str, int, str | None]]:
    """The next `count` events of an AE: workitem UID, event type, state if there is one."""
    with opened_channel(emulator, channel_path(ae_title)) as channel:
        found = [in_short(channel.event()) for _ in range(count)]
        channel.close()
    return found


def in_short(event: DataSet) -> tuple[str, int, str | None]:
    state = event.get("00741000", {}).get("Value", [None])[0]
    return event["00001000"]["Value"][0], event["00001002"]["Value"][0], state


def nothing_waits(emulator: Emulator, client: Client, ae_title: str) -> None:
    """Asserts that no event is there: the next one that comes is that of a workitem made now."""
    uid = client.created()
    assert client.subscribe(uid, ae_title).status == 201
    assert told(emulator, ae_title, 1) == [(uid, STATE_REPORT, "SCHEDULED")]


def test_subscriber_is_told_of_every_change_in_order(server: Emulator) -> None:
    """PS3.4 Table CC.2.4-1; worklist §13.4: state, assignment, progress, request to cancel, readiness."""
    client = Client(server)
    uid = client.created()
    progress = {"00741002": element("SQ", {"00741004": element("DS", 50), "00741006": element("ST", "half")})}
    with opened_channel(server, channel_path("MODALITY1")) as channel:
        answer = client.subscribe(uid, "MODALITY1")
        assert answer.status == 201
        assert answer.content == b""
        assert answer.headers["Warning"] == WARNING.format(404)
        host = f"{server.address[0]}:{server.address[1]}"
        assert answer.headers["Content-Location"] == f"ws://{host}/ws/subscribers/MODALITY1"
        assert in_short(channel.event()) == (uid, STATE_REPORT, "SCHEDULED")
        assert client.update(uid, {"00404025": STATION}).status == 200
        event = channel.event()
        assert in_short(event) == (uid, ASSIGNED, None)
        assert event["00404025"] == STATION
        assert client.change_state(uid, "IN PROGRESS", OWNER).status == 200
        assert in_short(channel.event()) == (uid, STATE_REPORT, "IN PROGRESS")
        assert client.update(uid, progress, OWNER).status == 200
        event = channel.event()
        assert in_short(event) == (uid, PROGRESS_REPORT, None)
        assert event["00741002"] == progress["00741002"]
        asked = client.cancel(uid, {"00741238": element("LT", "urgent"), "0074100C": element("LO", "Desk")})
        assert asked.status == 202
        assert asked.headers["Warning"] == WARNING.format(400)
        event = channel.event()
        assert in_short(event) == (uid, CANCEL_REQUESTED, None)
        assert event["00741238"] == element("LT", "urgent")
        assert event["0074100C"] == element("LO", "Desk")
        assert event["00741236"] == element("AE", "UNKNOWN")
        assert client.update(uid, {"00404041": element("CS", "INCOMPLETE")}, OWNER).status == 200
        event = channel.event()
        assert in_short(event) == (uid, STATE_REPORT, "IN PROGRESS")
        assert event["00404041"] == element("CS", "INCOMPLETE")
        assert client.update(uid, dict(PERFORMED), OWNER).status == 200
        assert client.change_state(uid, "COMPLETED", OWNER).status == 200
        assert in_short(channel.event()) == (uid, STATE_REPORT, "COMPLETED")
        channel.close()


def test_frame_is_a_data_set_with_its_command_elements(server: Emulator) -> None:
    """PS3.18 §8.10.5; PS3.4 §CC.2.4.3; worklist §13.3: by ascending tag, MessageID counts."""
    client = Client(server)
    with opened_channel(server, channel_path("FRAMES")) as channel:
        assert channel.headers["warning"] == WARNING.format(404)
        frames = []
        for _ in range(2):
            uid = client.created()
            assert client.subscribe(uid, "FRAMES").status == 201
            frames.append(json.loads(channel.text() or ""))
        channel.close()

    first, second = frames
    assert list(second) == sorted(second)
    assert second.pop("00000110")["Value"][0] == first["00000110"]["Value"][0] + 1
    assert second == {
        "00000002": element("UI", "1.2.840.10008.5.1.4.34.6.1"),
        "00000100": element("US", 256),
        "00000800": element("US", 0),
        "00001000": element("UI", uid),
        "00001002": element("US", 1),
        "00404041": element("CS", "READY"),
        "00741000": element("CS", "SCHEDULED"),
    }


def test_events_of_an_absent_subscriber_wait_in_order(server: Emulator) -> None:
    """Own design, beyond worklist §13.3: what happened while no channel was open comes first, once."""
    client = Client(server)
    uid = client.created()
    assert client.subscribe(uid, "AWAY").status == 201
    assert client.change_state(uid, "IN PROGRESS", OWNER).status == 200
    assert client.update(uid, {"00404025": STATION}, OWNER).status == 200

    assert told(server, "AWAY", 3) == [
        (uid, STATE_REPORT, "SCHEDULED"),
        (uid, STATE_REPORT, "IN PROGRESS"),
        (uid, ASSIGNED, None),
    ]
    nothing_waits(server, client, "AWAY")


def test_events_of_concurrent_clients_come_once_and_in_order(emulator: Emulator) -> None:
    """Own design: the order is that of the changes, on the channel that is open as on one that is opened later."""
    client = Client(emulator)
    uids = [client.created() for _ in range(CLIENTS)]
    assert client.subscribe(ALL, "LIVE").status == 201
    assert client.subscribe(ALL, "LATER").status == 201
    labels = [str(number) for number in range(1, UPDATES + 1)]

    def report(uid: str) -> None:
        for label in labels:
            progress = element("SQ", {"00741006": element("ST", label)})
            assert client.update(uid, {"00741002": progress}).status == 200

    expected = CLIENTS * (1 + UPDATES)
    with opened_channel(emulator, channel_path("LIVE")) as channel, ThreadPoolExecutor(CLIENTS) as pool:
        reports = pool.map(report, uids)
        live = [channel.event() for _ in range(expected)]
        assert list(reports) == [None] * CLIENTS
        channel.close()
    with opened_channel(emulator, channel_path("LATER")) as channel:
        later = [channel.event() for _ in range(expected)]
        channel.close()

    for events in (live, later):
        numbers = [event["00000110"]["Value"][0] for event in events]
        assert numbers == sorted(set(numbers))
        for uid in uids:
            mine = [
                event["00741002"] for event in events if "00741002" in event and event["00001000"]["Value"] == [uid]
            ]
            assert [each["Value"][0]["00741006"]["Value"][0] for each in mine] == labels


def test_events_over_the_bound_are_gone_oldest_first(emulator_with: EmulatorWith) -> None:
    """Own design: --worklist-events-kept."""
    emulator = emulator_with(worklist_events_kept=2)
    client = Client(emulator)
    uids = [client.created() for _ in range(3)]
    for uid in uids:
        assert client.subscribe(uid, "AWAY").status == 201
    with opened_channel(emulator, channel_path("OTHER")) as channel:
        assert client.subscribe(ALL, "OTHER", "?deletionlock=true").status == 201
        assert [in_short(channel.event())[0] for _ in range(2)] == uids[1:]
        channel.close()

    assert [uid for uid, _, _ in told(emulator, "AWAY", 2)] == uids[1:]


def test_waiting_events_and_subscriptions_survive_a_restart(tmp_path: Path) -> None:
    """worklist §13: kept in the index like the workitems."""
    settings = Settings(data_dir=tmp_path / "kept")
    with running(settings) as emulator:
        client = Client(emulator)
        assert client.subscribe(ALL, "AE1").status == 201
        uid = client.created()
        assert client.change_state(uid, "IN PROGRESS", OWNER).status == 200
    with running(settings) as emulator:
        client = Client(emulator)
        other = client.created()
        assert told(emulator, "AE1", 3) == [
            (uid, STATE_REPORT, "SCHEDULED"),
            (uid, STATE_REPORT, "IN PROGRESS"),
            (other, STATE_REPORT, "SCHEDULED"),
        ]
    with running(settings) as emulator:
        assert [each["aetitle"] for each in emulator.get("/workitems/subscriptions").json()] == ["AE1"]


def test_every_channel_of_an_ae_gets_its_events(server: Emulator) -> None:
    """PS3.18 §8.10.4.2; worklist §13.3; the alias below the version as well."""
    client = Client(server)
    uid = client.created()
    with (
        opened_channel(server, channel_path("TWICE")) as first,
        opened_channel(server, "/v2/subscribers/TWICE") as second,
    ):
        assert client.subscribe(uid, "TWICE").status == 201
        assert in_short(first.event()) == in_short(second.event()) == (uid, STATE_REPORT, "SCHEDULED")
        first.close()
        assert client.change_state(uid, "IN PROGRESS").status == 200
        assert in_short(second.event()) == (uid, STATE_REPORT, "IN PROGRESS")
        second.close()


def test_others_are_told_nothing(server: Emulator) -> None:
    """worklist §13.0: creating and claiming are the same with and without subscribers."""
    client = Client(server)
    assert client.subscribe(client.created(), "ALONE").status == 201
    other = client.created()
    assert client.change_state(other, "IN PROGRESS").status == 200
    assert client.cancel(other).json() == "The workitem instance can not transition to 'Canceled' state: C312."

    assert len(told(server, "ALONE", 1)) == 1
    nothing_waits(server, client, "ALONE")


@pytest.mark.parametrize(("lock", "existing"), [("?deletionlock=true", 2), ("?deletionlock=false", 1), ("", 1)])
def test_global_subscription_takes_existing_and_new_workitems(emulator: Emulator, lock: str, existing: int) -> None:
    """PS3.4 §CC.2.3; worklist §13.2: with a lock a report of each existing one, without one of those new to the AE."""
    client = Client(emulator)
    known, other = client.created(), client.created()
    assert client.subscribe(ALL, "AE1").status == 201
    assert [uid for uid, _, _ in told(emulator, "AE1", 2)] == [known, other]
    assert client.unsubscribe(ALL, "AE1").status == 200
    assert client.subscribe(FILTERED, "AE1", "?filter=StudyInstanceUID=1.2.3").status == 201
    third = client.created(a_workitem(t0020000D=element("UI", "1.2.3")))
    assert told(emulator, "AE1", 1) == [(third, STATE_REPORT, "SCHEDULED")]

    assert client.subscribe(ALL, "AE1", lock).status == 201
    new = client.created(a_workitem(t00404025=STATION))

    reported = [known, other, third] if existing == 2 else [known, other]
    expected = [(uid, STATE_REPORT, "SCHEDULED") for uid in (*reported, new)]
    assert told(emulator, "AE1", len(expected) + 1) == [*expected, (new, ASSIGNED, None)]


def test_filtered_subscription_takes_what_matches(emulator: Emulator) -> None:
    """PS3.18 §11.10; worklist §13.1: existing and future workitems, all pairs of the filter."""
    client = Client(emulator)
    urgent = a_workitem(t00404025=STATION, t00100020=element("LO", "P1"))
    first, _ = client.created(urgent), client.created()

    answer = client.subscribe(
        FILTERED, "AE1", "?filter=" + quote("ScheduledStationNameCodeSequence.CodeValue=ct1,PatientID=p1")
    )
    client.created(a_workitem(t00404025=STATION))
    second = client.created(urgent)

    assert answer.status == 201
    assert told(emulator, "AE1", 3) == [
        (first, STATE_REPORT, "SCHEDULED"),
        (second, STATE_REPORT, "SCHEDULED"),
        (second, ASSIGNED, None),
    ]
    nothing_waits(emulator, client, "AE1")


def test_rule_for_one_workitem_beats_the_standing_one(emulator: Emulator) -> None:
    """PS3.4 §CC.2.3; worklist §13.2: unsubscribed from one, the AE hears nothing of it, whatever stands."""
    client = Client(emulator)
    muted, heard = client.created(), client.created()
    assert client.subscribe(muted, "AE1").status == 201
    assert client.unsubscribe(muted, "AE1").status == 200
    assert client.subscribe(ALL, "AE1", "?deletionlock=true").status == 201
    for uid in (muted, heard):
        assert client.change_state(uid, "IN PROGRESS").status == 200

    assert told(emulator, "AE1", 3) == [
        (muted, STATE_REPORT, "SCHEDULED"),  # of the subscription that it took back
        (heard, STATE_REPORT, "SCHEDULED"),
        (heard, STATE_REPORT, "IN PROGRESS"),
    ]


def test_suspended_subscription_keeps_what_it_has_and_takes_nothing_new(emulator: Emulator) -> None:
    """PS3.18 §11.12; worklist §13.2."""
    client = Client(emulator)
    old = client.created()
    assert client.subscribe(ALL, "AE1").status == 201
    suspended = emulator.post(f"/workitems/{ALL}/subscribers/AE1/suspend", b"", content_type=None)
    assert (suspended.status, suspended.content) == (200, b"")
    client.created()
    assert client.change_state(old, "IN PROGRESS").status == 200

    assert told(emulator, "AE1", 2) == [(old, STATE_REPORT, "SCHEDULED"), (old, STATE_REPORT, "IN PROGRESS")]
    assert [each["suspended"] for each in emulator.get("/workitems/subscriptions").json()] == [True]
    assert client.subscribe(ALL, "AE1").status == 201
    assert [each["suspended"] for each in emulator.get("/workitems/subscriptions").json()] == [False]


def test_unsubscribing_from_all_ends_every_subscription(emulator: Emulator) -> None:
    """worklist §13.2: those to single workitems as well, an AE's own ones among them."""
    client = Client(emulator)
    first = client.created()
    assert client.subscribe(first, "AE1").status == 201
    assert client.subscribe(ALL, "AE1").status == 201
    assert client.unsubscribe(ALL, "AE1").status == 200
    assert client.change_state(first, "IN PROGRESS").status == 200
    client.created()

    assert told(emulator, "AE1", 1) == [(first, STATE_REPORT, "SCHEDULED")]
    assert emulator.get("/workitems/subscriptions").json() == []
    assert client.unsubscribe(ALL, "AE1").status == 404
    nothing_waits(emulator, client, "AE1")


def test_list_says_what_each_ae_asked_for(emulator: Emulator) -> None:
    """worklist §13.1: by AE title and target, with the deletion lock and whether a channel is open."""
    client = Client(emulator)
    uid = client.created()
    assert client.subscribe(uid, "B", "?deletionlock=true").status == 201
    assert client.subscribe(ALL, "A").status == 201
    assert client.subscribe(FILTERED, "A", "?filter=PatientID=1").status == 201
    with opened_channel(emulator, channel_path("B")) as channel:
        channel.event()
        found = emulator.get("/workitems/subscriptions")
        channel.close()

    assert found.headers["Warning"] == WARNING.format(400)
    common = {"deletionLock": False, "filter": None, "suspended": False, "connected": False}
    assert found.json() == [
        {**common, "aetitle": "A", "target": ALL},
        {**common, "aetitle": "A", "target": FILTERED, "filter": "PatientID=1"},
        {**common, "aetitle": "B", "target": uid, "deletionLock": True, "connected": True},
    ]
    eventually(
        lambda: not any(each["connected"] for each in emulator.get("/workitems/subscriptions").json()),
        what="the closed channel's absence",
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/workitems/1.2.3.4/subscribers/AE", 404),
        ("POST", "/workitems/abc/subscribers/AE", 400),
        ("POST", f"/workitems/{ALL}/subscribers/{'A' * 17}", 400),
        ("POST", f"/workitems/{ALL}/subscribers/%20", 400),
        ("POST", f"/workitems/{ALL}/subscribers/A%5CB", 400),
        ("POST", f"/workitems/{ALL}/subscribers/A%0AB", 400),
        ("POST", f"/workitems/{ALL}/subscribers/AE?deletionlock=maybe", 400),
        ("POST", f"/workitems/{FILTERED}/subscribers/AE", 400),
        ("POST", f"/workitems/{FILTERED}/subscribers/AE?filter=PatientID", 400),
        ("POST", f"/workitems/{FILTERED}/subscribers/AE?filter=PatientSex=M", 400),
        ("POST", f"/workitems/{FILTERED}/subscribers/AE?filter=00404005=x", 400),
        ("POST", f"/workitems/{ALL}/subscribers/NOBODY/suspend", 404),
        ("POST", "/workitems/1.2.3.4/subscribers/NOBODY/suspend", 404),
        ("DELETE", "/workitems/1.2.3.4/subscribers/AE", 404),
        ("DELETE", f"/workitems/{ALL}/subscribers/NOBODY", 404),
        ("GET", "/subscribers/AE", 404),
    ],
)
def test_what_is_wrong_with_a_subscription_is_told(server: Emulator, method: str, path: str, status: int) -> None:
    """PS3.18 §11.10.3; worklist §13.1."""
    answer = server.request(method, f"/v2{path}")

    assert answer.status == status, answer.text
    announced = answer.headers["Warning"]
    assert announced == (None if path == "/subscribers/AE" else WARNING.format(404))


@pytest.mark.parametrize("path", ["/ws/subscribers/A%5CB", "/v2/subscribers/" + "A" * 17])
def test_channel_of_a_bad_ae_title_is_not_opened(server: Emulator, path: str) -> None:
    """worklist §13.1."""
    with pytest.raises(HandshakeError) as refusal, opened_channel(server, path):
        pass

    assert refusal.value.status == 400


@pytest.mark.parametrize(
    ("origin", "is_opened"),
    [("http://127.0.0.1:3000", True), ("https://viewer.example", False), ("null", False)],
)
def test_channel_is_not_opened_for_a_page_that_may_not_call_the_service(
    server: Emulator, origin: str, is_opened: bool
) -> None:
    """RFC 6455 §10.2; docs/http.md, CORS: browsers do not keep pages from opening WebSockets."""
    if is_opened:
        with opened_channel(server, channel_path("PAGE"), Origin=origin) as channel:
            channel.close()
        return
    with pytest.raises(HandshakeError) as refusal, opened_channel(server, channel_path("PAGE"), Origin=origin):
        pass
    assert refusal.value.status == 403


def test_strict_server_opens_no_channel(shared_strict: Emulator) -> None:
    """worklist §2, §13.0."""
    for path in ("/ws/subscribers/AE", "/v2/subscribers/AE"):
        with pytest.raises(HandshakeError) as refusal, opened_channel(shared_strict, path):
            pass
        assert refusal.value.status == 404


def test_channel_needs_a_token_that_may_read(tmp_path: Path) -> None:
    """http §5.2: the channel reads, subscribing writes."""
    with running(Settings(data_dir=tmp_path / "data", auth=AuthMode.JWT)) as emulator:
        reader, nobody = (token_for(emulator, role) for role in ("reader", "none"))
        path = f"/v2/workitems/{ALL}/subscribers/AE"
        assert emulator.request("POST", path, headers=bearer(reader)).status == 403
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {nobody}"}, 403)):
            with pytest.raises(HandshakeError) as refusal, opened_channel(emulator, channel_path("AE"), **headers):
                pass
            assert refusal.value.status == status
        with opened_channel(emulator, channel_path("AE"), Authorization=f"Bearer {reader}") as channel:
            channel.close()


def test_partitions_have_subscriptions_of_their_own(emulator_with: EmulatorWith) -> None:
    """azure-apis §5: full isolation; the channel of an AE is one for all."""
    emulator = emulator_with(partitions=True)
    one, two = (Client(emulator, f"/partitions/{name}/workitems") for name in ("one", "two"))
    first, second = one.created(), two.created()
    assert one.subscribe(ALL, "AE1").status == 201
    assert two.change_state(second, "IN PROGRESS").status == 200
    assert two.subscribe(first, "AE1").status == 404
    assert two.unsubscribe(ALL, "AE1").status == 404
    third = one.created()

    assert [uid for uid, _, _ in told(emulator, "AE1", 2)] == [first, third]
    assert emulator.get("/partitions/two/workitems/subscriptions").json() == []


def test_server_stops_with_channels_open(tmp_path: Path) -> None:
    """RFC 6455 §7.4.1: going away; what is not sent yet stays."""
    with running(Settings(data_dir=tmp_path / "data")) as emulator:
        client = Client(emulator)
        uid = client.created()
        assert client.subscribe(uid, "AE1").status == 201
        channel_context = opened_channel(emulator, channel_path("AE1"))
        channel: Channel = channel_context.__enter__()
        assert channel.event()["00001000"]["Value"] == [uid]

    assert channel.text() is None
    channel_context.__exit__(None, None, None)


def test_method_that_only_a_uid_has_reaches_the_workitem_route(server: Emulator) -> None:
    """worklist §13.0: only GET of `subscriptions` is the list; an update of that name is what it always was."""
    answer = server.post("/workitems/subscriptions", b"[{}]", content_type=DICOM_JSON)

    assert (answer.status, answer.headers["Warning"]) == (400, None)


def test_claim_by_the_subscriber_itself_is_told_too(server: Emulator) -> None:
    """worklist §13.4: a claim with an object is the same change."""
    client = Client(server)
    uid = client.created()
    assert client.subscribe(uid, "SELF").status == 201
    body = json.dumps(state_change("IN PROGRESS", OWNER)).encode()
    assert server.put(f"/workitems/{uid}/state", body, content_type=DICOM_JSON).status == 200

    assert [state for _, _, state in told(server, "SELF", 2)] == ["SCHEDULED", "IN PROGRESS"]
