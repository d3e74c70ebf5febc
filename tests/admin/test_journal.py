"""The journal of exchanges, and metrics (record-replay §15)."""

import subprocess
from typing import Any

import pytest

from azdicom_emulator.admin.journal import Entry, Journal
from azdicom_emulator.admin.masking import masked_headers, masked_target
from tests.support.client import DICOM_JSON, Emulator
from tests.support.instances import an_instance, instance_path

JOURNAL = "/_azdicom/journal"


def entries(emulator: Emulator, query: str = "") -> list[dict[str, Any]]:
    answer = emulator.request("GET", JOURNAL + query)
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def test_exchanges_are_told_in_their_order(emulator: Emulator) -> None:
    """§15. Those with the admin API are none of them."""
    stored = emulator.store_response(an_instance())
    emulator.get("/studies/1.2/metadata")
    emulator.request("GET", "/nowhere")

    first, second, third = entries(emulator)

    assert (first["method"], first["target"], first["route"], first["status"]) == (
        "POST",
        "/v2/studies",
        "POST /studies",
        200,
    )
    assert first["id"] == stored.headers["x-ms-request-id"]
    assert first["source"] == "emulator"
    assert first["base_url"] == emulator.base_url
    assert first["received_bytes"] > 500
    assert first["sent_bytes"] == len(stored.content)
    assert ["Content-Type", "application/dicom+json; charset=utf-8"] in first["response_headers"]
    assert (second["route"], second["status"]) == ("GET /studies/{study}/metadata", 404)
    assert (third["route"], third["status"]) == ("unmatched", 404)


def test_secrets_and_persons_are_hidden(emulator: Emulator) -> None:
    """§15: no query values of person-name or id attributes, and no token ever."""
    emulator.get(
        "/studies?PatientName=Doe^Jane&StudyDate=20240101&00100020=P77", headers={"Authorization": "Bearer t0ken"}
    )

    for form in ("json", "har", "curl"):
        text = emulator.request("GET", f"{JOURNAL}?format={form}").text
        assert "StudyDate=20240101" in text
        assert not any(secret in text for secret in ("Doe", "P77", "t0ken"))


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/v2/studies", "/v2/studies"),
        ("/v2/studies?PatientName=Doe", "/v2/studies?PatientName=***"),
        ("/v2/studies?patientid=1&limit=3", "/v2/studies?patientid=***&limit=3"),
        ("/v2/studies?00100010=Doe", "/v2/studies?00100010=***"),
        ("/v2/studies?Patient%4eame=Doe", "/v2/studies?Patient%4eame=***"),
        ("/v2/studies?ReferringPhysicianName=Doe", "/v2/studies?ReferringPhysicianName=***"),
        ("/v2/studies?AccessionNumber=1", "/v2/studies?AccessionNumber=***"),
        ("/v2/studies?00080050=1", "/v2/studies?00080050=***"),
        ("/v2/workitems?00404037.00404035=Doe", "/v2/workitems?00404037.00404035=Doe"),
        (
            "/v2/workitems?ReferencedRequestSequence.AccessionNumber=1",
            "/v2/workitems?ReferencedRequestSequence.AccessionNumber=***",
        ),
        ("/v2/studies?StudyInstanceUID=1.2", "/v2/studies?StudyInstanceUID=1.2"),
        ("/v2/studies?ModalitiesInStudy=CT", "/v2/studies?ModalitiesInStudy=CT"),
        ("/v2/studies?includefield=PatientName", "/v2/studies?includefield=PatientName"),
        ("/v2/export?sig=abc", "/v2/export?sig=***"),
    ],
)
def test_what_is_hidden_in_a_target(target: str, shown: str) -> None:
    """§15; PS3.6 for what names a person."""
    assert masked_target(target) == shown


def test_names_stay_where_somebody_asked_for_them() -> None:
    """§15, `--log-phi`. Secrets do not."""
    assert masked_target("/x?PatientName=Doe&sig=1", with_personal=True) == "/x?PatientName=Doe&sig=***"
    assert masked_headers([("Authorization", "Bearer x"), ("Accept", "y")]) == [
        ("Authorization", "***"),
        ("Accept", "y"),
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?method=get", 2),
        ("?status=404", 1),
        ("?status=2xx", 2),
        ("?route=POST%20/studies", 1),
        ("?source=fault", 0),
        ("?method=GET&status=404", 1),
    ],
)
def test_filters_choose(emulator: Emulator, query: str, count: int) -> None:
    """§15: filters."""
    emulator.store(an_instance())
    emulator.changes()
    emulator.get("/studies/1.2/metadata")

    assert len(entries(emulator, query)) == count


@pytest.mark.parametrize("query", ["?format=xml", "?colour=red"])
def test_an_unknown_filter_or_format_is_refused(shared_emulator: Emulator, query: str) -> None:
    """Own design: the problem names those that there are."""
    answer = shared_emulator.request("GET", JOURNAL + query)

    assert answer.status == 400
    assert ("json, har, curl" if "format" in query else "id, method, route") in answer.json()["detail"]


def test_it_can_be_cleared(emulator: Emulator) -> None:
    """§15."""
    emulator.changes()

    assert emulator.request("DELETE", JOURNAL).status == 204
    assert entries(emulator) == []


def test_as_curl_it_repeats_the_exchange(emulator: Emulator) -> None:
    """§15: `?format=curl`. A shell runs it as it stands."""
    dataset = emulator.store(an_instance())
    emulator.request("DELETE", JOURNAL)
    emulator.get(f"{instance_path(dataset)}/metadata", headers={"X-Quoted": "it's"})

    line = emulator.request("GET", f"{JOURNAL}?format=curl").text
    done = subprocess.run(("sh", "-c", line), capture_output=True, text=True, check=False)

    assert done.stdout.startswith("HTTP/1.1 200 OK"), done.stderr
    assert str(dataset.SOPInstanceUID) in done.stdout
    assert f"Accept: {DICOM_JSON}" in line


def test_as_har_other_programs_read_it(emulator: Emulator) -> None:
    """HAR 1.2: the members that the format demands."""
    emulator.search_studies(limit=1)

    log = emulator.request("GET", f"{JOURNAL}?format=har").json()["log"]

    assert log["version"] == "1.2"
    (entry,) = log["entries"]
    assert entry["request"]["url"] == f"{emulator.service_url}/studies?limit=1"
    assert entry["request"]["queryString"] == [{"name": "limit", "value": "1"}]
    assert entry["response"]["status"] == 204
    assert {"cache", "timings", "startedDateTime", "time"} <= set(entry)


def test_the_oldest_exchanges_go_first() -> None:
    """§15: the last 1000."""
    journal = Journal()
    for number in range(1005):
        journal.add(_entry(str(number)))

    shown = journal.shown({})

    assert (len(shown), shown[0]["id"], shown[-1]["id"]) == (1000, "5", "1004")


def test_metrics_count_by_route_status_and_source(emulator: Emulator) -> None:
    """§15: Prometheus text."""
    emulator.store(an_instance())
    emulator.get("/studies/1.2/metadata")
    emulator.get("/studies/1.3/metadata")

    answer = emulator.request("GET", "/_azdicom/metrics")
    lines = answer.text.splitlines()

    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert 'azdicom_requests_total{route="GET /studies/{study}/metadata",status="404",source="emulator"} 2' in lines
    assert 'azdicom_request_seconds_count{route="GET /studies/{study}/metadata"} 2' in lines
    assert 'azdicom_request_seconds_bucket{route="POST /studies",le="+Inf"} 1' in lines
    assert "# TYPE azdicom_request_seconds histogram" in lines
    assert any(line.startswith("azdicom_unapplied_stores ") for line in lines)
    assert _value(lines, "azdicom_received_bytes_total") > 500


def test_faults_are_told_as_such(emulator: Emulator) -> None:
    """§14: faulted exchanges are marked; their route is known although nothing was routed."""
    rules = b"faults:\n  - {name: down, route: GET /changefeed, do: {status: 503}}"
    emulator.request("PUT", "/_azdicom/faults", body=rules)
    emulator.get("/changefeed")

    (entry,) = entries(emulator, "?fault=down")

    assert (entry["source"], entry["fault"], entry["route"]) == ("fault", "down", "GET /changefeed")
    assert (
        'azdicom_requests_total{route="GET /changefeed",status="503",source="fault"} 1'
        in emulator.request("GET", "/_azdicom/metrics").text
    )


def _value(lines: list[str], name: str) -> float:
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def _entry(identifier: str) -> Entry:
    return Entry(
        id=identifier,
        method="GET",
        target="/",
        base_url="",
        route="",
        status=200,
        source="emulator",
        started_at=0.0,
        duration_s=0.0,
        received_bytes=0,
        sent_bytes=0,
        request_headers=(),
        response_headers=(),
    )
