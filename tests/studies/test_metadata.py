"""WADO-RS metadata over HTTP: content, ETag, negotiation."""

import http.client
from collections.abc import Callable

import pytest

from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_series, instance_path, series_path, study_path


def test_metadata_is_an_array_with_one_object_an_instance(shared_emulator: Emulator) -> None:
    """PS3.18 F.2; retrieve §8.2: also for one instance."""
    first = an_instance(InstanceNumber=1)
    second = another_in_series(first, InstanceNumber=2)
    shared_emulator.store_all([first, second])

    for path in (study_path(first), series_path(first)):
        assert [found["00200013"]["Value"] for found in shared_emulator.metadata(path)] == [[1], [2]]
    (alone,) = shared_emulator.metadata(instance_path(second))
    assert alone["00080018"]["Value"] == [second.SOPInstanceUID]


def test_metadata_has_no_bulk_data_and_keeps_private_attributes(shared_emulator: Emulator) -> None:
    """Conformance statement v2, Retrieve metadata; retrieve §8.2: binary VRs vanish without a URI."""
    dataset = an_instance(
        private=[(0x0011, "TEST CREATOR", 0x01, "LO", "kept"), (0x0011, "TEST CREATOR", 0x02, "OB", b"\1\2")]
    )
    shared_emulator.store(dataset)

    (found,) = shared_emulator.metadata(instance_path(dataset))

    assert found["00110010"] == {"vr": "LO", "Value": ["TEST CREATOR"]}
    assert found["00111001"] == {"vr": "LO", "Value": ["kept"]}
    assert not {"00111002", "7FE00010", "00020010"} & found.keys()


def test_metadata_of_many_instances_is_whole(shared_emulator: Emulator) -> None:
    """Streamed in blocks: nothing is lost or doubled between them."""
    first = an_instance(rows=2, columns=2)
    datasets = [first, *(another_in_series(first, rows=2, columns=2, InstanceNumber=n) for n in range(2, 152))]
    shared_emulator.store_all(datasets)

    found = shared_emulator.metadata(study_path(first))

    assert [item["00080018"]["Value"][0] for item in found] == [dataset.SOPInstanceUID for dataset in datasets]


@pytest.mark.parametrize("accept", ["application/dicom+json", "application/json", "application/*", "*/*", "a/b, */*"])
def test_what_covers_dicom_json_is_accepted(shared_emulator: Emulator, accept: str) -> None:
    """Service unit tests; retrieve §8.1."""
    dataset = shared_emulator.store(an_instance())

    answer = shared_emulator.get(instance_path(dataset) + "/metadata", accept=accept)

    assert (answer.status, answer.content_type) == (200, "application/dicom+json; charset=utf-8")


@pytest.mark.parametrize("accept", [None, "", "application/dicom", 'multipart/related; type="application/dicom+json"'])
def test_anything_else_is_406_without_a_body(shared_emulator: Emulator, accept: str | None) -> None:
    """Service unit tests; retrieve §8.1: also before the UIDs are looked at."""
    answer = shared_emulator.get("/studies/not-a-uid/metadata", accept=accept)

    assert (answer.status, answer.content) == (406, b"")


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/studies/1.2", "study"),
        ("/studies/1.2/series/1.3", "series"),
        ("/studies/1.2/series/1.3/instances/1", "instance"),
    ],
)
def test_what_is_not_there_is_404(shared_emulator: Emulator, path: str, resource: str) -> None:
    """Retrieve §5, §8.4: also when If-None-Match is sent."""
    answer = shared_emulator.get(path + "/metadata", headers={"If-None-Match": "1"})

    assert (answer.status, answer.text) == (404, f"The specified {resource} cannot be found.")


def test_etags_are_watermark_and_count_without_quotes(emulator: Emulator) -> None:
    """Service source; retrieve §8.4."""
    first = an_instance()
    second = another_in_series(first)
    emulator.store_all([first, second])

    def etag(path: str) -> str | None:
        return emulator.get(path + "/metadata").headers["ETag"]

    assert [etag(study_path(first)), etag(series_path(first))] == ["2-2", "2-2"]
    assert [etag(instance_path(first)), etag(instance_path(second))] == ["1", "2"]


def test_an_etag_that_matches_is_304_without_body_and_etag(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §8.4."""
    dataset = shared_emulator.store(an_instance())
    path = study_path(dataset) + "/metadata"
    etag = shared_emulator.get(path).headers["ETag"]

    answer = shared_emulator.get(path, headers={"If-None-Match": etag})

    assert (answer.status, answer.content) == (304, b"")
    assert (answer.headers["ETag"], answer.content_type) == (None, None)


@pytest.mark.parametrize("written", ['"{}"', "W/{}", "{}, 5", "*"])
def test_an_etag_in_another_spelling_does_not_match(shared_emulator: Emulator, written: str) -> None:
    """Service source: compared as one whole string; retrieve §8.4."""
    dataset = shared_emulator.store(an_instance())
    path = study_path(dataset) + "/metadata"
    etag = shared_emulator.get(path).headers["ETag"]

    assert shared_emulator.get(path, headers={"If-None-Match": written.format(etag)}).status == 200


def test_etags_can_be_quoted(emulator_with: Callable[..., Emulator]) -> None:
    """Quirk `retrieve.etag_quotes`."""
    emulator = emulator_with(quirks={"retrieve.etag_quotes": "on"})
    dataset = emulator.store(an_instance())
    path = study_path(dataset) + "/metadata"

    assert emulator.get(path).headers["ETag"] == '"1-1"'
    assert emulator.get(path, headers={"If-None-Match": '"1-1"'}).status == 304


def test_the_etag_changes_with_stores_and_deletes(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §8.4."""
    first = shared_emulator.store(an_instance())
    path = study_path(first) + "/metadata"
    etags = [shared_emulator.get(path).headers["ETag"]]
    second = shared_emulator.store(another_in_series(first))
    etags.append(shared_emulator.get(path).headers["ETag"])
    shared_emulator.delete(instance_path(first))
    etags.append(shared_emulator.get(path).headers["ETag"])
    shared_emulator.delete(instance_path(second))

    assert len(set(etags)) == 3
    assert shared_emulator.get(path).status == 404


def test_metadata_that_is_missing_is_made_again_from_the_file(emulator: Emulator) -> None:
    """The JSON beside the file is derived: losing it loses nothing."""
    dataset = emulator.store(an_instance())
    before = emulator.metadata(instance_path(dataset))
    for made in emulator.data_dir.rglob("*.json"):
        if str(dataset.SOPInstanceUID) in str(made):
            made.unlink()

    assert emulator.metadata(instance_path(dataset)) == before


def test_an_answer_that_cannot_be_finished_breaks_off(emulator: Emulator) -> None:
    """Service source; retrieve §6.2: after the headers there is no status left to send."""
    first = an_instance(rows=2, columns=2)
    last = another_in_series(first, rows=2, columns=2)
    emulator.store_all([first, *(another_in_series(first, rows=2, columns=2) for _ in range(100)), last])
    for lost in (emulator.data_dir / "dicom").rglob(f"{last.SOPInstanceUID}/*"):
        lost.unlink()

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        emulator.get(study_path(first) + "/metadata")
