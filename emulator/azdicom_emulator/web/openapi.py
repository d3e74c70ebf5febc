"""The OpenAPI description of the service, made from the routes table, and the addresses that serve it (http §10)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson
from aiohttp import web

from azdicom_emulator import __version__
from azdicom_emulator.settings import AuthMode, Settings
from azdicom_emulator.web import responses
from azdicom_emulator.web.keys import ROUTER, SETTINGS
from azdicom_emulator.web.openapi_model import STRING, Answer, Operation, Parameter, parameters_of
from azdicom_emulator.web.openapi_operations import PATH_PARAMETERS, REFUSALS, operation_of
from azdicom_emulator.web.routing import Action, Route, Scope, split_path

Json = dict[str, object]

OPENAPI_VERSION = "3.0.1"
TITLE, INFO_VERSION = "Medical Imaging Server for DICOM", "2"
YAML = "application/yaml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Group:
    """One document: the routes of an API version, below the path segment that selects it."""

    segment: str
    api_version: int


GROUPS: Mapping[str, Group] = {
    "v1-prerelease": Group("v1.0-prerelease", 1),
    "v1": Group("v1", 1),
    "v2": Group("v2", 2),
}
DOCUMENTS = web.AppKey("openapi_documents", dict[tuple[str, str], bytes])
"""What was served before, by group and format: the table does not change while the server runs."""


def openapi_document(request: web.Request) -> web.Response | None:
    """The answer to `GET /{group}/api.yaml` or `api.json`, to everybody; None: another request, or no such group."""
    if request.method != "GET" or not request.raw_path.partition("?")[0].lower().endswith((".json", ".yaml")):
        return None
    match split_path(request.rel_url.raw_path):
        case [group, name] if group in GROUPS and name.lower() in ("api.json", "api.yaml"):
            return _document(request, group, name.lower())
    return None


def _document(request: web.Request, group: str, name: str) -> web.Response:
    documents = request.app[DOCUMENTS]
    body = documents.get((group, name))
    if body is None:
        document = describe(request.app[ROUTER].routes, GROUPS[group], request.app[SETTINGS])
        body = documents[group, name] = _yaml(document) if name.endswith("yaml") else orjson.dumps(document)
    return web.Response(body=body, headers={"Content-Type": YAML if name.endswith("yaml") else responses.JSON})


def _yaml(document: Json) -> bytes:
    import yaml

    plain = orjson.loads(orjson.dumps(document))  # shared values would become anchors and aliases
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(plain, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
    return text.encode()


def describe(routes: Iterable[Route], group: Group, settings: Settings) -> Json:
    """The OpenAPI document of `group`: every route of the table that the API version has, and those without version."""
    described = [route for route in routes if group.api_version >= route.min_version]
    paths: dict[str, Json] = {}
    for route in described:
        paths.setdefault(path_of(route, group, settings), {})[method_of(route)] = _operation(route, group, settings)
    document: Json = {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": TITLE,
            "version": INFO_VERSION,
            "description": f"As azdicom {__version__} serves it.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(route.transaction for route in described)],
        "paths": paths,
    }
    if settings.auth is not AuthMode.NONE:
        document["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    return document


def path_of(route: Route, group: Group, settings: Settings) -> str:
    """With data partitions on, the data routes work below a partition only (azure-apis §5.1)."""
    if route.scope is Scope.ROOT:
        return route.path
    below = "/partitions/{partition}" if route.scope is Scope.DATA and settings.partitions else ""
    return f"/{group.segment}{below}{route.path}"


def path_parameters(path: str) -> list[str]:
    """The names in braces, in the order of the path."""
    return re.findall(r"{(\w+)}", path)


def method_of(route: Route) -> str:
    """Lower case; a route for any method is described by its GET."""
    return "get" if route.method == "*" else route.method.lower()


def operation_id(route: Route) -> str:
    """`get_studies_study_series`: method and path, which are unique together."""
    return "_".join([method_of(route), *re.findall(r"\w+", route.path)])


def answers_of(route: Route, operation: Operation) -> Mapping[int, Answer]:
    """The operation's own answers and the refusals that all operations of the service share, by status."""
    shared = {} if route.scope is Scope.ROOT else REFUSALS
    return dict(sorted({**shared, **operation.answers}.items()))


def _operation(route: Route, group: Group, settings: Settings) -> Json:
    operation = operation_of(route.handler.__name__)
    described: Json = {
        "tags": [route.transaction],
        "summary": operation.summary,
        "description": f"{route.transaction}; {route.source}.",
        "operationId": operation_id(route),
        "parameters": [
            *(_path_parameter(name) for name in path_parameters(path_of(route, group, settings))),
            *(_parameter(each) for each in parameters_of(operation, group.api_version)),
        ],
        "responses": {str(status): _answer(answer) for status, answer in answers_of(route, operation).items()},
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": {media_type: {"schema": operation.body_schema} for media_type in operation.body},
        }
    if settings.auth is not AuthMode.NONE and route.action is not Action.PUBLIC:
        described["security"] = [{"bearer": []}]
    return described


def _path_parameter(name: str) -> Json:
    description, schema, example = PATH_PARAMETERS.get(name, (name, STRING, name))
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.location,
        "required": parameter.is_required,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _answer(answer: Answer) -> Json:
    described: Json = {"description": answer.description}
    if answer.media_types:
        described["content"] = {media_type: {"schema": answer.schema} for media_type in answer.media_types}
    return described
