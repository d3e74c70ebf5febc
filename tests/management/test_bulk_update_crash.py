"""A server that is killed in the middle of a bulk update: each study is updated once, and whole (async §2.4)."""

from collections import Counter
from pathlib import Path

from tests.management.tags import finished, operation_path
from tests.management.updates import a_name, an_update, original_file, post_update, update
from tests.support.client import Emulator
from tests.support.folders import files_below
from tests.support.instances import an_instance, another_in_series, part10, study_path
from tests.support.process import serving
from tests.support.waiting import eventually

STUDIES, INSTANCES = 24, 6


def names_of(emulator: Emulator, study: str) -> set[str]:
    return {one["00100010"]["Value"][0]["Alphabetic"] for one in emulator.metadata(study)}


def test_a_killed_update_goes_on_where_it_was(tmp_path: Path) -> None:
    """Own design: a study and the operation's progress are committed together, so that neither gets lost or doubled."""
    data_dir = tmp_path / "data"
    studies = []
    with serving(data_dir, tmp_path) as server:
        for _ in range(STUDIES):
            first = an_instance(PatientName="Old")
            instances = [first, *(another_in_series(first, PatientName="Old") for _ in range(INSTANCES - 1))]
            studies.append(server.emulator.store_all(instances))
        firsts = [instances[0] for instances in studies]
        update(server.emulator, an_update(*firsts, t00100010=a_name("One")))
        operation = operation_path(
            server.emulator, post_update(server.emulator, an_update(*firsts, t00100010=a_name("Two")))
        )
        processed = eventually(
            lambda: server.emulator.get(operation, accept=None).json().get("results", {}).get("studyProcessed"),
            what="the first study",
        )
        server.kill()
    assert processed < STUDIES, "the kill came too late to test anything"

    with serving(data_dir, tmp_path) as server:
        emulator = server.emulator
        done = finished(emulator, operation)
        assert done["status"] == "succeeded"
        assert done["results"] == {
            "studyProcessed": STUDIES,
            "studyUpdated": STUDIES,
            "studyFailed": 0,
            "instanceUpdated": STUDIES * INSTANCES,
        }
        assert {frozenset(names_of(emulator, study_path(first))) for first in firsts} == {frozenset({"Two"})}
        for stored in studies:
            assert original_file(emulator, stored[-1]) == part10(stored[-1])
        changes = [change for page in range(3) for change in emulator.changes(limit=200, offset=200 * page)]
        counted = Counter((change["sopInstanceUid"], change["action"]) for change in changes)
        assert Counter(counted.values()) == {1: STUDIES * INSTANCES, 2: STUDIES * INSTANCES}
        eventually(
            lambda: (
                len([path for path in files_below(data_dir / "dicom") if path.suffix == ".dcm"])
                == 2 * STUDIES * INSTANCES
            ),
            what="the sweep of what was written and not committed",
        )
        assert files_below(data_dir / "tmp") == []


def test_a_study_is_whole_after_a_kill(tmp_path: Path) -> None:
    """Service source: all instances of a study switch together, whenever the server dies (async §2.5)."""
    data_dir = tmp_path / "data"
    first = an_instance(PatientName="Old")
    with serving(data_dir, tmp_path) as server:
        server.emulator.store_all([first, *(another_in_series(first, PatientName="Old") for _ in range(150))])
        operation = operation_path(
            server.emulator, post_update(server.emulator, an_update(first, t00100010=a_name("New")))
        )
        eventually(lambda: list((data_dir / "dicom").rglob("*.original")), what="the first new version")
        server.kill()

    with serving(data_dir, tmp_path, "--operation-delay=60") as server:
        assert names_of(server.emulator, study_path(first)) in ({"Old"}, {"New"})
    with serving(data_dir, tmp_path) as server:
        assert finished(server.emulator, operation)["results"]["instanceUpdated"] == 151
        assert names_of(server.emulator, study_path(first)) == {"New"}
