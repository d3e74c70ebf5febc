"""Workitems for the tests: the smallest that the service takes, and a client's requests in as few words as needed."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.client import DICOM_JSON, Emulator, Response

DataSet = dict[str, Any]

STATE, TRANSACTION_UID = "00741000", "00081195"
CODE_ITEM = {"00080104": {"vr": "LO", "Value": ["meaning"]}}
_UIDS = itertools.count(1)


def element(vr: str, *values: object) -> DataSet:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


SMALLEST: Mapping[str, DataSet] = {
    "00081080": element("LO", "diagnosis"),
    "00081084": element("SQ", CODE_ITEM),
    "00081195": element("UI"),
    "00100010": element("PN"),
    "00100021": element("LO"),
    "00100024": element("SQ"),
    "00100030": element("DA", "20000101"),
    "00100040": element("CS", "F"),
    "00101002": element("SQ"),
    "00380010": element("LO", "1"),
    "00380014": element("SQ", {}),
    "00400400": element("LT"),
    "00404005": element("DT", "20240101120000"),
    "00404018": element("SQ"),
    "00404021": element("SQ"),
    "00404025": element("SQ"),
    "00404026": element("SQ"),
    "00404027": element("SQ"),
    "00404041": element("CS", "READY"),
    "0040A370": element("SQ"),
    "00741002": element("SQ"),
    "00741200": element("CS", "MEDIUM"),
    "00741204": element("LO", "step"),
    "00741210": element("SQ"),
    "00741216": element("SQ"),
}
"""What passes all requirements of a create (worklist §3.10)."""

WITH_VALUE = ("00100030", "00100040", "00380010", "00081080", "00741200", "00741204", "00404005", "00404041")
"""Of SMALLEST, the attributes other than sequences that need a value."""

PERFORMED = {
    "00741216": element(
        "SQ",
        {
            "00404019": element("SQ", CODE_ITEM),
            "00404028": element("SQ", CODE_ITEM),
            "00404033": element(
                "SQ",
                {
                    "00081199": element(
                        "SQ", {"00081150": element("UI", "1.2.840.10008.5.1.4.1.1.2"), "00081155": element("UI", "1.2")}
                    ),
                    "0040E020": element("CS", "DICOM"),
                },
            ),
            "00404050": element("DT", "20240101121000"),
            "00404051": element("DT", "20240101122000"),
        },
    )
}
"""What an owner must have sent before COMPLETED (worklist §9)."""

DISCONTINUED = {
    "00741002": element("SQ", {"00404052": element("DT", "20240101121500"), "0074100E": element("SQ", CODE_ITEM)})
}
"""What an owner must have sent before CANCELED (worklist §9)."""


def a_workitem(**changes: DataSet | None) -> DataSet:
    """SMALLEST with changes by tag, written `t00100010`; None removes an attribute."""
    changed = {**SMALLEST, **{tag.removeprefix("t"): value for tag, value in changes.items()}}
    return {tag: value for tag, value in changed.items() if value is not None}


def fresh_uid() -> str:
    return f"1.2.826.0.1.3680043.8.498.77.{next(_UIDS)}"


def encoded(*data_sets: Any) -> bytes:
    """An array, as the service takes it."""
    return json.dumps(data_sets).encode()


def state_change(state: str, transaction_uid: str) -> DataSet:
    return {TRANSACTION_UID: element("UI", transaction_uid), STATE: element("CS", state)}


@dataclass(frozen=True, slots=True)
class Client:
    """The transactions of one server; every method gives the whole answer."""

    emulator: Emulator
    base: str = "/workitems"

    def create(self, uid: str, data_set: DataSet | None = None) -> Response:
        return self.post(f"{self.base}?{uid}", a_workitem() if data_set is None else data_set)

    def created(self, data_set: DataSet | None = None) -> str:
        """The UID of a new workitem. AssertionError unless it is created."""
        uid = fresh_uid()
        answer = self.create(uid, data_set)
        assert answer.status == 201, answer.text
        return uid

    def retrieve(self, uid: str) -> Response:
        return self.emulator.get(f"{self.base}/{uid}")

    def data_set(self, uid: str) -> DataSet:
        answer = self.retrieve(uid)
        assert answer.status == 200, answer.text
        found: DataSet = answer.json()
        return found

    def state(self, uid: str) -> str:
        state: str = self.data_set(uid)[STATE]["Value"][0]
        return state

    def update(self, uid: str, data_set: DataSet, transaction_uid: str | None = None) -> Response:
        query = "" if transaction_uid is None else f"?{transaction_uid}"
        return self.post(f"{self.base}/{uid}{query}", data_set)

    def change_state(self, uid: str, state: str, transaction_uid: str = "1.9") -> Response:
        body = encoded(state_change(state, transaction_uid))
        return self.emulator.put(f"{self.base}/{uid}/state", body, content_type=DICOM_JSON)

    def cancel(self, uid: str, data_set: DataSet | None = None) -> Response:
        return self.post(f"{self.base}/{uid}/cancelrequest", data_set or {})

    def search(self, **parameters: str | int) -> list[DataSet]:
        """The matches; an empty list for 204."""
        answer = self.emulator.get(self.base, query=parameters)
        if answer.status == 204:
            return []
        assert answer.status == 200, answer.text
        found: list[DataSet] = answer.json()
        return found

    def found(self, **parameters: str | int) -> list[str]:
        """UIDs of the matches, in their order."""
        return [each["00080018"]["Value"][0] for each in self.search(**parameters)]

    def subscribe(self, target: str, ae_title: str, query: str = "") -> Response:
        path = f"{self.base}/{target}/subscribers/{ae_title}{query}"
        return self.emulator.post(path, b"", content_type=None, accept=None)

    def unsubscribe(self, target: str, ae_title: str) -> Response:
        return self.emulator.delete(f"{self.base}/{target}/subscribers/{ae_title}")

    def in_state(self, state: str, transaction_uid: str = "1.9") -> str:
        """The UID of a new workitem in that state, `canceled by request` among them, claimed with `transaction_uid`."""
        uid = self.created()
        if state == "canceled by request":
            assert self.cancel(uid).status == 202
        elif state != "SCHEDULED":
            assert self.change_state(uid, "IN PROGRESS", transaction_uid).status == 200
        if state in ("COMPLETED", "CANCELED"):
            needed = PERFORMED if state == "COMPLETED" else DISCONTINUED
            assert self.update(uid, dict(needed), transaction_uid).status == 200
            assert self.change_state(uid, state, transaction_uid).status == 200
        return uid

    def post(self, path: str, data_set: DataSet) -> Response:
        return self.emulator.post(path, encoded(data_set), content_type=DICOM_JSON)
