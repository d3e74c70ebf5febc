"""Changes of state: every row of the service's transition table, over HTTP."""

import pytest

from azdicom_emulator.worklist.state_machine import STATES, TRANSITIONS
from tests.support.client import Emulator
from tests.worklist.workitems import DISCONTINUED, PERFORMED, Client

OWNER, OTHER = "1.9.1", "1.9.2"
NEEDED = {"COMPLETED": PERFORMED, "CANCELED": DISCONTINUED}

# The stored state, who asks, and what comes of IN PROGRESS, COMPLETED and CANCELED: worklist §7.
ROWS = [
    ("SCHEDULED", OWNER, "ok", "C301", "C301"),
    ("IN PROGRESS", OWNER, "C302", "ok", "ok"),
    ("IN PROGRESS", OTHER, "C301", "C301", "C301"),
    ("COMPLETED", OWNER, "C300", "B306", "C300"),
    ("COMPLETED", OTHER, "C301", "C301", "C301"),
    ("CANCELED", OWNER, "C300", "C300", "B304"),
    ("CANCELED", OTHER, "C301", "C301", "C301"),
    ("canceled by request", OWNER, "C300", "C301", "C301"),
]
CASES = [
    pytest.param(stored, who, target, result, id=f"{stored}, {'owner' if who == OWNER else 'other'}, to {target}")
    for stored, who, *results in ROWS
    for target, result in zip(("IN PROGRESS", "COMPLETED", "CANCELED"), results, strict=True)
]


@pytest.mark.parametrize(("stored", "who", "target", "result"), CASES)
def test_change_of_state_follows_the_table(
    shared_emulator: Emulator, stored: str, who: str, target: str, result: str
) -> None:
    """Service source; worklist §7: status, text and `Warning` of each transition."""
    client = Client(shared_emulator)
    uid = client.in_state(stored, OWNER)
    before = client.state(uid)
    if result == "ok" and target in NEEDED:
        assert client.update(uid, dict(NEEDED[target]), OWNER).status == 200

    answer = client.change_state(uid, target, who)

    if result == "ok":
        assert (answer.status, answer.json(), answer.headers["Warning"]) == (200, "", None)
        assert client.state(uid) == target
        return
    refusal = f"The workitem instance can not transition to '{target}' state: {result}."
    repeated = f"The workitem instance is already in the final state '{before}'. {result}."
    status, text = (200, repeated) if result.startswith("B") else (400, refusal)
    assert (answer.status, answer.json()) == (status, text)
    assert answer.headers.get_all("Warning") == [f'299 127.0.0.1: "{text}"']
    assert client.state(uid) == before


@pytest.mark.parametrize(
    ("stored", "status", "text"),
    [
        ("SCHEDULED", 202, "The workitem instance has been cancelled."),
        ("IN PROGRESS", 400, "The workitem instance can not transition to 'Canceled' state: C312."),
        ("COMPLETED", 400, "The workitem instance can not transition to 'Canceled' state: C311."),
        ("CANCELED", 409, "The UPS is already in the requested state of CANCELED."),
        ("canceled by request", 409, "The UPS is already in the requested state of CANCELED."),
    ],
)
def test_request_to_cancel_follows_the_table(shared_emulator: Emulator, stored: str, status: int, text: str) -> None:
    """Service source and end-to-end tests; worklist §8: a quoted string, `Warning` for the conflict alone."""
    client = Client(shared_emulator)
    uid = client.in_state(stored)

    answer = client.cancel(uid)

    assert (answer.status, answer.json()) == (status, text)
    assert answer.content_type == "application/dicom+json; charset=utf-8"
    assert answer.headers.get_all("Warning") == ([f'299 127.0.0.1: "{text}"'] if status == 409 else None)
    assert (client.state(uid) == "CANCELED") == (status in (202, 409))


def test_table_has_an_outcome_for_every_action_in_every_state() -> None:
    """PS3.4 Table CC.1.1-2: a row for each action, with and without the right Transaction UID."""
    assert len(TRANSITIONS) == 7
    assert {len(outcomes) for outcomes in TRANSITIONS.values()} == {len(STATES)}
