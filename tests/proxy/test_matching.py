"""Matching: which recorded request is the same request (record-replay §7.1, §7.2), and why another is not (§7.4)."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from azdicom_proxy.cassette.model import Cassette, Inline, Interaction, Omitted, RecordedRequest
from azdicom_proxy.cassette.naming import named
from azdicom_proxy.matching.bodies import BodyLevel
from azdicom_proxy.matching.matchers import UnknownMatcherError
from azdicom_proxy.matching.player import Miss, MissKind, Player
from tests.proxy.made_cassettes import a_store, an_interaction
from tests.support.instances import an_instance, part10
from tests.support.multipart import multipart_related


def a_player(*interactions: Interaction, **options: Any) -> Player:
    """Plays the interactions as a cassette `tests/c.yaml` would hold them."""
    return Player(Cassette(interactions=named(interactions), path=Path("tests/c.yaml")), **options)


def a_request(
    path: str,
    *,
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    base: str = "http://p:1/v2",
) -> RecordedRequest:
    return replace(an_interaction(method, headers=headers, body=body).request, uri=base + path)


def matches(recorded: RecordedRequest, request: RecordedRequest, **options: Any) -> bool:
    """Whether `request` is answered by an interaction that was recorded for `recorded`."""
    interaction = replace(an_interaction(), request=recorded)
    return not isinstance(a_player(interaction, **options).play(request), Miss)


SAME_PATHS = {
    "another base": ("http://h/v2/studies", "https://other:8443/dicom/v2/studies"),
    "without version": ("http://h/dicom-web/studies/1.2", "http://p:1/studies/1.2"),
    "percent encoding": ("http://h/v2/studies/1%2E2", "http://p/v2/studies/1.2"),
    "partition": ("http://h/v2/partitions/a/studies", "http://p/v2/partitions/a/studies"),
    "trailing slash": ("http://h/v2/studies/", "http://p/v2/studies"),
}
OTHER_PATHS = {
    "another study": ("http://h/v2/studies/1.2", "http://p/v2/studies/1.3"),
    "another version": ("http://h/v1/studies", "http://p/v2/studies"),
    "another partition": ("http://h/v2/partitions/a/studies", "http://p/v2/partitions/b/studies"),
    "no partition": ("http://h/v2/partitions/a/studies", "http://p/v2/studies"),
    "case of a resource": ("http://h/v2/studies", "http://p/v2/Studies"),
}


@pytest.mark.parametrize(("recorded", "asked"), SAME_PATHS.values(), ids=SAME_PATHS)
def test_paths_are_the_same_without_their_base(recorded: str, asked: str) -> None:
    """record-replay §7.1, `path`."""
    assert matches(RecordedRequest("GET", recorded), RecordedRequest("GET", asked))


@pytest.mark.parametrize(("recorded", "asked"), OTHER_PATHS.values(), ids=OTHER_PATHS)
def test_paths_differ_in_what_they_address(recorded: str, asked: str) -> None:
    """record-replay §7.1, `path`."""
    assert not matches(RecordedRequest("GET", recorded), RecordedRequest("GET", asked))


def test_the_version_can_be_ignored() -> None:
    """record-replay §7.1: `--ignore-version`."""
    asked = RecordedRequest("GET", "http://p/v1/studies")

    assert matches(RecordedRequest("GET", "http://h/v2/studies"), asked, ignore_version=True)


SAME_QUERIES = {
    "order": ("a=1&b=2", "b=2&a=1"),
    "keyword and hex": ("PatientID=P-42", "00100020=P-42"),
    "dotted path": ("RequestAttributesSequence.00400009=7", "00400275.ScheduledProcedureStepID=7"),
    "hex case": ("0020000d=1.2", "0020000D=1.2"),
    "includefield sets": (
        "includefield=00080061,PatientName",
        "includefield=PatientName&includefield=ModalitiesInStudy",
    ),
    "numbers": ("limit=010&offset=0", "limit=10&offset=00"),
    "encodings": ("PatientName=A%5EB%20C", "PatientName=A^B+C"),
    "repeated": ("ModalitiesInStudy=CT&ModalitiesInStudy=MR", "ModalitiesInStudy=MR&00080061=CT"),
}
OTHER_QUERIES = {
    "value": ("PatientID=P-42", "PatientID=P-43"),
    "blank counts": ("PatientID=", ""),
    "twice is not once": ("a=1&a=1", "a=1"),
    "includefield": ("includefield=00080061", "includefield=00080062"),
    "case of a value": ("PatientID=p", "PatientID=P"),
    "limit": ("limit=10", "limit=100"),
}


@pytest.mark.parametrize(("recorded", "asked"), SAME_QUERIES.values(), ids=SAME_QUERIES)
def test_queries_are_the_same_by_what_they_mean(recorded: str, asked: str) -> None:
    """record-replay §7.1, `query`."""
    assert matches(a_request(f"/studies?{recorded}"), a_request(f"/studies?{asked}"))


@pytest.mark.parametrize(("recorded", "asked"), OTHER_QUERIES.values(), ids=OTHER_QUERIES)
def test_queries_differ_in_what_they_mean(recorded: str, asked: str) -> None:
    """record-replay §7.1, `query`: the same multiset of pairs."""
    assert not matches(a_request(f"/studies?{recorded}"), a_request(f"/studies?{asked}"))


SAME_HEADERS = {
    "accept case, blanks, order": (
        ("Accept", 'multipart/related; type="application/dicom"; transfer-syntax=*, application/json'),
        ("accept", "Application/JSON,multipart/related;transfer-syntax=*;type=application/dicom"),
    ),
    "absent accept": (("Accept", "*/*"), ("X-Other", "1")),
    "boundary": (
        ("Content-Type", 'multipart/related; type="application/dicom"; boundary=a'),
        ("content-type", 'multipart/related;boundary="b";type=application/dicom'),
    ),
    "another header": (("User-Agent", "a"), ("User-Agent", "b")),
    "etag value": (("If-None-Match", "1"), ("If-None-Match", "2")),
    "quality": (("Accept", "a/b;q=0.50"), ("Accept", "a/b; q=0.5")),
}
OTHER_HEADERS = {
    "transfer syntax": (("Accept", "application/dicom; transfer-syntax=*"), ("Accept", "application/dicom")),
    "type": (
        ("Accept", 'multipart/related; type="image/jp2"'),
        ("Accept", 'multipart/related; type="application/dicom"'),
    ),
    "quality": (("Accept", "a/b;q=0.5"), ("Accept", "a/b")),
    "content type": (("Content-Type", "application/json"), ("Content-Type", "application/dicom+json")),
    "conditional": (("If-None-Match", "1"), ("X-Other", "1")),
    "original": (("msdicom-request-original", "true"), ("X-Other", "1")),
}


@pytest.mark.parametrize(("recorded", "asked"), SAME_HEADERS.values(), ids=SAME_HEADERS)
def test_headers_are_the_same_by_what_they_mean(recorded: tuple[str, str], asked: tuple[str, str]) -> None:
    """record-replay §7.1, `accept`, `content_type`, `conditional`; all others are ignored."""
    assert matches(a_request("/studies", headers=(recorded,)), a_request("/studies", headers=(asked,)))


@pytest.mark.parametrize(("recorded", "asked"), OTHER_HEADERS.values(), ids=OTHER_HEADERS)
def test_headers_differ_in_what_they_mean(recorded: tuple[str, str], asked: tuple[str, str]) -> None:
    """record-replay §7.1."""
    assert not matches(a_request("/studies", headers=(recorded,)), a_request("/studies", headers=(asked,)))


def test_a_header_matches_when_it_is_asked_to() -> None:
    """record-replay §7.1: `--match-header NAME`."""
    one, other = (a_request("/studies", headers=(("X-Tenant", value),)) for value in "ab")

    assert matches(one, other)
    assert not matches(one, other, match_headers=["x-tenant"])


@pytest.mark.parametrize(
    ("match_on", "is_same"),
    [
        (["-query"], True),
        (["method", "path"], True),
        (["query"], False),
        (["-accept"], False),
        (["path", "+query"], False),
    ],
)
def test_match_on_replaces_or_edits_the_list(match_on: list[str], is_same: bool) -> None:
    """record-replay §7.1: `+name` and `-name` edit, names alone replace."""
    assert matches(a_request("/studies?a=1"), a_request("/studies?a=2"), match_on=match_on) is is_same


def test_an_unknown_matcher_is_told_the_known_ones() -> None:
    """record-replay §1: usage errors say what would be right."""
    with pytest.raises(UnknownMatcherError, match=r"unknown matcher 'quer'\..*Did you mean 'query'\?"):
        a_player(match_on=["-quer"])


def stored(*datasets: Dataset, boundary: str | None = None, part_type: str = "application/dicom") -> RecordedRequest:
    content_type, body = multipart_related(map(part10, datasets), boundary=boundary, part_type=part_type)
    return a_request("/studies", method="POST", headers=(("Content-Type", content_type),), body=body)


def test_stores_match_whatever_their_boundary_part_order_and_header_case() -> None:
    """record-replay §16 check 4."""
    one, two = an_instance(), an_instance()
    asked = stored(two, one, boundary="other")
    shouting = replace(asked, body=Inline(_content(asked).replace(b"Content-Type:", b"CONTENT-TYPE:")))

    assert matches(stored(one, two, boundary="some"), asked)
    assert matches(stored(one, two, boundary="some"), shouting)


def test_a_store_that_differs_in_one_attribute_is_a_miss_that_names_it() -> None:
    """record-replay §16 check 4."""
    dataset = an_instance(StudyDescription="CHEST")
    player = a_player(replace(an_interaction(), request=stored(dataset)))
    dataset.StudyDescription = "KNEE"

    miss = player.play(stored(dataset))

    assert isinstance(miss, Miss)
    assert miss.kind is MissKind.DIFFERS
    assert "  body     StudyDescription: request 'KNEE', recorded 'CHEST'" in miss.text().splitlines()


def test_a_pixel_that_differs_is_a_miss() -> None:
    """record-replay §7.2: pixel data by its bytes."""
    dataset = an_instance()
    other = an_instance(
        **{key: dataset.get(key) for key in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")}
    )
    other.PatientID = dataset.PatientID
    assert matches(stored(dataset), stored(other))

    other.PixelData = other.PixelData[:-1] + b"\x01"

    miss = a_player(replace(an_interaction(), request=stored(dataset))).play(stored(other))
    assert isinstance(miss, Miss)
    assert "PixelData: request 2048 bytes (" in miss.text()


def test_a_miss_lists_missing_and_extra_instances() -> None:
    """record-replay §7.4: for DICOM bodies UIDs missing or extra, then attributes."""
    one, two, three = an_instance(), an_instance(), an_instance()
    miss = a_player(replace(an_interaction(), request=stored(one, two))).play(stored(one, three))

    assert isinstance(miss, Miss)
    assert f"SOP instance {two.SOPInstanceUID}: only in recorded" in miss.text()
    assert f"SOP instance {three.SOPInstanceUID}: only in request" in miss.text()


def test_padding_and_items_do_not_depend_on_how_they_are_encoded() -> None:
    """record-replay §7.2: values in explicit little endian, padding trimmed, group 0002 only by transfer syntax."""
    dataset = an_instance(StudyDescription="ODD", RequestAttributesSequence=[Dataset()])
    dataset.RequestAttributesSequence[0].ScheduledProcedureStepID = "S1"
    dataset.RequestAttributesSequence[0].is_undefined_length_sequence_item = True
    other = an_instance(**{element.keyword: element.value for element in dataset if element.keyword != "PixelData"})
    other["RequestAttributesSequence"].is_undefined_length = True
    other.file_meta.ImplementationVersionName = "OTHER"

    assert part10(dataset) != part10(other)
    assert matches(stored(dataset), stored(other))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda syntax: syntax.name)
def test_another_transfer_syntax_is_another_data_set(syntax: Any) -> None:
    """record-replay §7.2: the transfer syntax UID counts."""
    uids: Any = {
        "SOPInstanceUID": generate_uid(),
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
    }
    plain, other = (
        an_instance(transfer_syntax=each, PatientID="P1", **uids) for each in (ExplicitVRLittleEndian, syntax)
    )

    assert not matches(stored(plain), stored(other))
    assert matches(stored(other), stored(other))


def test_levels_of_comparison() -> None:
    """record-replay §7.2: `uids`, `dataset`, `bytes`."""
    dataset = an_instance()
    first = stored(dataset, boundary="b")
    dataset.StudyDescription = "OTHER"
    changed = stored(dataset, boundary="b")

    assert matches(first, changed, body_level=BodyLevel.UIDS)
    assert not matches(first, changed, body_level=BodyLevel.DATASET)
    assert not matches(stored(dataset, boundary="c"), changed, body_level=BodyLevel.BYTES)
    assert matches(changed, changed, body_level=BodyLevel.BYTES)


def test_parts_that_do_not_parse_are_compared_by_their_bytes() -> None:
    """record-replay §7.2: an unparsable part falls back to its SHA-256."""
    headers = (("Content-Type", "multipart/related; boundary=b"),)
    one, same, other = (
        a_request("/studies", method="POST", headers=headers, body=f"--b\r\n\r\n{text}\r\n--b--\r\n".encode())
        for text in ("junk", "junk", "June")
    )

    assert matches(one, same)
    assert not matches(one, other)


SAME_BODIES = {
    "json key order": ("application/json", b'{"a": 1, "b": [1, 2]}', b'{"b":[1,2],"a":1.0}'),
    "form pairs": ("application/x-www-form-urlencoded", b"a=1&b=", b"b=&a=1"),
    "broken json": ("application/json", b"{", b"{"),
    "bytes": ("application/octet-stream", b"\x00", b"\x00"),
}
OTHER_BODIES = {
    "json array order": ("application/json", b"[1, 2]", b"[2, 1]"),
    "json true is not 1": ("application/json", b"[true]", b"[1]"),
    "json null": ("application/json", b'{"a": null}', b"{}"),
    "form value": ("application/x-www-form-urlencoded", b"a=1", b"a=2"),
    "bytes": ("application/octet-stream", b"\x00", b"\x01"),
    "nothing": ("application/json", b"{}", b""),
}


@pytest.mark.parametrize(("media_type", "recorded", "asked"), SAME_BODIES.values(), ids=SAME_BODIES)
def test_other_bodies_are_the_same_by_their_type(media_type: str, recorded: bytes, asked: bytes) -> None:
    """record-replay §7.2."""
    headers = (("Content-Type", media_type),)
    one, other = (a_request("/workitems", method="POST", headers=headers, body=body) for body in (recorded, asked))

    assert matches(one, other)


@pytest.mark.parametrize(("media_type", "recorded", "asked"), OTHER_BODIES.values(), ids=OTHER_BODIES)
def test_other_bodies_differ_by_their_type(media_type: str, recorded: bytes, asked: bytes) -> None:
    """record-replay §7.2."""
    headers = (("Content-Type", media_type),)
    one, other = (a_request("/workitems", method="POST", headers=headers, body=body) for body in (recorded, asked))

    assert not matches(one, other)


def test_a_request_over_the_recording_limit_is_found_by_its_hash() -> None:
    """record-replay §3: the cassette keeps length and hash."""
    asked = stored(an_instance())
    content = _content(asked)
    from hashlib import sha256

    recorded = replace(asked, body=Omitted(len(content), sha256(content).hexdigest()))

    assert matches(recorded, asked)
    assert not matches(recorded, stored(an_instance()))


def test_a_miss_tells_the_nearest_and_the_others() -> None:
    """record-replay §7.4, the layout."""
    recorded = [
        an_interaction(path="/studies?PatientID=P-1", headers=(("Accept", "application/json"),)),
        an_interaction(path="/studies?limit=100&PatientID=P-42", headers=()),
        an_interaction("DELETE", "/studies/1.2", headers=()),
    ]
    player = a_player(*recorded)
    player.play(recorded[2].request)

    miss = player.play(a_request("/studies?PatientID=P-42&limit=10"))

    assert isinstance(miss, Miss)
    lines = miss.text().splitlines()
    assert lines[0] == (
        "MISS  GET /v2/studies?PatientID=P-42&limit=10        cassette tests/c.yaml (3 interactions, 1 played)"
    )
    assert lines[1] == "reason:  differs"
    assert lines[2] == (
        "nearest: qido-studies-0002   GET /v2/studies?limit=100&PatientID=P-42     (6 of 7 matchers agree)"
    )
    assert lines[3] == "  query    limit: request 10, recorded 100"
    assert lines[4] == "also:    qido-studies-0001   differs in query (PatientID, limit), accept"
    assert lines[5].startswith("also:    delete-study-0001   differs in method, path")
    assert lines[6] == (
        "hint:    --match-on -query, or record it: azdicom proxy --mode record --record-mode new_episodes"
        " --cassette tests/c.yaml --upstream URL"
    )


KINDS = {
    MissKind.NO_FILE: Player(None, path=Path("none.yaml")),
    MissKind.EMPTY: a_player(),
    MissKind.NO_ROUTE: a_player(an_interaction("DELETE", "/studies/1.2")),
    MissKind.DIFFERS: a_player(an_interaction(path="/studies?limit=1")),
}


@pytest.mark.parametrize(("kind", "player"), KINDS.items(), ids=KINDS)
def test_kinds_of_misses_are_told_apart_in_words(kind: MissKind, player: Player) -> None:
    """record-replay §7.4: no cassette file, cassette empty, no such route, differs."""
    miss = player.play(a_request("/studies"))

    assert isinstance(miss, Miss)
    assert miss.kind is kind
    assert f"reason:  {kind}" in miss.text()


def test_only_three_interactions_are_shown() -> None:
    """record-replay §7.4: at most 3."""
    miss = a_player(*(an_interaction(path=f"/studies?limit={n}") for n in range(1, 9))).play(a_request("/studies"))

    assert isinstance(miss, Miss)
    assert len(miss.nearest) == 3


def a_workitem(uid: str, transaction: str) -> list[Interaction]:
    """A workitem created with a UID of the client's, claimed and read."""
    headers = (("Content-Type", "application/dicom+json"),)
    state = {"00081195": {"vr": "UI", "Value": [transaction]}, "00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}}
    created = (("Location", f"http://h/v2/workitems/{uid}"),)
    return [
        an_interaction(
            "POST",
            f"/workitems?{uid}",
            headers=headers,
            body=b'[{"00404005": {"vr": "DT"}}]',
            answer_headers=created,
            status=201,
        ),
        an_interaction("PUT", f"/workitems/{uid}/state", headers=headers, body=json.dumps([state]).encode()),
        an_interaction(path=f"/workitems/{uid}", answer={"00080018": {"vr": "UI", "Value": [uid]}}),
    ]


def test_ids_of_the_client_are_paired_as_they_turn_up() -> None:
    """record-replay §8: `--map-uids`; later requests and replayed responses are translated."""
    player = a_player(*a_workitem("1.2.3.4.5", "1.2.3.4.6"), map_uids=True)

    answers = [player.play(each.request) for each in a_workitem("2.25.111", "2.25.222")]

    assert [answer.id for answer in answers if not isinstance(answer, Miss)] == [
        "ups-create-0001",
        "ups-state-0001",
        "ups-retrieve-0001",
    ]
    created, _, read = answers
    assert not isinstance(created, Miss)
    assert not isinstance(read, Miss)
    assert dict(created.response.headers)["Location"] == "http://h/v2/workitems/2.25.111"
    assert isinstance(read.response.body, Inline)
    assert json.loads(read.response.body.content)["00080018"]["Value"] == ["2.25.111"]


def test_ids_are_not_paired_unless_asked_to_or_against_their_pattern() -> None:
    """record-replay §8: the same number of distinct UIDs in the same pattern."""
    recorded = a_workitem("1.2.3.4.5", "1.2.3.4.6")
    unlike = an_interaction(path="/workitems/2.25.9?x=2.25.9").request

    assert isinstance(a_player(*recorded).play(a_workitem("2.25.1", "2.25.2")[0].request), Miss)
    assert isinstance(a_player(an_interaction(path="/workitems/1.2.3.4?x=1.2.3.5"), map_uids=True).play(unlike), Miss)


def test_data_sets_with_fresh_uids_are_found_and_translated() -> None:
    """record-replay §8: DICOM parts, UI elements only."""
    first, again = an_instance(PatientID="P1"), an_instance(PatientID="P1")
    retrieve = an_interaction(
        path=f"/studies/{first.StudyInstanceUID}",
        headers=(),
        answer=part10(first),
        answer_headers=(("Content-Type", "application/dicom"),),
    )
    player = a_player(a_store(first), retrieve, map_uids=True)

    assert not isinstance(player.play(a_store(again).request), Miss)
    answer = player.play(a_request(f"/studies/{again.StudyInstanceUID}"))

    assert not isinstance(answer, Miss)
    assert isinstance(answer.response.body, Inline)
    from tests.support.instances import read

    sent = read(answer.response.body.content)
    assert (sent.StudyInstanceUID, sent.SOPInstanceUID) == (again.StudyInstanceUID, again.SOPInstanceUID)
    assert sent.file_meta.MediaStorageSOPInstanceUID == again.SOPInstanceUID
    assert sent.PixelData == first.PixelData


def test_a_data_set_that_differs_in_more_than_uids_is_still_a_miss() -> None:
    """record-replay §8: a UID is learned when a request matches on everything else."""
    player = a_player(a_store(an_instance(PatientID="P1")), map_uids=True)

    assert isinstance(player.play(a_store(an_instance(PatientID="P2")).request), Miss)


def _content(request: RecordedRequest) -> bytes:
    assert isinstance(request.body, Inline)
    return request.body.content
