"""Bulk import from a folder (async §4): stored by the rules of a store, deleted, or moved away with a message."""

import json
import os
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from azdicom_emulator.importing.folder import FolderSource
from azdicom_emulator.importing.sources import Waiting
from tests.conftest import EmulatorWith
from tests.support.bulk import large_instance
from tests.support.client import Emulator
from tests.support.folders import files_below
from tests.support.instances import an_instance, instance_path, part10
from tests.support.process import serving
from tests.support.waiting import eventually

INTERVAL_S = 0.05


def importing(emulator_with: EmulatorWith, folder: Path, **more: object) -> Emulator:
    return emulator_with(import_folder=folder, import_interval_s=INTERVAL_S, **more)


def put(folder: Path, name: str, content: bytes) -> Path:
    """Puts a file into the import container at once, as a rename does."""
    path = folder / "import-container" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    part.write_bytes(content)
    return part.rename(path)


def messages(folder: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "error-queue").glob("*.json"))]


def test_file_is_stored_and_deleted(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §4: copying a file into `import-container` stores it; folders in it do not matter."""
    emulator = importing(emulator_with, tmp_path / "bulk")
    datasets = [an_instance() for _ in range(3)]
    paths = [put(tmp_path / "bulk", f"a/{number}.dcm", part10(each)) for number, each in enumerate(datasets)]

    eventually(lambda: not any(path.exists() for path in paths), what="the import")

    for dataset in datasets:
        assert emulator.retrieve(dataset) == part10(dataset)
    assert [change["action"] for change in emulator.changes()] == ["Create"] * 3
    assert files_below(tmp_path / "bulk" / "error-container") == []
    assert files_below(emulator.data_dir / "tmp") == []


def test_file_that_cannot_be_stored_is_moved_away_with_a_message(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §4: copied to `error-container`, a message on `error-queue`."""
    folder = tmp_path / "bulk"
    emulator = importing(emulator_with, folder)
    path = put(folder, "sub/notes.txt", b"no DICOM at all")

    (message,) = eventually(lambda: messages(folder), what="the message")

    assert not path.exists()
    assert (folder / "error-container" / "sub" / "notes.txt").read_bytes() == b"no DICOM at all"
    assert set(message) == {"fileName", "error", "timestamp"}
    assert message["fileName"] == "sub/notes.txt"
    assert message["error"] == "failure reason 43264: it is no valid DICOM file, or an attribute is not valid"
    assert emulator.search_studies() == []


def test_rules_are_those_of_a_store_by_post(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """store §9: an instance that exists is failure reason 45070; store §7: a missing PatientID is refused."""
    folder = tmp_path / "bulk"
    emulator = importing(emulator_with, folder)
    existing, without_id = emulator.store(an_instance()), an_instance()
    del without_id.PatientID
    put(folder, "again.dcm", part10(existing))
    put(folder, "no-id.dcm", part10(without_id))

    eventually(lambda: len(messages(folder)) == 2, what="two messages")

    errors = {message["fileName"]: message["error"] for message in messages(folder)}
    assert errors["again.dcm"] == "failure reason 45070: the instance exists already"
    assert errors["no-id.dcm"].startswith("failure reason 43264: DICOM100: (0010,0020) - ")


@pytest.mark.parametrize("name", [".hidden", "a.part", "a.tmp", ".folder/a.dcm"])
def test_file_under_a_name_of_an_unfinished_copy_stays(emulator_with: EmulatorWith, tmp_path: Path, name: str) -> None:
    """docs/import.md: tools that copy under another name and rename are waited for."""
    folder = tmp_path / "bulk"
    emulator = importing(emulator_with, folder)
    path = put(folder, name, part10(an_instance()))
    done = put(folder, "done.dcm", part10(an_instance()))

    eventually(lambda: not done.exists(), what="the import of the other file")

    assert path.exists()
    assert len(emulator.search_instances()) == 1


def test_file_is_whole_when_two_looks_find_it_unchanged(tmp_path: Path) -> None:
    """docs/import.md: size and time are to be the same at two looks."""
    source = FolderSource(tmp_path)
    source.prepare()
    growing = tmp_path / "import-container" / "growing.dcm"
    with growing.open("wb", buffering=0) as file:
        for _ in range(3):
            file.write(b"more")
            assert source.waiting() == []
        os.utime(growing, ns=(1, 1))
        assert source.waiting() == []

    assert source.waiting() == [Waiting("growing.dcm", 12, is_old=True)]


def test_kill_between_store_and_delete_is_no_duplicate(tmp_path: Path) -> None:
    """Own design: a file that waits when the server starts may be one that it stored before a crash."""
    folder = tmp_path / "bulk"
    dataset, other = an_instance(), an_instance()
    with serving(tmp_path / "data", tmp_path) as server:
        server.emulator.store(dataset)
        server.emulator.store(other)
        server.kill()
    waiting = put(folder, "stored-before.dcm", part10(dataset, preamble=b"x" * 128))
    other.PatientID = "SOMEBODY-ELSE"
    put(folder, "another-file.dcm", part10(other))

    with serving(tmp_path / "data", tmp_path, f"--import-folder={folder}", f"--import-interval={INTERVAL_S}") as server:
        eventually(lambda: not waiting.exists() and messages(folder), what="the import")

        assert [message["fileName"] for message in messages(folder)] == ["another-file.dcm"]
        assert len(server.emulator.changes()) == 2


def test_kill_in_the_middle_of_an_import_loses_nothing(tmp_path: Path) -> None:
    """Own design: a file goes when its store is acknowledged, not before."""
    folder = tmp_path / "bulk"
    datasets = [an_instance() for _ in range(60)]
    for number, dataset in enumerate(datasets):
        put(folder, f"{number}.dcm", part10(dataset))
    options = f"--import-folder={folder}", f"--import-interval={INTERVAL_S}"
    container = folder / "import-container"
    with serving(tmp_path / "data", tmp_path, *options) as server:
        eventually(lambda: len(files_below(container)) < 50, what="some imports", within_s=30)
        server.kill()

    with serving(tmp_path / "data", tmp_path, *options) as server:
        eventually(lambda: not files_below(container), what="the rest", within_s=30)

        assert messages(folder) == []
        for dataset in datasets:
            assert server.emulator.metadata(instance_path(dataset))


def test_large_file_is_stored_whole(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: a file is copied, never read into memory as a whole."""
    folder = tmp_path / "bulk"
    instance = large_instance(frames=40)
    (folder / "import-container").mkdir(parents=True)
    path = folder / "import-container" / "large.dcm"
    with path.open("wb") as file:
        file.writelines(instance.blocks())
    emulator = importing(emulator_with, folder)

    eventually(lambda: not path.exists(), what="the import", within_s=30)

    (stored,) = [file for file in files_below(emulator.data_dir / "dicom") if file.suffix == ".dcm"]
    assert stored.stat().st_size == instance.size_bytes


def test_import_is_audited_as_bulk_import_store(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §4: operation name bulk-import-store."""
    folder = tmp_path / "bulk"
    importing(emulator_with, folder, audit_log=tmp_path / "audit.jsonl")
    put(folder, "good.dcm", part10(an_instance(SOPInstanceUID=generate_uid())))
    eventually(lambda: not files_below(folder / "import-container"), what="the import")
    put(folder, "bad.dcm", b"bad")
    eventually(lambda: messages(folder), what="the message")

    def records() -> list[dict[str, str]]:
        return [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]

    eventually(lambda: len(records()) == 4, what="four records")

    assert {record["operationName"] for record in records()} == {"bulk-import-store"}
    assert [(record["uri"], record["resultType"], record["resultSignature"]) for record in records()] == [
        ("good.dcm", "Started", ""),
        ("good.dcm", "Succeeded", "200"),
        ("bad.dcm", "Started", ""),
        ("bad.dcm", "Failed", "409"),
    ]
