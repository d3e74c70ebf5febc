"""The audit log: a record when a request begins and one when it has ended, in the managed service's form (async §7)."""

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from azdicom_emulator.admin.masking import masked_target
from azdicom_emulator.starting import StartError
from azdicom_emulator.web.audit import audit_headers
from azdicom_emulator.web.keys import MATCH, REQUEST_ID

log = logging.getLogger(__name__)

TYPE = "MicrosoftHealthcareApisAuditLog"
CATEGORY = "AuditLogs"
LOCATION = "local"
ABORTED = 499
"""As proxies write it: the client hung up before the answer was complete."""
BULK_IMPORT = "bulk-import-store"
OPERATION_NAMES: Mapping[str, str] = {
    "search_studies": "query",
    "search_series": "query",
    "search_instances": "query",
    "search_study_series": "query",
    "search_study_instances": "query",
    "search_series_instances": "query",
    "store_instances": "store",
    "retrieve_study": "retrieve",
    "retrieve_series": "retrieve",
    "retrieve_instance": "retrieve",
    "retrieve_frames": "retrieve",
    "retrieve_bulkdata": "retrieve",
    "study_metadata": "retrieve-metadata",
    "series_metadata": "retrieve-metadata",
    "instance_metadata": "retrieve-metadata",
    "retrieve_rendered": "retrieve-rendered",
    "delete_instances": "delete",
    "update_studies": "update-study",
    "export": "export",
    "change_feed": "change-feed",
    "latest_change": "change-feed",
    "list_partitions": "partition",
    "show_operation": "operation",
    "add_query_tags": "add-extended-query-tag",
    "list_query_tags": "get-all-extended-query-tag",
    "show_query_tag": "get-extended-query-tag",
    "change_query_tag": "update-extended-query-tag",
    "delete_query_tag": "remove-extended-query-tag",
    "list_tag_errors": "get-extended-query-tag-errors",
    "create_workitem": "add-workitem",
    "search_workitems": "query-workitem",
    "retrieve_workitem": "retrieve-workitem",
    "update_workitem": "update-workitem",
    "update_workitem_by_put": "update-workitem",
    "change_workitem_state": "change-state-workitem",
    "request_workitem_cancellation": "cancel-workitem",
}
"""By the handler's name. What is not here is no operation of the service, and has no record."""
CLAIMS = ("iss", "oid", "sub", "appid", "azp")
"""What of a token is told; never the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is audited. properties: the request's custom audit headers."""

    name: str
    correlation_id: str
    uri: str
    caller_ip: str = ""
    version: str = ""
    identity: Mapping[str, object] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)


class AuditLog:
    """Appends JSON lines to a file."""

    def __init__(self, path: Path, resource_id: str) -> None:
        """resource_id: ARM id of the service. Raises StartError: the file cannot be written."""
        self._resource_id = resource_id
        self._is_failing = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)  # each record is there when its line is written
        except OSError as error:
            raise StartError(f"cannot write the audit log {path}: {error.strerror or error}") from None

    def executing(self, operation: Operation) -> None:
        self._write(operation, "Started", None)

    def executed(self, operation: Operation, status: int) -> None:
        self._write(operation, "Succeeded" if status < 400 else "Failed", status)

    def close(self) -> None:
        self._file.close()

    def _write(self, operation: Operation, result: str, status: int | None) -> None:
        record: dict[str, Any] = {
            "time": f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}0Z",
            "resourceId": self._resource_id,
            "operationName": operation.name,
            "operationVersion": operation.version,
            "category": CATEGORY,
            "type": TYPE,
            "level": "Error" if result == "Failed" else "Informational",
            "resultType": result,
            "resultSignature": "" if status is None else str(status),
            "correlationId": operation.correlation_id,
            "callerIpAddress": operation.caller_ip,
            "identity": operation.identity,
            "location": LOCATION,
            "uri": operation.uri,
            "properties": operation.properties,
        }
        try:
            self._file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            self._is_failing = False
        except OSError as error:
            if not self._is_failing:
                log.warning("the audit log cannot be written: %s", error)
            self._is_failing = True


AUDIT_LOG = web.AppKey("audit_log", AuditLog)
AUDITED = web.RequestKey("audited", Operation)


def audit_begin(request: web.Request) -> None:
    """After routing and authentication."""
    audit_log = request.app.get(AUDIT_LOG)
    name = OPERATION_NAMES.get(request[MATCH].route.handler.__name__)
    if audit_log is None or name is None:
        return
    operation = Operation(
        name=name,
        correlation_id=request[REQUEST_ID],
        uri=f"{request.scheme}://{request.host}{masked_target(request.raw_path)}",
        caller_ip=request.remote or "",
        version=request[MATCH].version,
        identity=_identity(request),
        properties={str(name): value for name, value in audit_headers(request)},
    )
    request[AUDITED] = operation
    audit_log.executing(operation)


def audit_end(request: web.Request, response: web.StreamResponse | None) -> None:
    """When the answer is complete, or nobody waits for it any more."""
    if (operation := request.get(AUDITED)) is not None:
        request.app[AUDIT_LOG].executed(operation, response.status if response is not None else ABORTED)


def _identity(request: web.Request) -> Mapping[str, object]:
    """Of the token, which was checked before; nothing where there is none or it is no JWT."""
    parts = request.headers.get("Authorization", "").split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(f"{parts[1]}=="))
    except ValueError:
        return {}
    return {"claims": {name: claims[name] for name in CLAIMS if name in claims}} if isinstance(claims, dict) else {}
