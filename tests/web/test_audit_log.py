"""The audit log: two records a request, in the form of the managed service (async §7)."""

import json
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator import routes
from azdicom_emulator.settings import AuthMode
from azdicom_emulator.web.audit_log import OPERATION_NAMES
from azdicom_emulator.web.routing import Route
from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator
from tests.support.instances import an_instance, study_path
from tests.support.tokens import bearer, token_for
from tests.support.waiting import eventually

SERVICE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azdicom"
    "/providers/Microsoft.HealthcareApis/workspaces/azdicom/dicomservices/dicom"
)


def records(path: Path, number: int) -> list[dict[str, Any]]:
    def lines() -> list[str] | None:
        found = path.read_text().splitlines()
        return found if len(found) >= number else None

    found = eventually(lines, what=f"{number} records")
    assert found is not None
    return [json.loads(line) for line in found]


def audited(emulator_with: EmulatorWith, path: Path, **more: Any) -> Emulator:
    return emulator_with(audit_log=path, **more)


def test_request_has_two_records(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Azure docs, enable-diagnostic-logging; service source: Executing, then Executed with the status."""
    emulator = audited(emulator_with, tmp_path / "audit.jsonl")
    headers = {
        "Accept": DICOM_JSON,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-MS-AZUREDICOM-AUDIT-user": "someone",
    }
    assert emulator.request("GET", "/v2/studies?limit=5&PatientName=Doe", headers=headers).status == 204

    begun, ended = records(tmp_path / "audit.jsonl", 2)

    assert begun["time"] <= ended["time"]
    assert begun == {
        "time": begun["time"],
        "resourceId": SERVICE,
        "operationName": "query",
        "operationVersion": "v2",
        "category": "AuditLogs",
        "type": "MicrosoftHealthcareApisAuditLog",
        "level": "Informational",
        "resultType": "Started",
        "resultSignature": "",
        "correlationId": "0af7651916cd43dd8448eb211c80319c",
        "callerIpAddress": "127.0.0.1",
        "identity": {},
        "location": "local",
        "uri": f"{emulator.base_url}/v2/studies?limit=5&PatientName=***",
        "properties": {"X-MS-AZUREDICOM-AUDIT-user": "someone"},
    }
    assert ended == begun | {"time": ended["time"], "resultType": "Succeeded", "resultSignature": "204"}


def test_refusal_is_a_failure(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Azure docs: resultType Failed, level Error, the HTTP status as signature."""
    emulator = audited(emulator_with, tmp_path / "audit.jsonl")
    assert emulator.delete(study_path(an_instance())).status == 404

    _, ended = records(tmp_path / "audit.jsonl", 2)

    assert (ended["operationName"], ended["resultType"], ended["resultSignature"]) == ("delete", "Failed", "404")
    assert ended["level"] == "Error"


def test_identity_is_that_of_the_token_and_the_token_is_not_told(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """async §7: identity; house rule: tokens never."""
    emulator = audited(emulator_with, tmp_path / "audit.jsonl", auth=AuthMode.JWT)
    token = token_for(emulator, "owner")
    assert emulator.request("GET", "/v2/studies", headers={"Accept": DICOM_JSON}).status == 401
    assert emulator.request("GET", "/v2/studies", headers={"Accept": DICOM_JSON} | bearer(token)).status == 204

    found = records(tmp_path / "audit.jsonl", 2)

    assert len(found) == 2, "a request without a token has no record"
    assert found[0]["identity"]["claims"]["iss"]
    assert token not in (tmp_path / "audit.jsonl").read_text()


def test_requests_outside_the_service_have_no_record(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Own design: health, documentation and admin API are no operations."""
    emulator = audited(emulator_with, tmp_path / "audit.jsonl")
    for path in ("/health", "/docs", "/_azdicom/info", "/v2/nowhere"):
        emulator.request("GET", path)
    emulator.get("/changefeed", accept=None)

    assert [record["operationName"] for record in records(tmp_path / "audit.jsonl", 2)] == ["change-feed"] * 2


@pytest.mark.parametrize(
    "route",
    [route for route in routes.ROUTES if route.scope.value != "root"],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_every_route_of_the_service_has_an_operation_name(route: Route) -> None:
    """async §7: the operation names of the service source."""
    assert route.handler.__name__ in OPERATION_NAMES
