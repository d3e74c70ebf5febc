"""Bulk update: what becomes of files, metadata, search, change feed and the original versions (async §2.4–§2.6)."""

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.management.partitions import in_partition
from tests.management.tags import a_tag, add_tags, finished, operation_path, post_tags
from tests.management.updates import ORIGINAL, a_name, an_update, original_file, post_update, update
from tests.support.client import DICOM, DICOM_JSON, MULTIPART_DICOM, STORED, Emulator
from tests.support.folders import files_below
from tests.support.instances import an_instance, another_in_series, instance_path, part10, series_path, study_path
from tests.support.server import running
from tests.support.waiting import eventually

RENAMED = {"t00100010": a_name("New^Name")}
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


def instances_of_a_study(count: int, **attributes: Any) -> list[Dataset]:
    first = an_instance(**attributes)
    return [first, *(another_in_series(first, **attributes) for _ in range(count - 1))]


def dicom_files(emulator: Emulator) -> list[Path]:
    return [path for path in files_below(emulator.data_dir / "dicom") if path.suffix == ".dcm"]


def etag(emulator: Emulator, path: str) -> str:
    found: str = emulator.get(f"{path}/metadata").headers["ETag"]
    return found


def test_file_metadata_and_search_have_the_new_values(emulator: Emulator) -> None:
    """Service end-to-end tests: retrieve and search after an update."""
    first = an_instance(PatientName="Old^Name", PatientID="OLD")
    instances = emulator.store_all([first, another_in_series(first, PatientName="Old^Name", PatientID="OLD")])
    other = emulator.store(an_instance(PatientName="Old^Name"))

    done = update(emulator, an_update(first, t00100020=("LO", ["NEW"]), t00104000=("LT", ["added"]), **RENAMED))

    assert (done["type"], done["status"], done["percentComplete"]) == ("update", "succeeded", 100)
    assert done["results"] == {"studyProcessed": 1, "studyUpdated": 1, "studyFailed": 0, "instanceUpdated": 2}
    for instance in instances:
        read = dcmread(io.BytesIO(emulator.retrieve(instance)))
        assert (str(read.PatientName), read.PatientID, read.PatientComments) == ("New^Name", "NEW", "added")
        assert read.PixelData == instance.PixelData
        (metadata,) = emulator.metadata(instance_path(instance))
        assert metadata["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "New^Name"}]}
        assert metadata["00104000"] == {"vr": "LT", "Value": ["added"]}
    (found,) = emulator.search_studies(PatientName="new^name")
    assert (found["0020000D"]["Value"], found["00100020"]["Value"]) == ([first.StudyInstanceUID], ["NEW"])
    assert len(emulator.search_studies(PatientName="Old^Name")) == 1
    assert emulator.retrieve(other) == part10(other)


@pytest.mark.parametrize(
    ("tag", "vr", "value", "attribute"),
    [
        ("t00100020", "LO", "NEW-ID", "PatientID"),
        ("t00100030", "DA", "19991231", "PatientBirthDate"),
        ("t00080050", "SH", "NEW-AN", "AccessionNumber"),
        ("t00081030", "LO", "New description", "StudyDescription"),
    ],
)
def test_search_finds_the_new_value_and_not_the_old_one(
    shared_emulator: Emulator, tag: str, vr: str, value: str, attribute: str
) -> None:
    """Service source: the six attributes of a study are indexed anew."""
    old = {"PatientBirthDate": "19000101"}.get(attribute, f"old {attribute}"[:16])
    named: dict[str, Any] = {attribute: old}
    instance = shared_emulator.store(an_instance(**named))
    study = instance.StudyInstanceUID

    update(shared_emulator, an_update(instance, **{tag: (vr, [value])}))

    assert len(shared_emulator.search_studies(StudyInstanceUID=study, **{attribute: value})) == 1
    assert shared_emulator.search_studies(StudyInstanceUID=study, **{attribute: old}) == []


def test_physician_and_patient_are_found_by_the_beginnings_of_words(shared_emulator: Emulator) -> None:
    """search §6: fuzzy matching knows the new names too."""
    instance = shared_emulator.store(an_instance(PatientName="Old", ReferringPhysicianName="Old"))
    study = instance.StudyInstanceUID

    update(shared_emulator, an_update(instance, t00080090=a_name("House^Gregory"), t00100010=a_name("Müller^Änne")))

    for attribute, word in (("ReferringPhysicianName", "greg"), ("PatientName", "mull")):
        query = {"StudyInstanceUID": study, attribute: word, "fuzzymatching": "true"}
        assert len(shared_emulator.search_studies(**query)) == 1


def test_an_empty_value_changes_file_and_metadata_but_not_the_index(emulator: Emulator) -> None:
    """Service source; documented as a limitation: the index keeps the old value."""
    instance = emulator.store(an_instance(AccessionNumber="KEPT", PatientName="Kept^Name"))

    update(emulator, an_update(instance, t00080050=("SH", []), t00100010=("PN", [])))

    read = dcmread(io.BytesIO(emulator.retrieve(instance)))
    assert (read.AccessionNumber, str(read.PatientName)) == ("", "")
    (metadata,) = emulator.metadata(instance_path(instance))
    assert (metadata["00080050"], metadata["00100010"]) == ({"vr": "SH"}, {"vr": "PN"})
    assert len(emulator.search_studies(AccessionNumber="KEPT", PatientName="Kept^Name")) == 1


def test_the_original_stays_retrievable_on_every_level(emulator: Emulator) -> None:
    """Service end-to-end tests; Azure: Bulk update, retrieve the original version (retrieve §11)."""
    first = an_instance(PatientName="Old^Name")
    instances = emulator.store_all([first, another_in_series(first, PatientName="Old^Name")])
    update(emulator, an_update(first, **RENAMED))

    for instance in instances:
        assert original_file(emulator, instance) == part10(instance)
    for path in (study_path(first), series_path(first)):
        parts = emulator.get(path, accept=MULTIPART_DICOM + STORED, headers=ORIGINAL).parts()
        assert [part.content for part in parts] == [part10(instance) for instance in instances]
        latest = emulator.get(path, accept=MULTIPART_DICOM + STORED).parts()
        assert all(b"New^Name" in part.content for part in latest)
    for path in (study_path(first), series_path(first), instance_path(first)):
        answer = emulator.get(f"{path}/metadata", headers=ORIGINAL)
        assert {one["00100010"]["Value"][0]["Alphabetic"] for one in answer.json()} == {"Old^Name"}
        assert answer.headers["ETag"] == etag(emulator, path)


@pytest.mark.parametrize(
    ("value", "is_original"),
    [("true", True), ("TRUE", True), (" True ", True), ("false", False), ("1", False), ("", False)],
)
def test_only_the_word_true_asks_for_the_original(shared_emulator: Emulator, value: str, is_original: bool) -> None:
    """Service source: compared without case; anything else is the latest (async §2.6)."""
    instance = shared_emulator.store(an_instance(PatientName="Old^Name"))
    update(shared_emulator, an_update(instance, **RENAMED))
    headers = {"msdicom-request-original": value}

    content = shared_emulator.get(instance_path(instance), accept=DICOM + STORED, headers=headers).content

    assert (content == part10(instance)) == is_original


def test_an_instance_that_was_never_updated_has_one_version(shared_emulator: Emulator) -> None:
    """Service source: never-updated instances return their only version (async §2.6)."""
    instance = shared_emulator.store(an_instance())

    assert original_file(shared_emulator, instance) == part10(instance)


@pytest.mark.parametrize("headers", [{}, ORIGINAL], ids=["latest", "original"])
@pytest.mark.parametrize("target", [ExplicitVRLittleEndian, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_transcoding_works_on_both_versions(shared_emulator: Emulator, headers: dict[str, str], target: str) -> None:
    """Service end-to-end tests: retrieve with a transfer syntax, of the latest and of the original version."""
    instance = shared_emulator.store(an_instance(PatientName="Old^Name", transfer_syntax=RLELossless))
    update(shared_emulator, an_update(instance, **RENAMED))

    answer = shared_emulator.get(instance_path(instance), accept=f"{DICOM}; transfer-syntax={target}", headers=headers)

    read = dcmread(io.BytesIO(answer.content))
    assert read.file_meta.TransferSyntaxUID == target
    assert str(read.PatientName) == ("Old^Name" if headers else "New^Name")


def test_frames_are_the_same_with_and_without_the_header(emulator: Emulator) -> None:
    """Service source: frames are always decoded from the original file."""
    instance = emulator.store(an_instance(frames=2))
    path = f"{instance_path(instance)}/frames/1,2"
    before = [part.content for part in emulator.get(path, accept=FRAMES).parts()]
    update(emulator, an_update(instance, **RENAMED))
    (latest,) = (file for file in dicom_files(emulator) if not file.with_suffix(".original").exists())
    latest.write_bytes(b"damaged")  # so that frames of this file would be others

    for headers in ({}, ORIGINAL):
        assert [part.content for part in emulator.get(path, accept=FRAMES, headers=headers).parts()] == before


def test_search_and_rendered_ignore_the_header(emulator: Emulator) -> None:
    """Azure: Bulk update: other APIs know the latest version only."""
    instance = emulator.store(an_instance(PatientName="Old^Name"))
    update(emulator, an_update(instance, **RENAMED))

    found = emulator.get("/studies", headers=ORIGINAL).json()
    rendered = [
        emulator.get(f"{instance_path(instance)}/rendered", accept="image/png", headers=headers).content
        for headers in ({}, ORIGINAL)
    ]

    assert found[0]["00100010"]["Value"] == [{"Alphabetic": "New^Name"}]
    assert rendered[0] == rendered[1]


def test_every_update_changes_the_etags(emulator: Emulator) -> None:
    """Service source: new watermarks from the shared sequence (async §2.5)."""
    first = an_instance()
    instances = emulator.store_all([first, another_in_series(first)])
    paths = (study_path(first), series_path(first), *map(instance_path, instances))
    seen = []
    for name in ("One", "Two"):
        seen.append([etag(emulator, path) for path in paths])
        update(emulator, an_update(first, t00100010=a_name(name)))
    seen.append([etag(emulator, path) for path in paths])

    assert seen == [["2-2", "2-2", "1", "2"], ["4-2", "4-2", "3", "4"], ["6-2", "6-2", "5", "6"]]
    not_modified = emulator.get(f"{paths[0]}/metadata", headers={"If-None-Match": "6-2", **ORIGINAL})
    assert not_modified.status == 304


def test_several_updates_keep_the_original_and_the_latest_only(emulator: Emulator) -> None:
    """Service end-to-end tests: the second update starts from the latest file, the one in between is deleted."""
    instance = emulator.store(an_instance(PatientName="Old^Name", PatientID="OLD"))
    for changes in ({"t00100010": a_name("One")}, {"t00100020": ("LO", ["TWO"])}, {"t00080050": ("SH", ["THREE"])}):
        update(emulator, an_update(instance, **changes))

    read = dcmread(io.BytesIO(emulator.retrieve(instance)))
    assert (str(read.PatientName), read.PatientID, read.AccessionNumber) == ("One", "TWO", "THREE")
    assert original_file(emulator, instance) == part10(instance)
    eventually(lambda: len(dicom_files(emulator)) == 2, what="the removal of the versions in between")


def test_change_feed_has_an_update_for_each_instance(emulator: Emulator) -> None:
    """Service source: action Update, state Current; earlier entries become Replaced (azure-apis §3.3)."""
    first = an_instance(PatientName="Old^Name")
    instances = emulator.store_all([first, another_in_series(first, PatientName="Old^Name")])
    update(emulator, an_update(first, **RENAMED))

    changes = emulator.changes()

    assert [(change["action"], change["state"]) for change in changes] == [
        ("Create", "Replaced"),
        ("Create", "Replaced"),
        ("Update", "Current"),
        ("Update", "Current"),
    ]
    assert [change["sopInstanceUid"] for change in changes] == [instance.SOPInstanceUID for instance in instances] * 2
    names = {change["metadata"]["00100010"]["Value"][0]["Alphabetic"] for change in changes}
    assert names == {"New^Name"}, "metadata is that of the current version, on older rows too"
    assert changes[2]["timestamp"] == changes[3]["timestamp"]
    update(emulator, an_update(first, **RENAMED))
    assert [change["state"] for change in emulator.changes()] == ["Replaced"] * 4 + ["Current"] * 2


def test_delete_removes_both_versions(emulator: Emulator) -> None:
    """Service end-to-end tests: nothing is left, not for the original either."""
    instance = emulator.store(an_instance())
    update(emulator, an_update(instance, **RENAMED))

    assert emulator.delete(study_path(instance)).status == 204

    assert emulator.get(instance_path(instance), accept=DICOM + STORED, headers=ORIGINAL).status == 404
    assert {change["state"] for change in emulator.changes()} == {"Deleted"}
    eventually(lambda: not files_below(emulator.data_dir / "dicom"), what="the removal of all files")
    again = emulator.store(an_instance(StudyInstanceUID=instance.StudyInstanceUID))
    assert original_file(emulator, again) == part10(again)


def test_an_upsert_replaces_both_versions(emulator: Emulator) -> None:
    """store §9: a PUT is a new instance, of which the former versions are none."""
    instance = emulator.store(an_instance(PatientName="Old^Name"))
    update(emulator, an_update(instance, **RENAMED))
    instance.PatientName = "Put^Name"

    assert emulator.store_response(instance, method="PUT").status == 200

    assert original_file(emulator, instance) == emulator.retrieve(instance) == part10(instance)
    eventually(lambda: len(dicom_files(emulator)) == 1, what="the removal of both versions")


def test_unknown_studies_are_processed_and_no_failure(emulator: Emulator) -> None:
    """Service end-to-end tests: the operation succeeds (async §2.4)."""
    instance = emulator.store(an_instance())

    done = update(emulator, an_update("1.2.3", instance, "1.2.4", **RENAMED))

    assert done["status"] == "succeeded"
    assert done["results"] == {"studyProcessed": 3, "studyUpdated": 1, "studyFailed": 0, "instanceUpdated": 1}


def test_a_study_named_twice_is_updated_twice(emulator: Emulator) -> None:
    """Service source: duplicate UIDs are not removed (async §2.1)."""
    instance = emulator.store(an_instance())

    done = update(emulator, an_update(instance, instance, **RENAMED))

    assert (done["results"]["studyUpdated"], done["results"]["instanceUpdated"]) == (2, 2)
    assert [change["action"] for change in emulator.changes()] == ["Create", "Update", "Update"]


def test_an_update_without_changes_makes_new_versions(emulator: Emulator) -> None:
    """Service source: an empty change data set is accepted (async §2.1)."""
    instance = emulator.store(an_instance(PatientName="Kept"))

    assert update(emulator, an_update(instance))["results"]["instanceUpdated"] == 1
    assert etag(emulator, instance_path(instance)) == "2"
    assert emulator.metadata(instance_path(instance))[0]["00100010"]["Value"] == [{"Alphabetic": "Kept"}]


@pytest.mark.parametrize("failing", [1, 5, 7])
def test_one_failing_instance_keeps_its_study_as_it_was(emulator: Emulator, failing: int) -> None:
    """Service source: rolled back, with the instances that failed listed; other studies go on (async §2.4)."""
    first = an_instance(PatientName="Old^Name")
    bad = emulator.store_all([first, *(another_in_series(first, PatientName="Old^Name") for _ in range(failing))])
    good = emulator.store(an_instance(PatientName="Old^Name"))
    damaged = bad[1:]
    for path in dicom_files(emulator):
        if any(instance.SOPInstanceUID in path.parts for instance in damaged):
            path.write_bytes(b"damaged")

    done = update(emulator, an_update(first, good, **RENAMED))

    assert done["status"] == "failed"
    errors = done["results"].pop("errors")
    assert done["results"] == {"studyProcessed": 2, "studyUpdated": 1, "studyFailed": 1, "instanceUpdated": 1}
    assert errors[0] == f"Failed to update instances for study {first.StudyInstanceUID}"
    listed = {
        f"Failed to update instance. PartitionKey: Microsoft.Default, StudyInstanceUID: {each.StudyInstanceUID}, "
        f"SeriesInstanceUID: {each.SeriesInstanceUID}, SOPInstanceUID: {each.SOPInstanceUID}"
        for each in damaged
    }
    assert len(errors[1:6]) == min(failing, 5)
    assert set(errors[1:6]) <= listed
    assert errors[6:] == (
        [
            "There are more instances failed to update than listed above. "
            "Please check the diagnostics logs for the complete list."
        ]
        if failing > 5
        else []
    )
    names = {one["00100010"]["Value"][0]["Alphabetic"] for one in emulator.metadata(study_path(first))}
    assert names == {"Old^Name"}
    assert len(emulator.search_studies(PatientName="Old^Name")) == 1
    assert [change["action"] for change in emulator.changes()].count("Update") == 1
    eventually(lambda: len(dicom_files(emulator)) == len(bad) + 2, what="the removal of the new files")


def test_all_instances_of_a_study_switch_together(emulator: Emulator) -> None:
    """Service source: visible at the end of the study, all at once (async §2.5)."""
    first = an_instance(PatientName="A")
    emulator.store_all([first, *(another_in_series(first, PatientName="A") for _ in range(30))])
    seen: list[set[str]] = []

    def look(path: str) -> None:
        while not done.done():
            seen.append({one["00100010"]["Value"][0]["Alphabetic"] for one in emulator.metadata(path)})

    with ThreadPoolExecutor(3) as threads:
        done = threads.submit(
            lambda: [update(emulator, an_update(first, t00100010=a_name(name))) for name in ("B", "C", "D")]
        )
        for path in (study_path(first), series_path(first)):
            threads.submit(look, path)

    assert {len(names) for names in seen} == {1}
    assert {done["status"] for done in done.result()} == {"succeeded"}


def test_progress_is_the_share_of_the_studies(emulator: Emulator) -> None:
    """Service source: processed / total × 100, truncated (async §2.4)."""
    studies = []
    for _ in range(6):
        first = an_instance()
        studies.append(emulator.store_all([first, *(another_in_series(first) for _ in range(8))])[0])
    operation = operation_path(emulator, post_update(emulator, an_update(*studies, **RENAMED)))
    seen: list[tuple[int, int]] = []

    def is_done() -> bool:
        answer = emulator.get(operation, accept=None)
        body = answer.json()
        seen.append((body["percentComplete"], body.get("results", {}).get("studyProcessed", 0)))
        return answer.status == 200

    eventually(is_done, what="the end of the update")
    assert {percent for percent, _ in seen} <= {0, 16, 33, 50, 66, 83, 100}
    assert all(percent == 100 * processed // 6 for percent, processed in seen)
    assert all(before <= after for before, after in pairwise(seen))


def test_extended_query_tags_of_the_study_are_indexed_anew(emulator: Emulator) -> None:
    """Service end-to-end tests: tags of the study level only; the others keep what they had (async §2.5)."""
    instance = emulator.store(an_instance(PatientAge="030Y", PatientSex="M", EthnicGroup="old", PatientWeight="70"))
    add_tags(emulator, a_tag("PatientAge", "Study"), a_tag("PatientSex", "Series"), a_tag("EthnicGroup", "Instance"))

    update(
        emulator,
        an_update(instance, t00101010=("AS", ["040Y"]), t00100040=("CS", ["F"]), t00102160=("SH", ["new"])),
    )

    assert len(emulator.search_studies(PatientAge="040Y")) == 1
    assert emulator.search_studies(PatientAge="030Y") == []
    assert (len(emulator.search_series(PatientSex="M")), emulator.search_series(PatientSex="F")) == (1, [])
    assert (len(emulator.search_instances(EthnicGroup="old")), emulator.search_instances(EthnicGroup="new")) == (1, [])


def test_an_update_waits_for_a_re_index_that_walks_through_the_versions(emulator_with: EmulatorWith) -> None:
    """Own design: a re-index would miss instances whose versions change under it."""
    emulator = emulator_with(operation_delay_s=0.3)
    instance = emulator.store(an_instance(PatientAge="030Y"))
    started = post_update(emulator, an_update(instance, **RENAMED))
    re_index = post_tags(emulator, [a_tag("PatientAge", "Instance")])

    assert finished(emulator, operation_path(emulator, re_index))["status"] == "succeeded"
    assert finished(emulator, operation_path(emulator, started))["status"] == "succeeded"
    assert len(emulator.search_instances(PatientAge="030Y")) == 1


def test_updates_stay_in_their_partition(emulator_with: EmulatorWith) -> None:
    """azure-apis §5.3: the same UIDs may exist in several partitions."""
    emulator = emulator_with(partitions=True)
    instance = an_instance(PatientName="Old^Name")
    one, other = (in_partition(emulator, name) for name in ("one", "other"))
    for partition in (one, other):
        partition.store(instance)

    started = post_update(one, an_update(instance, **RENAMED))
    operation = started.json()["href"].removeprefix(emulator.service_url)
    assert finished(emulator, operation)["results"]["instanceUpdated"] == 1

    assert len(one.search_studies(PatientName="New^Name")) == 1
    assert other.search_studies(PatientName="New^Name") == []
    assert other.retrieve(instance) == part10(instance)
    assert original_file(one, instance) == part10(instance)


def test_studies_deleted_meanwhile_are_passed_over(emulator_with: EmulatorWith) -> None:
    """Own design: as if they had been unknown."""
    emulator = emulator_with(operation_delay_s=0.2)
    instance = emulator.store(an_instance())
    started = post_update(emulator, an_update(instance, **RENAMED))
    assert emulator.delete(study_path(instance)).status == 204

    done = finished(emulator, operation_path(emulator, started))

    assert (done["status"], done["results"]["studyUpdated"], done["results"]["studyProcessed"]) == ("succeeded", 0, 1)
    eventually(lambda: not files_below(emulator.data_dir / "dicom"), what="the removal of all files")


def test_an_update_ends_when_the_data_is_cleared(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """docs/admin.md: a reset takes operations too, and what they were writing."""
    first = emulator.store_all(instances_of_a_study(60))[0]
    operation = operation_path(emulator, post_update(emulator, an_update(first, **RENAMED)))

    assert emulator.request("POST", "/_azdicom/reset").status == 204

    assert emulator.get(operation, accept=None).status == 404
    assert emulator.changes() == []
    eventually(lambda: not files_below(emulator.data_dir / "dicom"), what="the removal of all files")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    again = emulator.store(an_instance())
    assert update(emulator, an_update(again, **RENAMED))["results"]["instanceUpdated"] == 1


def test_updates_and_originals_survive_a_restart(tmp_path: Path) -> None:
    """docs/architecture.md: nothing is lost when the server stops; an update that waits goes on."""
    instance, other = (an_instance(PatientName="Old^Name") for _ in range(2))
    with running(Settings(data_dir=tmp_path)) as emulator:
        emulator.store_all([instance, other])
        done = update(emulator, an_update(instance, **RENAMED))
    with running(Settings(data_dir=tmp_path, operation_delay_s=60)) as emulator:
        assert emulator.get(f"/operations/{done['operationId']}", accept=None).json() == done
        assert original_file(emulator, instance) == part10(instance)
        waiting = operation_path(emulator, post_update(emulator, an_update(other, **RENAMED)))
    with running(Settings(data_dir=tmp_path)) as emulator:
        assert finished(emulator, waiting)["status"] == "succeeded"
        assert len(emulator.search_studies(PatientName="New^Name")) == 2
        assert len(emulator.get("/studies", accept=DICOM_JSON).json()) == 2
