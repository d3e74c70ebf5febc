"""The OpenAPI description and the page made of it: true to the routes table, valid, and served before routing."""

import json
import os
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

from azdicom_emulator import routes
from azdicom_emulator.settings import AuthMode, Settings
from azdicom_emulator.web.docs_page import render
from azdicom_emulator.web.openapi import GROUPS, answers_of, describe, method_of, path_of
from azdicom_emulator.web.openapi_operations import OPERATIONS, PATH_PARAMETERS, operation_of
from azdicom_emulator.web.routing import Route, Scope
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.instances import an_instance, part10
from tests.support.raw import raw_get
from tests.worklist.workitems import Client, a_workitem, element, encoded

ALL_ROUTES = tuple(
    route for table in vars(routes).values() if isinstance(table, tuple) for route in table if isinstance(route, Route)
)
"""Of every table of routes.py, those that only some settings bring included."""
SETTINGS = Settings()


def document_of(emulator: Emulator, group: str = "v2") -> dict[str, Any]:
    document: dict[str, Any] = emulator.request("GET", f"/{group}/api.json").json()
    return document


@pytest.mark.parametrize("route", ALL_ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described(route: Route) -> None:
    """Own design: what routing cannot tell stands in web/openapi_operations.py, one entry for each handler."""
    name = route.handler.__name__

    assert name in OPERATIONS, f"add {name} to OPERATIONS"
    assert any(status < 300 for status in answers_of(route, operation_of(name)))


@pytest.mark.parametrize("auth", AuthMode)
@pytest.mark.parametrize("partitions", [False, True], ids=["whole", "partitioned"])
@pytest.mark.parametrize("group", GROUPS)
def test_description_is_valid_and_has_every_route_of_its_version(group: str, partitions: bool, auth: AuthMode) -> None:
    """OpenAPI 3.0.1; http §10: generated from the routes table."""
    settings = Settings(auth=auth, partitions=partitions)
    document = json.loads(json.dumps(describe(ALL_ROUTES, GROUPS[group], settings)))

    validate(document)
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == {
        (method_of(route), path_of(route, GROUPS[group], settings))
        for route in ALL_ROUTES
        if GROUPS[group].api_version >= route.min_version
    }


@pytest.mark.parametrize("group", GROUPS)
def test_description_is_served_as_json_and_yaml(shared_emulator: Emulator, group: str) -> None:
    """Service source; Azure: api.yaml of each version; http §10: to everybody, whatever Accept says."""
    as_json = shared_emulator.request("GET", f"/{group}/api.json")
    as_yaml = shared_emulator.request("GET", f"/{group}/api.yaml", headers={"Accept": "text/html"})

    assert (as_json.status, as_json.content_type) == (200, "application/json; charset=utf-8")
    assert (as_yaml.status, as_yaml.content_type) == (200, "application/yaml; charset=utf-8")
    assert yaml.safe_load(as_yaml.content) == as_json.json()
    assert as_json.json()["openapi"] == "3.0.1"
    assert as_json.json()["info"]["title"] == "Medical Imaging Server for DICOM"
    assert as_json.json()["info"]["version"] == "2"


@pytest.mark.parametrize(
    "path", ["/v3/api.yaml", "/v1.0-prerelease/api.json", "/api.yaml", "/v2/api.xml", "/v2/x/api.json"]
)
def test_description_of_no_group_is_404(shared_emulator: Emulator, path: str) -> None:
    """http §10: the groups are v1-prerelease, v1 and v2."""
    answer = shared_emulator.request("GET", path)

    assert (answer.status, answer.content) == (404, b"")


def test_description_needs_no_token(emulator_with: EmulatorWith) -> None:
    """Service source; http §5.2, §10; and it says that the rest does."""
    emulator = emulator_with(auth=AuthMode.ANY)

    document = document_of(emulator)

    assert document["paths"]["/v2/studies"]["get"]["security"] == [{"bearer": []}]
    assert "security" not in document["paths"]["/health/check"]["get"]
    assert emulator.request("GET", "/docs").status == 200
    assert emulator.get("/studies").status == 401


def test_description_comes_before_the_check_of_the_query(shared_emulator: Emulator) -> None:
    """http §11: OpenAPI, then `<`."""
    assert raw_get(shared_emulator, "/v2/api.json?a=%3C").status == 200


def test_description_is_for_get_only(shared_emulator: Emulator) -> None:
    """http §10: what is no GET goes on to routing, which has no such path."""
    assert shared_emulator.request("POST", "/v2/api.json").status == 404


def test_versions_differ_in_what_they_describe(shared_emulator: Emulator) -> None:
    """Azure: API v2 changes; http §2: the change feed of version 2 has a window of time."""

    def parameters(group: str, segment: str) -> set[str]:
        feed = document_of(shared_emulator, group)["paths"][f"/{segment}/changefeed"]["get"]
        return {parameter["name"] for parameter in feed["parameters"]}

    assert parameters("v2", "v2") - parameters("v1", "v1") == {"startTime", "endTime"}
    assert parameters("v1", "v1") == parameters("v1-prerelease", "v1.0-prerelease")


class LinksOfPage(HTMLParser):
    """What a page would load, and where its links lead; `open_tags` is empty at the end of well-formed HTML."""

    VOID = frozenset({"meta", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.open_tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        elif source := values.get("src") or values.get("href"):
            self.loaded.append(source)
        if tag not in self.VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag


@pytest.fixture(scope="module")
def page(shared_emulator: Emulator) -> str:
    answer = shared_emulator.request("GET", "/docs")
    assert (answer.status, answer.content_type) == (200, "text/html; charset=utf-8")
    return answer.text


def test_page_needs_no_network(page: str) -> None:
    """Own design: nothing is loaded from elsewhere, by tag, style or script."""
    parser = LinksOfPage()
    parser.feed(page)

    assert parser.open_tags == []
    assert parser.loaded == ["data:,"]
    assert "url(" not in page
    assert "@import" not in page
    assert not re.findall(r"\b(fetch|import|XMLHttpRequest)\b\s*\(", page)


def test_links_of_the_page_lead_somewhere(shared_emulator: Emulator, page: str) -> None:
    """Own design: sections, versions and the description itself."""
    parser = LinksOfPage()
    parser.feed(page)

    assert len(set(parser.ids)) == len(parser.ids)
    assert {link.removeprefix("#") for link in parser.links if link.startswith("#")} <= set(parser.ids)
    others = [link for link in parser.links if not link.startswith("#")]
    assert {"/v2/api.yaml", "/v2/api.json", "/docs?group=v1"} <= set(others)
    assert [shared_emulator.request("GET", link).status for link in others] == [200] * len(others)


@pytest.mark.parametrize("group", GROUPS)
def test_page_shows_every_route_with_a_call(group: str) -> None:
    """Own design: from the same table as the description."""
    page = render(ALL_ROUTES, group, "http://127.0.0.1:8080", SETTINGS)
    text = re.sub(r"</?(i|span)[^>]*>", "", page)

    for route in ALL_ROUTES:
        if GROUPS[group].api_version >= route.min_version:
            assert path_of(route, GROUPS[group], SETTINGS) in text
    assert page.count("<pre>curl -i ") == page.count("<details ")
    assert f"curl -i 'http://127.0.0.1:8080/{GROUPS[group].segment}/studies' -H &#x27;Accept" in text


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_calls_of_the_page_are_well_formed(emulator: Emulator, tmp_path: Path) -> None:
    """Own design: each line works in a shell as it stands; there are no partitions, and no storage for an export."""
    study, series, instance = (PATH_PARAMETERS[name][2] for name in ("study", "series", "instance"))
    dataset = an_instance(StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=instance)
    emulator.store(dataset)
    (tmp_path / "image.dcm").write_bytes(part10(dataset))
    workitem = a_workitem(t00080018=element("UI", PATH_PARAMETERS["workitem"][2]))
    (tmp_path / "workitem.json").write_bytes(encoded(workitem))
    worklist = Client(emulator)
    assert worklist.post("/workitems", workitem).status == 201
    # Only a subscriber can be told that a claimed workitem is to be canceled.
    assert worklist.subscribe(PATH_PARAMETERS["workitem"][2], PATH_PARAMETERS["aetitle"][2]).status == 201
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    page = emulator.request("GET", "/docs").text
    calls = [unescape(re.sub("<[^>]+>", "", call)) for call in re.findall("<pre>(.*?)</pre>", page)]

    statuses = {call: status_of(call, tmp_path) for call in calls}

    assert len(calls) == page.count("<details ")
    refused = {
        call for call, status in statuses.items() if status in (0, 400, 401, 403, 406, 413, 415) or status >= 500
    }
    (export,) = (call for call in calls if call.startswith(f"curl -i '{emulator.base_url}/v2/export'"))
    assert refused == {f"curl -i '{emulator.base_url}/v2/partitions'", export}


def status_of(call: str, folder: Path) -> int:
    """The HTTP status that a line of the page gets; 0: none."""
    done = subprocess.run(
        ("sh", "-c", call), cwd=folder, env={**os.environ, "CURL_HOME": str(folder)}, capture_output=True, check=False
    )
    return int(done.stdout.rpartition(b"\n")[2])


def test_page_of_no_group_is_400(shared_emulator: Emulator) -> None:
    """Own design, with the text of http §3.2."""
    answer = shared_emulator.request("GET", "/docs?group=v9")

    assert (answer.status, answer.text) == (
        400,
        "The query parameter 'group' is invalid. Known: v1-prerelease, v1, v2.",
    )


def test_routes_that_are_no_part_of_the_api_stand_without_version(shared_emulator: Emulator) -> None:
    """http §1: `/health` and `/docs` are always there, also under --strict."""
    paths = document_of(shared_emulator)["paths"]

    assert {"/health", "/health/check", "/docs"} <= set(paths)
    assert {path for path in paths if not path.startswith("/v2/")} <= {
        route.path for route in ALL_ROUTES if route.scope is Scope.ROOT
    }
