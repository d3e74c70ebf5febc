"""The events that subscribers are told, as DICOM JSON (PS3.4 Table CC.2.4-1; PS3.18 §8.10.5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from azdicom_emulator.dicom.json_data_set import DataSet, Element, data_set_bytes, element, items_of, text_of
from azdicom_emulator.dicom.worklist_tags import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    COMMUNICATIONS_URIS,
    CONTACT_DISPLAY_NAME,
    CONTACT_URI,
    DISCONTINUATION_REASON_CODES,
    EVENT_TYPE_ID,
    HUMAN_PERFORMER_CODES,
    HUMAN_PERFORMER_ORGANIZATION,
    HUMAN_PERFORMERS,
    INPUT_READINESS_STATE,
    MESSAGE_ID,
    PROCEDURE_STEP_STATE,
    PROGRESS,
    PROGRESS_DESCRIPTION,
    PROGRESS_INFORMATION,
    PROGRESS_PARAMETERS,
    REASON_FOR_CANCELLATION,
    REQUESTING_AE,
    STATION_NAME_CODES,
)
from azdicom_emulator.storage.worklist import Workitem

UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
"""SOP class of all workitems, and of their events (PS3.4 §CC.2.4.3)."""
N_EVENT_REPORT_RQ = 256
HAS_DATA_SET = 0
MESSAGE_IDS = 65_535
UNNAMED_AE = "UNKNOWN"
"""HTTP does not say which AE asks, and RequestingAE must have a value."""

PROGRESS_ATTRIBUTES = (PROGRESS, PROGRESS_DESCRIPTION, PROGRESS_PARAMETERS, COMMUNICATIONS_URIS)
CANCEL_ATTRIBUTES = (REASON_FOR_CANCELLATION, DISCONTINUATION_REASON_CODES, CONTACT_URI, CONTACT_DISPLAY_NAME)


class EventType(IntEnum):
    STATE_REPORT = 1
    CANCEL_REQUESTED = 2
    PROGRESS_REPORT = 3
    ASSIGNED = 5


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a workitem. `frame` numbers it and makes it the text of a WebSocket frame."""

    workitem_uid: str
    type: EventType
    attributes: DataSet

    def frame(self, number: int) -> str:
        """number: of all events of the server, from 1 on; MessageID is what fits of it."""
        command: DataSet = {
            AFFECTED_SOP_CLASS_UID: element("UI", UPS_PUSH),
            COMMAND_FIELD: element("US", N_EVENT_REPORT_RQ),
            MESSAGE_ID: element("US", (number - 1) % MESSAGE_IDS + 1),
            COMMAND_DATA_SET_TYPE: element("US", HAS_DATA_SET),
            AFFECTED_SOP_INSTANCE_UID: element("UI", self.workitem_uid),
            EVENT_TYPE_ID: element("US", int(self.type)),
        }
        return data_set_bytes({**command, **self.attributes}).decode()


def state_report(workitem: Workitem) -> Event:
    """State and readiness always, and why it was canceled, if it was."""
    data_set = workitem.data_set
    attributes = {
        PROCEDURE_STEP_STATE: element("CS", workitem.state.value),
        INPUT_READINESS_STATE: data_set.get(INPUT_READINESS_STATE, element("CS")),
        **_present(data_set, (REASON_FOR_CANCELLATION, DISCONTINUATION_REASON_CODES)),
    }
    return Event(workitem.uid, EventType.STATE_REPORT, attributes)


def cancel_requested(workitem: Workitem, request: DataSet) -> Event:
    """request: what the request to cancel contained."""
    requesting = element("AE", text_of(request, REQUESTING_AE) or UNNAMED_AE)
    attributes = {REQUESTING_AE: requesting, **_present(request, CANCEL_ATTRIBUTES)}
    return Event(workitem.uid, EventType.CANCEL_REQUESTED, attributes)


def updated(before: Workitem, after: Workitem) -> Iterator[Event]:
    """What an update tells: of its progress, its assignment, its readiness, where they changed."""
    if _differ(before, after, PROGRESS_INFORMATION):
        yield _progress_report(after)
    if _differ(before, after, STATION_NAME_CODES) or _differ(before, after, HUMAN_PERFORMERS):
        yield from assigned(after)
    if _differ(before, after, INPUT_READINESS_STATE):
        yield state_report(after)


def assigned(workitem: Workitem) -> Iterator[Event]:
    """Nothing while neither a station nor a performer is set."""
    stations = items_of(workitem.data_set, STATION_NAME_CODES)
    performers = items_of(workitem.data_set, HUMAN_PERFORMERS)
    codes = [code for performer in performers for code in items_of(performer, HUMAN_PERFORMER_CODES)]
    organizations = [text for each in performers if (text := text_of(each, HUMAN_PERFORMER_ORGANIZATION))]
    attributes: dict[str, Element] = {}
    if stations:
        attributes[STATION_NAME_CODES] = element("SQ", *stations)
    if codes:
        attributes[HUMAN_PERFORMER_CODES] = element("SQ", *codes)
    if organizations:
        attributes[HUMAN_PERFORMER_ORGANIZATION] = element("LO", *organizations[:1])
    if stations or performers:
        yield Event(workitem.uid, EventType.ASSIGNED, attributes)


def _progress_report(workitem: Workitem) -> Event:
    items = (_present(item, PROGRESS_ATTRIBUTES) for item in items_of(workitem.data_set, PROGRESS_INFORMATION))
    return Event(workitem.uid, EventType.PROGRESS_REPORT, {PROGRESS_INFORMATION: element("SQ", *items)})


def _differ(before: Workitem, after: Workitem, tag: str) -> bool:
    return before.data_set.get(tag) != after.data_set.get(tag)


def _present(data_set: DataSet, tags: tuple[str, ...]) -> DataSet:
    return {tag: data_set[tag] for tag in tags if tag in data_set}
