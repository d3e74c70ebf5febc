"""API versions: the segments that select one, and what answers say about the others."""

import pytest

from azdicom_emulator.settings import AuthMode
from tests.conftest import EmulatorWith
from tests.support.client import DICOM_JSON, Emulator
from tests.support.raw import raw_get

SUPPORTED = "1.0-prerelease, 1, 2"
ACCEPT = {"Accept": DICOM_JSON}


@pytest.mark.parametrize(
    ("segment", "version"),
    [
        ("v1", 1),
        ("v1.0", 1),
        ("V1", 1),
        ("v1.0-prerelease", 1),
        ("v1.0-PreRelease", 1),
        ("v1-prerelease", 1),
        ("v2", 2),
        ("v2.0", 2),
    ],
)
def test_supported_version_behaves_as_its_major_number(shared_emulator: Emulator, segment: str, version: int) -> None:
    """Azure: API versioning; http §2. The two change feeds differ in the largest page that they give."""
    answer = shared_emulator.request("GET", f"/{segment}/changefeed?limit=101", headers={"Accept": "*/*"})

    assert answer.status == (200 if version == 2 else 400)
    assert answer.headers["api-supported-versions"] == SUPPORTED


@pytest.mark.parametrize("version", ["3", "0", "1.1", "2.1", "3.0-beta", "2-preview", "2021-06-01", "10"])
def test_version_that_does_not_exist_is_400_with_a_json_body(shared_emulator: Emulator, version: str) -> None:
    """Versioning library 5.1, inferred; http §2."""
    answer = shared_emulator.request("GET", f"/v{version}/studies", headers=ACCEPT)

    assert (answer.status, answer.content_type) == (400, "application/json; charset=utf-8")
    assert answer.json() == {
        "error": {
            "code": "UnsupportedApiVersion",
            "message": f"The HTTP resource that matches the request URI '{shared_emulator.base_url}/v{version}/studies'"
            f" does not support the API version '{version}'.",
        }
    }


def test_version_that_does_not_exist_can_be_answered_as_newer_libraries_do(emulator_with: EmulatorWith) -> None:
    """Quirk versions.unsupported; http §2: 404 without a body."""
    emulator = emulator_with(quirks={"versions.unsupported": "404"})

    answer = emulator.request("GET", "/v3/studies", headers=ACCEPT)

    assert (answer.status, answer.content, answer.content_type) == (404, b"", None)


@pytest.mark.parametrize("segment", ["vfoo", "v", "v2.", "v.2", "2", "vv2", "v2.0.0", "v2-", "v\u0662", "version2"])
def test_segment_that_is_no_version_is_an_unknown_path(shared_emulator: Emulator, segment: str) -> None:
    """Inferred; http §2: 404 without a body."""
    encoded = "".join(f"%{byte:02X}" if byte > 127 else chr(byte) for byte in segment.encode())

    answer = raw_get(shared_emulator, f"/{encoded}/studies")

    assert (answer.status, answer.content) == (404, b"")


def test_version_that_does_not_exist_on_a_path_that_does_not_exist_is_404(shared_emulator: Emulator) -> None:
    """http §2: the version is looked at where a route was found."""
    assert shared_emulator.request("GET", "/v3/nope").status == 404


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("GET", "/v2/studies", ACCEPT, 204, id="success"),
        pytest.param("GET", "/v2/changefeed", {}, 200, id="json"),
        pytest.param("GET", "/v2/studies?limit=0", ACCEPT, 400, id="invalid-query"),
        pytest.param("GET", "/v2/studies", {}, 406, id="not-acceptable"),
        pytest.param("DELETE", "/v2/studies/1.2", {}, 404, id="no-such-study"),
        pytest.param("DELETE", "/v2/studies/a", {}, 400, id="invalid-uid"),
        pytest.param("POST", "/v2/studies", {"Accept": "*/*", "Content-Type": "text/plain"}, 415, id="media-type"),
        pytest.param("GET", "/v2/partitions/p/studies", ACCEPT, 400, id="partitions-off"),
    ],
)
def test_answers_of_the_api_name_the_supported_versions(
    shared_emulator: Emulator, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """Azure: API versioning; http §2: on everything that an action answers, errors included. None is deprecated."""
    answer = shared_emulator.request(method, path, headers=headers)

    assert answer.status == status
    assert answer.headers.get_all("api-supported-versions") == [SUPPORTED]
    assert answer.headers["api-deprecated-versions"] is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nope", 404),
        ("PATCH", "/v2/studies", 405),
        ("GET", "/v3/studies", 400),
        ("GET", "/health/check", 200),
        ("GET", "/health", 200),
        ("GET", "/docs", 200),
        ("GET", "/v2/api.json", 200),
        ("GET", "/v2/studies?a=%3C", 400),
    ],
)
def test_answers_of_nothing_behind_the_api_do_not_name_versions(
    shared_emulator: Emulator, method: str, path: str, status: int
) -> None:
    """Inferred; http §2."""
    answer = shared_emulator.request(method, path, headers=ACCEPT)

    assert answer.status == status
    assert answer.headers["api-supported-versions"] is None


def test_refused_token_does_not_name_versions(emulator_with: EmulatorWith) -> None:
    """Inferred; http §2: 401 is decided before the action."""
    answer = emulator_with(auth=AuthMode.ANY).get("/studies")

    assert answer.status == 401
    assert answer.headers["api-supported-versions"] is None
