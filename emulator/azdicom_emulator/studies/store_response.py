"""The STOW-RS response: one DICOM JSON object with what was stored and what was not (PS3.18 §10.5.3, store §10)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from aiohttp import web

from azdicom_emulator.dicom.ingest import Identity
from azdicom_emulator.dicom.reasons import WarningReason
from azdicom_emulator.web import responses
from azdicom_emulator.web.keys import MATCH
from azdicom_emulator.web.urls import study_url
from azdicom_emulator.web.warnings import service_warning

MULTIPLE_VALUES = "One or more indexed Dicom tag(s) have multiple values, only first value is indexed."

Attribute = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Stored:
    identity: Identity
    warning: WarningReason | None
    messages: tuple[str, ...]
    has_multiple_values: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """identity: None when the body was not readable as DICOM. reason: one of FailureReason, or a fault rule's own."""

    identity: Identity | None
    reason: int
    messages: tuple[str, ...]
    has_multiple_values: bool


StoreResult = Stored | Failed


def store_response(request: web.Request, study: str | None, results: Sequence[StoreResult]) -> web.Response:
    """study: the UID of the path, whose RetrieveURL is part of the answer when something was stored."""
    stored = [result for result in results if isinstance(result, Stored)]
    failed = [result for result in results if isinstance(result, Failed)]
    if not results:
        return web.Response(status=204)
    is_v2 = request[MATCH].api_version >= 2
    body: dict[str, Attribute] = {}
    if study is not None and stored:
        body["00081190"] = _attribute("UR", study_url(request, study))
    if failed:
        body["00081198"] = _sequence([_failed_item(result) for result in failed])
    if stored:
        body["00081199"] = _sequence([_stored_item(request, result, is_v2=is_v2) for result in stored])
    headers = {}
    if any(result.has_multiple_values for result in results):
        headers["Warning"] = service_warning(request, MULTIPLE_VALUES)
    return responses.dicom_json(orjson.dumps(body), status=_status(stored, failed, is_v2=is_v2), headers=headers)


def _status(stored: Sequence[Stored], failed: Sequence[Failed], *, is_v2: bool) -> int:
    if not stored:
        return 409
    has_warning = is_v2 and any(result.warning is not None for result in stored)
    return 202 if failed or has_warning else 200


def _stored_item(request: web.Request, result: Stored, *, is_v2: bool) -> dict[str, Attribute]:
    identity = result.identity
    url = f"{study_url(request, identity.study or '')}/series/{identity.series}/instances/{identity.instance}"
    item = {
        "00081150": _attribute("UI", identity.sop_class_uid),
        "00081155": _attribute("UI", identity.instance),
        "00081190": _attribute("UR", url),
    }
    if result.warning is not None:
        item["00081196"] = _attribute("US", int(result.warning))
    if is_v2:
        item["00741048"] = _messages(result.messages)
    return item


def _failed_item(result: Failed) -> dict[str, Attribute]:
    item: dict[str, Attribute] = {}
    if result.identity is not None:
        if result.identity.sop_class_uid is not None:
            item["00081150"] = _attribute("UI", result.identity.sop_class_uid)
        if result.identity.instance is not None:
            item["00081155"] = _attribute("UI", result.identity.instance)
    item["00081197"] = _attribute("US", result.reason)
    if result.messages:
        item["00741048"] = _messages(result.messages)
    return item


def _messages(messages: Sequence[str]) -> Attribute:
    return _sequence([{"00000902": _attribute("LO", message)} for message in messages])


def _sequence(items: Sequence[Mapping[str, Attribute]]) -> Attribute:
    return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}


def _attribute(vr: str, value: str | int | None) -> Attribute:
    return {"vr": vr} if value in (None, "") else {"vr": vr, "Value": [value]}
