"""What is acknowledged stays, and of clients that want the same workitem one gets it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb
import pytest

from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.schema import STEPS
from tests.support.client import Emulator, Response
from tests.support.process import serving
from tests.support.server import running
from tests.support.waiting import eventually
from tests.support.websocket import opened_channel
from tests.worklist.workitems import Client, a_workitem, element, fresh_uid

RIVALS = 8
ALL = "1.2.840.10008.5.1.4.34.5"
ACKNOWLEDGED_BEFORE_THE_KILL = 60


def at_once(*requests: Callable[[], Response]) -> list[Response]:
    """The answers to requests that are all sent at the same moment."""
    start = threading.Barrier(len(requests))

    def send(request: Callable[[], Response]) -> Response:
        start.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


@pytest.mark.parametrize("attempt", range(3))
def test_one_of_many_claims_wins(shared_emulator: Emulator, attempt: int) -> None:
    """PS3.4 §CC.2.1; worklist §7: the others find a workitem that is another's."""
    client = Client(shared_emulator)
    uid = client.created()
    rivals = [f"1.9.{number}" for number in range(RIVALS)]

    answers = at_once(*(partial(client.change_state, uid, "IN PROGRESS", rival) for rival in rivals))

    won = [rival for rival, answer in zip(rivals, answers, strict=True) if answer.status == 200]
    assert len(won) == 1
    texts = {answer.json() for answer in answers if answer.status == 400}
    assert texts == {"The workitem instance can not transition to 'IN PROGRESS' state: C301."}
    for rival in rivals:
        assert (client.update(uid, {}, rival).status == 200) == (rival in won)


def test_one_of_many_creates_wins(shared_emulator: Emulator) -> None:
    """worklist §3, step 5."""
    client, uid = Client(shared_emulator), fresh_uid()

    answers = at_once(*[partial(client.create, uid)] * RIVALS)

    assert sorted(answer.status for answer in answers) == [201] + [409] * (RIVALS - 1)


def test_claim_and_request_to_cancel_do_not_both_win(shared_emulator: Emulator) -> None:
    """worklist §7, §8."""
    client = Client(shared_emulator)
    for _ in range(5):
        uid = client.created()
        claim, cancel = at_once(partial(client.change_state, uid, "IN PROGRESS"), partial(client.cancel, uid))
        assert (claim.status, cancel.status) in ((200, 400), (400, 202))
        assert client.state(uid) == ("IN PROGRESS" if claim.status == 200 else "CANCELED")


def test_workitems_and_their_owners_survive_a_restart(tmp_path: Path) -> None:
    """worklist §11: the lock as well."""
    settings = Settings(data_dir=tmp_path / "data")
    with running(settings) as emulator:
        client = Client(emulator)
        uid = client.created(a_workitem(t00100020=element("LO", "P1")))
        assert client.change_state(uid, "IN PROGRESS", "1.9").status == 200
        before = client.data_set(uid)
    with running(settings) as emulator:
        client = Client(emulator)
        assert client.data_set(uid) == before
        assert client.update(uid, {}, "1.8").status == 400
        assert client.update(uid, {}, "1.9").status == 200
        newer = client.created()
        assert client.found() == [newer, uid]


@dataclass
class Scheduler:
    """Makes and claims workitems until its server is gone."""

    client: Client
    created: list[str] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)

    def run(self) -> None:
        while True:
            uid = fresh_uid()
            try:
                assert self.client.create(uid).status == 201
                self.created.append(uid)
                assert self.client.change_state(uid, "IN PROGRESS", f"{uid}.1").status == 200
                self.claimed.append(uid)
            except OSError:
                return


def test_kill_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    """docs/architecture.md: an answer means that the change survives `kill -9`; its event with it."""
    data_dir = tmp_path / "data"
    with serving(data_dir, tmp_path) as server:
        client = Client(server.emulator)
        assert client.subscribe(ALL, "AWAY").status == 201
        schedulers = [Scheduler(client) for _ in range(3)]
        threads = [threading.Thread(target=scheduler.run) for scheduler in schedulers]
        for thread in threads:
            thread.start()
        eventually(
            lambda: sum(len(each.claimed) for each in schedulers) >= ACKNOWLEDGED_BEFORE_THE_KILL,
            within_s=60,
            what="enough claims",
        )
        server.kill()
        for thread in threads:
            thread.join()
    created = {uid for each in schedulers for uid in each.created}
    claimed = {uid for each in schedulers for uid in each.claimed}

    with serving(data_dir, tmp_path) as server:
        client = Client(server.emulator)
        for uid in created:
            assert client.state(uid) in (["IN PROGRESS"] if uid in claimed else ["SCHEDULED", "IN PROGRESS"])
        for uid in list(claimed)[:5]:
            assert client.update(uid, {}, f"{uid}.1").status == 200
        told: set[tuple[str, str]] = set()
        with opened_channel(server.emulator, "/ws/subscribers/AWAY") as channel:
            while not claimed <= {uid for uid, state in told if state == "IN PROGRESS"}:
                event = channel.event()
                told.add((event["00001000"]["Value"][0], event["00741000"]["Value"][0]))
            channel.close()
    assert created <= {uid for uid, state in told if state == "SCHEDULED"}


def test_index_of_the_version_before_gets_a_worklist(tmp_path: Path) -> None:
    """storage/schema.py: numbered, forward-only steps."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with duckdb.connect(data_dir / "index.duckdb") as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
        for number, step in enumerate(STEPS[:2], start=1):
            connection.execute(step)
            connection.execute("INSERT INTO schema_version VALUES (?)", [number])

    with running(Settings(data_dir=data_dir)) as emulator:
        client = Client(emulator)
        assert client.state(client.created()) == "SCHEDULED"
