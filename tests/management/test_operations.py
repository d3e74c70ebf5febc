"""Operations on the wire: states, versions, what a restart does."""

import re
import uuid
from pathlib import Path

import pytest

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.management.tags import TAGS, a_tag, add_tags, finished, operation_path, post_tags, tags
from tests.support.client import Emulator
from tests.support.instances import an_instance
from tests.support.server import running
from tests.support.waiting import eventually

ZULU = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")


def test_an_active_operation_is_202_with_its_address(emulator_with: EmulatorWith) -> None:
    """Service source: notStarted, running (azure-apis §2)."""
    emulator = emulator_with(operation_delay_s=60)
    started = post_tags(emulator, [a_tag("PatientAge")]).json()
    answer = emulator.get(f"/operations/{started['id']}", accept=None)
    body = answer.json()

    assert (answer.status, answer.content_type) == (202, "application/json; charset=utf-8")
    assert answer.headers["Location"] == started["href"]
    assert list(body) == [
        "operationId",
        "type",
        "createdTime",
        "lastUpdatedTime",
        "status",
        "percentComplete",
        "resources",
    ]
    assert ZULU.fullmatch(body["createdTime"])
    assert ZULU.fullmatch(body["lastUpdatedTime"])
    assert (body["operationId"], body["type"], body["status"], body["percentComplete"], body["resources"]) == (
        started["id"],
        "reindex",
        "notStarted",
        0,
        [f"{emulator.service_url}{TAGS}/00101010"],
    )


def test_a_client_sees_an_operation_start_run_and_end(emulator_with: EmulatorWith) -> None:
    """Azure: Extended query tags: poll the operation; half of the delay passes before it runs (azure-apis §1.9)."""
    emulator = emulator_with(operation_delay_s=0.4)
    emulator.store(an_instance())
    path = operation_path(emulator, post_tags(emulator, [a_tag("PatientAge")]))
    seen: list[tuple[int, str]] = []

    def is_done() -> bool:
        answer = emulator.get(path)
        state = answer.status, answer.json()["status"]
        if state not in seen:
            seen.append(state)
        return answer.status == 200

    eventually(is_done, what="the end of the operation")
    assert seen == [(202, "notStarted"), (202, "running"), (200, "succeeded")]


def test_versions_have_different_words_for_success_and_their_own_urls(emulator: Emulator) -> None:
    """Azure: DICOM service API v2 changes; resources stay (azure-apis §2)."""
    operation = add_tags(emulator, a_tag("PatientAge"))
    first, pre, second = (
        emulator.request("GET", f"/{version}{operation}") for version in ("v1", "v1.0-prerelease", "v2")
    )

    assert [answer.json()["status"] for answer in (first, pre, second)] == ["completed", "completed", "succeeded"]
    assert [answer.status for answer in (first, pre, second)] == [200, 200, 200]
    assert "Location" not in second.headers
    assert second.json()["percentComplete"] == 100
    assert second.json()["resources"] == [f"{emulator.base_url}/v2{TAGS}/00101010"]
    assert pre.json()["resources"] == [f"{emulator.base_url}/v1.0-prerelease{TAGS}/00101010"]
    assert "results" not in second.json()


def test_the_id_may_be_spelled_as_any_guid(emulator: Emulator) -> None:
    """Inferred: with or without dashes, in any case (azure-apis §2)."""
    operation = add_tags(emulator, a_tag("PatientAge"))
    written = uuid.UUID(operation.rpartition("/")[2])

    for spelling in (str(written), str(written).upper(), written.hex.upper()):
        answer = emulator.get(f"/operations/{spelling}")
        assert (answer.status, answer.json()["operationId"]) == (200, written.hex)


@pytest.mark.parametrize("written", ["nonsense", "00000000000000000000000000000000", "1", "%20"])
def test_what_is_no_operation_is_404_without_a_body(shared_emulator: Emulator, written: str) -> None:
    """Service source (azure-apis §2)."""
    answer = shared_emulator.get(f"/operations/{written}")

    assert (answer.status, answer.content) == (404, b"")


def test_resources_lose_a_tag_that_is_deleted(emulator: Emulator) -> None:
    """Service source (azure-apis §2)."""
    operation = add_tags(emulator, a_tag("PatientAge"), a_tag("StationName"))
    assert emulator.delete(f"{TAGS}/PatientAge").status == 204

    assert emulator.get(operation).json()["resources"] == [f"{emulator.service_url}{TAGS}/00081010"]


def test_operations_survive_a_restart_and_what_is_not_done_goes_on(tmp_path: Path) -> None:
    """Own design: nothing is lost when the server stops."""
    data = tmp_path / "data"
    with running(Settings(data_dir=data)) as emulator:
        study = emulator.store(an_instance(PatientAge="030Y")).StudyInstanceUID
        done = add_tags(emulator, a_tag("StationName"))
        before = emulator.get(done).json()
    with running(Settings(data_dir=data, operation_delay_s=60)) as emulator:
        assert emulator.get(done).json()["lastUpdatedTime"] == before["lastUpdatedTime"]
        waiting = operation_path(emulator, post_tags(emulator, [a_tag("PatientAge")]))
    with running(Settings(data_dir=data)) as emulator:
        assert finished(emulator, waiting)["status"] == "succeeded"
        assert [each["status"] for each in tags(emulator)] == ["ready", "ready"]
        (match,) = emulator.search_studies(PatientAge="030Y")
        assert match["0020000D"]["Value"] == [study]
