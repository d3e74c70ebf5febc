"""Random legal and illegal transitions, driven against a simple model of the worklist."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from azdicom_emulator.settings import Settings
from tests.support.client import Emulator
from tests.support.server import running
from tests.worklist.workitems import DISCONTINUED, PERFORMED, Client, DataSet, a_workitem, element, fresh_uid

BOUNDS: dict[str, Any] = {
    "max_examples": 20,
    "stateful_step_count": 25,
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
}
"""A few seconds."""
TRANSACTION_UIDS = st.sampled_from(["1.9.1", "1.9.2"])
FINAL = ("COMPLETED", "CANCELED")


@dataclass(slots=True)
class Expected:
    """What the model knows of one workitem. label: as the last update that was taken left it."""

    state: str = "SCHEDULED"
    owner: str | None = None
    is_performed: bool = False
    is_discontinued: bool = False
    label: str = "step"

    def change_state(self, target: str, transaction_uid: str) -> int:
        """The status of a change of state; takes it if it is 200."""
        if self.owner is None:
            allowed = self.state == "SCHEDULED" and target == "IN PROGRESS"
            if allowed:
                self.state, self.owner = target, transaction_uid
            return 200 if allowed else 400
        if self.owner != transaction_uid or target == "IN PROGRESS" or self.state not in ("IN PROGRESS", target):
            return 400
        if not (self.is_performed if target == "COMPLETED" else self.is_discontinued):
            return 400
        self.state = target
        return 200

    def request_cancel(self) -> int:
        if self.state == "SCHEDULED":
            self.state = "CANCELED"
            return 202
        return 409 if self.state == "CANCELED" else 400

    def update(self, transaction_uid: str | None) -> int:
        if self.state in FINAL:
            return 409 if self.state == "CANCELED" else 400
        return 200 if transaction_uid == self.owner else 400


class WorklistMachine(RuleBasedStateMachine):
    """PS3.4 §CC.1.1, worklist §6 to §9: every answer is the model's, and so is what is found afterwards."""

    client: Client
    workitems = Bundle("workitems")

    def __init__(self) -> None:
        super().__init__()
        self.expected: dict[str, Expected] = {}
        self.patient = fresh_uid()

    @rule(target=workitems)
    def create(self) -> str:
        uid = fresh_uid()
        assert self.client.create(uid, a_workitem(t00100020=element("LO", self.patient))).status == 201
        self.expected[uid] = Expected()
        return uid

    @rule(uid=workitems)
    def create_again(self, uid: str) -> None:
        assert self.client.create(uid).status == 409

    @rule(uid=workitems, state=st.sampled_from(["IN PROGRESS", *FINAL]), transaction_uid=TRANSACTION_UIDS)
    def change_state(self, uid: str, state: str, transaction_uid: str) -> None:
        answer = self.client.change_state(uid, state, transaction_uid)
        assert answer.status == self.expected[uid].change_state(state, transaction_uid), answer.text

    @rule(uid=workitems)
    def request_cancel(self, uid: str) -> None:
        answer = self.client.cancel(uid)
        assert answer.status == self.expected[uid].request_cancel(), answer.text

    @rule(uid=workitems, transaction_uid=st.none() | TRANSACTION_UIDS, label=st.sampled_from(["a", "b"]))
    def update(self, uid: str, transaction_uid: str | None, label: str) -> None:
        if self._updated(uid, {"00741204": element("LO", label)}, transaction_uid):
            self.expected[uid].label = label

    @rule(uid=workitems, transaction_uid=TRANSACTION_UIDS)
    def perform(self, uid: str, transaction_uid: str) -> None:
        if self._updated(uid, dict(PERFORMED), transaction_uid):
            self.expected[uid].is_performed = True

    @rule(uid=workitems, transaction_uid=TRANSACTION_UIDS)
    def discontinue(self, uid: str, transaction_uid: str) -> None:
        if self._updated(uid, dict(DISCONTINUED), transaction_uid):
            self.expected[uid].is_discontinued = True

    @rule(uid=consumes(workitems))
    def forget(self, uid: str) -> None:
        """Nothing more is asked of this one; it must stay as it is."""

    @invariant()
    def is_found_as_expected(self) -> None:
        found = {
            each["00080018"]["Value"][0]: (each["00741000"]["Value"][0], each["00741204"]["Value"][0])
            for each in self.client.search(PatientID=self.patient, limit=200)
        }
        assert found == {uid: (each.state, each.label) for uid, each in self.expected.items()}

    def _updated(self, uid: str, data_set: DataSet, transaction_uid: str | None) -> bool:
        answer = self.client.update(uid, data_set, transaction_uid)
        assert answer.status == self.expected[uid].update(transaction_uid), answer.text
        return answer.status == 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("model") / "data")) as started:
        yield started


def test_worklist_behaves_as_its_model(server: Emulator) -> None:
    """PS3.4 §CC.1.1; worklist §7: whatever the order of requests."""

    class OnServer(WorklistMachine):
        client = Client(server)

    run_state_machine_as_test(OnServer, settings=settings(**BOUNDS))
