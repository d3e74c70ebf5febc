"""What an error looks like: text, empty or JSON; the fixed headers; the request id that leads to the log."""

import logging
import re
import shutil
from uuid import uuid4

import pytest

from azdicom_emulator.web.errors import INTERNAL_ERROR
from tests.conftest import EmulatorWith
from tests.support.client import DICOM, DICOM_JSON, Emulator
from tests.support.instances import an_instance, instance_path
from tests.support.raw import raw

TEXT = "text/plain; charset=utf-8"
REQUEST_ID = re.compile(r"[0-9a-f]{32}")
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "text"),
    [
        ("DELETE", "/v2/studies/1.2", {}, 404, "The specified study cannot be found."),
        ("DELETE", "/v2/studies/1.2/series/1.2", {}, 404, "The specified series cannot be found."),
        ("DELETE", "/v2/studies/1.2/series/1.2/instances/1.2", {}, 404, "The specified instance cannot be found."),
        ("GET", "/v2/studies/1.2", {"Accept": "text/html"}, 406, "The request headers are not acceptable"),
        ("GET", "/v2/partitions/p/studies", {}, 400, "Data partitions feature is disabled."),
    ],
)
def test_error_is_the_bare_message_as_text(
    shared_emulator: Emulator, method: str, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    """Service source; http §3, §3.2: no JSON, no error code."""
    answer = shared_emulator.request(method, path, headers=headers)

    assert (answer.status, answer.content_type, answer.text) == (status, TEXT, text)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("GET", "/v2/nope", {}, 404, id="no-route"),
        pytest.param("PATCH", "/v2/studies", {}, 405, id="wrong-method"),
        pytest.param("GET", "/v2/studies", {}, 406, id="accept-filter"),
        pytest.param("GET", "/v2/studies/1.2/metadata", {"Accept": "text/html"}, 406, id="accept-filter-of-metadata"),
        pytest.param("POST", "/v2/studies", {"Content-Type": "application/json"}, 415, id="content-type-filter"),
    ],
)
def test_errors_of_the_framework_have_no_body(
    shared_emulator: Emulator, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """http §3: 401, 404 without a route, 405, 406 of the filter, 415 of the filter."""
    answer = shared_emulator.request(method, path, headers=headers)

    assert (answer.status, answer.content, answer.content_type) == (status, b"", None)


@pytest.mark.parametrize("path", ["/v2/studies", "/v2/nope", "/v3/studies", "/health", "/v2/changefeed", "/docs"])
def test_every_answer_has_the_fixed_security_headers(shared_emulator: Emulator, path: str) -> None:
    """Shared components of the service, source; http §4."""
    headers = shared_emulator.request("GET", path, headers={"Accept": DICOM_JSON}).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Content-Security-Policy"] == "frame-src 'self';"
    assert headers["Cache-Control"] is None


def test_answers_are_never_compressed(shared_emulator: Emulator) -> None:
    """http §4: whatever `Accept-Encoding` says."""
    answer = shared_emulator.request("GET", "/v2/api.json", headers={"Accept-Encoding": "gzip, deflate, br"})

    assert answer.headers["Content-Encoding"] is None
    assert answer.content.startswith(b"{")


def test_content_encoding_of_a_request_is_not_decoded(shared_emulator: Emulator) -> None:
    """http §4: a compressed body is stored as it is, which is no DICOM file."""
    answer = shared_emulator.request(
        "POST",
        "/v2/studies",
        headers={"Content-Type": DICOM, "Accept": DICOM_JSON, "Content-Encoding": "gzip"},
        body=b"\x1f\x8b\x08\0 not even gzip",
    )

    assert (answer.status, answer.failure_reasons()) == (409, [43264])


def test_unforeseen_failure_is_500_with_a_text_that_tells_nothing(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Service source; http §3.1: what is missing on disk stays in the log, under the id that the answer carries."""
    dataset = emulator.store(an_instance())
    shutil.rmtree(emulator.data_dir / "dicom")

    answer = emulator.get(f"{instance_path(dataset)}/metadata")

    assert (answer.status, answer.content_type, answer.text) == (500, TEXT, INTERNAL_ERROR)
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert answer.headers["x-ms-request-id"] in logged.getMessage()


def test_answers_carry_the_id_of_their_access_line(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """http §8: an emulator may add `x-ms-request-id`; each request has an id of its own."""
    with caplog.at_level(logging.INFO, logger="azdicom.access"):
        ids = [emulator.get(path).headers["x-ms-request-id"] for path in ("/studies", "/nope", "/studies/a")]

    assert all(REQUEST_ID.fullmatch(each) for each in ids)
    assert len(set(ids)) == 3
    assert [getattr(record, "request_id", None) for record in caplog.records if record.name == "azdicom.access"] == ids


def test_request_id_is_the_trace_id_of_the_client(shared_emulator: Emulator) -> None:
    """Service source; http §8: it correlates by the W3C trace id."""
    traced = shared_emulator.get("/studies", headers={"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"})
    garbled = shared_emulator.get("/studies", headers={"traceparent": f"00-{TRACE_ID}"})

    assert traced.headers["x-ms-request-id"] == TRACE_ID
    assert REQUEST_ID.fullmatch(garbled.headers["x-ms-request-id"])
    assert garbled.headers["x-ms-request-id"] != TRACE_ID


def test_strict_server_sends_no_request_id(strict_emulator: Emulator) -> None:
    """Service source; http §8: the service has no such header."""
    assert strict_emulator.get("/studies").headers["x-ms-request-id"] is None


def test_hint_what_would_work_is_not_sent_by_a_strict_server(
    shared_emulator: Emulator, strict_emulator: Emulator
) -> None:
    """Own design: the header is no part of the service."""
    assert shared_emulator.get("/studies", accept=None).headers["azdicom-hint"].startswith("Accept: ")
    assert strict_emulator.get("/studies", accept=None).headers["azdicom-hint"] is None


@pytest.mark.parametrize(("strict", "switch", "sent"), [(True, True, True), (False, False, False)])
def test_request_id_has_a_switch(emulator_with: EmulatorWith, strict: bool, switch: bool, sent: bool) -> None:
    """http §8: behind a switch."""
    answer = emulator_with(strict=strict, request_ids=switch).get("/studies")

    assert (answer.headers["x-ms-request-id"] is not None) is sent


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        pytest.param(b"nonsense\r\n\r\n", "method", id="no-http"),
        pytest.param(b"GET v2/studies HTTP/1.1\r\nHost: h\r\n\r\n", "url", id="no-slash"),
        pytest.param(b"GET /v2/studies HTTP/1.1\r\n\r\n", "Host", id="no-host"),
        pytest.param(b"GET /v2/studies HTTP/1.1\r\nHost: h\r\nbad header\r\n\r\n", "header", id="bad-header"),
        pytest.param(
            b"GET /v2/studies HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "Content-Length",
            id="two-lengths",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "HTTPS", id="tls"),
    ],
)
def test_what_is_not_http_is_400_as_plain_text(
    shared_emulator: Emulator, caplog: pytest.LogCaptureFixture, request_bytes: bytes, reason: str
) -> None:
    """http §3.1: no page, no traceback, and the connection is closed; one line in the log."""
    answer = raw(shared_emulator, request_bytes)

    assert (answer.status, answer.content_type) == (400, TEXT)
    assert reason.lower() in answer.text.lower()
    assert "<" not in answer.text
    assert "Traceback" not in answer.text
    assert not [record for record in caplog.records if record.exc_info]


def test_body_that_breaks_off_in_its_framing_is_400(shared_emulator: Emulator) -> None:
    """http §3.1: a malformed request is the client's fault."""
    head = f"POST /v2/studies HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nContent-Type: {DICOM}\r\n"

    answer = raw(shared_emulator, f"{head}Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nzz\r\n")

    assert (answer.status, answer.content_type) == (400, TEXT)


def test_expectation_that_nobody_knows_is_refused(shared_emulator: Emulator) -> None:
    """RFC 9110 §10.1.1: 417."""
    lines = f"Host: h\r\nExpect: {uuid4()}\r\nContent-Length: 0\r\n"

    assert raw(shared_emulator, f"POST /v2/studies HTTP/1.1\r\n{lines}\r\n").status == 417
