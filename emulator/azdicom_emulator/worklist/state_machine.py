"""What a change of a workitem's state comes to: one table, which is also the documentation (PS3.4 §CC.1.1)."""

from collections.abc import Mapping
from enum import StrEnum

from azdicom_emulator.storage.worklist import Workitem, WorkitemState


class Action(StrEnum):
    """What a client asks for; the first three are changes of state, by their value on the wire."""

    CLAIM = "IN PROGRESS"
    COMPLETE = "COMPLETED"
    CANCEL = "CANCELED"
    REQUEST_CANCEL = "request cancel"


class Code(StrEnum):
    """The DIMSE status that the service names in its answer (PS3.4 §CC.2)."""

    NOT_MODIFIABLE = "C300"
    WRONG_TRANSACTION_UID = "C301"
    ALREADY_IN_PROGRESS = "C302"
    ALREADY_CANCELED = "B304"
    ALREADY_COMPLETED = "B306"
    NOT_YET_IN_PROGRESS = "C310"
    CANCEL_AFTER_COMPLETED = "C311"
    PERFORMER_NOT_REACHED = "C312"


Outcome = WorkitemState | Code
"""The state that the workitem gets, or why it keeps the one that it has."""

STATES = tuple(WorkitemState)
SCHEDULED, IN_PROGRESS, COMPLETED, CANCELED = STATES
WARNINGS = (Code.ALREADY_CANCELED, Code.ALREADY_COMPLETED)
"""Not refusals: the workitem is in that state already."""

C300, C301, C302, B304, B306, C310, C311, C312 = Code
TRANSITIONS: Mapping[tuple[Action, bool], tuple[Outcome, Outcome, Outcome, Outcome]] = {
    # action, whether the Transaction UID matches: from SCHEDULED, IN PROGRESS, COMPLETED, CANCELED
    (Action.CLAIM, True): (IN_PROGRESS, C302, C300, C300),
    (Action.CLAIM, False): (C301, C301, C301, C301),
    (Action.COMPLETE, True): (C310, COMPLETED, B306, C300),
    (Action.COMPLETE, False): (C301, C301, C301, C301),
    (Action.CANCEL, True): (C310, CANCELED, C300, B304),
    (Action.CANCEL, False): (C301, C301, C301, C301),
    (Action.REQUEST_CANCEL, True): (CANCELED, C312, C311, B304),
}
"""Service source; worklist §7. A request to cancel carries no Transaction UID, so there it always matches."""


def outcome(state: WorkitemState, action: Action, *, matches: bool = True) -> Outcome:
    """matches: see `transaction_uid_matches`."""
    return TRANSITIONS[action, matches][STATES.index(state)]


def transaction_uid_matches(workitem: Workitem, action: Action, transaction_uid: str) -> bool:
    """Whether the sent UID is the stored one, or nobody claimed the workitem and the client does now (worklist §7)."""
    if workitem.transaction_uid is None:
        return action is Action.CLAIM
    return workitem.transaction_uid == transaction_uid
