"""Extended query tags on the wire: requests, refusals, shapes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.management.tags import (
    TAGS,
    TEXT,
    a_tag,
    add_tags,
    finished,
    operation_path,
    patch_tag,
    post_tags,
    tag,
    tag_errors,
    tags,
)
from tests.support.client import Emulator
from tests.support.instances import an_instance
from tests.support.server import running

NOT_A_TAG = "The extended query tag '{}' is invalid as it cannot be parsed into a valid Dicom Tag."
SEQUENCE = "Dicom element '{}' failed validation for VR 'SQ': Sequential dicom tags are currently not supported."
PRIVATE = {"privateCreator": "ACME", "vr": "LO"}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A server of which every test of this module that uses it expects a refusal."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("refusing") / "data")) as started:
        yield started


def body_field(key: str, reason: str) -> str:
    return f"The field '{key}' in request body is invalid: {reason}"


def test_adding_answers_with_the_operation_and_its_address(emulator: Emulator) -> None:
    """Service source; service end-to-end tests: 202, Location, reference (azure-apis §1.3)."""
    answer = post_tags(emulator, [a_tag("PatientAge")])

    assert (answer.status, answer.content_type) == (202, "application/json; charset=utf-8")
    assert list(answer.json()) == ["id", "href"]
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["id"])
    assert answer.json()["href"] == f"{emulator.base_url}/v2/operations/{answer.json()['id']}"
    assert answer.headers["Location"] == answer.json()["href"]


def test_two_tags_become_ready_without_errors_and_operation(emulator: Emulator) -> None:
    """Service end-to-end tests: poll Location 202 to 200, then `ready` (azure-apis §6)."""
    emulator.store(an_instance())
    add_tags(emulator, a_tag("PatientAge"), a_tag("00081010", "instance"))

    assert [emulator.get(f"{TAGS}/{path}").text for path in ("00101010", "StationName")] == [
        '{"status":"ready","level":"study","queryStatus":"enabled","path":"00101010","vr":"AS"}',
        '{"status":"ready","level":"instance","queryStatus":"enabled","path":"00081010","vr":"SH"}',
    ]


def test_a_tag_that_is_added_names_its_operation(emulator_with: EmulatorWith) -> None:
    """Service source: status adding, property order, private creator (azure-apis §1.4)."""
    emulator = emulator_with(operation_delay_s=60)
    answer = post_tags(emulator.v1, [a_tag("00431001", "Series", privateCreator="ACME", vr="lo")])
    operation = answer.json()

    assert emulator.v1.get(f"{TAGS}/00431001").text == (
        '{"status":"adding","level":"series",'
        f'"operation":{{"id":"{operation["id"]}","href":"{emulator.base_url}/v1/operations/{operation["id"]}"}},'
        '"queryStatus":"enabled","privateCreator":"ACME","path":"00431001","vr":"LO"}'
    )


def test_enumerations_are_pascal_case_under_the_quirk(emulator_with: EmulatorWith) -> None:
    """README decision 2, json.enum_casing: the documentation's casing."""
    emulator = emulator_with(quirks={"json.enum_casing": "pascal"})
    operation = add_tags(emulator, a_tag("PatientAge"))

    shown, done = tag(emulator, "PatientAge"), emulator.get(operation).json()
    assert (shown["status"], shown["level"], shown["queryStatus"]) == ("Ready", "Study", "Enabled")
    assert (done["type"], done["status"]) == ("Reindex", "Succeeded")


def test_bodies_may_have_comments_trailing_commas_and_any_property_case(emulator: Emulator) -> None:
    """Service source: serializer options; unknown properties are ignored (azure-apis §0, §1.2)."""
    body = b'[ // tags\n {"Path": "PatientAge", "LEVEL": "sTuDy", /* , */ "note": "a, // b",}, ]'
    answer = post_tags(emulator, body, content_type="application/json; charset=utf-8")

    assert answer.status == 202
    assert [each["path"] for each in tags(emulator)] == ["00101010"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            [{"Path": "00100040", "Level": "Studys"}],
            body_field(
                "$[0].Level",
                "Expected value 'Studys' to be one of the following values: ['Instance', 'Series', 'Study']",
            ),
            id="unknown level",
        ),
        pytest.param(
            [{"Path": "00100040"}],
            body_field(
                "[0].Level",
                "The Dicom Tag Property Level must be specified and must not be null, empty or whitespace.",
            ),
            id="no level",
        ),
        pytest.param(
            [{"path": " ", "level": "Study"}],
            body_field(
                "[0].Path", "The Dicom Tag Property Path must be specified and must not be null, empty or whitespace."
            ),
            id="blank path",
        ),
        pytest.param(
            [{"level": "Study"}, {}],
            body_field(
                "[1].Level",
                "The Dicom Tag Property Level must be specified and must not be null, empty or whitespace.",
            ),
            id="the last missing one",
        ),
        pytest.param(
            [{"path": "", "level": "X"}],
            body_field(
                "$[0].level", "Expected value 'X' to be one of the following values: ['Instance', 'Series', 'Study']"
            ),
            id="a wrong value before a missing one",
        ),
        pytest.param(b"", body_field("", "A non-empty request body is required."), id="empty body"),
        pytest.param(b"null", body_field("", "A non-empty request body is required."), id="null"),
        pytest.param(b"{", body_field("$", "The request body is not valid JSON."), id="no JSON"),
        pytest.param({}, body_field("$", "The JSON value could not be converted to an array."), id="an object"),
        pytest.param([1], body_field("$[0]", "The JSON value could not be converted to an object."), id="a number"),
        pytest.param(
            [{"path": 1, "level": "Study"}],
            body_field("$[0].path", "The JSON value could not be converted to a string."),
            id="path is a number",
        ),
        pytest.param(
            [{"path": "PatientAge", "level": 1}],
            body_field("$[0].level", "The JSON value could not be converted to a string."),
            id="level is a number",
        ),
        pytest.param([a_tag("PatientId")], NOT_A_TAG.format("PatientId"), id="not a tag"),
        pytest.param([a_tag("0010,0010")], NOT_A_TAG.format("0010,0010"), id="comma in a tag"),
        pytest.param([a_tag("00400275.00080050")], SEQUENCE.format("00400275.00080050"), id="path into a sequence"),
        pytest.param([a_tag("PatientID")], "The query tag 'PatientID' is already supported.", id="built in"),
        pytest.param([a_tag("00080060")], "The query tag '00080060' is already supported.", id="built in, as digits"),
        pytest.param(
            [a_tag("PatientAge", privateCreator="ACME")],
            "The private creator is not empty for standard tag 'PatientAge'.",
            id="creator of a standard tag",
        ),
        pytest.param(
            [a_tag("00430010", privateCreator="ACME")],
            "The private creator is not empty for private identification code '00430010'.",
            id="creator of a creator",
        ),
        pytest.param(
            [a_tag("00431001", vr="LO")],
            "The private creator for private tag '00431001' is missing.",
            id="private without creator",
        ),
        pytest.param(
            [a_tag("00431001", vr="LO", privateCreator="A" * 65)],
            "The private creator for tag '00431001' is not a valid LO attribute.",
            id="creator too long",
        ),
        pytest.param(
            [a_tag("00431001", vr="LO", privateCreator="A\\B")],
            "The private creator for tag '00431001' is not a valid LO attribute.",
            id="backslash in the creator",
        ),
        pytest.param(
            [a_tag("PatientAge", vr="XX")], "The VR code 'XX' for tag 'PatientAge' is invalid.", id="unknown VR"
        ),
        pytest.param(
            [a_tag("PatientAge", vr="LO")],
            "The VR code 'LO' is incorrectly specified for 'PatientAge'. The expected VR code for it is 'AS'. "
            "Retry this request either with the correct VR code or without specifying it.",
            id="other VR",
        ),
        pytest.param(
            [a_tag("00431001", privateCreator="ACME")], "The vr for tag '00431001' is missing.", id="private without VR"
        ),
        pytest.param(
            [a_tag("PatientWeight")],
            "The VR code 'DS' specified for tag 'PatientWeight' is not supported.",
            id="VR not supported",
        ),
        pytest.param(
            [a_tag("00431001", privateCreator="ACME", vr="sq")],
            "The VR code 'SQ' specified for tag '00431001' is not supported.",
            id="VR of a private tag not supported",
        ),
        pytest.param(
            [a_tag("PatientAge"), a_tag("StationName"), a_tag("PatientAge")],
            "The extended query tag 'PatientAge' has been specified before.",
            id="twice",
        ),
        pytest.param(
            [a_tag("0008103e"), a_tag("0008103E")],
            "The extended query tag '0008103E' has been specified before.",
            id="twice in other case",
        ),
        pytest.param([], "The extended query tag(s) is missing.", id="no tags"),
        pytest.param(
            [a_tag("PatientAge", vr="XX", privateCreator="ACME")],
            "The private creator is not empty for standard tag 'PatientAge'.",
            id="the creator before the VR",
        ),
    ],
)
def test_tags_that_cannot_be_added_are_refused_all_together(refusing: Emulator, body: Any, message: str) -> None:
    """Service source; service end-to-end tests for the first two (azure-apis §1.3, rows 1 to 18)."""
    answer = post_tags(refusing, body)

    assert (answer.status, answer.content_type, answer.text) == (400, TEXT, message)
    assert tags(refusing) == []


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/dicom+json"])
def test_other_content_types_are_415_without_a_body(refusing: Emulator, content_type: str | None) -> None:
    """Service source; a missing one is inferred (azure-apis §1.2)."""
    answer = post_tags(refusing, [a_tag("PatientAge")], content_type=content_type)

    assert (answer.status, answer.content) == (415, b"")


@pytest.mark.parametrize(
    "vr", ["AE", "AS", "CS", "DA", "DT", "FD", "FL", "IS", "LO", "PN", "SH", "SL", "SS", "TM", "UI", "UL", "US"]
)
def test_every_supported_vr_can_be_added(shared_emulator: Emulator, vr: str) -> None:
    """Azure: Extended query tags, supported VRs; private attributes have no VR of their own (azure-apis §1.2)."""
    path = f"004310{ord(vr[0]) + ord(vr[1]) - 100:02X}"
    add_tags(shared_emulator, a_tag(path, vr=vr.lower(), privateCreator="ACME"))

    assert tag(shared_emulator, path)["vr"] == vr
    assert shared_emulator.delete(f"{TAGS}/{path}").status == 204


def test_a_vr_may_be_one_of_several_of_the_dictionary(emulator: Emulator) -> None:
    """Azure: Extended query tags: a VR that the dictionary allows; without one, the first."""
    add_tags(emulator, a_tag("SmallestImagePixelValue", vr="SS"), a_tag("LargestImagePixelValue"))

    assert [each["vr"] for each in tags(emulator)] == ["SS", "US"]


def test_a_private_creator_element_needs_no_vr(emulator: Emulator) -> None:
    """Service source: a private identification code is LO (azure-apis §1.3, rows 10 and 11)."""
    add_tags(emulator, a_tag("00430010"))

    assert emulator.get(f"{TAGS}/00430010").text == (
        '{"status":"ready","level":"study","queryStatus":"enabled","path":"00430010","vr":"LO"}'
    )


def test_a_tag_that_exists_is_a_conflict_and_nothing_is_added(emulator: Emulator) -> None:
    """Service source: whatever its status (azure-apis §1.3, row 20)."""
    add_tags(emulator, a_tag("PatientAge"))
    answer = post_tags(emulator, [a_tag("StationName"), a_tag("00101010")])

    assert (answer.status, answer.content_type, answer.text) == (
        409,
        TEXT,
        "One or more extended query tags already exist.",
    )
    assert [each["path"] for each in tags(emulator)] == ["00101010"]


def test_one_attribute_in_two_spellings_is_a_conflict(emulator: Emulator) -> None:
    """Inferred: the service compares the texts of one request, then the tags in its index."""
    answer = post_tags(emulator, [a_tag("PatientAge"), a_tag("00101010")])

    assert (answer.status, answer.text) == (409, "One or more extended query tags already exist.")


def test_tags_over_the_limit_are_503(emulator_with: EmulatorWith) -> None:
    """Service source: the exception has no status of its own; the limit counts different tags (azure-apis §1.3)."""
    emulator = emulator_with(max_extended_query_tags=2)
    add_tags(emulator, a_tag("PatientAge"))
    answer = post_tags(emulator, [a_tag("StationName"), a_tag("StudyID")])

    assert (answer.status, answer.text) == (503, "Extended query tags exceeds max allowed count '2'.")
    assert post_tags(emulator, [a_tag("PatientAge"), a_tag("StationName")]).status == 409
    add_tags(emulator, a_tag("StationName"))


def test_128_tags_are_allowed_and_one_more_is_not(emulator: Emulator) -> None:
    """Azure: Extended query tags, limits."""
    add_tags(emulator, *(a_tag(f"004310{number:02X}", **PRIVATE) for number in range(128)))
    answer = post_tags(emulator, [a_tag("PatientAge")])

    assert (answer.status, answer.text) == (503, "Extended query tags exceeds max allowed count '128'.")


def test_adding_during_a_re_index_is_a_conflict_that_names_it(emulator_with: EmulatorWith) -> None:
    """Service source: before the tags are looked at; text and Location (azure-apis §1.3, row 6)."""
    emulator = emulator_with(operation_delay_s=60)
    first = post_tags(emulator, [a_tag("PatientAge")]).json()
    answer = post_tags(emulator, [a_tag("nonsense")])

    assert (answer.status, answer.content_type, answer.headers["Location"]) == (409, TEXT, first["href"])
    assert answer.text == f"There is already an active re-index operation with ID '{first['id']}'."


def test_operations_can_be_switched_off(emulator_with: EmulatorWith) -> None:
    """Service source: after the shape of the body, before everything else (azure-apis §1.3, row 4)."""
    emulator = emulator_with(disable_operations=True)

    answer = post_tags(emulator, [a_tag("nonsense")])
    assert (answer.status, answer.text) == (
        400,
        "Asynchronous operations are temporarily disabled. Please try again later.",
    )
    assert post_tags(emulator, [{}]).text.startswith("The field '[0].Level'")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("PatientId", 400, NOT_A_TAG.format("PatientId")),
        ("00400275.00080050", 400, SEQUENCE.format("00400275.00080050")),
        ("PatientAge", 404, "The specified extended query tag with tag path 00101010 cannot be found."),
        ("0043100a", 404, "The specified extended query tag with tag path 0043100A cannot be found."),
    ],
    ids=["not a tag", "sequence", "not added", "private"],
)
def test_paths_without_a_tag(refusing: Emulator, method: str, path: str, status: int, message: str) -> None:
    """Service source: keyword in its case, or 8 hex digits (azure-apis §1.1)."""
    answer = refusing.request(
        method,
        f"/v2{TAGS}/{path}",
        headers={"Content-Type": "application/json"},
        body=b'{"queryStatus":"Enabled"}' if method == "PATCH" else None,
    )
    assert (answer.status, answer.content_type, answer.text) == (status, TEXT, message)


def test_errors_of_an_unknown_tag_are_404(refusing: Emulator) -> None:
    """Azure: Extended query tags, errors (azure-apis §1.8)."""
    answer = refusing.get(f"{TAGS}/PatientAge/errors")

    assert answer.status == 404
    assert answer.text == "The specified extended query tag with tag path 00101010 cannot be found."


def test_the_list_is_in_the_order_of_registration_and_paged(emulator: Emulator) -> None:
    """Service source: limit, offset; none is `[]` (azure-apis §1.5)."""
    assert emulator.get(TAGS, accept=None).text == "[]"
    for path in ("StudyID", "PatientAge", "StationName"):
        add_tags(emulator, a_tag(path))

    assert [each["path"] for each in tags(emulator)] == ["00200010", "00101010", "00081010"]
    assert [each["path"] for each in tags(emulator, "?LIMIT=1&Offset=1&other=x")] == ["00101010"]
    assert tags(emulator, "?offset=3") == []


@pytest.mark.parametrize("path", [TAGS, f"{TAGS}/PatientAge/errors"])
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."),
        ("limit=201", "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."),
        ("limit=x", "The query parameter 'Limit' is invalid. The value 'x' is not valid for Limit."),
        ("limit=2147483648", "The query parameter 'Limit' is invalid. The value '2147483648' is not valid for Limit."),
        ("limit=", "The query parameter 'Limit' is invalid. The value '' is invalid."),
        (
            "offset=-1",
            "The query parameter 'Offset' is invalid. The field Offset must be between 0 and 9.223372036854776E+18.",
        ),
        ("offset=1.5", "The query parameter 'Offset' is invalid. The value '1.5' is not valid for Offset."),
        ("offset=x&limit=0", "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."),
    ],
)
def test_bad_pages_are_refused(refusing: Emulator, path: str, query: str, message: str) -> None:
    """Service source: the frame of searches (azure-apis §1.5)."""
    answer = refusing.get(f"{path}?{query}")

    assert (answer.status, answer.text) == (400, message)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"queryStatus": "Disabled"}, "disabled"),
        ({"QUERYSTATUS": "dISABLED"}, "disabled"),
        ({"queryStatus": "0"}, "disabled"),
        ({"queryStatus": "1"}, "enabled"),
        ({"queryStatus": "enabled"}, "enabled"),
    ],
)
def test_patch_switches_the_query_status(emulator: Emulator, body: Any, status: str) -> None:
    """Azure: Extended query tags, update; numerals are service source (azure-apis §1.6)."""
    add_tags(emulator, a_tag("PatientAge"))
    answer = patch_tag(emulator, "PatientAge", body)

    assert (answer.status, answer.content_type) == (200, "application/json; charset=utf-8")
    assert answer.json() == {"status": "ready", "level": "study", "queryStatus": status, "path": "00101010", "vr": "AS"}
    assert tag(emulator, "00101010") == answer.json()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"queryStatus": "Enabled", "foo": 1},
            body_field("foo", 'The field is not supported: "foo".'),
        ),
        ({}, body_field("QueryStatus", "The QueryStatus field is required.")),
        ({"queryStatus": None}, body_field("QueryStatus", "The QueryStatus field is required.")),
        (
            {"queryStatus": "on"},
            body_field("$.queryStatus", 'The value is not valid. It need to be one of "Disabled","Enabled".'),
        ),
        (
            {"queryStatus": 1},
            body_field("$.queryStatus", 'The value is not valid. It need to be one of "Disabled","Enabled".'),
        ),
        (b"", body_field("", "A non-empty request body is required.")),
    ],
    ids=["other property", "missing", "null", "other word", "number", "empty"],
)
def test_bad_patches_are_refused(refusing: Emulator, body: Any, message: str) -> None:
    """Service source; reason of a missing value and key of a bad one are inferred (azure-apis §1.6)."""
    answer = patch_tag(refusing, "PatientAge", body)

    assert (answer.status, answer.text) == (400, message)


def test_patch_needs_json(refusing: Emulator) -> None:
    """Inferred (azure-apis §1.6)."""
    answer = patch_tag(refusing, "PatientAge", {}, content_type="text/plain")

    assert (answer.status, answer.content) == (415, b"")


def test_a_deleted_tag_is_gone_and_can_be_added_again(emulator: Emulator) -> None:
    """Service source: 204, second delete 404 (azure-apis §1.7)."""
    stored = emulator.store(an_instance(PatientAge="030Y"))
    add_tags(emulator, a_tag("PatientAge"))
    assert len(emulator.search_studies(PatientAge="030Y")) == 1

    assert (emulator.delete(f"{TAGS}/PatientAge").status, emulator.delete(f"{TAGS}/00101010").status) == (204, 404)
    assert emulator.get("/studies", query={"PatientAge": "030Y"}).text.startswith(
        "Invalid query: AttributeId PatientAge is not queryable."
    )
    add_tags(emulator, a_tag("PatientAge", "Series"))
    assert emulator.search_series(PatientAge="030Y")[0]["0020000E"]["Value"] == [stored.SeriesInstanceUID]


@pytest.mark.parametrize("has_partitions", [False, True], ids=["off", "on"])
def test_what_is_global_has_no_route_below_a_partition(emulator_with: EmulatorWith, has_partitions: bool) -> None:
    """Service source: 404 in both states (azure-apis §0, §5.1)."""
    emulator = emulator_with(partitions=has_partitions)

    for path in (TAGS, f"{TAGS}/PatientAge", "/operations/1", "/partitions", "/changefeed", ""):
        answer = emulator.get(f"/partitions/foo{path}")
        assert (answer.status, answer.content) == (404, b""), path


def test_accept_does_not_matter(emulator: Emulator) -> None:
    """Inferred: JSON whatever Accept says (azure-apis §0)."""
    answer = emulator.get(TAGS, accept="text/html")

    assert (answer.status, answer.content_type) == (200, "application/json; charset=utf-8")


def test_urls_follow_the_forwarded_host(emulator: Emulator) -> None:
    """Azure: Proxy URL support: tag, tag error and operation URLs (http §8)."""
    emulator.v1.store(an_instance(PatientAge="bad"))
    operation = add_tags(emulator, a_tag("PatientAge"))
    headers = {"X-Forwarded-Host": "proxy.example"}

    shown = emulator.get(f"{TAGS}/PatientAge", headers=headers).json()
    assert shown["errors"]["href"] == "http://proxy.example/v2/extendedquerytags/00101010/errors"
    assert emulator.get(operation, headers=headers).json()["resources"] == [
        "http://proxy.example/v2/extendedquerytags/00101010"
    ]


def test_tag_errors_are_paged(emulator: Emulator) -> None:
    """Service source: by time, then instance version (azure-apis §1.8)."""
    stored = [emulator.v1.store(an_instance(PatientAge="bad")).SOPInstanceUID for _ in range(3)]
    add_tags(emulator, a_tag("PatientAge"))

    assert [each["sopInstanceUid"] for each in tag_errors(emulator, "PatientAge")] == stored
    assert [each["sopInstanceUid"] for each in tag_errors(emulator, "PatientAge", "?limit=1&offset=1")] == stored[1:2]


def test_deleting_during_the_re_index_lets_it_finish_without_the_tag(emulator_with: EmulatorWith) -> None:
    """Service source: allowed in any status; resources are those that are left (azure-apis §1.7, §2)."""
    emulator = emulator_with(operation_delay_s=0.3)
    emulator.store(an_instance(PatientAge="030Y"))
    answer = post_tags(emulator, [a_tag("PatientAge")])
    assert emulator.delete(f"{TAGS}/PatientAge").status == 204

    done = finished(emulator, operation_path(emulator, answer))
    assert (done["status"], done["percentComplete"], done["resources"]) == ("succeeded", 100, [])
    assert tags(emulator) == []
