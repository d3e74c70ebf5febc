"""The re-index of thousands of stored instances: beside stores and searches, and over a crash."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.management.many import AGES, make_studies, study_uid
from tests.management.tags import TAGS, a_tag, finished, operation_path, patch_tag, post_tags, tag, tag_errors, tags
from tests.support.client import Emulator
from tests.support.instances import an_instance
from tests.support.process import serving
from tests.support.waiting import eventually

# One worker makes the folder and runs all of them.
pytestmark = pytest.mark.xdist_group("re-index")

INSTANCES = 6_000
BAD_EVERY = 1_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, which the tests use one after the other; each adds a tag of its own."""
    folder = tmp_path_factory.mktemp("many") / "data"
    make_studies(folder, INSTANCES, bad_every=BAD_EVERY)
    return folder


def percent(emulator: Emulator, operation: str) -> int:
    answer = emulator.get(operation)
    assert answer.status == 202, f"it ended too early: {answer.text}"
    complete: int = answer.json()["percentComplete"]
    return complete


def studies_of_age(emulator: Emulator, age: str) -> set[str]:
    assert INSTANCES // AGES <= 200, "they fit on one page"
    return {study["0020000D"]["Value"][0] for study in emulator.search_studies(PatientAge=age, limit=200)}


def expected_of_age(age: int) -> set[str]:
    return {study_uid(number) for number in range(age, INSTANCES, AGES) if number % BAD_EVERY}


def test_a_re_index_goes_on_after_a_crash_and_does_nothing_twice(many: Path, tmp_path: Path) -> None:
    """Own design: the position is written with what was indexed up to it (azure-apis §1.9)."""
    with serving(many, tmp_path) as server:
        operation = operation_path(server.emulator, post_tags(server.emulator, [a_tag("PatientAge")]))
        before = eventually(lambda: percent(server.emulator, operation), what="progress")
        server.kill()
    with serving(many, tmp_path, "--operation-delay=3") as server:
        emulator = server.emulator
        assert before <= percent(emulator, operation) < 100
        done = finished(emulator, operation)

        assert (done["status"], done["percentComplete"]) == ("succeeded", 100)
        assert tag(emulator, "PatientAge")["status"] == "ready"
        assert tag(emulator, "PatientAge")["errors"]["count"] == INSTANCES // BAD_EVERY
        errors = tag_errors(emulator, "PatientAge")
        assert {error["studyInstanceUid"] for error in errors} == {
            study_uid(number) for number in range(0, INSTANCES, BAD_EVERY)
        }
        assert len(errors) == INSTANCES // BAD_EVERY
        patch_tag(emulator, "PatientAge", {"queryStatus": "Enabled"})
        for age in (0, 7, 99):
            assert studies_of_age(emulator, f"{age:03d}Y") == expected_of_age(age)


@dataclass
class Client:
    """Does one thing again and again until told to stop."""

    work: Callable[[], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    count: int = 0
    failure: Exception | None = None

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.work()
            except Exception as error:  # shown by the test, which waits for the thread
                self.failure = error
                return
            self.count += 1


def test_stores_and_searches_go_on_during_a_re_index(many: Path, tmp_path: Path) -> None:
    """Service source: what is stored meanwhile is indexed at store time (azure-apis §1.9)."""
    with serving(many, tmp_path) as server:
        emulator = server.emulator
        stored: list[str] = []

        def store() -> None:
            stored.append(emulator.store(an_instance(StationName="DURING", has_pixel_data=False)).StudyInstanceUID)

        def search() -> None:
            assert len(emulator.search_studies(PatientID="P77")) == 1

        clients = [Client(store), Client(search)]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        eventually(lambda: all(client.count for client in clients), what="stores and searches before the tag")
        operation = operation_path(emulator, post_tags(emulator, [a_tag("StationName"), a_tag("Rows", "Instance")]))
        done = finished(emulator, operation)
        for client in clients:
            client.stopping.set()
        for thread in threads:
            thread.join()

        assert done["status"] == "succeeded"
        for client in clients:
            assert client.failure is None, client.failure
        found: list[str] = []
        while page := emulator.search_studies(StationName="DURING", limit=200, offset=len(found)):
            found += [study["0020000D"]["Value"][0] for study in page]
        assert found == list(reversed(stored))
        assert emulator.search_instances(Rows=32, limit=1)
        for path in ("StationName", "Rows"):
            assert emulator.delete(f"{TAGS}/{path}").status == 204
        assert "00081010" not in [each["path"] for each in tags(emulator)]


def test_values_of_an_acknowledged_store_survive_a_kill(tmp_path: Path) -> None:
    """docs/architecture.md, A store: they are in the journal with the instance."""
    data = tmp_path / "data"
    with serving(data, tmp_path) as server:
        operation = operation_path(server.emulator, post_tags(server.emulator, [a_tag("PatientAge")]))
        finished(server.emulator, operation)
        stored = server.emulator.store(an_instance(PatientAge="030Y"))
        server.kill()
    with serving(data, tmp_path) as server:
        assert studies_of_age(server.emulator, "030Y") == {stored.StudyInstanceUID}
