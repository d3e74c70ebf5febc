"""Bulk update: what a request must be, and in which order that is checked (async §2.1, §2.2)."""

import json
from typing import Any

import pytest
from pydicom.datadict import dictionary_keyword, dictionary_VR

from azdicom_emulator.management.bulk_update_checks import UPDATABLE
from azdicom_emulator.settings import AuthMode
from tests.conftest import EmulatorWith
from tests.management.partitions import in_partition
from tests.management.tags import TEXT, finished, operation_path
from tests.management.updates import BULK_UPDATE, a_name, an_update, post_update, update
from tests.support.client import Emulator
from tests.support.instances import an_instance, study_path
from tests.support.tokens import bearer, token_for

UID_TEXT = (
    "Dicom element 'StudyInstanceUid' failed validation for VR 'UI': DICOM Identifier is invalid. Value length should "
    "not exceed the maximum length of 64 characters. Value should contain characters in '0'-'9' and '.'. Each "
    "component must start with non-zero number."
)
NO_STUDIES = "The required field 'StudyInstanceUids' is missing or empty."
SOME = {"00100020": {"vr": "LO", "Value": ["NEW"]}}


def test_a_started_update_answers_its_operation_and_no_location(emulator: Emulator) -> None:
    """Service source: 202, operation reference, no Location header."""
    answer = post_update(emulator, an_update("1.2.3", t00100010=a_name("New")))
    reference = answer.json()

    assert (answer.status, answer.content_type) == (202, "application/json; charset=utf-8")
    assert list(reference) == ["id", "href"]
    assert reference["href"] == f"{emulator.service_url}/operations/{reference['id']}"
    assert "Location" not in answer.headers


def test_quirk_adds_the_location(emulator_with: EmulatorWith) -> None:
    """async §2.1: quirk update.location_header."""
    emulator = emulator_with(quirks={"update.location_header": "present"})

    answer = post_update(emulator, an_update("1.2.3"))

    assert answer.headers["Location"] == answer.json()["href"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The query parameter '' is invalid. A non-empty request body is required."),
        (b"null", "The query parameter '' is invalid. A non-empty request body is required."),
        (b"{", "The query parameter '$' is invalid. The request body is not valid JSON."),
        (b"[]", "The query parameter '$' is invalid. The JSON value could not be converted to an object."),
        (
            {"studyInstanceUids": "1.2.3", "changeDataset": {}},
            "The query parameter '$.studyInstanceUids' is invalid. "
            "The JSON value could not be converted to an array of strings.",
        ),
        (
            {"StudyInstanceUids": [7], "changeDataset": {}},
            "The query parameter '$.StudyInstanceUids' is invalid. "
            "The JSON value could not be converted to an array of strings.",
        ),
        (
            {"studyInstanceUids": ["1.2.3"], "changeDataset": []},
            "The query parameter '$.changeDataset' is invalid. "
            "The JSON value could not be converted to a data set: an object is expected.",
        ),
        (
            {"studyInstanceUids": ["1.2.3"], "changeDataset": {"00100020": {"vr": "XX"}}},
            "The query parameter '$.changeDataset' is invalid. "
            "The JSON value could not be converted to a data set: an element has no known vr.",
        ),
        ({"studyInstanceUids": ["1.2.3"]}, "Value cannot be null. (Parameter 'ChangeDataset')"),
        ({"changeDataset": SOME}, NO_STUDIES),
        ({"studyInstanceUids": None, "changeDataset": SOME}, NO_STUDIES),
        ({"studyInstanceUids": [], "changeDataset": SOME}, NO_STUDIES),
        (
            {"studyInstanceUids": ["1.2.3"] * 51, "changeDataset": SOME},
            "StudyInstanceUids count exceeded maximum length '50'",
        ),
        ({"studyInstanceUids": ["1.2.3", "abc"], "changeDataset": SOME}, UID_TEXT),
        ({"studyInstanceUids": [""], "changeDataset": SOME}, UID_TEXT),
        ({"studyInstanceUids": [None], "changeDataset": SOME}, UID_TEXT),
        ({"studyInstanceUids": ["1." * 32 + "1"], "changeDataset": SOME}, UID_TEXT),
    ],
    ids=[
        "empty body",
        "null",
        "malformed",
        "array",
        "studies no array",
        "a study no text",
        "data set no object",
        "unknown vr",
        "no data set",
        "no studies",
        "studies null",
        "studies empty",
        "51 studies",
        "no uid",
        "empty uid",
        "null uid",
        "uid too long",
    ],
)
def test_bad_requests_are_refused_with_the_text_of_the_service(shared_emulator: Emulator, body: Any, text: str) -> None:
    """Service source; the texts of the JSON layer are inferred (async §2.1)."""
    answer = post_update(shared_emulator, body)

    assert (answer.status, answer.content_type, answer.text) == (400, TEXT, text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"studyInstanceUids": ["abc"]}, "Value cannot be null. (Parameter 'ChangeDataset')"),
        (
            {"studyInstanceUids": ["abc"] * 51, "changeDataset": {}},
            "StudyInstanceUids count exceeded maximum length '50'",
        ),
        ({"studyInstanceUids": ["abc"], "changeDataset": {"00080020": {"vr": "DA"}}}, UID_TEXT),
    ],
    ids=["data set, then studies", "count, then uids", "uids, then tags"],
)
def test_checks_have_an_order(shared_emulator: Emulator, body: Any, text: str) -> None:
    """async §2.1: checks, in order."""
    assert post_update(shared_emulator, body).text == text


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/dicom+json"])
def test_another_content_type_is_415_without_a_body(shared_emulator: Emulator, content_type: str | None) -> None:
    """Service source (http §4)."""
    answer = post_update(shared_emulator, an_update("1.2.3"), content_type=content_type)

    assert (answer.status, answer.content) == (415, b"")


def test_names_of_properties_have_any_case_and_others_are_ignored(shared_emulator: Emulator) -> None:
    """azure-apis §0: property names in any case, comments and trailing commas accepted."""
    body = b'{"STUDYINSTANCEUIDS": ["1.2.3 ",], /* note */ "changedataset": {}, "more": 1}'

    answer = post_update(shared_emulator, body)

    assert answer.status == 202
    finished(shared_emulator, operation_path(shared_emulator, answer))


@pytest.mark.parametrize("path", [BULK_UPDATE, "/studies/$BULKUPDATE", "/studies/%24bulkUpdate"])
def test_version_one_does_not_have_it(shared_emulator: Emulator, path: str) -> None:
    """Service end-to-end tests: 404 on /v1."""
    answer = shared_emulator.v1.post(path, json.dumps(an_update("1.2.3")).encode(), content_type="application/json")

    assert (answer.status, answer.content) == (404, b"")


@pytest.mark.parametrize("accept", [None, "application/json", "*/*", "application/dicom+json", "text/html"])
def test_elements_that_cannot_be_changed_are_named_in_a_data_set(shared_emulator: Emulator, accept: str | None) -> None:
    """Service source: one item an element, in tag order, whatever Accept says (async §2.2)."""
    body = an_update(
        "1.2.3",
        t00100030=("DA", ["x"]),
        t00080020=("DA", ["20240101"]),
        t00100020=("LO", ["fine"]),
        t00111001=("LO", ["private"]),
        t00401001=("SH", []),
    )

    answer = post_update(shared_emulator, body, accept=accept)

    media_type = accept if accept == "application/dicom+json" else "application/json"
    assert (answer.status, answer.content_type) == (400, f"{media_type}; charset=utf-8")
    messages = [
        "DICOM100: (0008,0020) - Updating the tag is not supported",
        'DICOM100: (0010,0030) - Content "x" does not validate VR DA: '
        "one of the date values does not match the pattern YYYYMMDD",
        "DICOM100: (0011,1001) - Updating the tag is not supported",
        "DICOM100: (0040,1001) - Updating the tag is not supported",
    ]
    items = [{"00000902": {"vr": "LO", "Value": [message]}} for message in messages]
    assert answer.json() == {"00741048": {"vr": "SQ", "Value": items}}


@pytest.mark.parametrize(
    ("vr", "values", "text"),
    [
        (
            "CS",
            ["lower"],
            'Content "lower" does not validate VR CS: value contains invalid character. '
            "Only uppercase character, digits, space and underscore alre allowed",
        ),
        (
            "CS",
            ["M", "F"],
            'Content "(0010,0040) CS Patient\'s Sex" does not validate VR CS: '
            "Number of items 2 does not match ValueMultiplicity 1",
        ),
        ("LO", ["M"], "The VR is LO, and that of PatientSex is CS"),
    ],
    ids=["value", "multiplicity", "other vr"],
)
def test_values_are_checked_as_a_store_does(shared_emulator: Emulator, vr: str, values: list[str], text: str) -> None:
    """Service source: the validator's text is the tail of the message; the text about another VR is our own."""
    answer = post_update(shared_emulator, an_update("1.2.3", t00100040=(vr, values)))

    (item,) = answer.json()["00741048"]["Value"]
    assert item["00000902"]["Value"] == [f"DICOM100: (0010,0040) - {text}"]


def test_36_attributes_can_be_changed(emulator: Emulator) -> None:
    """Service source; engine documentation: the list of attributes (async §2.3)."""
    assert len(UPDATABLE) == 36
    for tag, updatable in UPDATABLE.items():
        assert (updatable.keyword, updatable.vr) == (dictionary_keyword(tag), dictionary_VR(tag))
    sample = {"AS": "030Y", "CS": "M", "DA": "20240101", "DS": "1.5", "TM": "1200"}
    changes = {
        f"t{tag:08X}": a_name("X^Y") if vr == "PN" else (vr, [sample.get(vr, "text")])
        for tag, (_, vr) in UPDATABLE.items()
    }
    instance = emulator.store(an_instance())

    assert update(emulator, an_update(instance, **changes))["results"]["instanceUpdated"] == 1
    (metadata,) = emulator.metadata(study_path(instance))
    assert {tag for tag in metadata if f"t{tag}" in changes} == {tag[1:] for tag in changes}


def test_a_second_update_is_refused_while_one_is_active_in_any_partition(emulator_with: EmulatorWith) -> None:
    """Service source: service-wide; no other check comes after it (async §2.1)."""
    emulator = emulator_with(operation_delay_s=60, partitions=True)
    one, other = (in_partition(emulator, name) for name in ("one", "other"))
    for partition in (one, other):
        assert partition.store_response(an_instance()).status == 200
    active = post_update(one, an_update("1.2.3")).json()["id"]

    answer = post_update(other, an_update("1.2.3"))

    text = f"There is already an active update operation with ID '{active}'."
    assert (answer.status, answer.content_type, answer.text) == (409, TEXT, text)
    assert post_update(other, an_update("abc")).status == 400
    assert post_update(other, an_update("1.2.3", t00080020=("DA", []))).status == 400


def test_operations_that_are_switched_off_are_refused(emulator_with: EmulatorWith) -> None:
    """Service source: after the JSON, before what it says (async §2.1)."""
    emulator = emulator_with(disable_operations=True)

    answer = post_update(emulator, {"changeDataset": {}})

    text = "Asynchronous operations are temporarily disabled. Please try again later."
    assert (answer.status, answer.text) == (400, text)
    assert post_update(emulator, b"{").text.startswith("The query parameter '$' is invalid.")


def test_writing_is_what_a_role_must_allow(emulator_with: EmulatorWith) -> None:
    """http §5.2: bulk update needs `write`; the role is looked at before the studies are."""
    emulator = emulator_with(auth=AuthMode.JWT)
    body = json.dumps({"changeDataset": {}}).encode()
    answers = [
        emulator.post(BULK_UPDATE, body, content_type="application/json", headers=bearer(token_for(emulator, role)))
        for role in ("reader", "owner")
    ]

    assert [(answer.status, answer.text) for answer in answers] == [(403, "Authorization failed."), (400, NO_STUDIES)]


def test_data_partitions_are_needed_where_they_are_on(emulator_with: EmulatorWith) -> None:
    """azure-apis §5.1."""
    emulator = emulator_with(partitions=True)

    missing = post_update(emulator, an_update("1.2.3"))
    unknown = post_update(in_partition(emulator, "nowhere"), an_update("1.2.3"))

    assert (missing.status, missing.text) == (400, "PartitionName value is missing in the route segment.")
    assert (unknown.status, unknown.text) == (400, "Specified PartitionName does not exist.")
