"""What a crash leaves: everything that was acknowledged, and nothing else."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from tests.support.client import Emulator
from tests.support.folders import files_below
from tests.support.instances import an_instance, another_in_series, instance_path, part10, study_path
from tests.support.memory import family
from tests.support.process import serving
from tests.support.waiting import eventually

CLIENTS = 4
ACKNOWLEDGED_BEFORE_THE_KILL = 40


@dataclass
class Upload:
    """Clients that store one instance after the other until their server is gone; each has a study of its own."""

    emulator: Emulator
    attempted: dict[str, bytes] = field(default_factory=dict)
    acknowledged: dict[str, Dataset] = field(default_factory=dict)

    def start(self) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._store_until_the_server_is_gone) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        return threads

    def _store_until_the_server_is_gone(self) -> None:
        first = an_instance()
        number = 0
        while True:
            number += 1
            # Every third is larger than what is kept in memory, so that the kill also meets spooled bodies.
            side = 1000 if number % 3 == 0 else 64
            dataset = another_in_series(first, rows=side, columns=side, pixels=bytes(side * side * 2))
            self.attempted[dataset.SOPInstanceUID] = part10(dataset)
            try:
                answer = self.emulator.store_response(self.attempted[dataset.SOPInstanceUID])
            except OSError:
                return
            assert answer.status == 200, answer.text
            self.acknowledged[dataset.SOPInstanceUID] = dataset


def dicom_files(data_dir: Path) -> list[Path]:
    return [path for path in files_below(data_dir / "dicom") if path.suffix == ".dcm"]


@pytest.mark.parametrize("durability", ["process", "full"])
def test_kill_in_the_middle_of_uploads_keeps_what_was_acknowledged_and_nothing_half_stored(
    tmp_path: Path, durability: str
) -> None:
    """docs/architecture.md, A store: acknowledged means that it survives `kill -9`."""
    data_dir = tmp_path / "data"
    options = (f"--durability={durability}",)
    with serving(data_dir, tmp_path, *options) as server:
        upload = Upload(server.emulator)
        threads = upload.start()
        eventually(
            lambda: len(upload.acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL,
            within_s=60,
            what="enough stores",
        )
        server.kill()
        for thread in threads:
            thread.join()

    with serving(data_dir, tmp_path, *options) as server:
        emulator = server.emulator
        for uid, dataset in upload.acknowledged.items():
            assert emulator.retrieve(dataset) == upload.attempted[uid]
        found = visible_instances(emulator)
        assert set(upload.acknowledged) <= set(found), "a search does not find an acknowledged instance"
        for uid, path in found.items():
            assert emulator.retrieve(path) == upload.attempted[uid], "a visible instance is not whole"
            assert len(emulator.metadata(path)) == 1
        assert {change["sopInstanceUid"] for change in all_changes(emulator)} == set(found)
        eventually(lambda: not list(files_below(data_dir / "tmp")), what="the removal of spooled bodies")
        eventually(lambda: len(dicom_files(data_dir)) == len(found), what="the sweep of orphaned files")


def test_kill_after_a_delete_does_not_bring_the_study_back(tmp_path: Path) -> None:
    """Conformance statement v2, Delete: 204 means gone."""
    data_dir = tmp_path / "data"
    with serving(data_dir, tmp_path) as server:
        kept, gone = (server.emulator.store(an_instance()) for _ in range(2))
        assert server.emulator.delete(study_path(gone)).status == 204
        server.kill()

    with serving(data_dir, tmp_path) as server:
        assert server.emulator.retrieve(kept) == part10(kept)
        assert server.emulator.search_studies(StudyInstanceUID=gone.StudyInstanceUID) == []
        assert [change["action"] for change in server.emulator.changes()] == ["Create", "Create", "Delete"]
        eventually(lambda: len(dicom_files(data_dir)) == 1, what="the sweep of orphaned files")


def test_restart_continues_the_sequence_of_changes_and_watermarks(tmp_path: Path) -> None:
    """azure-apis §3.2: a sequence number is never used again, whether the server stopped or crashed in between."""
    data_dir = tmp_path / "data"
    with serving(data_dir, tmp_path) as server:
        server.emulator.store(an_instance())
        assert server.stop() == 0
    with serving(data_dir, tmp_path) as server:
        server.emulator.store(an_instance())
        server.kill()
    with serving(data_dir, tmp_path) as server:
        server.emulator.store(an_instance())
        sequences = [change["sequence"] for change in server.emulator.changes()]

    assert len(sequences) == 3
    assert sequences == sorted(set(sequences))


def visible_instances(emulator: Emulator) -> dict[str, str]:
    """SOP instance UID and path of all that a search finds."""
    found: dict[str, str] = {}
    while page := emulator.search_instances(limit=200, offset=len(found)):
        for match in page:
            study, series, instance = (match[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
            found[instance] = f"/studies/{study}/series/{series}/instances/{instance}"
    return found


def all_changes(emulator: Emulator) -> Iterator[dict[str, object]]:
    offset = 0
    while page := emulator.changes(limit=200, offset=offset, includeMetadata="false"):
        yield from page
        offset += len(page)


def test_workers_end_with_a_killed_server(tmp_path: Path) -> None:
    """A `kill -9` of the server alone must not leave its worker processes behind."""
    with serving(tmp_path / "data", tmp_path) as server:
        dataset = server.emulator.store(an_instance())
        assert server.emulator.get(instance_path(dataset) + "/rendered", accept=None).status == 200
        workers = [pid for pid in family(server.pid) if pid != server.pid]
        assert workers
        os.kill(server.pid, signal.SIGKILL)

        eventually(lambda: not any(is_running(pid) for pid in workers), what="the end of the worker processes")


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
