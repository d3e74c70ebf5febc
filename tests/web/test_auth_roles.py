"""Roles: what an owner, a reader and a client without a role may do (http §5, §11)."""

from collections.abc import Iterator
from typing import Any

import pytest

from azdicom_emulator.routes import ISSUER_ROUTES, ROUTES
from azdicom_emulator.settings import AuthMode, Settings
from azdicom_emulator.web.authentication import ROLES
from azdicom_emulator.web.routing import Action, Route, Scope
from tests.support.client import DICOM, DICOM_JSON, Emulator, Response
from tests.support.instances import an_instance, instance_path, study_path
from tests.support.server import running
from tests.support.tokens import bearer, claims, signing_key, token_for

PROTECTED_ROUTES = [route for route in ROUTES if route.action is not Action.PUBLIC and route.path != "/partitions"]
"""The list of partitions is refused before the role is asked for, on a server that has none."""
PARAMETERS = {"frames": "1", "frame": "1"}
BODIES = {
    "/extendedquerytags": b'[{"path":"00101010","level":"Study"}]',
    "/extendedquerytags/{tag}": b'{"queryStatus":"disabled"}',
    "/studies/$bulkUpdate": b'{"studyInstanceUids":["1.2.3"],"changeDataset":{}}',
    "/export": b'{"destination":{"type":"azureblob"}}',
    **dict.fromkeys(
        ("/workitems", "/workitems/{workitem}", "/workitems/{workitem}/state", "/workitems/{workitem}/cancelrequest"),
        b"[{}]",
    ),
}
"""Of the routes whose body is checked before the role is (http §11, steps 13 to 16)."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running(Settings(data_dir=tmp_path_factory.mktemp("roles") / "data", auth=AuthMode.JWT)) as started:
        yield started


def request_on(emulator: Emulator, route: Route, token: str) -> Response:
    """A request that passes all checks in front of the role's: content type, model, partition, Accept."""
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", PARAMETERS.get(name, "1.2.3"))
    is_store = route.method in ("POST", "PUT") and "STOW" in route.transaction
    headers = bearer(token) | {"Accept": _accept(route)}
    if route.method in ("POST", "PUT", "PATCH"):
        others = DICOM_JSON if route.path.startswith("/workitems") else "application/json"
        headers["Content-Type"] = DICOM if is_store else others
    body = b"no DICOM file" if is_store else BODIES.get(route.path)
    return emulator.request(route.method, f"/v2{path}", headers=headers, body=body)


def _accept(route: Route) -> str:
    if route.path.endswith("/rendered"):
        return "image/jpeg"
    return (
        'multipart/related; type="*/*"; transfer-syntax=*'
        if "WADO-RS" in route.transaction and not (route.path.endswith("/metadata"))
        else DICOM_JSON
    )


def _name(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", PROTECTED_ROUTES, ids=_name)
def test_client_without_a_role_may_do_nothing(emulator: Emulator, route: Route) -> None:
    """http §5.2: a valid token without the needed data action: 403, text `Authorization failed.`"""
    answer = request_on(emulator, route, token_for(emulator, "none"))

    assert (answer.status, answer.text) == (403, "Authorization failed.")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "api-supported-versions" in answer.headers


@pytest.mark.parametrize("route", PROTECTED_ROUTES, ids=_name)
def test_reader_may_read_and_nothing_else(emulator: Emulator, route: Route) -> None:
    """http §5.1: DICOM Data Reader: read and search; §5.2: the action of each route."""
    answer = request_on(emulator, route, token_for(emulator, "reader"))

    assert (answer.status == 403) == (route.action is not Action.READ)


@pytest.mark.parametrize("route", PROTECTED_ROUTES, ids=_name)
def test_owner_may_do_everything(emulator: Emulator, route: Route) -> None:
    """http §5.1: DICOM Data Owner: full access."""
    answer = request_on(emulator, route, token_for(emulator, "owner"))

    assert answer.status not in (401, 403)


@pytest.mark.parametrize(
    ("roles", "may_read", "may_delete"),
    [
        (["DICOM Data Owner"], True, True),
        (["DICOM Data Reader"], True, False),
        (["globalAdmin"], True, True),
        (["globalReader"], True, False),
        ("DICOM Data Reader", True, False),
        (["DICOM Data Reader", "DICOM Data Owner"], True, True),
        (["Something else", "DICOM Data Reader"], True, False),
        (["Something else"], False, False),
        ([], False, False),
        (None, False, False),
        ([1, {}, None], False, False),
        ({"DICOM Data Owner": True}, False, False),
    ],
    ids=str,
)
def test_roles_claim_decides(emulator: Emulator, roles: Any, may_read: bool, may_delete: bool) -> None:
    """http §5.2: roles come from the claim `roles`; the engine's globalAdmin and globalReader beside Azure's names."""
    headers = bearer(signing_key(emulator).sign(claims(roles=roles)))

    assert (emulator.get("/studies", headers=headers).status == 204) == may_read
    deleted = emulator.request("DELETE", "/v2/studies/1.2.3", headers=headers)
    assert deleted.status == (404 if may_delete else 403)


def test_roles_hold_for_stored_data(emulator: Emulator) -> None:
    """http §5.1: what the owner stores the reader reads and cannot delete."""
    owner, reader = (bearer(token_for(emulator, role)) for role in ("owner", "reader"))
    dataset = an_instance()

    assert emulator.store_response(dataset, headers=reader).status == 403
    assert emulator.store_response(dataset, headers=owner).status == 200
    assert emulator.get(f"{instance_path(dataset)}/metadata", headers=reader).status == 200
    path = f"/v2{study_path(dataset)}"
    assert emulator.request("DELETE", path, headers=reader).status == 403
    assert emulator.request("DELETE", path, headers=owner).status == 204


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v2/studies", {"Content-Type": "text/plain"}, 415),
        ("POST", "/v2/studies", {"Content-Type": DICOM}, 406),
        ("GET", "/v2/studies", {}, 406),
        ("GET", "/v2/studies?limit=x", {"Accept": DICOM_JSON}, 400),
        ("GET", "/v2/studies/abc/metadata", {}, 406),
        ("GET", "/v2/partitions/x/studies", {"Accept": DICOM_JSON}, 400),
        ("DELETE", "/v2/partitions/x/studies/1.2.3", {}, 400),
        ("GET", "/v2/studies/1/series/2/instances/3/frames/x", {"Accept": "*/*"}, 400),
        ("GET", "/v2/changefeed?limit=0", {}, 400),
    ],
)
def test_role_comes_after_content_type_model_partition_and_accept(
    emulator: Emulator, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """http §11: steps 12 to 15 come before the role of step 16."""
    answer = emulator.request(method, path, headers=headers | bearer(token_for(emulator, "none")))

    assert answer.status == status


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/studies/abc/metadata"),
        ("GET", "/v2/studies/abc/series"),
        ("POST", "/v2/studies/abc"),
        ("DELETE", "/v2/studies/abc"),
        ("GET", "/v2/studies?Unknown=x"),
    ],
)
def test_role_comes_before_uids_and_meaning(emulator: Emulator, method: str, path: str) -> None:
    """http §11, step 16: role 403, then UID and semantic 400."""
    headers = {"Accept": DICOM_JSON, "Content-Type": DICOM} | bearer(token_for(emulator, "none"))

    assert emulator.request(method, path, headers=headers).status == 403


def test_public_routes_are_no_part_of_the_service() -> None:
    """http §5.2: only health and OpenAPI documents need no token: everything below `/v{n}` names its action."""
    misplaced = [
        route for route in (*ROUTES, *ISSUER_ROUTES) if (route.action is Action.PUBLIC) != (route.scope is Scope.ROOT)
    ]

    assert misplaced == []
    assert {action for actions in ROLES.values() for action in actions} == set(Action)
