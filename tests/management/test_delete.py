"""Delete of studies, series and instances on the wire."""

import pytest

from tests.support.client import Emulator
from tests.support.instances import (
    an_instance,
    another_in_series,
    another_in_study,
    instance_path,
    series_path,
    study_path,
)

UID_TEXT = (
    "Dicom element '{}' failed validation for VR 'UI': DICOM Identifier is invalid. Value length should not exceed "
    "the maximum length of 64 characters. Value should contain characters in '0'-'9' and '.'. "
    "Each component must start with non-zero number."
)
DICOM = "application/dicom; transfer-syntax=*"


def test_a_study_is_deleted_once(emulator: Emulator) -> None:
    """Conformance statement, Delete; service end-to-end tests: 204, then 404 with text (azure-apis §4)."""
    first = emulator.store(an_instance())
    second = emulator.store(another_in_study(first))
    other = emulator.store(an_instance())

    answer = emulator.delete(study_path(first))
    assert (answer.status, answer.content, answer.content_type) == (204, b"", None)
    for dataset in (first, second):
        assert emulator.get(instance_path(dataset), accept=DICOM).status == 404
    assert emulator.get(f"{study_path(first)}/metadata").status == 404
    assert [study["0020000D"]["Value"] for study in emulator.search_studies()] == [[other.StudyInstanceUID]]
    again = emulator.delete(study_path(first))
    assert (again.status, again.content_type, again.text) == (
        404,
        "text/plain; charset=utf-8",
        "The specified study cannot be found.",
    )


def test_series_and_instances_are_deleted_alone_and_empty_parents_disappear(emulator: Emulator) -> None:
    """Service source (azure-apis §4)."""
    first = emulator.store(an_instance())
    sibling = emulator.store(another_in_series(first))
    other = emulator.store(another_in_study(first))

    assert emulator.delete(instance_path(first)).status == 204
    assert len(emulator.search_series(first.StudyInstanceUID)) == 2
    assert emulator.delete(instance_path(sibling)).status == 204
    assert [series["0020000E"]["Value"][0] for series in emulator.search_series(first.StudyInstanceUID)] == [
        other.SeriesInstanceUID
    ]
    assert emulator.delete(series_path(other)).status == 204
    assert emulator.search_studies() == []
    assert emulator.delete(series_path(other)).text == "The specified series cannot be found."
    assert emulator.delete(instance_path(other)).text == "The specified instance cannot be found."


def test_404_names_the_level_of_the_route_not_the_parent_that_is_missing(shared_emulator: Emulator) -> None:
    """Service source (azure-apis §4)."""
    answers = [
        shared_emulator.delete(path)
        for path in ("/studies/1.2", "/studies/1.2/series/1.3", "/studies/1.2/series/1.3/instances/1.4")
    ]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert [answer.text for answer in answers] == [
        "The specified study cannot be found.",
        "The specified series cannot be found.",
        "The specified instance cannot be found.",
    ]


@pytest.mark.parametrize(
    ("path", "element"),
    [
        ("/studies/notAUid", "StudyInstanceUid"),
        ("/studies/notAUid/series/notAUid", "StudyInstanceUid"),
        ("/studies/1.2/series/notAUid/instances/notAUid", "SeriesInstanceUid"),
        ("/studies/1.2/series/1.3/instances/notAUid", "SopInstanceUid"),
    ],
)
def test_bad_uids_are_refused_from_the_study_down(shared_emulator: Emulator, path: str, element: str) -> None:
    """Service end-to-end tests (azure-apis §4)."""
    answer = shared_emulator.delete(path)

    assert (answer.status, answer.text) == (400, UID_TEXT.format(element))


def test_headers_body_and_query_do_not_matter(emulator: Emulator) -> None:
    """Conformance statement, Delete: no restriction on Accept and Content-Type (azure-apis §4)."""
    stored = emulator.store(an_instance())
    answer = emulator.request(
        "DELETE",
        f"/v2{study_path(stored)}?limit=nonsense",
        headers={"Accept": "text/html", "Content-Type": "image/png"},
        body=b"anything",
    )

    assert answer.status == 204


def test_what_was_deleted_can_be_stored_again_at_once_as_a_new_version(emulator: Emulator) -> None:
    """Service source: a new watermark, which the ETag shows (azure-apis §4)."""
    stored = emulator.store(an_instance())
    first = emulator.get(f"{instance_path(stored)}/metadata").headers["ETag"]
    assert emulator.delete(study_path(stored)).status == 204
    emulator.store(stored)

    assert int(emulator.get(f"{instance_path(stored)}/metadata").headers["ETag"]) > int(first)
    assert len(emulator.search_studies()) == 1


def test_study_values_stay_when_the_newest_instance_goes(emulator: Emulator) -> None:
    """Service source: not recomputed (search §5.7)."""
    first = emulator.store(an_instance(PatientName="Old"))
    second = emulator.store(another_in_study(first, PatientName="New"))
    assert emulator.delete(instance_path(second)).status == 204

    (study,) = emulator.search_studies()
    assert study["00100010"]["Value"] == [{"Alphabetic": "New"}]


def test_counts_are_right_at_once(emulator: Emulator) -> None:
    """Service source: atomic and immediately visible (azure-apis §4)."""
    first = emulator.store(an_instance())
    emulator.store(another_in_series(first))
    assert emulator.delete(instance_path(first)).status == 204

    (study,) = emulator.search_studies(includefield="NumberOfStudyRelatedInstances")
    assert study["00201208"]["Value"] == [1]
