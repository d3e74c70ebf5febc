"""What an event looks like in each schema (async §6.1, §6.2, §6.4). Pure functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from azdicom_emulator.following.bookmark import change_id
from azdicom_emulator.storage.records import Change, ChangeAction

Event = dict[str, Any]


class Schema(StrEnum):
    EVENT_GRID = "eventgrid"
    CLOUD_EVENTS = "cloudevents"
    SEED = "seed"
    """As an earlier emulator wrote events."""


TYPES: Mapping[ChangeAction, str] = {
    ChangeAction.CREATE: "Microsoft.HealthcareApis.DicomImageCreated",
    ChangeAction.UPDATE: "Microsoft.HealthcareApis.DicomImageUpdated",
    ChangeAction.DELETE: "Microsoft.HealthcareApis.DicomImageDeleted",
}
DATA_VERSION = "1"
SEED_DATA_VERSION = "1.0"
METADATA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Origin:
    """Which service tells of its changes. topic: ARM id of the workspace; host: of the service; url: its base URL."""

    topic: str
    host: str
    url: str


def envelope(schema: Schema, change: Change, origin: Origin, subject_version: str = "v1") -> Event:
    """subject_version: the API version in the subject; every sample of the documentation has `v1`."""
    return _MAKERS[schema](change, origin, subject_version)


def event_time(at: datetime) -> str:
    """UTC with seven digits of the fraction, `2022-09-15T01:14:04.5613210Z`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}0Z"


def _event_grid(change: Change, origin: Origin, version: str) -> Event:
    return {
        "id": change_id(change),
        "topic": origin.topic,
        "subject": _subject(change, origin, version),
        "data": _data(change, origin),
        "eventType": TYPES[change.action],
        "dataVersion": DATA_VERSION,
        "metadataVersion": METADATA_VERSION,
        "eventTime": event_time(change.at),
    }


def _cloud_event(change: Change, origin: Origin, version: str) -> Event:
    return {
        "source": origin.topic,
        "subject": _subject(change, origin, version),
        "type": TYPES[change.action],
        "time": event_time(change.at),
        "id": change_id(change),
        "data": _data(change, origin),
        "specversion": "1.0",
    }


def _seed_event(change: Change, origin: Origin, version: str) -> Event:
    return {
        "id": change_id(change),
        "eventType": TYPES[change.action],
        "subject": f"/dicom/{_instance_path(change)}",
        "eventTime": change.at.astimezone(UTC).isoformat(),
        "dataVersion": SEED_DATA_VERSION,
        "metadataVersion": METADATA_VERSION,
        "topic": origin.url,
        "data": _data(change, origin),
    }


def _subject(change: Change, origin: Origin, version: str) -> str:
    return f"{origin.host}/{version}/partitions/{change.key.partition}/{_instance_path(change)}"


def _instance_path(change: Change) -> str:
    return f"studies/{change.key.study}/series/{change.key.series}/instances/{change.key.instance}"


def _data(change: Change, origin: Origin) -> Event:
    return {
        "partitionName": change.key.partition,
        "imageStudyInstanceUid": change.key.study,
        "imageSeriesInstanceUid": change.key.series,
        "imageSopInstanceUid": change.key.instance,
        "serviceHostName": origin.host,
        "sequenceNumber": change.sequence,
    }


_MAKERS: Mapping[Schema, Callable[[Change, Origin, str], Event]] = {
    Schema.EVENT_GRID: _event_grid,
    Schema.CLOUD_EVENTS: _cloud_event,
    Schema.SEED: _seed_event,
}
