"""CORS: preflights, the headers of other answers, and what is allowed by default."""

import pytest

from azdicom_emulator.settings import AuthMode
from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator, Response

VIEWER = "https://viewer.example"
LOOPBACK_PAGE = "http://localhost:3000"
CORS_HEADERS = (
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Max-Age",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
    "Vary",
)


def preflight(
    emulator: Emulator, origin: str, *, path: str = "/v2/studies", method: str = "PUT", headers: str | None = None
) -> Response:
    asked = {"Access-Control-Request-Headers": headers} if headers is not None else {}
    return emulator.request(
        "OPTIONS", path, headers={"Origin": origin, "Access-Control-Request-Method": method, **asked}
    )


def cors_headers(answer: Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in CORS_HEADERS if answer.headers[name] is not None}


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        LOOPBACK_PAGE,
        "https://localhost:8443",
        "http://127.0.0.1:5173",
        "http://[::1]:3000",
        "https://[::1]",
    ],
)
def test_pages_of_this_machine_may_call_the_service_by_default(shared_emulator: Emulator, origin: str) -> None:
    """http §6: the answer echoes the origin, exposes nothing, and caches keep origins apart."""
    answer = shared_emulator.get("/studies", headers={"Origin": origin})

    assert answer.status == 204
    assert cors_headers(answer) == {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}


@pytest.mark.parametrize(
    "origin",
    [
        VIEWER,
        "http://localhost.evil.example",
        "http://evil.example/http://localhost",
        "http://127.0.0.1.evil.example",
        "http://192.168.1.2",
        "ftp://localhost",
        "http://localhost:port",
        "null",
        "",
    ],
)
def test_other_pages_get_the_answer_without_cors_headers(shared_emulator: Emulator, origin: str) -> None:
    """http §6: a normal response; the browser keeps it from the page."""
    answer = shared_emulator.get("/studies", headers={"Origin": origin})

    assert answer.status == 204
    assert cors_headers(answer) == {}


def test_answer_to_a_request_of_no_page_has_no_cors_headers(shared_emulator: Emulator) -> None:
    """http §6: nothing without `Origin`."""
    assert cors_headers(shared_emulator.get("/studies")) == {}


def test_preflight_of_an_allowed_page_is_204_with_what_it_asked_for(shared_emulator: Emulator) -> None:
    """Inferred; http §6: all methods and headers are allowed by default, `Authorization` among them."""
    answer = preflight(shared_emulator, LOOPBACK_PAGE, headers="authorization, content-type")

    assert (answer.status, answer.content, answer.content_type) == (204, b"", None)
    assert cors_headers(answer) == {
        "Access-Control-Allow-Origin": LOOPBACK_PAGE,
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Vary": "Origin",
    }


def test_preflight_of_another_page_is_204_without_cors_headers(shared_emulator: Emulator) -> None:
    """Inferred; http §6."""
    answer = preflight(shared_emulator, VIEWER, headers="authorization")

    assert (answer.status, answer.content) == (204, b"")
    assert cors_headers(answer) == {}


@pytest.mark.parametrize("path", ["/v2/nope", "/v3/studies", "/health", "/v2/studies?a=%3C"])
def test_preflight_is_answered_before_the_path_is_looked_at(shared_emulator: Emulator, path: str) -> None:
    """Service source; http §6, §11: CORS comes before the check of the query, routing and authentication."""
    answer = preflight(shared_emulator, LOOPBACK_PAGE, path=path)

    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, LOOPBACK_PAGE)


@pytest.mark.parametrize(
    "headers", [{"Origin": LOOPBACK_PAGE}, {"Access-Control-Request-Method": "GET"}], ids=["no-method", "no-origin"]
)
def test_options_that_is_no_preflight_is_a_wrong_method(shared_emulator: Emulator, headers: dict[str, str]) -> None:
    """http §1.1, §6: a preflight has both headers."""
    assert shared_emulator.request("OPTIONS", "/v2/studies", headers=headers).status == 405


def test_page_may_ask_before_it_has_a_token(emulator_with: EmulatorWith) -> None:
    """Service source; http §6: before authentication; the 401 itself can be read by the page."""
    emulator = emulator_with(auth=AuthMode.ANY)

    refused = emulator.get("/studies", headers={"Origin": LOOPBACK_PAGE})

    assert preflight(emulator, LOOPBACK_PAGE, headers="authorization").status == 204
    assert (refused.status, refused.headers["Access-Control-Allow-Origin"]) == (401, LOOPBACK_PAGE)


@pytest.mark.parametrize(
    ("path", "status"), [("/v2/nope", 404), ("/v2/studies?limit=0", 400), ("/v3/studies", 400), ("/v2/api.json", 200)]
)
def test_errors_and_documents_carry_the_header_too(shared_emulator: Emulator, path: str, status: int) -> None:
    """http §6: a page can read why its request failed."""
    answer = shared_emulator.request("GET", path, headers={"Origin": LOOPBACK_PAGE, "Accept": DICOM_JSON})

    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, LOOPBACK_PAGE)


def test_strict_server_allows_no_page(strict_emulator: Emulator) -> None:
    """Azure: Configure cross-origin resource sharing; http §6: off on a new service. A preflight stays 204."""
    answer = preflight(strict_emulator, LOOPBACK_PAGE)

    assert (answer.status, cors_headers(answer)) == (204, {})
    assert cors_headers(strict_emulator.get("/studies", headers={"Origin": LOOPBACK_PAGE})) == {}


def test_configured_policy_is_what_a_preflight_says(emulator_with: EmulatorWith) -> None:
    """Azure: Configure cross-origin resource sharing; http §6: lists, maximal age, credentials; also when strict."""
    emulator = emulator_with(
        strict=True,
        cors_origins=(VIEWER,),
        cors_headers=("Authorization", "Accept"),
        cors_methods=("GET", "POST"),
        cors_max_age_s=600,
        cors_credentials=True,
    )

    assert cors_headers(preflight(emulator, VIEWER, headers="x-other")) == {
        "Access-Control-Allow-Origin": VIEWER,
        "Access-Control-Allow-Methods": "GET,POST",
        "Access-Control-Allow-Headers": "Authorization,Accept",
        "Access-Control-Max-Age": "600",
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
    assert cors_headers(emulator.get("/studies", headers={"Origin": VIEWER})) == {
        "Access-Control-Allow-Origin": VIEWER,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }
    assert cors_headers(preflight(emulator, LOOPBACK_PAGE)) == {}


def test_any_origin_is_answered_with_a_star(emulator_with: EmulatorWith) -> None:
    """http §6: `*` is not echoed, and the answer does not vary."""
    emulator = emulator_with(cors_origins=("*",))

    assert cors_headers(emulator.get("/studies", headers={"Origin": VIEWER})) == {"Access-Control-Allow-Origin": "*"}
    assert cors_headers(preflight(emulator, VIEWER)) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "PUT",
    }


def test_cors_can_be_turned_off(emulator_with: EmulatorWith) -> None:
    """http §6: an empty list allows no page."""
    emulator = emulator_with(cors_origins=())

    assert cors_headers(preflight(emulator, LOOPBACK_PAGE)) == {}
