"""UPS-RS create and retrieve: what is stored, what is refused and how (PS3.18 §11.4, §11.5; worklist §2, §3, §5)."""

import re

import pytest

from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator
from tests.worklist.workitems import Client, DataSet, a_workitem, element, encoded, fresh_uid

BAD_UID = (
    "Dicom element '{}' failed validation for VR 'UI': DICOM Identifier is invalid. "
    "Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)
EXISTS = "The workitem instance already exists. Try creating using a different UID."
MISMATCH = "SOPInstanceUID in the payload does not match the workitem query parameter."


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_create_answers_where_the_workitem_is(shared_emulator: Emulator, version: str) -> None:
    """Service source; worklist §3, step 6: absolute URLs in the version of the request, no body."""
    emulator = shared_emulator.v1 if version == "v1" else shared_emulator
    uid = fresh_uid()

    answer = Client(emulator).create(uid)

    assert (answer.status, answer.content, answer.headers["Warning"]) == (201, b"", None)
    url = f"{emulator.base_url}/{version}/workitems/{uid}"
    assert (answer.headers["Location"], answer.headers["Content-Location"]) == (url, url)
    assert emulator.request("GET", url, headers={"Accept": "*/*"}).status == 200


def test_workitem_is_retrieved_as_an_object_without_its_transaction_uid(shared_emulator: Emulator) -> None:
    """Service source; worklist §3.1, §5: label and state are the service's, whatever the client sent."""
    client = Client(shared_emulator)
    uid = client.created(
        a_workitem(
            t00741000=element("CS", "IN PROGRESS"), t00741202=element("LO", "mine"), t00101010=element("AS", "1Y")
        )
    )

    answer = client.retrieve(uid)

    assert (answer.status, answer.content_type) == (200, "application/dicom+json; charset=utf-8")
    found = answer.json()
    assert list(found) == sorted(found)
    assert "00081195" not in found
    assert found["00080016"] == element("UI", "1.2.840.10008.5.1.4.34.6.1")
    assert found["00080018"] == element("UI", uid)
    assert found["00741000"] == element("CS", "SCHEDULED")
    assert found["00741202"] == element("LO", "worklist")
    assert re.fullmatch(r"\d{14}", found["00404010"]["Value"][0])
    assert found["00101010"] == element("AS", "1Y")
    assert found["00380014"] == element("SQ", {})
    assert found["00404025"] == {"vr": "SQ"}
    assert {answer.headers[name] for name in ("ETag", "Last-Modified", "Warning")} == {None}


def test_second_create_with_the_same_uid_conflicts(shared_emulator: Emulator) -> None:
    """Service source and end-to-end tests; worklist §3, step 5: 409, a quoted string."""
    client = Client(shared_emulator)
    uid = client.created()

    answer = client.create(uid)

    assert (answer.status, answer.text) == (409, f'"{EXISTS}"')
    assert answer.content_type == "application/dicom+json; charset=utf-8"


@pytest.mark.parametrize("query", ["?{uid}", "?{uid}=", "?{uid}=x", "?{uid}&other=1", ""])
def test_uid_is_the_name_of_the_first_query_parameter_or_in_the_body(shared_emulator: Emulator, query: str) -> None:
    """Service source; worklist §2.4, §3, step 3."""
    client, uid = Client(shared_emulator), fresh_uid()
    data_set = a_workitem(t00080018=element("UI", uid))

    answer = client.post(f"/workitems{query.format(uid=uid)}", data_set)

    assert answer.status == 201, answer.text
    assert client.state(uid) == "SCHEDULED"


@pytest.mark.parametrize(
    ("path", "data_set", "status", "text"),
    [
        ("?abc", a_workitem(), 400, BAD_UID.format("WorkitemInstanceUid")),
        ("?1.2.", a_workitem(), 400, BAD_UID.format("WorkitemInstanceUid")),
        ("?AffectedSOPInstanceUID=1.2.3", a_workitem(), 400, BAD_UID.format("WorkitemInstanceUid")),
        (f"?{'1' * 65}", a_workitem(), 400, BAD_UID.format("WorkitemInstanceUid")),
        ("?1.2.3", a_workitem(t00080018=element("UI", "1.2.4")), 400, MISMATCH),
        ("?1.2.3", a_workitem(t00080018=element("UI")), 400, MISMATCH),
        ("", a_workitem(t00080018=element("UI", "abc")), 400, BAD_UID.format("WorkitemInstanceUid")),
        ("", a_workitem(), 400, "\"The required tag '(0008,0018)' is missing.\""),
        ("", a_workitem(t00081195=None), 400, "\"The required tag '(0008,1195)' is missing.\""),
        ("", a_workitem(t00080018=element("UI")), 400, "\"The value for tag '(0008,0018)' is missing.\""),
    ],
)
def test_create_is_refused_in_the_service_s_words(
    shared_emulator: Emulator, path: str, data_set: DataSet, status: int, text: str
) -> None:
    """Service source and end-to-end tests; worklist §2.1, §3: plain before the transaction's logic, quoted in it."""
    answer = Client(shared_emulator).post(f"/workitems{path}", data_set)

    assert (answer.status, answer.text) == (status, text)
    plain = not text.startswith('"')
    assert answer.content_type == ("text/plain; charset=utf-8" if plain else "application/dicom+json; charset=utf-8")


@pytest.mark.parametrize(
    ("body", "start"),
    [
        (b"", "The query parameter '' is invalid. A non-empty request body is required."),
        (b"[]", "The query parameter 'dicomDatasets' is invalid. "),
        (b"{", "The query parameter '$' is invalid. "),
        (b"null", "The query parameter '$' is invalid. "),
        (b"7", "The query parameter '$' is invalid. "),
        (b"[7]", "The query parameter '$' is invalid. "),
        (b'[{"PatientID":{"vr":"LO"}}]', "The query parameter '$' is invalid. "),
        (b'[{"00100020":"x"}]', "The query parameter '$' is invalid. "),
        (b'[{"00100020":{"vr":"XX"}}]', "The query parameter '$' is invalid. "),
        (b'[{"00100020":{"vr":"LO","Value":"x"}}]', "The query parameter '$' is invalid. "),
        (b'[{"00100020":{"vr":"LO","Value":[{}]}}]', "The query parameter '$' is invalid. "),
        (b'[{"00100010":{"vr":"PN","Value":["x"]}}]', "The query parameter '$' is invalid. "),
        (b'[{"00404025":{"vr":"SQ","Value":[7]}}]', "The query parameter '$' is invalid. "),
        (b'[{"00404025":{"vr":"SQ","Value":' * 40 + b"1" + b"}}]" * 40, "The query parameter '$' is invalid. "),
        (b"\xff", "The query parameter '$' is invalid. "),
        (b"[null]", "The request body is missing."),
    ],
)
def test_body_that_is_no_array_of_data_sets_is_400(shared_strict: Emulator, body: bytes, start: str) -> None:
    """worklist §2.2: plain text of the framework."""
    answer = shared_strict.post("/workitems?1.2.3", body, content_type=DICOM_JSON)

    assert answer.status == 400
    assert answer.text.startswith(start), answer.text
    assert answer.content_type == "text/plain; charset=utf-8"


def test_body_may_have_comments_lower_case_tags_and_further_data_sets(shared_emulator: Emulator) -> None:
    """Service source; worklist §2.2: only the first data set counts."""
    uid = fresh_uid()
    body = encoded(a_workitem(t0040a370=element("SQ")), {"00100020": element("LO", "ignored")})
    body = body.replace(b"[", b"[ // a comment\n", 1).replace(b"}]", b"},]")

    answer = shared_emulator.post(f"/workitems?{uid}", body, content_type=DICOM_JSON)

    assert answer.status == 201, answer.text
    found = Client(shared_emulator).data_set(uid)
    assert "0040A370" in found
    assert "00100020" not in found


@pytest.mark.parametrize(
    "accept", ["application/dicom+json", "APPLICATION/JSON", "application/*;q=0", "text/html, */*"]
)
def test_accept_that_covers_dicom_json_is_taken(shared_emulator: Emulator, accept: str) -> None:
    """Service source; worklist §2.1: a suffix match counts, parameters do not; the answer is DICOM JSON."""
    client = Client(shared_emulator)
    uid = client.created()

    answers = [
        shared_emulator.get(f"/workitems/{uid}", accept=accept),
        shared_emulator.get("/workitems", accept=accept),
        shared_emulator.post("/workitems?1.2.3", b"[{}]", content_type=DICOM_JSON, accept=accept),
    ]

    assert [answer.status for answer in answers] == [200, 200, 400]
    assert {answer.content_type for answer in answers} == {"application/dicom+json; charset=utf-8"}


@pytest.mark.parametrize("accept", [None, "", "application/dicom", "application/dicom+json+x", "a b"])
def test_other_accept_is_406_without_body(shared_emulator: Emulator, accept: str | None) -> None:
    """Service source; worklist §2.1: create, search and retrieve alone look at it."""
    body = encoded(a_workitem())

    answers = [
        shared_emulator.get("/workitems/1.2.3", accept=accept),
        shared_emulator.get("/workitems", accept=accept),
        shared_emulator.post("/workitems?1.2.3", body, content_type=DICOM_JSON, accept=accept),
    ]

    assert [(answer.status, answer.content) for answer in answers] == [(406, b"")] * 3


@pytest.mark.parametrize("content_type", [None, "application/json", "application/dicom", "text/plain", "x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/workitems?1.2.3"),
        ("POST", "/workitems/1.2.3"),
        ("PUT", "/workitems/1.2.3/state"),
        ("POST", "/workitems/1.2.3/cancelrequest"),
    ],
)
def test_other_content_type_is_415_without_body(
    shared_emulator: Emulator, method: str, path: str, content_type: str | None
) -> None:
    """Service source; worklist §2.1."""
    send = shared_emulator.post if method == "POST" else shared_emulator.put

    answer = send(path, b"[{}]", content_type=content_type)

    assert (answer.status, answer.content, answer.headers["Warning"]) == (415, b"", None)


def test_content_type_may_have_parameters_and_any_case(shared_emulator: Emulator) -> None:
    """worklist §2.1."""
    answer = shared_emulator.post(
        f"/workitems?{fresh_uid()}", encoded(a_workitem()), content_type="Application/DICOM+json; charset=utf-8"
    )

    assert answer.status == 201


def test_unknown_workitem_is_404_in_quotes(shared_emulator: Emulator) -> None:
    """Service source; worklist §5."""
    answer = Client(shared_emulator).retrieve("1.2.3.4.5")

    assert (answer.status, answer.text) == (404, '"The workitem instance is not found."')
    assert answer.content_type == "application/dicom+json; charset=utf-8"
    assert answer.headers["Warning"] is None


@pytest.mark.parametrize("uid", ["abc", "1.2.", "subscription"])
def test_path_that_is_no_uid_is_400(shared_emulator: Emulator, uid: str) -> None:
    """Service source; worklist §2.3, §12.1: on both servers while there is no such workitem."""
    answer = Client(shared_emulator).retrieve(uid)

    assert (answer.status, answer.text) == (400, BAD_UID.format("WorkitemInstanceUid"))
    assert answer.headers["Warning"] is None


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/v2/workitems/1.2.3", 405, "GET, POST"),
        ("DELETE", "/v2/workitems/1.2.3", 405, "GET, POST"),
        ("GET", "/v2/workitems/1.2.3/state", 405, "PUT"),
        ("PUT", "/v2/workitems", 405, "GET, POST"),
        ("POST", "/v2/workitems/1.2.3/subscribers/AE", 404, None),
        ("GET", "/v2/subscribers/AE", 404, None),
        ("GET", "/ws/subscribers/AE", 404, None),
        ("GET", "/v2/workitems/subscriptions", 400, None),
    ],
)
def test_strict_server_has_the_service_s_routes_alone(
    shared_strict: Emulator, method: str, path: str, status: int, allow: str | None
) -> None:
    """worklist §2: what the extensions add is not there."""
    answer = shared_strict.request(method, path, headers={"Accept": "*/*", "Content-Type": DICOM_JSON}, body=b"[{}]")

    assert (answer.status, answer.headers["Allow"], answer.headers["Warning"]) == (status, allow, None)
    assert answer.text == (BAD_UID.format("WorkitemInstanceUid") if status == 400 else "")


def test_partitions_keep_their_workitems_apart(emulator_with: EmulatorWith) -> None:
    """Azure: Data partitions; azure-apis §5: a create makes the partition, the same UID may be in several."""
    emulator = emulator_with(partitions=True)
    first, second = (Client(emulator, f"/partitions/{name}/workitems") for name in ("one", "two"))
    uid = fresh_uid()

    created = first.create(uid)

    assert created.status == 201
    assert created.headers["Location"] == f"{emulator.base_url}/v2/partitions/one/workitems/{uid}"
    assert second.retrieve(uid).text == "Specified PartitionName does not exist."
    assert second.create(uid, a_workitem(t00100020=element("LO", "P2"))).status == 201
    assert first.change_state(uid, "IN PROGRESS").status == 200
    assert (first.state(uid), second.state(uid)) == ("IN PROGRESS", "SCHEDULED")
    assert (first.found(PatientID="P2"), second.found(PatientID="P2")) == ([], [uid])
    assert Client(emulator).create(uid).text == "PartitionName value is missing in the route segment."
    names = emulator.get("/partitions").json()
    assert [each["partitionName"] for each in names] == ["Microsoft.Default", "one", "two"]


def test_values_are_written_as_the_service_writes_them(shared_emulator: Emulator) -> None:
    """retrieve §8.3: numbers as numbers, single texts always with a value, names by their groups."""
    client = Client(shared_emulator)
    uid = client.created(
        a_workitem(
            t00101030=element("DS", "70.5"),
            t00100010=element("PN", {"Alphabetic": "Doe^John", "Ideographic": "", "Phonetic": "d"}),
            t00401400=element("LT"),
            t00402010=element("LO", "A\\B", "C"),
            t00189098=element("FD", 1.5, "2"),
            t00081164=element("UV", "18446744073709551615"),
            t00091001={"vr": "UN", "InlineBinary": "AAA="},
            t00404070=element("SQ", {"00404071": element("SQ", {"21000140": element("AE", "X")})}),
        )
        | {"00401400": element("LT", "text")}
    )

    found = client.data_set(uid)

    assert found["00101030"] == element("DS", 70.5)
    assert found["00100010"] == element("PN", {"Alphabetic": "Doe^John", "Phonetic": "d"})
    assert found["00400400"] == element("LT", None)
    assert found["00402010"] == element("LO", "A", "B", "C")
    assert found["00189098"] == element("FD", 1.5, 2)
    assert found["00081164"] == element("UV", 18446744073709551615)
    assert found["00091001"] == {"vr": "UN", "InlineBinary": "AAA="}


def test_order_of_checks_is_the_service_s(shared_emulator: Emulator) -> None:
    """http §11; worklist §2.2: content type, Accept, body, UID, data set."""
    post = shared_emulator.post

    assert post("/workitems?abc", b"{", content_type="x", accept=None).status == 415
    assert post("/workitems?abc", b"{", content_type=DICOM_JSON, accept=None).status == 406
    assert post("/workitems?abc", b"{", content_type=DICOM_JSON).text.startswith("The query parameter '$'")
    assert post("/workitems?abc", b"[null]", content_type=DICOM_JSON).text == "The request body is missing."
    assert post("/workitems?abc", b"[{}]", content_type=DICOM_JSON).text == BAD_UID.format("WorkitemInstanceUid")
