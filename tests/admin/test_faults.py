"""GET, PUT and DELETE of fault rules while the server runs (record-replay §15)."""

import json
from typing import Any

from tests.support.client import Emulator, Response

FAULTS = "/_azdicom/faults"
BUSY = {"name": "busy", "route": "GET /changefeed", "do": {"status": 503}}


def put(emulator: Emulator, rules: Any) -> Response:
    return emulator.request("PUT", FAULTS, body=json.dumps(rules).encode())


def test_there_are_none_at_first(emulator: Emulator) -> None:
    """§15."""
    answer = emulator.request("GET", FAULTS).json()

    assert (answer["faults"], answer["summary"]) == ([], [])


def test_rules_are_put_and_act_at_once(emulator: Emulator) -> None:
    """§15. The answer is what GET gives."""
    answer = put(emulator, {"seed": 5, "faults": [BUSY]})

    assert answer.status == 200
    assert answer.json() == emulator.request("GET", FAULTS).json()
    assert answer.json()["seed"] == 5
    assert emulator.get("/changefeed").status == 503
    assert emulator.request("GET", FAULTS).json()["summary"] == [
        {"name": "busy", "route": "GET /changefeed", "matches": 1, "firings": 1}
    ]


def test_what_was_given_can_be_put_again(emulator: Emulator) -> None:
    """Own design."""
    given = put(emulator, {"faults": [BUSY]}).json()

    assert put(emulator, given).json() == given


def test_yaml_is_taken_as_well(emulator: Emulator) -> None:
    """Own design: the file that `--faults` takes."""
    body = b"faults:\n  - route: GET /changefeed\n    do: {status: 418}\n"

    assert emulator.request("PUT", FAULTS, body=body).status == 200
    assert emulator.get("/changefeed").status == 418


def test_delete_takes_them_away(emulator: Emulator) -> None:
    """§15."""
    put(emulator, {"faults": [BUSY]})

    assert emulator.request("DELETE", FAULTS).status == 204
    assert emulator.get("/changefeed").status == 200


def test_a_mistake_changes_nothing_and_says_where_it_is(emulator: Emulator) -> None:
    """§15: errors as problem+json."""
    put(emulator, {"faults": [BUSY]})

    answer = put(emulator, {"faults": [{"do": {"statsu": 503}}]})

    assert (answer.status, answer.content_type) == (400, "application/problem+json")
    assert answer.json()["detail"].startswith("body:1:21: unknown word 'statsu'. Did you mean 'status'?")
    assert (answer.json()["line"], answer.json()["column"]) == (1, 21)
    assert emulator.get("/changefeed").status == 503


def test_the_admin_api_itself_never_goes_wrong(emulator: Emulator) -> None:
    """Own design: else nobody could take the rules away."""
    put(emulator, {"faults": [{"do": {"hang": True}}]})

    assert emulator.request("DELETE", FAULTS).status == 204
