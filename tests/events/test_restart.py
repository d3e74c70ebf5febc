"""Events outlive the process: what was not delivered is delivered later, what was is not lost."""

import json
import threading
from pathlib import Path

from tests.conftest import EmulatorWith
from tests.events.providers import providers, sinks, webhook
from tests.events.receiver import Received, Receiver, receiving
from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_study, part10
from tests.support.process import serving
from tests.support.waiting import eventually

CLIENTS = 3


def test_kill_in_the_middle_of_delivery_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    """async §6.3: at least once; `kill -9` included. Redeliveries have the id of the first delivery."""
    with receiving(Receiver()) as receiver:
        config = tmp_path / "events.json"
        config.write_text(json.dumps({"providers": [webhook(receiver.url)]}))
        acknowledged: list[list[str]] = [[] for _ in range(CLIENTS)]
        with serving(tmp_path / "data", tmp_path, f"--events={config}") as server:
            threads = [
                threading.Thread(target=store_until_the_server_is_gone, args=(server.emulator, uids))
                for uids in acknowledged
            ]
            for thread in threads:
                thread.start()
            eventually(lambda: len(receiver.taken) >= 30, what="30 deliveries", within_s=30)
            server.kill()
            for thread in threads:
                thread.join()
        before = len(receiver.taken)

        with serving(tmp_path / "data", tmp_path, f"--events={config}") as server:
            emulator = server.emulator
            latest = emulator.get("/changefeed/latest", accept=None).json()["sequence"]
            eventually(lambda: sinks(emulator)[0]["position"] == latest, what="the rest", within_s=30)

    taken = receiver.instances()
    stored = {uid for uids in acknowledged for uid in uids}
    assert stored <= set(taken)
    assert before < len(taken)
    for uids in acknowledged:
        assert [uid for uid in dict.fromkeys(taken) if uid in uids] == uids
    ids = {(request.instance, request.event["id"]) for request in receiver.notifications}
    assert len(ids) == len(set(taken))


def store_until_the_server_is_gone(emulator: Emulator, acknowledged: list[str]) -> None:
    first = an_instance()
    while True:
        dataset = another_in_study(first)
        try:
            answer = emulator.store_response(part10(dataset))
        except OSError:
            return
        assert answer.status == 200, answer.text
        acknowledged.append(dataset.SOPInstanceUID)


def test_events_that_an_absent_endpoint_missed_come_after_a_restart(
    emulator_with: EmulatorWith, tmp_path: Path
) -> None:
    """Own design: the position of a sink outlives the process; an event is not sent twice without need."""
    with receiving(Receiver()) as receiver:
        entry = webhook(receiver.url, name="hook")
        with serving(tmp_path / "data", tmp_path, f"--event-providers={providers(entry)}") as server:
            first = server.emulator.store(an_instance())
            eventually(lambda: sinks(server.emulator)[0]["position"] == 1, what="delivery")
            receiver.answer = lambda _: (500, {}, b"")
            second = server.emulator.store(an_instance())
            eventually(lambda: len(receiver.requests) > 1, what="an attempt")
            assert server.stop() == 0
        receiver.answer = Receiver().answer
        with serving(tmp_path / "data", tmp_path, f"--event-providers={providers(entry)}") as server:
            eventually(lambda: sinks(server.emulator)[0]["position"] == 2, what="delivery")

    assert receiver.instances() == [first.SOPInstanceUID, second.SOPInstanceUID]


def test_new_sink_is_told_only_of_what_comes(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Event Grid: a subscription gets the events from its making on."""

    def answer(_: Received) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b""

    with serving(tmp_path / "data", tmp_path) as server:
        server.emulator.store(an_instance())
        assert server.stop() == 0
    with receiving(Receiver(answer)) as receiver:
        entry = providers(webhook(receiver.url))
        with serving(tmp_path / "data", tmp_path, f"--event-providers={entry}") as server:
            dataset = server.emulator.store(an_instance())
            eventually(lambda: sinks(server.emulator)[0]["position"] == 2, what="delivery")

    assert receiver.instances() == [dataset.SOPInstanceUID]
