"""Exports to a real Azurite, through Azure's own library: what arrives, what is reported (async §3.3, §3.4)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.management.exports import (
    a_container,
    an_export,
    blob_names_of,
    blobs_of,
    by_connection,
    by_identity,
    errors_in,
    exported,
    post_export,
)
from tests.management.partitions import in_partition
from tests.management.tags import TEXT, finished, operation_path
from tests.management.updates import a_name, an_update, update
from tests.support.azurite import ACCOUNT, KEY, Azurite
from tests.support.client import Emulator
from tests.support.instances import an_instance, another_in_series, another_in_study, part10
from tests.support.process import serving
from tests.support.server import running
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("azurite")


@pytest.fixture
def container(azurite: Azurite, request: pytest.FixtureRequest) -> Iterator[ContainerClient]:
    """An empty container for this test."""
    name = "".join(each if each.isalnum() else "-" for each in request.node.name.lower())[-50:].strip("-")
    with a_container(azurite, f"t-{name.replace('--', '-')}") as made:
        yield made


def test_files_arrive_as_stored_under_their_uids(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    """Service end-to-end tests: `{opId}/results/{study}/{series}/{sop}.dcm`, and an error log that is empty."""
    first = an_instance()
    instances = emulator.store_all([first, another_in_series(first), another_in_study(first)])
    emulator.store(an_instance())

    started = post_export(emulator, an_export(by_connection(azurite, container), first.StudyInstanceUID))
    reference = started.json()
    done = finished(emulator, operation_path(emulator, started))

    assert started.headers["Location"] == reference["href"] == f"{emulator.service_url}/operations/{reference['id']}"
    assert (done["type"], done["status"]) == ("export", "succeeded")
    assert "percentComplete" not in done
    assert done["results"] == {
        "exported": 3,
        "skipped": 0,
        "errorHref": f"{azurite.blob_endpoint}/{container.container_name}/{reference['id']}/errors.log",
    }
    expected = {
        f"results/{each.StudyInstanceUID}/{each.SeriesInstanceUID}/{each.SOPInstanceUID}.dcm": part10(each)
        for each in instances
    }
    assert blobs_of(container, done) == {**expected, "errors.log": b""}
    assert emulator.v1.get(f"/operations/{reference['id']}", accept=None).json()["status"] == "completed"


def test_what_is_not_found_is_skipped_and_logged(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    """Service end-to-end tests: the operation succeeds; one JSON object a line, by the depth of the identifier."""
    instance = emulator.store(an_instance())
    study, series = instance.StudyInstanceUID, instance.SeriesInstanceUID
    wanted = [f"{study}/{series}/{instance.SOPInstanceUID}", "1.2.3", f"{study}/4.5", f"{study}/{series}/6.7"]

    done = exported(emulator, an_export(by_connection(azurite, container), *wanted))

    assert (done["status"], done["results"]["exported"], done["results"]["skipped"]) == ("succeeded", 1, 3)
    logged = errors_in(blobs_of(container, done)["errors.log"])
    assert [list(entry) for entry in logged] == [["timestamp", "identifier", "error"]] * 3
    assert [(entry["identifier"], entry["error"]) for entry in logged] == [
        ("1.2.3", "The specified study cannot be found."),
        (f"{study}/4.5", "The specified series cannot be found."),
        (f"{study}/{series}/6.7", "The specified instance cannot be found."),
    ]
    assert all(entry["timestamp"].endswith("+00:00") for entry in logged)


def test_an_unreadable_instance_is_skipped(emulator: Emulator, azurite: Azurite, container: ContainerClient) -> None:
    """Service source: `skipped` counts unreadable instances too."""
    first = an_instance()
    emulator.store_all([first, another_in_series(first)])
    (path,) = (emulator.data_dir / "dicom").rglob(f"{first.SOPInstanceUID}/*.dcm")
    path.unlink()

    done = exported(emulator, an_export(by_connection(azurite, container), first.StudyInstanceUID))

    assert (done["status"], done["results"]["exported"], done["results"]["skipped"]) == ("succeeded", 1, 1)
    (logged,) = errors_in(blobs_of(container, done)["errors.log"])
    assert logged["identifier"].endswith(f"/{first.SOPInstanceUID}")


def test_without_a_source_everything_is_exported(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    """Azure: Export DICOM files, revision of 2023-10-30: the source may be left out."""
    emulator.store_all([an_instance() for _ in range(3)])

    done = exported(emulator, an_export(by_connection(azurite, container), of_all=True))

    assert done["results"]["exported"] == 3
    assert len(blob_names_of(container, done["operationId"])) == 3


def test_an_empty_service_exports_nothing(emulator: Emulator, azurite: Azurite, container: ContainerClient) -> None:
    """Azure: Export DICOM files."""
    done = exported(emulator, an_export(by_connection(azurite, container), of_all=True))

    assert (done["status"], done["results"]["exported"], done["results"]["skipped"]) == ("succeeded", 0, 0)


def test_the_latest_version_is_exported(emulator: Emulator, azurite: Azurite, container: ContainerClient) -> None:
    """Service end-to-end tests: of an updated instance the latest version (async §3.3)."""
    instance = emulator.store(an_instance(PatientName="Old^Name"))
    update(emulator, an_update(instance, t00100010=a_name("New^Name")))

    done = exported(emulator, an_export(by_connection(azurite, container), of_all=True))

    (content,) = (content for name, content in blobs_of(container, done).items() if name.endswith(".dcm"))
    assert content == emulator.retrieve(instance)
    assert b"New^Name" in content


def test_one_partition_is_exported(emulator_with: EmulatorWith, azurite: Azurite, container: ContainerClient) -> None:
    """async §3: below a partition, only that partition."""
    emulator = emulator_with(partitions=True)
    instance = an_instance()
    one, other = (in_partition(emulator, name) for name in ("one", "other"))
    for partition in (one, other):
        partition.store(instance)
    other.store(an_instance())

    for body in (
        an_export(by_connection(azurite, container), of_all=True),
        an_export(by_connection(azurite, container), instance.StudyInstanceUID),
    ):
        started = post_export(one, body)
        done = finished(emulator, started.json()["href"].removeprefix(emulator.service_url))
        assert done["results"]["exported"] == 1


def test_credentials_of_every_kind_work(emulator: Emulator, azurite: Azurite, container: ContainerClient) -> None:
    """async §3.1: connection string, shared access signature, managed identity, which this machine needs not prove."""
    sas = generate_container_sas(
        ACCOUNT,
        container.container_name,
        account_key=KEY,
        permission=ContainerSasPermissions(read=True, write=True, create=True, add=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    uri = f"{azurite.blob_endpoint}/{container.container_name}"
    connection = f"BlobEndpoint={azurite.blob_endpoint};SharedAccessSignature={sas}"
    instance = emulator.store(an_instance())

    for settings in (
        by_connection(azurite, container),
        by_identity(azurite, container),
        {"blobContainerUri": f"{uri}?{sas}"},
        {"connectionString": connection, "blobContainerName": container.container_name},
    ):
        done = exported(emulator, an_export(settings, instance.StudyInstanceUID))
        assert (done["status"], done["results"]["exported"]) == ("succeeded", 1)
        assert "sig=" not in done["results"]["errorHref"]


def test_refusals_of_the_storage_have_the_texts_of_the_service(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    """Service source: 400, and no operation (async §3.2)."""
    uri = f"{azurite.blob_endpoint}/{container.container_name}"
    where = f"container '{container.container_name}' in account 'devstoreaccount1'."
    cases: dict[str, dict[str, Any]] = {
        "Azure Blob Storage container 'missing' does not exist in account 'devstoreaccount1'.": {
            "blobContainerUri": f"{azurite.blob_endpoint}/missing",
            "useManagedIdentity": True,
        },
        f"Failed to write to Azure Blob Storage {where}": {"blobContainerUri": uri},
    }

    answers = {text: post_export(emulator, an_export(settings, "1.2")) for text, settings in cases.items()}

    assert {text: (answer.status, answer.text) for text, answer in answers.items()} == {
        text: (400, text) for text in cases
    }
    assert {answer.content_type for answer in answers.values()} == {TEXT}


@pytest.mark.slow
def test_a_thousand_instances_are_exported_with_progress(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    """async §3.4: results count while the export runs; searches are answered meanwhile."""
    first = an_instance(has_pixel_data=False)
    emulator.store_all([first, *(another_in_series(first, has_pixel_data=False) for _ in range(999))])
    operation = operation_path(emulator, post_export(emulator, an_export(by_identity(azurite, container), of_all=True)))
    seen: list[int] = []

    def is_done() -> bool:
        answer = emulator.get(operation, accept=None)
        count = answer.json()["results"]["exported"]
        if count not in seen:
            assert len(emulator.search_studies()) == 1
        seen.append(count)
        return answer.status == 200

    eventually(is_done, within_s=120, what="the end of the export")
    assert seen[-1] == 1000
    assert len(set(seen)) >= 3, "no progress was to be seen"
    assert all(before <= after for before, after in pairwise(seen))
    assert len(blob_names_of(container, operation.rpartition("/")[2])) == 1000


def test_large_files_are_sent_in_blocks(emulator: Emulator, azurite: Azurite, container: ContainerClient) -> None:
    """Own design: no more than a block of a file is held in memory."""
    instance = emulator.store(an_instance(rows=2048, columns=2048, pixels=bytes(2048 * 2048 * 2)))

    done = exported(emulator, an_export(by_connection(azurite, container), instance.StudyInstanceUID))

    (content,) = (content for name, content in blobs_of(container, done).items() if name.endswith(".dcm"))
    assert content == part10(instance)


def test_several_exports_run_at_once(emulator: Emulator, azurite: Azurite, container: ContainerClient) -> None:
    """Service source: there is no limit of one (async §3.3)."""
    emulator.store_all([an_instance() for _ in range(20)])
    body = an_export(by_connection(azurite, container), of_all=True)

    started = [post_export(emulator, body) for _ in range(4)]

    assert [answer.status for answer in started] == [202] * 4
    for answer in started:
        assert finished(emulator, operation_path(emulator, answer))["results"]["exported"] == 20


def test_a_destination_that_goes_away_fails_the_export_after_four_attempts(
    emulator_with: EmulatorWith, azurite: Azurite, container: ContainerClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Service source: up to four attempts, then status failed (async §3.4)."""
    emulator = emulator_with(export_retry_s=0.001, operation_delay_s=0.4)
    instance = emulator.store(an_instance())
    body = an_export(by_connection(azurite, container), instance.StudyInstanceUID)
    operation = operation_path(emulator, post_export(emulator, body))
    container.delete_container()

    done = finished(emulator, operation)

    assert (done["status"], done["results"]["exported"]) == ("failed", 0)
    attempts = [record.getMessage() for record in caplog.records if "attempt" in record.getMessage()]
    assert [f"attempt {number} of 4" in line for number, line in enumerate(attempts, start=1)] == [True] * 4
    assert KEY not in caplog.text


def test_a_destination_that_comes_back_is_tried_again(
    emulator_with: EmulatorWith, azurite: Azurite, container: ContainerClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Service source: a refused batch is tried again, and counts once (async §3.4)."""
    emulator = emulator_with(export_retry_s=1, operation_delay_s=0.4)
    emulator.store_all([an_instance() for _ in range(3)])
    operation = operation_path(
        emulator, post_export(emulator, an_export(by_connection(azurite, container), of_all=True))
    )
    container.delete_container()
    eventually(lambda: "attempt 1 of 4" in caplog.text, what="the first attempt")
    a_container(azurite, container.container_name).close()

    done = finished(emulator, operation)

    assert (done["status"], done["results"]["exported"], done["results"]["skipped"]) == ("succeeded", 3, 0)


@pytest.mark.slow
def test_a_killed_export_goes_on_where_it_was(tmp_path: Path, azurite: Azurite, container: ContainerClient) -> None:
    """Own design: after `kill -9` an export goes on after the last batch; its secrets are gone when it is done."""
    data_dir = tmp_path / "data"
    first = an_instance(has_pixel_data=False)
    instances = [first, *(another_in_series(first, has_pixel_data=False) for _ in range(249))]
    with serving(data_dir, tmp_path) as server:
        server.emulator.store_all(instances)
        body = an_export(by_connection(azurite, container), first.StudyInstanceUID, "1.2.3")
        operation = operation_path(server.emulator, post_export(server.emulator, body))
        exported_before = eventually(
            lambda: server.emulator.get(operation, accept=None).json()["results"]["exported"],
            within_s=30,
            what="the first batch",
        )
        server.kill()
    assert exported_before < 250, "the kill came too late to test anything"

    with serving(data_dir, tmp_path) as server:
        done = finished(server.emulator, operation)
        assert server.stop() == 0

    assert done["status"] == "succeeded"
    assert (done["results"]["exported"], done["results"]["skipped"]) == (250, 1)
    blobs = blobs_of(container, done)
    assert {name.rpartition("/")[2] for name in blobs if name.endswith(".dcm")} == {
        f"{instance.SOPInstanceUID}.dcm" for instance in instances
    }
    assert {json.loads(line)["identifier"] for line in blobs["errors.log"].splitlines()} == {"1.2.3"}
    with duckdb.connect(data_dir / "index.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT work FROM operations").fetchall() == [("{}",)]


def test_a_stopped_server_stops_in_the_middle_of_an_export(
    tmp_path: Path, azurite: Azurite, container: ContainerClient
) -> None:
    """docs/architecture.md: what is not done goes on when the server starts again."""
    first = an_instance(has_pixel_data=False)
    with running(Settings(data_dir=tmp_path)) as emulator:
        emulator.store_all([first, *(another_in_series(first, has_pixel_data=False) for _ in range(299))])
        operation = operation_path(
            emulator, post_export(emulator, an_export(by_connection(azurite, container), of_all=True))
        )
    with running(Settings(data_dir=tmp_path)) as emulator:
        assert finished(emulator, operation)["results"]["exported"] == 300
