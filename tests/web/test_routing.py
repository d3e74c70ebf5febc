"""From method and path to a route, over HTTP: what matches, what is 404, what is 405."""

import shutil

import pytest

from azdicom_emulator import routes
from azdicom_emulator.settings import AuthMode
from azdicom_emulator.web.routing import Match, MethodNotAllowed, Route, Router, Scope, split_path
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.raw import raw, raw_get
from tests.support.waiting import eventually

ALL_ROUTES = tuple(
    route for table in vars(routes).values() if isinstance(table, tuple) for route in table if isinstance(route, Route)
)
"""Of every table of routes.py, those that only some settings bring included."""
FOUND_NOTHING = 204
"""What a search on an empty server answers: the route was found."""


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/v2/studies", id="plain"),
        pytest.param("/V2/Studies", id="upper-case"),
        pytest.param("/v2/studies/", id="trailing-slash"),
        pytest.param("/v2/%73tudies", id="percent-encoded"),
        pytest.param("/%76%32/studies", id="percent-encoded-version"),
        pytest.param("/v2/./studies", id="dot"),
        pytest.param("/v2/series/../studies", id="dot-dot"),
        pytest.param("/v2/series/%2e%2E/studies", id="dot-dot-percent-encoded"),
        pytest.param("/../v2/studies", id="dot-dot-above-the-root"),
        pytest.param("/v2/studies/1.2/SERIES", id="literal-behind-a-parameter"),
        pytest.param("http://elsewhere/v2/studies", id="absolute-form"),
    ],
)
def test_path_reaches_its_route(shared_emulator: Emulator, target: str) -> None:
    """ASP.NET Core routing, inferred; http §1.1: case, one trailing slash, percent-encoding and dot segments."""
    assert raw_get(shared_emulator, target).status == FOUND_NOTHING


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/", id="root"),
        pytest.param("/v2", id="version-alone"),
        pytest.param("/v2/nope", id="unknown-resource"),
        pytest.param("/v2/studies/1.2/nope", id="unknown-below-a-study"),
        pytest.param("/v2/studies/1.2/rendered", id="rendered-study"),
        pytest.param("/v2//studies", id="doubled-slash"),
        pytest.param("//v2/studies", id="doubled-slash-in-front"),
        pytest.param("/v2/studies//", id="two-trailing-slashes"),
        pytest.param("/studies", id="no-version"),
        pytest.param("/v2/studies%2F1.2", id="encoded-slash-is-no-separator"),
        pytest.param("/v2/changefeed/latest/x", id="too-long"),
        pytest.param("/v2/partitions/p/changefeed", id="service-route-below-a-partition"),
        pytest.param("/v2/nope%0A", id="line-feed"),
    ],
)
def test_unknown_path_is_404_without_body_and_content_type(shared_emulator: Emulator, target: str) -> None:
    """Inferred; http §1.1. What is no route is no API answer either: no api-supported-versions (http §2)."""
    answer = raw_get(shared_emulator, target)

    assert (answer.status, answer.content, answer.content_type) == (404, b"", None)
    assert answer.headers["api-supported-versions"] is None


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_unknown_path_is_404_for_every_method(shared_emulator: Emulator, method: str) -> None:
    """http §1.1: the path is looked at before the method."""
    answer = shared_emulator.request(method, "/v2/nope")

    assert (answer.status, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v2/studies", "GET, POST, PUT"),
        ("HEAD", "/v2/studies", "GET, POST, PUT"),
        ("OPTIONS", "/v2/studies", "GET, POST, PUT"),
        ("PATCH", "/v2/studies/1.2", "DELETE, GET, POST, PUT"),
        ("POST", "/v2/studies/1.2/metadata", "GET"),
        ("HEAD", "/v2/studies/1.2/metadata", "GET"),
        ("PUT", "/v2/studies/1.2/series/1.2", "DELETE, GET"),
        ("POST", "/v2/series", "GET"),
        ("DELETE", "/v2/changefeed", "GET"),
        ("HEAD", "/docs", "GET"),
    ],
)
def test_wrong_method_is_405_with_the_methods_that_exist(
    shared_emulator: Emulator, method: str, path: str, allow: str
) -> None:
    """Inferred; http §1.1: an empty body, `Allow`, also for HEAD and for OPTIONS that is no preflight."""
    answer = shared_emulator.request(method, path)

    assert (answer.status, answer.content, answer.content_type) == (405, b"", None)
    assert answer.headers["Allow"] == allow
    assert answer.headers["api-supported-versions"] is None


def test_wrong_method_is_found_out_before_a_uid(shared_emulator: Emulator) -> None:
    """http §11: routing comes before everything that an action checks."""
    assert shared_emulator.request("PATCH", "/v2/studies/not-a-uid").status == 405


@pytest.mark.parametrize("path", ["/v2/studies", "/v2/nope", "/studies", "/health", "/v3/studies"])
@pytest.mark.parametrize("query", ["PatientName=<b>", "PatientName=%3cb", "%3C=1"])
def test_less_than_in_the_query_is_refused_on_every_path(shared_emulator: Emulator, path: str, query: str) -> None:
    """Service source; http §1.1: before 401 and 404."""
    answer = raw_get(shared_emulator, f"{path}?{query}")

    assert (answer.status, answer.text) == (400, "The query string included invalid characters.")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["api-supported-versions"] is None


def test_less_than_in_the_query_is_refused_before_a_missing_token(emulator_with: EmulatorWith) -> None:
    """Service source; http §1.1, §11."""
    emulator = emulator_with(auth=AuthMode.ANY)

    assert raw_get(emulator, "/v2/studies?a=%3C").status == 400
    assert raw_get(emulator, "/v2/studies").status == 401
    assert raw_get(emulator, "/v2/nope").status == 404
    assert emulator.request("PATCH", "/v2/studies").status == 405


def test_less_than_in_the_path_is_an_ordinary_character(shared_emulator: Emulator) -> None:
    """http §1.1: only the query string is looked at."""
    assert raw_get(shared_emulator, "/v2/%3C").status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health/check", "/health/check/", "/health"])
def test_health_answers_every_method(shared_emulator: Emulator, method: str, path: str) -> None:
    """Service source; http §9: unversioned, any method."""
    answer = shared_emulator.request(method, path)

    assert answer.status == 200
    assert answer.content_type == "application/json; charset=utf-8"
    assert method == "HEAD" or answer.json()["overallStatus"] == "Healthy"
    assert answer.headers["api-supported-versions"] is None


def test_health_is_503_when_the_data_folder_is_gone(emulator: Emulator) -> None:
    """Service source; http §9: the overall status, the part that fails, and the service's text for it."""
    assert emulator.request("GET", "/health/check").status == 200
    shutil.rmtree(emulator.data_dir)

    eventually(lambda: emulator.request("GET", "/health/check").status == 503, what="a look at the data folder")
    answer = emulator.request("GET", "/health/check")
    assert answer.json()["overallStatus"] == "Unhealthy"
    assert answer.json()["details"][0] == {
        "name": "DcmHealthCheck",
        "status": "Unhealthy",
        "description": "Failed to connect to the data store.",
        "data": {},
    }


def test_options_on_the_server_as_a_whole_is_404(shared_emulator: Emulator) -> None:
    """RFC 9110 §9.3.7: `OPTIONS *` names no resource."""
    assert raw(shared_emulator, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").status == 404


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", []),
        ("/a/b/", ["a", "b"]),
        ("/a//b", None),
        ("/a/../b", ["b"]),
        ("/a//../b", ["a", "b"]),
        ("/%2e%2e/a", ["a"]),
        ("/a%2Fb/%2f", ["a%2Fb", "%2f"]),
        ("/%61%20", ["a "]),
        ("/%ff", ["\ufffd"]),
    ],
)
def test_path_is_split_into_decoded_segments(path: str, segments: list[str] | None) -> None:
    """ASP.NET Core, Kestrel's path decoding, inferred; http §1.1."""
    assert split_path(path) == segments


@pytest.mark.parametrize("route", ALL_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_row_of_the_table_is_reachable(route: Route) -> None:
    """routes.py: no row is hidden by another one, and any other method is refused with `Allow`."""
    prefix = "" if route.scope is Scope.ROOT else "/v2"
    path = prefix + route.path.replace("{", "").replace("}", "")
    router = Router(ALL_ROUTES)

    found = router.resolve("GET" if route.method == "*" else route.method, path)

    assert isinstance(found, Match)
    assert found.route is route
    assert list(found.parameters) == list(route.parameters)
    if route.method != "*":
        refused = router.resolve("TRACE", path)
        assert isinstance(refused, MethodNotAllowed)
        assert route.method in refused.allow.split(", ")
