"""Ids that each server makes for itself are paired, and requests that use them are translated."""

import json
from dataclasses import replace
from functools import partial

import pytest

from azdicom_proxy.cassette.bodies import header
from azdicom_proxy.cassette.model import Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.parity.compare import IdentityPairs, compare
from azdicom_proxy.parity.model import Pair, Verdict
from tests.parity.cases import BREAKING, discard, findings
from tests.parity.mutating import edit_json, set_header
from tests.parity.twins import Asked, Twins, a_bulk_update, data, reads
from tests.support.client import Emulator
from tests.support.instances import an_instance, series_path
from tests.support.waiting import eventually

UPSTREAM, LOCAL = "https://service.example", "http://127.0.0.1:8080"
OURS, THEIRS = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
JSON = ("Content-Type", "application/json; charset=utf-8")


def started(base: str, operation: str) -> RecordedResponse:
    href = f"{base}/v2/operations/{operation}"
    body = json.dumps({"id": operation, "href": href}).encode()
    return RecordedResponse(202, "Accepted", (("Location", href), JSON), Inline(body))


def has_ended(server: Emulator, operation: str) -> bool:
    return server.get(f"/operations/{operation}").status == 200


def a_pair(method: str, path: str, upstream: RecordedResponse, local: RecordedResponse, route: str = "") -> Pair:
    request = RecordedRequest(method, f"{UPSTREAM}{path}")
    return Pair(id="1", route=route or f"{method} {path}", request=request, upstream=upstream, local=local)


def with_etag(value: str) -> RecordedResponse:
    headers = (("ETag", value), ("Content-Type", "application/dicom+json"))
    return RecordedResponse(200, "OK", headers, Inline(b"[]"))


def test_operation_is_asked_for_by_the_local_id() -> None:
    """Record-replay §8: `operations/{up}` goes to the local side as `operations/{loc}`."""
    identities = IdentityPairs()
    identities.learn(a_pair("POST", "/v2/extendedquerytags", started(UPSTREAM, OURS), started(LOCAL, THEIRS)))
    asked = RecordedRequest("GET", f"{UPSTREAM}/v2/operations/{OURS}")
    assert identities.to_local(asked).uri == f"{UPSTREAM}/v2/operations/{THEIRS}"
    assert identities.local_of(OURS) == THEIRS


def test_end_of_an_operation_is_the_same_on_both_sides(pair: Twins) -> None:
    """Record-replay §8 and §16, check 10: a bulk update and its operation, asked for by the upstream's id."""
    compared = pair.ask(a_bulk_update())
    assert compared.verdict is Verdict.SAME
    assert isinstance(compared.pair.upstream.body, Inline)
    operation = json.loads(compared.pair.upstream.body.content)["id"]
    local = pair.identities.local_of(operation)
    assert local is not None
    for server, identifier in ((pair.upstream, operation), (pair.local, local)):
        eventually(partial(has_ended, server, identifier), within_s=30, what="the end of the update")
    ended_as = Asked("GET", f"/operations/{operation}")
    ended = pair.ask(ended_as)
    assert (ended.verdict, findings(ended)) == (Verdict.SAME, set())
    failed = edit_json(lambda document: discard(document.update(status="failed")))
    assert findings(pair.ask(ended_as, failed)) == {(BREAKING, "json:$.status", "value")}
    updated = edit_json(lambda document: discard(document["results"].update(studyUpdated=7)))
    assert findings(pair.ask(ended_as, updated)) == {(BREAKING, "json:$.results.studyUpdated", "value")}


def test_condition_holds_on_both_sides_or_on_none(pair: Twins) -> None:
    """Record-replay §8: ETags are each side's own; the local one is sent in place of the upstream's."""
    pair.local.store(an_instance())  # from now on the watermarks differ
    new = an_instance()
    for server in (pair.upstream, pair.local):
        server.store(new)
    path = f"{series_path(new)}/metadata"
    first = pair.ask(Asked("GET", path, {"Accept": "application/dicom+json"}))
    etag = header(first.pair.upstream.headers, "etag")
    assert etag is not None
    assert etag != header(first.pair.local.headers, "etag")
    again = pair.ask(Asked("GET", path, {"Accept": "application/dicom+json", "If-None-Match": etag}))
    assert (again.pair.upstream.status, again.pair.local.status) == (304, 304)
    older = pair.ask(Asked("GET", path, {"Accept": "application/dicom+json", "If-None-Match": "1-1"}))
    assert (older.pair.upstream.status, older.pair.local.status) == (200, 200)


def test_etag_that_stays_while_the_other_changes_is_stale(pair: Twins) -> None:
    """Record-replay §10.3: the values of ETags do not count, but they change together."""
    asked = reads()["metadata"]
    stale = header(pair.ask(asked).pair.upstream.headers, "etag")
    assert stale is not None
    more = an_instance(StudyInstanceUID=data().image.StudyInstanceUID, SeriesInstanceUID=data().image.SeriesInstanceUID)
    for server in (pair.upstream, pair.local):
        server.store_response(more)
    compared = pair.ask(asked, set_header("ETag", stale), learns=False)
    assert findings(compared) == {(BREAKING, "header:ETag", "stale")}
    assert findings(pair.ask(asked)) == set()


def test_ids_of_the_client_are_never_translated() -> None:
    """Record-replay §8: only what a server makes is mapped."""
    identities = IdentityPairs()
    path = f"/v2/operations/{OURS}"
    answers = (started(UPSTREAM, OURS), started(LOCAL, THEIRS))
    identities.learn(a_pair("GET", path, *answers))
    assert identities.to_local(RecordedRequest("GET", f"{UPSTREAM}{path}")).uri == f"{UPSTREAM}{path}"


def test_answers_of_other_status_teach_nothing() -> None:
    """Record-replay §8: ids are learned when all else agrees."""
    identities = IdentityPairs()
    refused = replace(started(LOCAL, THEIRS), status=409)
    identities.learn(a_pair("POST", "/v2/extendedquerytags", started(UPSTREAM, OURS), refused))
    assert identities.local_of(OURS) is None


def feed(*entries: tuple[int, str]) -> RecordedResponse:
    document = [
        {
            "sequence": number,
            "studyInstanceUid": "1",
            "seriesInstanceUid": "2",
            "sopInstanceUid": uid,
            "action": "Create",
        }
        for number, uid in entries
    ]
    return RecordedResponse(200, "OK", (JSON,), Inline(json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        pytest.param("/v1/changefeed?limit=5&offset=7", "/v1/changefeed?limit=5&offset=2", id="known"),
        pytest.param("/v1/changefeed?offset=99", "/v1/changefeed?offset=99", id="unknown"),
        pytest.param("/v2/changefeed?offset=7", "/v2/changefeed?offset=7", id="a number of rows in version 2"),
    ],
)
def test_offset_of_the_first_change_feed_is_a_sequence(asked: str, sent: str) -> None:
    """Conformance statement v1, change feed: `offset` is an exclusive first sequence number."""
    identities = IdentityPairs()
    identities.learn(a_pair("GET", "/v1/changefeed", feed((6, "4"), (7, "5")), feed((1, "4"), (2, "5"))))
    assert identities.to_local(RecordedRequest("GET", f"{UPSTREAM}{asked}")).uri == f"{UPSTREAM}{sent}"


def test_workitem_that_the_service_named_is_asked_for_by_the_local_uid() -> None:
    """Record-replay §8: workitem UIDs that the service assigns."""
    answers = [
        RecordedResponse(201, "Created", (("Location", f"{base}/v2/workitems/{uid}"),))
        for base, uid in ((UPSTREAM, "2.25.1"), (LOCAL, "2.25.2"))
    ]
    created = a_pair("POST", "/v2/workitems", answers[0], answers[1])
    identities = IdentityPairs()
    assert compare(replace(created, route="POST /workitems"), identities=identities).verdict is Verdict.SAME
    identities.learn(created)
    body = Inline(b'{"00081199":"2.25.1"}')
    headers = (("Content-Type", "application/dicom+json"),)
    asked = RecordedRequest("POST", f"{UPSTREAM}/v2/workitems/2.25.1", headers, body)
    translated = identities.to_local(asked)
    assert translated.uri == f"{UPSTREAM}/v2/workitems/2.25.2"
    assert translated.body == Inline(b'{"00081199":"2.25.2"}')
