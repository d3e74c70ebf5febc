"""The three forms of an event, as consumers parse them."""

import re
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import EmulatorWith
from tests.events.providers import providers
from tests.support.client import Emulator
from tests.support.instances import an_instance, study_path
from tests.support.waiting import eventually

TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azdicom"
    "/providers/Microsoft.HealthcareApis/workspaces/ward"
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")


def events_of(path: Path, number: int) -> list[dict[str, Any]]:
    """So many lines of the file of a sink."""

    def lines() -> list[bytes] | None:
        found = path.read_bytes().splitlines() if path.exists() else []
        return found if len(found) >= number else None

    found = eventually(lines, what=f"{number} events")
    assert found is not None
    return [orjson.loads(line) for line in found]


def file_sink(emulator_with: EmulatorWith, path: Path, **more: Any) -> Emulator:
    entry = {"type": "file", "file_path": str(path), **more}
    return emulator_with(event_providers=providers(entry), workspace="ward", event_host="ward-a.dicom.example")


def test_event_grid_schema_has_the_documented_fields(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Azure docs, events-message-structure: every field of a created and of a deleted event."""
    emulator = file_sink(emulator_with, tmp_path / "events")
    dataset = emulator.store(an_instance())
    assert emulator.delete(study_path(dataset)).status == 204

    created, deleted = events_of(tmp_path / "events", 2)

    study, series, instance = dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
    subject = (
        f"ward-a.dicom.example/v1/partitions/Microsoft.Default/studies/{study}/series/{series}/instances/{instance}"
    )
    assert uuid.UUID(created["id"]) != uuid.UUID(deleted["id"])
    assert TIME.fullmatch(created["eventTime"])
    assert created["eventTime"] <= deleted["eventTime"]
    assert created == {
        "id": created["id"],
        "topic": TOPIC,
        "subject": subject,
        "data": {
            "partitionName": "Microsoft.Default",
            "imageStudyInstanceUid": study,
            "imageSeriesInstanceUid": series,
            "imageSopInstanceUid": instance,
            "serviceHostName": "ward-a.dicom.example",
            "sequenceNumber": 1,
        },
        "eventType": "Microsoft.HealthcareApis.DicomImageCreated",
        "dataVersion": "1",
        "metadataVersion": "1",
        "eventTime": created["eventTime"],
    }
    assert deleted["eventType"] == "Microsoft.HealthcareApis.DicomImageDeleted"
    assert (deleted["subject"], deleted["data"]["sequenceNumber"]) == (subject, 2)


def test_cloud_events_schema_has_the_documented_fields(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """CloudEvents 1.0; Azure docs, events-message-structure."""
    emulator = file_sink(emulator_with, tmp_path / "events", schema="cloudevents")
    emulator.store(an_instance())

    (event,) = events_of(tmp_path / "events", 1)

    assert set(event) == {"source", "subject", "type", "time", "id", "data", "specversion"}
    assert (event["specversion"], event["source"]) == ("1.0", TOPIC)
    assert event["type"] == "Microsoft.HealthcareApis.DicomImageCreated"
    assert event["subject"].startswith("ward-a.dicom.example/v1/partitions/Microsoft.Default/studies/")
    assert TIME.fullmatch(event["time"])
    assert event["data"]["sequenceNumber"] == 1


def test_seed_schema_is_that_of_the_earlier_emulator(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §6.4: subject without host, the service's URL as topic, data version 1.0, time with an offset."""
    emulator = file_sink(emulator_with, tmp_path / "events", schema="seed")
    dataset = emulator.store(an_instance())

    (event,) = events_of(tmp_path / "events", 1)

    assert event["subject"] == (
        f"/dicom/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )
    assert event["topic"] == emulator.base_url
    assert (event["dataVersion"], event["metadataVersion"]) == ("1.0", "1")
    assert event["eventTime"].endswith("+00:00")
    assert event["eventType"] == "Microsoft.HealthcareApis.DicomImageCreated"


def test_host_is_where_the_server_listens_unless_it_is_named(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §6.1: the host of the subject is the service's, so that a consumer finds the instance."""
    entry = {"type": "file", "file_path": str(tmp_path / "events"), "subject_version": "v2"}
    emulator = emulator_with(event_providers=providers(entry))
    emulator.store(an_instance())

    (event,) = events_of(tmp_path / "events", 1)

    host = emulator.base_url.removeprefix("http://")
    assert event["data"]["serviceHostName"] == host
    path = event["subject"].removeprefix(f"{host}/v2").replace("/partitions/Microsoft.Default", "")
    assert emulator.metadata(path)


def test_bulk_update_tells_of_each_instance(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §2.5: DicomImageUpdated per instance."""
    emulator = file_sink(emulator_with, tmp_path / "events")
    dataset = emulator.store(an_instance())
    body = orjson.dumps(
        {
            "studyInstanceUids": [dataset.StudyInstanceUID],
            "changeDataset": {"00100020": {"vr": "LO", "Value": ["NEW"]}},
        }
    )
    answer = emulator.request(
        "POST", "/v2/studies/$bulkUpdate", headers={"Content-Type": "application/json"}, body=body
    )
    assert answer.status == 202, answer.text

    _, updated = events_of(tmp_path / "events", 2)

    assert updated["eventType"] == "Microsoft.HealthcareApis.DicomImageUpdated"
    assert updated["data"]["imageSopInstanceUid"] == dataset.SOPInstanceUID


def test_expiry_tells_of_each_deleted_instance(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §5: the sweep deletes as DELETE does, with an entry of the change feed and an event."""
    emulator = file_sink(emulator_with, tmp_path / "events")
    answer = emulator.store_response(an_instance(), headers={"msdicom-expiry-time-milliseconds": "1"})
    assert answer.status == 200
    assert emulator.request("POST", "/_azdicom/expire").json() == {"studiesDeleted": 1}

    events = events_of(tmp_path / "events", 2)

    assert [event["eventType"].rpartition(".")[2] for event in events] == ["DicomImageCreated", "DicomImageDeleted"]
    assert [change["action"] for change in emulator.changes()] == ["Create", "Delete"]


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents", "seed"])
def test_partition_of_the_instance_is_told(emulator_with: EmulatorWith, tmp_path: Path, schema: str) -> None:
    """async §6.1: data.partitionName."""
    entry = {"type": "file", "file_path": str(tmp_path / "events"), "schema": schema}
    emulator = emulator_with(event_providers=providers(entry), partitions=True)
    dataset = an_instance()
    answer = replace(emulator, version="v2/partitions/ward").store_response(dataset)
    assert answer.status == 200, answer.text

    (event,) = events_of(tmp_path / "events", 1)

    assert event["data"]["partitionName"] == "ward"
