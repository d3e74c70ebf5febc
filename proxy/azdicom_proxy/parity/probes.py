"""The open questions about the managed service, each with the requests whose answers decide it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from azdicom_proxy.media_types import DICOM_JSON
from azdicom_proxy.parity.probe_service import (
    ACCEPT_JSON,
    IMPLICIT_VR,
    JSON_BODY,
    Answer,
    ProbeFailedError,
    ProbeService,
    fresh_uid,
    instance,
)
from azdicom_proxy.parity.probe_workitems import IN_PROGRESS, PERFORMED, SMALLEST, state_change

Ask = Callable[[ProbeService], Awaitable[str]]
"""Gives the value of the quirk that the service's answers show. Raises ProbeFailedError."""

STORED = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
FAILED, REASON = "00081198", "00081197"
NUMBER_TAG, PRIVATE_TAG = "00200011", "00431001"


@dataclass(frozen=True, slots=True)
class Probe:
    """quirk: name of the switch; without `ask` the question has no harmless request, for the reason given."""

    quirk: str
    ask: Ask | None
    why_not: str = ""
    changes_service: bool = False
    """It adds something that all of the service's users see while it runs."""


async def study_mismatch(service: ProbeService) -> str:
    study, other = fresh_uid(), fresh_uid()
    answer = await service.store(instance(study), study=study, path=f"/studies/{other}")
    return _one_of(str(answer.json()[FAILED]["Value"][0][REASON]["Value"][0]), "43264", "43265")


async def implicit_vr(service: ProbeService) -> str:
    study = fresh_uid()
    answer = await service.store(instance(study, transfer_syntax=IMPLICIT_VR), study=study)
    return _by_status(answer, {200: "warn", 202: "warn", 409: "reject"})


async def missing_accept(service: ProbeService) -> str:
    study = fresh_uid()
    answer = await service.store(instance(study), study=study, headers={})
    return _by_status(answer, {406: "406", 200: "accept", 202: "accept"})


async def preamble(service: ProbeService) -> str:
    study = fresh_uid()
    await service.store(instance(study, preamble=b"\x49" * 128), study=study)
    answer = await service.ask("GET", f"/studies/{study}", STORED)
    if answer.status != 200:
        raise ProbeFailedError(f"the study was answered {answer.status}")
    # Whether it is zeroed when it comes or when it goes cannot be seen from outside.
    return "keep" if b"\x49" * 128 in answer.content else "zero-at-store"


async def bare_star(service: ProbeService) -> str:
    study = await service.stored()
    answer = await service.ask("GET", f"/studies/{study}", {"Accept": "*/*"})
    return _by_status(answer, {200: "multipart", 406: "406"})


async def etag_quotes(service: ProbeService) -> str:
    study = await service.stored()
    answer = await service.ask("GET", f"/studies/{study}/metadata")
    if "etag" not in answer.headers:
        raise ProbeFailedError(f"{answer.status} without an ETag")
    return "on" if '"' in answer.headers["etag"] else "off"


async def boundary_quotes(service: ProbeService) -> str:
    study = await service.stored()
    answer = await service.ask("GET", f"/studies/{study}", STORED)
    _, found, boundary = answer.headers.get("content-type", "").partition("boundary=")
    if not found:
        raise ProbeFailedError(f"{answer.status} without a boundary")
    return "on" if boundary.startswith('"') else "off"


async def all_mixed(service: ProbeService) -> str:
    answer = await service.ask("GET", "/studies?limit=1&includefield=all&includefield=00081030")
    return _by_status(answer, {400: "400", 200: "all", 204: "all"})


async def model_name(service: ProbeService) -> str:
    study = await service.stored(ManufacturerModelName="PROBE")
    answer = await service.ask("GET", f"/series?StudyInstanceUID={study}&includefield=all")
    if answer.status != 200:
        raise ProbeFailedError(f"the search was answered {answer.status}")
    return "yes" if "00081090" in answer.json()[0] else "no"


async def absent_numeric(service: ProbeService) -> str:
    study = await service.stored()
    await service.add_tag(NUMBER_TAG, "IS")
    answer = await service.ask("GET", f"/instances?StudyInstanceUID={study}&{NUMBER_TAG}=0")
    return _by_status(answer, {204: "no", 200: "yes"})


async def private_tags(service: ProbeService) -> str:
    study = await service.stored(private="x")
    await service.add_tag(PRIVATE_TAG, "LO", privateCreator="AZDICOM")
    answer = await service.ask("GET", f"/extendedquerytags/{PRIVATE_TAG}")
    if answer.status != 200:
        raise ProbeFailedError(f"the tag was answered {answer.status}")
    tag = {name.lower(): value for name, value in answer.json().items()}
    found = await service.ask("GET", f"/instances?StudyInstanceUID={study}&{PRIVATE_TAG}=x")
    has_errors = "errors" in tag or str(tag.get("querystatus", "")).lower() == "disabled"
    return "rejected" if has_errors or found.status != 200 else "supported"


async def enum_casing(service: ProbeService) -> str:
    await service.add_tag(NUMBER_TAG, "IS", level="series")
    tag = (await service.ask("GET", f"/extendedquerytags/{NUMBER_TAG}")).json()
    level = str(tag.get("level", tag.get("Level", "")))
    return "pascal" if level[:1].isupper() else "camel"


async def property_casing(service: ProbeService) -> str:
    await service.stored()
    answer = await service.ask("GET", "/changefeed/latest", {"Accept": "application/json"})
    names = answer.json().keys() if answer.status == 200 else ()
    if not {"sequence", "Sequence"} & set(names):
        raise ProbeFailedError(f"the change feed was answered {answer.status} without a sequence")
    return "pascal" if "Sequence" in names else "camel"


async def uid_alphabet(service: ProbeService) -> str:
    answer = await service.ask("GET", "/studies/1.2.abc/metadata")
    return _by_status(answer, {400: "digits", 404: "alphanumeric"})


async def update_unknown(service: ProbeService) -> str:
    answer = await _post(service, f"/workitems/{fresh_uid()}?{fresh_uid()}", {"00741204": {"vr": "LO", "Value": ["x"]}})
    return _by_status(answer, {400: "400", 404: "404"})


async def update_canceled(service: ProbeService) -> str:
    workitem = await _workitem(service)
    await _expect(await _post(service, f"/workitems/{workitem}/cancelrequest", {}), 202)
    answer = await _post(service, f"/workitems/{workitem}", {"00741204": {"vr": "LO", "Value": ["x"]}})
    return _by_status(answer, {409: "409", 400: "400"})


async def cancel_completed(service: ProbeService) -> str:
    workitem, transaction = await _workitem(service), fresh_uid()
    state = f"/workitems/{workitem}/state"
    await _expect(await _put(service, state, state_change(IN_PROGRESS, transaction)), 200)
    await _expect(await _post(service, f"/workitems/{workitem}?{transaction}", PERFORMED), 200)
    await _expect(await _put(service, state, state_change("COMPLETED", transaction)), 200)
    return _by_status(await _post(service, f"/workitems/{workitem}/cancelrequest", {}), {400: "400", 409: "409"})


async def unsupported_version(service: ProbeService) -> str:
    return _by_status(await service.ask("GET", "/v99/studies?limit=1"), {400: "400", 404: "404"})


async def update_location(service: ProbeService) -> str:
    body = json.dumps({"studyInstanceUids": [fresh_uid()], "changeDataset": {}}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    answer = await service.ask("POST", "/studies/$bulkUpdate", headers, body)
    await _expect(answer, 202)
    await service.finished(answer.json()["href"])
    return "present" if "location" in answer.headers else "absent"


PROBES = (
    Probe("store.study_mismatch_code", study_mismatch),
    Probe("store.implicit_vr", implicit_vr),
    Probe("store.missing_accept", missing_accept),
    Probe("store.preamble", preamble),
    Probe("store.size_limit", None, "needs a request of more than 2 GB"),
    Probe("retrieve.bare_star_on_study", bare_star),
    Probe("retrieve.etag_quotes", etag_quotes),
    Probe("retrieve.boundary_quotes", boundary_quotes),
    Probe("search.includefield_all_mixed", all_mixed),
    Probe("search.all_has_model_name", model_name),
    Probe("tags.absent_numeric_is_zero", absent_numeric, changes_service=True),
    Probe("tags.private_tags", private_tags, changes_service=True),
    Probe("json.enum_casing", enum_casing, changes_service=True),
    Probe("changefeed.property_casing", property_casing),
    Probe("uid.alphabet", uid_alphabet),
    Probe("worklist.update_unknown", update_unknown),
    Probe("worklist.update_canceled", update_canceled),
    Probe("worklist.cancel_completed", cancel_completed),
    Probe("versions.unsupported", unsupported_version),
    Probe("update.location_header", update_location),
    Probe("export.missing_source", None, "would export all data of the service"),
    Probe("export.credentials", None, "needs a container that the service may write to"),
)


def _by_status(answer: Answer, values: Mapping[int, str]) -> str:
    if answer.status not in values:
        raise ProbeFailedError(f"answered {answer.status}: {answer.content[:120].decode('utf-8', 'replace')}")
    return values[answer.status]


def _one_of(value: str, *values: str) -> str:
    if value not in values:
        raise ProbeFailedError(f"answered {value}, neither {' nor '.join(values)}")
    return value


async def _expect(answer: Answer, status: int) -> None:
    if answer.status != status:
        text = answer.content[:200].decode("utf-8", "replace")
        raise ProbeFailedError(f"answered {answer.status} where {status} was needed: {text}")


async def _workitem(service: ProbeService) -> str:
    workitem = fresh_uid()
    await _expect(await _post(service, f"/workitems?{workitem}", SMALLEST), 201)
    return workitem


async def _post(service: ProbeService, path: str, data_set: Mapping[str, object]) -> Answer:
    return await service.ask("POST", path, JSON_BODY, json.dumps([data_set]).encode())


async def _put(service: ProbeService, path: str, data_set: Mapping[str, object]) -> Answer:
    return await service.ask("PUT", path, {"Content-Type": DICOM_JSON, **ACCEPT_JSON}, json.dumps([data_set]).encode())
