"""Who may use the admin API (record-replay §15)."""

import pytest

from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.raw import raw

INFO = "/_azdicom/info"


def test_this_machine_may(shared_emulator: Emulator) -> None:
    """§15: loopback."""
    assert shared_emulator.request("GET", INFO).status == 200


@pytest.mark.parametrize(
    "header",
    ["Origin: https://evil.example", "Origin: null", "Host: evil.example", "Host: localhost.evil.example:80"],
)
def test_pages_of_elsewhere_may_not(shared_emulator: Emulator, header: str) -> None:
    """Own design: a browser here sends a page's POST, and a page's host name can be made to lead here."""
    host = "" if header.startswith("Host") else "Host: localhost\r\n"

    answer = raw(shared_emulator, f"POST /_azdicom/reset HTTP/1.1\r\n{host}{header}\r\n\r\n")

    assert answer.status == 403
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_pages_and_names_of_this_machine_may(shared_emulator: Emulator, host: str) -> None:
    """Own design."""
    answer = raw(shared_emulator, f"GET {INFO} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://localhost:3000\r\n\r\n")

    assert answer.status == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic secret"}, 401),
        ({"Authorization": "Bearer secret"}, 200),
        ({"Authorization": "bearer secret", "Origin": "https://other.example"}, 200),
    ],
    ids=["none", "wrong", "another scheme", "right", "from another site"],
)
def test_with_a_token_whoever_has_it_may(
    emulator_with: EmulatorWith, authorization: dict[str, str], status: int
) -> None:
    """§15: loopback only unless `--admin-token`."""
    answer = emulator_with(admin_token="secret").request("GET", INFO, headers=authorization)

    assert answer.status == status
    assert (answer.headers["WWW-Authenticate"] == "Bearer") is (status == 401)


def test_no_token_of_the_service_is_asked_for(emulator_with: EmulatorWith) -> None:
    """Own design: `--auth` is about the service."""
    assert emulator_with(auth="any").request("GET", INFO).status == 200


def test_it_can_be_switched_off(emulator_with: EmulatorWith) -> None:
    """§15: `--no-admin`."""
    answer = emulator_with(no_admin=True).request("GET", INFO)

    assert (answer.status, answer.content) == (404, b"")


def test_what_there_is_is_told_to_whoever_errs(shared_emulator: Emulator) -> None:
    """§15: errors as problem+json (RFC 9457)."""
    unknown = shared_emulator.request("GET", "/_azdicom/nothing")
    wrong = shared_emulator.request("PATCH", "/_azdicom/faults")

    assert (unknown.status, unknown.content_type) == (404, "application/problem+json")
    assert unknown.json()["detail"].startswith("there is no 'nothing'. Known: health, info")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, PUT, DELETE")


def test_it_is_no_part_of_the_description(shared_emulator: Emulator) -> None:
    """Own design: whatever calls all routes of the OpenAPI description must not stop the server."""
    assert "_azdicom" not in shared_emulator.request("GET", "/v2/api.json").text
