"""POST /_azdicom/reset and expire (record-replay §15)."""

from pathlib import Path

from tests.conftest import EmulatorWith
from tests.management.partitions import in_partition
from tests.management.tags import a_tag, add_tags, finished, operation_path, post_tags, tags
from tests.support.client import DICOM, STORED, Emulator
from tests.support.folders import files_below
from tests.support.instances import an_instance, instance_path
from tests.support.waiting import eventually


def reset(emulator: Emulator) -> None:
    answer = emulator.request("POST", "/_azdicom/reset")
    assert (answer.status, answer.content) == (204, b"")


def dicom_files(emulator: Emulator) -> list[Path]:
    return files_below(emulator.data_dir / "dicom")


def test_everything_is_gone(emulator: Emulator) -> None:
    """§15: studies, change feed, tags and operations; the files a moment later."""
    operation = add_tags(emulator, a_tag("00080070"))
    finished(emulator, operation)
    dataset = emulator.store(an_instance())
    assert emulator.get(instance_path(dataset), accept=DICOM + STORED).status == 200

    reset(emulator)

    assert emulator.get(instance_path(dataset), accept=DICOM + STORED).status == 404
    assert emulator.search_studies() == emulator.search_series() == emulator.search_instances() == []
    assert emulator.changes() == []
    assert tags(emulator) == []
    assert emulator.get(operation, accept=None).status == 404
    eventually(lambda: not dicom_files(emulator), what="the removal of the files")


def test_the_same_instance_can_be_stored_again(emulator: Emulator) -> None:
    """Own design: as in an empty server; the change feed counts from 1."""
    dataset = emulator.store(an_instance())
    reset(emulator)

    emulator.store(dataset)

    assert emulator.retrieve(dataset)
    assert [change["sequence"] for change in emulator.changes()] == [1]
    assert len(emulator.search_studies()) == 1


def test_it_stays_gone_after_a_restart(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: the index itself is emptied, not what is shown of it."""
    first = emulator_with()
    first.store_all([an_instance() for _ in range(3)])
    reset(first)
    copy = tmp_path / "copy"
    kept = first.store(an_instance())
    eventually(lambda: first.request("GET", "/_azdicom/metrics").text.endswith("azdicom_unapplied_stores 0\n"))
    copy.mkdir()
    for name in ("index.duckdb", "index.duckdb.wal"):
        if (first.data_dir / name).exists():
            (copy / name).write_bytes((first.data_dir / name).read_bytes())

    again = emulator_with(data_dir=copy)

    assert [study["0020000D"]["Value"] for study in again.search_studies()] == [[kept.StudyInstanceUID]]


def test_partitions_are_gone_but_the_default_one(emulator_with: EmulatorWith) -> None:
    """azure-apis §5.1; a store makes its partition again."""
    emulator = emulator_with(partitions=True)
    ward = in_partition(emulator, "ward")
    dataset = ward.store(an_instance())

    reset(emulator)

    names = [each["partitionName"] for each in emulator.get("/partitions", accept="application/json").json()]
    assert names == ["Microsoft.Default"]
    ward.store(dataset)
    assert len(ward.search_studies()) == 1


def test_an_operation_under_way_is_gone_too(emulator_with: EmulatorWith) -> None:
    """Own design: it neither comes back nor keeps the tag from being added again."""
    emulator = emulator_with(operation_delay_s=600.0)
    body = [a_tag("00080070")]
    started = post_tags(emulator, body)
    assert started.status == 202

    reset(emulator)

    assert tags(emulator) == []
    assert emulator.get(operation_path(emulator, started), accept=None).status == 404
    assert post_tags(emulator, body).status == 202


def test_an_empty_server_can_be_reset(emulator: Emulator) -> None:
    """Own design: fixtures reset before each test."""
    reset(emulator)
    reset(emulator)

    assert emulator.search_studies() == []
