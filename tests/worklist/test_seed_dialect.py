"""The extension `worklist.seed_dialect`: each of its rows, there and under --strict (worklist §12)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from azdicom_emulator.settings import Settings
from tests.support.client import DICOM_JSON, Emulator, Response
from tests.support.server import running
from tests.worklist.test_create import BAD_UID, EXISTS, MISMATCH
from tests.worklist.workitems import Client, DataSet, a_workitem, element, encoded, fresh_uid, state_change

LOOSE, LOOSE_TRANSACTION = "1.2.3.workitem1", "1.2.3.txn123"
WARNING = '299 azdicom "worklist.seed_dialect: the managed service would answer {}"'
FOUR_ATTRIBUTES = {
    "00100010": element("PN", {"Alphabetic": "Doe^John"}),
    "00100020": element("LO", "12345"),
    "00741000": element("CS", "SCHEDULED"),
    "00741204": element("LO", "step"),
}
LABEL = {"00741204": element("LO", "new label")}


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the dialect, on the workitem `{uid}`, and what the service answers in its place."""

    method: str
    path: str
    body: bytes
    status: int
    managed: int
    state: str = "SCHEDULED"
    transaction_uid: str | None = None
    has_type: bool = True

    def send(self, emulator: Emulator, uid: str) -> Response:
        headers = {"Accept": DICOM_JSON}
        if self.has_type:
            headers["Content-Type"] = DICOM_JSON
        if self.transaction_uid is not None:
            headers["Transaction-UID"] = self.transaction_uid
        return emulator.request(self.method, "/v2" + self.path.format(uid=uid), headers=headers, body=self.body)


def an_object(data_set: DataSet) -> bytes:
    return json.dumps(data_set).encode()


ROWS = {
    "1: create with an object": Request("POST", "/workitems?{uid}.9", an_object(FOUR_ATTRIBUTES), 201, 400),
    "2: change of state with an object": Request(
        "PUT", "/workitems/{uid}/state", an_object(state_change("IN PROGRESS", "1.9")), 200, 400
    ),
    "2: final state without what it needs": Request(
        "PUT", "/workitems/{uid}/state", an_object(state_change("COMPLETED", "1.9")), 200, 400, "IN PROGRESS"
    ),
    "3: request to cancel with an object": Request("POST", "/workitems/{uid}/cancelrequest", b"{}", 202, 400),
    "4: request to cancel without a body": Request(
        "POST", "/workitems/{uid}/cancelrequest", b"", 202, 415, has_type=False
    ),
    "4: request to cancel with a type alone": Request("POST", "/workitems/{uid}/cancelrequest", b"", 202, 400),
    "5: update with an object": Request("POST", "/workitems/{uid}", an_object(LABEL), 200, 400),
    "5: update of a claimed one": Request("POST", "/workitems/{uid}?1.9", an_object(LABEL), 200, 400, "IN PROGRESS"),
    "5: create at its path": Request("POST", "/workitems/{uid}.8", an_object(FOUR_ATTRIBUTES), 201, 400),
    "6: PUT of an object": Request("PUT", "/workitems/{uid}", an_object(LABEL), 200, 405, "IN PROGRESS", "1.9"),
    "6: PUT of an array": Request("PUT", "/workitems/{uid}", encoded(LABEL), 200, 405, "IN PROGRESS", "1.9"),
    "6: PUT with a query": Request(
        "PUT", "/workitems/{uid}?transaction-uid=1.9", an_object(LABEL), 200, 405, "IN PROGRESS"
    ),
    "6: PUT without": Request("PUT", "/workitems/{uid}", an_object(LABEL), 200, 405),
    "6: PUT of an unknown one": Request("PUT", "/workitems/1.2.3.4.5", an_object(LABEL), 404, 405),
    "7: Transaction UID as a value": Request(
        "POST", "/workitems/{uid}?transaction-uid=1.9", encoded(LABEL), 200, 400, "IN PROGRESS"
    ),
    "8: workitem UID as a value": Request("POST", "/workitems?workitem={uid}.7", encoded(a_workitem()), 201, 400),
    "8: its other name": Request("POST", "/workitems?workitemUID={uid}.6", encoded(a_workitem()), 201, 400),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_row_of_the_dialect_is_answered_and_announced(shared_emulator: Emulator, row: Request) -> None:
    """worklist §12.1, §14.10; http §13."""
    answer = row.send(shared_emulator, Client(shared_emulator).in_state(row.state))

    assert answer.status == row.status, answer.text
    assert answer.headers.get_all("Warning", [])[-1:] == [WARNING.format(row.managed)]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_strict_server_answers_as_the_service(shared_strict: Emulator, row: Request) -> None:
    """worklist §12.1, §14.10: the managed answer of each row."""
    answer = row.send(shared_strict, Client(shared_strict).in_state(row.state))

    assert (answer.status, answer.headers["Warning"]) == (row.managed, None)


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("seed") / "data")) as started:
        yield started


def test_commands_of_the_seed_s_readme_work_in_order(seed: Emulator) -> None:
    """worklist §12.5: UIDs with letters, objects, PUT with a header, a cancelation without a body."""
    post, put = seed.post, seed.put
    states = f"/workitems/{LOOSE}/state"

    assert post(f"/workitems?{LOOSE}", an_object(FOUR_ATTRIBUTES), content_type=DICOM_JSON).status == 201
    again = post(f"/workitems?{LOOSE}", an_object(FOUR_ATTRIBUTES), content_type=DICOM_JSON)
    assert (again.status, again.json()) == (409, EXISTS)
    assert again.headers["Warning"] == WARNING.format(400)
    found = seed.get("/workitems?PatientID=12345&ProcedureStepState=SCHEDULED&limit=10&offset=0")
    assert (found.status, found.headers["Warning"]) == (200, None)
    claim = an_object(state_change("IN PROGRESS", LOOSE_TRANSACTION))
    assert put(states, claim, content_type=DICOM_JSON).status == 200
    updated = put(
        f"/workitems/{LOOSE}",
        an_object(LABEL),
        content_type=DICOM_JSON,
        headers={"Transaction-UID": LOOSE_TRANSACTION},
    )
    assert (updated.status, updated.headers["Warning"]) == (200, WARNING.format(405))
    assert updated.headers["Content-Location"] == f"{seed.service_url}/workitems/{LOOSE}"
    as_query = post(f"/workitems/{LOOSE}?{LOOSE_TRANSACTION}", encoded(LABEL), content_type=DICOM_JSON)
    assert as_query.status == 200, as_query.text
    complete = an_object(state_change("COMPLETED", LOOSE_TRANSACTION))
    assert put(states, complete, content_type=DICOM_JSON).status == 200
    retrieved = seed.get(f"/workitems/{LOOSE}")
    assert (retrieved.status, retrieved.headers["Warning"]) == (200, WARNING.format(400))
    assert "00081195" not in retrieved.json()
    assert retrieved.json()["00741000"]["Value"] == ["COMPLETED"]
    other = f"{LOOSE}-b"
    assert post(f"/workitems/{other}", an_object(FOUR_ATTRIBUTES), content_type=DICOM_JSON).status == 201
    assert post(f"/workitems/{other}/cancelrequest", b"", content_type=None).status == 202


@pytest.mark.parametrize(
    ("path", "data_set", "text"),
    [
        ("", {}, "\"The required tag '(0008,0018)' is missing.\""),
        ("", {"00080018": element("UI", "abc")}, BAD_UID.format("WorkitemInstanceUid")),
        ("?abc", {}, BAD_UID.format("WorkitemInstanceUid")),
        ("?1.2.3", {"00080018": element("UI", "1.2.4")}, MISMATCH),
        (
            "?1.2.3",
            {"00741000": element("CS", "IN PROGRESS")},
            '"ProcedureStepState must be SCHEDULED for new workitem"',
        ),
        ("?1.2.3", {"00081195": element("UI", "1.9")}, "\"The attribute with tag '(0008,1195)' must be empty.\""),
    ],
)
def test_relaxed_create_still_refuses(shared_emulator: Emulator, path: str, data_set: DataSet, text: str) -> None:
    """worklist §12.2."""
    answer = shared_emulator.post(f"/workitems{path}", an_object(data_set), content_type=DICOM_JSON)

    assert (answer.status, answer.text) == (400, text)


@pytest.mark.parametrize("tag", ["00080016", "00080018", "00741000", "00081195"])
def test_relaxed_update_still_refuses(shared_emulator: Emulator, tag: str) -> None:
    """worklist §12.3: four attributes, and what the state forbids; other values may be empty."""
    client = Client(shared_emulator)
    uid = client.created()
    claimed = client.in_state("IN PROGRESS")

    answer = shared_emulator.put(f"/workitems/{uid}", an_object({tag: element("UI"), **LABEL}), content_type=DICOM_JSON)
    unlocked = shared_emulator.put(f"/workitems/{claimed}", an_object(LABEL), content_type=DICOM_JSON)
    empty = an_object({"00741204": element("LO"), "00100010": element("PN")})

    text = f"The attribute with tag '({tag[:4]},{tag[4:]})' cannot be present."
    assert (answer.status, answer.json()) == (400, text)
    assert answer.headers.get_all("Warning") == [f'299 127.0.0.1: "{text}"', WARNING.format(405)]
    assert (unlocked.status, unlocked.json()) == (400, "The target URI did not reference a claimed Workitem.")
    assert shared_emulator.put(f"/workitems/{uid}", empty, content_type=DICOM_JSON).status == 200


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"7", b"[]", b"[null]"])
def test_put_of_something_else_is_the_service_s_405(shared_emulator: Emulator, body: bytes) -> None:
    """worklist §12.1, row 6: neither an object nor an array of data sets."""
    answer = shared_emulator.put("/workitems/1.2.3", body, content_type=DICOM_JSON)

    assert (answer.status, answer.headers["Allow"], answer.content) == (405, "GET, POST", b"")
    assert answer.headers["Warning"] is None


def test_array_is_validated_in_full_whatever_its_uid(shared_emulator: Emulator) -> None:
    """worklist §12: relaxed rules are for objects alone, loose UIDs for what exists or is made by an object."""
    client = Client(shared_emulator)

    assert client.create(f"{LOOSE}.new").text == BAD_UID.format("WorkitemInstanceUid")
    assert client.create(fresh_uid(), FOUR_ATTRIBUTES).status == 400
    assert client.update(client.created(), LABEL, LOOSE_TRANSACTION).text == BAD_UID.format("TransactionUid")
    assert client.retrieve(f"{LOOSE}.unknown").text == BAD_UID.format("WorkitemInstanceUid")


def test_final_state_of_an_array_needs_what_a_relaxed_create_left_out(shared_emulator: Emulator) -> None:
    """worklist §8, §9, §12.1: the check is left out for objects only."""
    client, uid = Client(shared_emulator), fresh_uid()
    assert shared_emulator.post(f"/workitems?{uid}", an_object(FOUR_ATTRIBUTES), content_type=DICOM_JSON).status == 201

    answer = client.cancel(uid)

    assert (answer.status, answer.json()) == (400, "The required tag '(0074,1200)' is missing.")
    assert client.state(uid) == "SCHEDULED"
