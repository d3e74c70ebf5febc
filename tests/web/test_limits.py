"""How much a request may hold: its line, its headers, its body, its audit headers."""

import logging

import pytest

from azdicom_emulator.settings import GIB
from azdicom_emulator.web.limits import JSON_BODY_BYTES
from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator, Response
from tests.support.raw import raw, raw_get

LINE_LIMIT = 8192
HEADER_LIMIT = 32768
AUDIT = "X-MS-AZUREDICOM-AUDIT-"
ACCEPT = {"Accept": DICOM_JSON}


def get_with_line_of(emulator: Emulator, size_bytes: int) -> Response:
    """A search whose request line has `size_bytes`, its end included."""
    start, end = "/v2/studies?includefield=", " HTTP/1.1\r\n"
    return raw_get(emulator, start + "a" * (size_bytes - len(start) - len("GET ") - len(end)))


def test_request_line_up_to_8_kb_is_read(shared_emulator: Emulator) -> None:
    """Defaults of the service's web server; http §1.1: 400, for the unknown attribute that it asks for."""
    assert get_with_line_of(shared_emulator, LINE_LIMIT).status == 400


@pytest.mark.parametrize("size_bytes", [LINE_LIMIT + 1, 100_000, 900_000])
def test_request_line_over_8_kb_is_414(shared_emulator: Emulator, size_bytes: int) -> None:
    """Defaults of the service's web server; http §1.1: without a body, and the connection is closed."""
    answer = get_with_line_of(shared_emulator, size_bytes)

    assert (answer.status, answer.content) == (414, b"")
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param([f"X-Large: {'a' * 32000}"], 204, id="one-below"),
        pytest.param([f"X-Large: {'a' * HEADER_LIMIT}"], 431, id="one-above"),
        pytest.param([f"X-Large-{number}: {'a' * 1000}" for number in range(30)], 204, id="many-below"),
        pytest.param([f"X-Large-{number}: {'a' * 1000}" for number in range(33)], 431, id="many-above"),
        pytest.param([f"X-Large: {'a' * 100_000}"], 431, id="one-far-above"),
    ],
)
def test_headers_over_32_kb_are_431(shared_emulator: Emulator, headers: list[str], status: int) -> None:
    """Defaults of the service's web server; http §1.1: all headers count together."""
    answer = raw_get(shared_emulator, "/v2/studies", *headers)

    assert (answer.status, answer.content) == (status, b"")
    assert (answer.headers["Connection"] == "close") is (status == 431)


@pytest.mark.parametrize(("limit", "size_bytes"), [("4GB", 4 * GIB), ("2GB", 2 * GIB - 1)])
def test_body_that_declares_more_than_the_limit_is_413_at_once(
    emulator_with: EmulatorWith, limit: str, size_bytes: int
) -> None:
    """Azure: 4 GB, service source: 2 GB - 1; http §8, §12: nothing of the body is waited for."""
    emulator = emulator_with(quirks={"store.size_limit": limit})
    lines = "Host: h\r\nAccept: */*\r\nContent-Type: application/dicom\r\n"

    answer = raw(emulator, f"POST /v2/studies HTTP/1.1\r\n{lines}Content-Length: {size_bytes + 1}\r\n\r\n")

    assert (answer.status, answer.text) == (413, f"The request exceeded the allowed limit of {size_bytes} bytes.")


def test_form_that_is_too_large_is_413(shared_emulator: Emulator) -> None:
    """Own limit of bodies that are held in memory; the text as of http §3.1."""
    answer = shared_emulator.request(
        "POST",
        "/development/oauth2/v2.0/token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=bytes(JSON_BODY_BYTES + 1),
    )

    assert (answer.status, answer.text) == (413, f"The request exceeded the allowed limit of {JSON_BODY_BYTES} bytes.")


def test_ten_audit_headers_are_logged(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Service source; http §8: names without the prefix, under the id of the request."""
    headers = {f"{AUDIT}{number}": "v" * 2048 for number in range(9)} | {f"{AUDIT.lower()}user": "somebody"}

    with caplog.at_level(logging.INFO, logger="azdicom.audit"):
        answer = emulator.get("/studies", headers=headers)

    assert answer.status == 204
    (line,) = [record for record in caplog.records if record.name == "azdicom.audit"]
    assert "user=somebody" in line.getMessage()
    assert getattr(line, "request_id", None) == answer.headers["x-ms-request-id"]


def test_eleven_audit_headers_are_refused(shared_emulator: Emulator) -> None:
    """Service source; http §8."""
    answer = shared_emulator.get("/studies", headers={f"{AUDIT}{number}": "v" for number in range(11)})

    assert (answer.status, answer.text) == (
        400,
        "The maximum number of custom audit headers allowed is 10. The number of custom audit headers supplied is 11.",
    )
    assert answer.headers["api-supported-versions"] is not None


def test_long_audit_header_is_refused(shared_emulator: Emulator) -> None:
    """Service source; http §8: the name as the client wrote it."""
    answer = shared_emulator.get("/studies", headers={"x-ms-azuredicom-audit-Site": "v" * 2049})

    assert answer.status == 400
    assert answer.text == (
        "The maximum length of a custom audit header value is 2048. "
        "The supplied custom audit header 'x-ms-azuredicom-audit-Site' has length of 2049."
    )


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v2/nope", 404), ("PATCH", "/v2/studies", 405), ("GET", "/health", 200)]
)
def test_audit_headers_are_checked_behind_routing(
    shared_emulator: Emulator, method: str, path: str, status: int
) -> None:
    """http §11: in the controller, so not for what has none."""
    headers = ACCEPT | {f"{AUDIT}{number}": "v" for number in range(11)}

    assert shared_emulator.request(method, path, headers=headers).status == status


def test_audit_headers_are_checked_before_partition_and_accept(shared_emulator: Emulator) -> None:
    """http §11: then the partition, then `Accept`."""
    headers = {f"{AUDIT}{number}": "v" for number in range(11)}

    answer = shared_emulator.request("GET", "/v2/partitions/p/studies", headers=headers)

    assert answer.text.startswith("The maximum number of custom audit headers")
