"""UPS-RS update and the checks of a change of state (PS3.18 §11.6, §11.7; worklist §6, §7, §9, §11)."""

import pytest

from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator
from tests.worklist.test_create import BAD_UID
from tests.worklist.workitems import PERFORMED, Client, DataSet, a_workitem, element, encoded, state_change

NOT_CLAIMED = "The target URI did not reference a claimed Workitem."
NOT_YET_CLAIMED = "Invalid TransactionUID for the specified Workitem Instance UID."
COMPLETED = (
    "The submitted request is inconsistent with the current state of the Workitem. The UPS is already COMPLETED."
)
CANCELED = (
    "The submitted request is inconsistent with the current state of the Workitem. "
    "The UPS is already in the requested state of CANCELED."
)
LABEL = {"00741204": element("LO", "new label")}
OWNER, OTHER = "1.9.1", "1.9.2"


@pytest.mark.parametrize(
    ("stored", "transaction_uid", "status", "text"),
    [
        ("SCHEDULED", None, 200, ""),
        ("SCHEDULED", OWNER, 400, NOT_YET_CLAIMED),
        ("IN PROGRESS", OWNER, 200, ""),
        ("IN PROGRESS", None, 400, NOT_CLAIMED),
        ("IN PROGRESS", OTHER, 400, NOT_CLAIMED),
        ("COMPLETED", OWNER, 400, COMPLETED),
        ("COMPLETED", None, 400, COMPLETED),
        ("CANCELED", OWNER, 409, CANCELED),
        ("canceled by request", None, 409, CANCELED),
    ],
)
def test_update_follows_the_decision_list(
    shared_emulator: Emulator, stored: str, transaction_uid: str | None, status: int, text: str
) -> None:
    """Service source; worklist §6, rows 3 to 7 and 11: `Content-Location` on success, `Warning` with every text."""
    client = Client(shared_emulator)
    uid = client.in_state(stored, OWNER)

    answer = client.update(uid, LABEL, transaction_uid)

    assert (answer.status, answer.json()) == (status, text)
    location = f"{shared_emulator.base_url}/v2/workitems/{uid}" if status == 200 else None
    assert (answer.headers["Content-Location"], answer.headers["Location"]) == (location, None)
    assert answer.headers.get_all("Warning") == ([f'299 127.0.0.1: "{text}"'] if text else None)
    assert (client.data_set(uid)["00741204"]["Value"] == ["new label"]) == (status == 200)


def test_update_of_an_unknown_workitem_is_400(shared_emulator: Emulator) -> None:
    """Service source; worklist §6, row 2."""
    answer = Client(shared_emulator).update("1.2.3.4.5", LABEL)

    assert (answer.status, answer.json()) == (400, NOT_CLAIMED)


@pytest.mark.parametrize(("quirk", "status"), [("400", 400), ("404", 404)])
def test_quirk_chooses_the_status_of_an_unknown_workitem(emulator_with: EmulatorWith, quirk: str, status: int) -> None:
    """worklist §6: source and documentation disagree."""
    client = Client(emulator_with(quirks={"worklist.update_unknown": quirk}))

    assert client.update("1.2.3.4.5", LABEL).status == status


@pytest.mark.parametrize(("quirk", "status"), [("409", 409), ("400", 400)])
def test_quirk_chooses_the_status_of_a_canceled_workitem(emulator_with: EmulatorWith, quirk: str, status: int) -> None:
    """worklist §6: source and documentation disagree."""
    client = Client(emulator_with(quirks={"worklist.update_canceled": quirk}))

    assert client.update(client.in_state("canceled by request"), LABEL).status == status


@pytest.mark.parametrize(("quirk", "status"), [("400", 400), ("409", 409)])
def test_quirk_chooses_the_status_of_a_request_to_cancel_what_is_done(
    emulator_with: EmulatorWith, quirk: str, status: int
) -> None:
    """worklist §8: source and documentation disagree."""
    client = Client(emulator_with(quirks={"worklist.cancel_completed": quirk}))

    answer = client.cancel(client.in_state("COMPLETED"))

    assert (answer.status, answer.json()) == (
        status,
        "The workitem instance can not transition to 'Canceled' state: C311.",
    )


@pytest.mark.parametrize(
    ("path", "element_name"),
    [("/workitems/abc?1.2", "WorkitemInstanceUid"), ("/workitems/1.2?transactionuid", "TransactionUid")],
)
def test_bad_uid_of_an_update_is_400_in_plain_text(shared_emulator: Emulator, path: str, element_name: str) -> None:
    """Service source; worklist §2.3."""
    answer = shared_emulator.post(path, b"[{}]", content_type=DICOM_JSON)

    assert (answer.status, answer.text) == (400, BAD_UID.format(element_name))
    assert answer.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"00100010": element("PN")}, "The attribute with tag '(0010,0010)' cannot be present."),
        ({"00741204": element("LO")}, "The value for tag '(0074,1204)' is missing."),
        ({"00741216": element("SQ", {})}, "The required tag '(0040,4033)' is missing."),
    ],
)
def test_violation_is_told_after_what_the_state_forbids(shared_emulator: Emulator, sent: DataSet, text: str) -> None:
    """Service source; worklist §6, rows 3 to 8."""
    client = Client(shared_emulator)
    uid = client.created()

    assert client.update(uid, sent, OWNER).json() == NOT_YET_CLAIMED
    answer = client.update(uid, sent)
    assert (answer.status, answer.json()) == (400, text)
    assert answer.headers["Warning"] == f'299 127.0.0.1: "{text}"'


def test_update_merges_element_by_element(shared_emulator: Emulator) -> None:
    """Service source; worklist §6, merge rules: by the dictionary's VR; nothing is removed."""
    client = Client(shared_emulator)
    uid = client.created(a_workitem(t00404025=element("SQ", {"00080104": element("LO", "old")})))
    before = client.data_set(uid)

    answer = client.update(
        uid,
        {
            "00404025": element("SQ", {"00080104": element("LO", "new")}),
            "00400400": element("LT", "comment"),
            "00102000": element("LO", "a", "b"),
            "00101020": element("DS", 1.5, 2.5),
            "00189098": element("FD", 1.5, 2.5),
            "00080301": element("US", 9),
            "00281070": element("AT", "00100010"),
            "00091001": element("LO", "private"),
            "00404010": element("DT", "19990101"),
            "00081195": element("UI", "9.9.9"),
        },
    )

    assert answer.status == 200, answer.text
    after = client.data_set(uid)
    assert after["00404025"] == element("SQ", {"00080104": element("LO", "new")})
    assert after["00400400"] == element("LT", "comment")
    assert after["00102000"] == element("LO", "a", "b")
    assert after["00101020"] == element("DS", 1.5)
    assert after["00189098"] == element("FD", 1.5)
    assert after["00404010"]["Value"][0] >= before["00404010"]["Value"][0]
    assert {"00281070", "00091001", "00081195"} & after.keys() == set()
    assert before.keys() <= after.keys()
    assert client.change_state(uid, "IN PROGRESS", "1.2").status == 200


def test_update_may_say_nothing(shared_emulator: Emulator) -> None:
    """worklist §6: `[{}]` only moves the time of the last change, which the service sets before it checks."""
    client = Client(shared_emulator)

    assert client.update(client.created(), {}).status == 200


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/dicom+json", "application/dicom+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("text/plain;q=0.5, application/dicom+json", "application/dicom+json; charset=utf-8"),
        ("application/dicom+json;q=0.5, text/plain", "text/plain; charset=utf-8"),
        ("application/dicom+json, */*", "text/plain; charset=utf-8"),
        ("text/html", "text/plain; charset=utf-8"),
        (None, "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
    ],
)
def test_text_of_update_and_change_of_state_follows_accept(
    shared_emulator: Emulator, accept: str | None, content_type: str
) -> None:
    """worklist §2.1: a quoted string for JSON types, else plain; the empty text of a success as well."""
    client = Client(shared_emulator)
    uid = client.created()
    quote = "" if content_type.startswith("text/plain") else '"'

    updated = shared_emulator.post(f"/workitems/{uid}", b"[{}]", content_type=DICOM_JSON, accept=accept)
    body = encoded(state_change("COMPLETED", "1.2"))
    refused = shared_emulator.put(f"/workitems/{uid}/state", body, content_type=DICOM_JSON, accept=accept)

    assert (updated.status, updated.text, updated.content_type) == (200, quote * 2, content_type)
    text = "The workitem instance can not transition to 'COMPLETED' state: C301."
    assert (refused.status, refused.text, refused.content_type) == (400, f"{quote}{text}{quote}", content_type)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({}, "The required tag '(0008,1195)' is missing."),
        ({"00081195": element("UI")}, "The value for tag '(0008,1195)' is missing."),
        ({"00081195": element("UI", "1.2")}, "The required tag '(0074,1000)' is missing."),
        (state_change(" ", "1.2"), "The attribute with tag '(0074,1000)' must not be empty."),
        *(
            (
                state_change(state, "1.2"),
                "Expected value '(0074,1000)' to be one of the following values: [IN PROGRESS, COMPLETED, CANCELED]",
            )
            for state in ("in progress", "SCHEDULED", "Completed")
        ),
        (state_change("IN PROGRESS", "1.2"), None),
    ],
)
def test_change_of_state_is_checked_before_the_workitem_is_looked_up(
    shared_emulator: Emulator, sent: DataSet, text: str | None
) -> None:
    """Service source; worklist §7, checks 1 to 4."""
    answer = shared_emulator.put("/workitems/1.2.3.4.5/state", encoded(sent), content_type=DICOM_JSON)

    expected = (404, "The workitem instance is not found.") if text is None else (400, text)
    assert (answer.status, answer.json()) == expected
    assert answer.headers["Warning"] == f'299 127.0.0.1: "{expected[1]}"'


def test_final_state_needs_what_the_owner_sent_before(shared_emulator: Emulator) -> None:
    """Service source; worklist §9, §14.6: nothing changes while something is missing."""
    client = Client(shared_emulator)
    uid = client.in_state("IN PROGRESS", OWNER)

    for state, tag in (("COMPLETED", "(0074,1216)"), ("CANCELED", "(0074,1002)")):
        answer = client.change_state(uid, state, OWNER)
        text = f"The value for tag '{tag}' is missing."
        assert (answer.status, answer.json()) == (400, text)
        assert answer.headers["Warning"] == f'299 127.0.0.1: "{text}"'
    assert client.state(uid) == "IN PROGRESS"
    incomplete = {"00741216": element("SQ", {"00404033": element("SQ")})}
    assert client.update(uid, incomplete, OWNER).status == 200
    assert client.change_state(uid, "COMPLETED", OWNER).json() == "The required tag '(0040,4028)' is missing."
    assert client.update(uid, dict(PERFORMED), OWNER).status == 200
    assert client.change_state(uid, "COMPLETED", OWNER).status == 200


def test_transaction_uid_needs_no_syntax_in_a_change_of_state(shared_emulator: Emulator) -> None:
    """Service source; worklist §7, §12.1."""
    client = Client(shared_emulator)
    uid = client.created()

    assert client.change_state(uid, "IN PROGRESS", "any text").status == 200
    assert client.change_state(uid, "IN PROGRESS", "Any text").json().endswith("C301.")


def test_cancellation_writes_what_was_asked_for(shared_emulator: Emulator) -> None:
    """Service source; worklist §8: reason and contact where progress is told; nobody owns the workitem."""
    client = Client(shared_emulator)
    uid = client.created()

    answer = client.cancel(
        uid,
        {
            "00741238": element("LT", "patient left"),
            "0074100A": element("UR", "tel:1"),
            "0074100C": element("LO", "Desk"),
            "0074100E": element("SQ", {"00080104": element("LO", "ignored")}),
            **PERFORMED,
        },
    )

    assert answer.status == 202
    found = client.data_set(uid)
    reason = element("SQ", {"00741238": element("LT", "patient left")})
    now = found["00404052"]["Value"][0]
    assert found["0074100E"] == reason
    assert found["00741002"] == element(
        "SQ",
        {
            "00404052": element("DT", now),
            "00741008": element("SQ", {"0074100A": element("UR", "tel:1"), "0074100C": element("LO", "Desk")}),
            "0074100E": reason,
        },
    )
    assert found["00741216"] == PERFORMED["00741216"]
    assert (found["00741000"], "00081195" in found) == (element("CS", "CANCELED"), False)


def test_cancellation_of_an_unknown_workitem_is_404_in_quotes(shared_emulator: Emulator) -> None:
    """Service source and end-to-end tests; worklist §8."""
    answer = Client(shared_emulator).cancel("1.2.3.4.5")

    assert (answer.status, answer.text) == (404, '"The workitem instance is not found."')
    assert answer.headers["Warning"] is None
