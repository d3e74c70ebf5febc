"""`GET /docs`: the routes by transaction as one page that needs no network, made like the OpenAPI description."""

import re
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from aiohttp import web

from azdicom_emulator import __version__
from azdicom_emulator.settings import AuthMode, Settings
from azdicom_emulator.web.authentication import origin
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.keys import ROUTER, SETTINGS
from azdicom_emulator.web.openapi import (
    GROUPS,
    TITLE,
    Group,
    answers_of,
    method_of,
    operation_id,
    path_of,
    path_parameters,
)
from azdicom_emulator.web.openapi_model import Answer, Operation, Parameter, parameters_of
from azdicom_emulator.web.openapi_operations import PATH_PARAMETERS, operation_of
from azdicom_emulator.web.routing import Action, Route

TEMPLATE = Path(__file__).with_name("docs_page.html")
DEFAULT_GROUP = "v2"
ENTERED = ("study", "series", "instance")
"""Path parameters that the page lets its reader enter."""


async def docs_page(request: web.Request) -> web.StreamResponse:
    """`?group=v1` shows another API version. Raises BadRequestError for one that does not exist."""
    name = request.query.get("group", DEFAULT_GROUP)
    if name not in GROUPS:
        raise BadRequestError.query_parameter("group", f"Known: {', '.join(GROUPS)}.")
    page = render(request.app[ROUTER].routes, name, origin(request), request.app[SETTINGS])
    return web.Response(text=page, content_type="text/html")


@cache
def _template() -> Template:
    return Template(TEMPLATE.read_text("utf-8"))


def render(routes: Iterable[Route], group_name: str, base_url: str, settings: Settings) -> str:
    """base_url: scheme, host and port of the curl lines."""
    group = GROUPS[group_name]
    transactions: dict[str, list[Route]] = {}
    for route in routes:
        if group.api_version >= route.min_version:
            transactions.setdefault(route.transaction, []).append(route)
    return _template().substitute(
        version=escape(__version__),
        group=group_name,
        title=escape(TITLE),
        groups="\n".join(_group_link(name, is_current=name == group_name) for name in GROUPS),
        values="\n".join(_value_field(name) for name in ENTERED),
        contents="\n".join(
            f'<li><a href="#{_anchor(name)}">{escape(name)}<span>{len(found)}</span></a></li>'
            for name, found in transactions.items()
        ),
        sections="\n".join(_section(name, found, group, base_url, settings) for name, found in transactions.items()),
    )


def _anchor(transaction: str) -> str:
    return re.sub(r"\W+", "-", transaction.lower())


def _group_link(name: str, *, is_current: bool) -> str:
    current = ' aria-current="page"' if is_current else ""
    return f'<a href="/docs?group={name}"{current}>{name}</a>'


def _value_field(name: str) -> str:
    description, _, example = PATH_PARAMETERS[name]
    return (
        f'<label>{escape(description)} <input name="{name}" placeholder="{escape(example)}" spellcheck="false"></label>'
    )


def _section(name: str, routes: list[Route], group: Group, base_url: str, settings: Settings) -> str:
    sources = ", ".join(dict.fromkeys(route.source for route in routes))
    rows = "\n".join(_row(route, group, base_url, settings) for route in routes)
    return (
        f'<section id="{_anchor(name)}">\n<h2>{escape(name)}<small>{escape(sources)}</small></h2>\n{rows}\n</section>'
    )


def _row(route: Route, group: Group, base_url: str, settings: Settings) -> str:
    operation = operation_of(route.handler.__name__)
    method = "any" if route.method == "*" else route.method
    path = path_of(route, group, settings)
    marked = re.sub(r"{\w+}", lambda found: f"<i>{found[0]}</i>", escape(path))
    return "\n".join(
        (
            f'<details id="{operation_id(route)}"><summary>',
            f'<span class="method {method_of(route)}">{method.upper()}</span><span class="path">{marked}</span>',
            f'<span class="what">{escape(operation.summary)}</span></summary>',
            '<div class="more">',
            _parameters(path, operation, group),
            _body(operation),
            _statuses(answers_of(route, operation).items()),
            "<h3>Call</h3>",
            f'<div class="curl"><pre>{_curl(route, operation, group, base_url, settings)}</pre>',
            '<button type="button">Copy</button></div></div></details>',
        )
    )


def _parameters(path: str, operation: Operation, group: Group) -> str:
    rows = [
        _parameter_row(name, "path", PATH_PARAMETERS.get(name, (name,))[0], is_required=True)
        for name in path_parameters(path)
    ]
    rows += [
        _parameter_row(each.name, _kind(each), each.description, is_required=each.is_required)
        for each in parameters_of(operation, group.api_version)
    ]
    return f"<h3>Parameters</h3><table>{''.join(rows)}</table>" if rows else ""


def _kind(parameter: Parameter) -> str:
    """`query, integer 1–200, default 100`."""
    schema = parameter.schema
    words = f"{parameter.location}, {schema['type']}"
    if "maximum" in schema:
        words += f" {schema['minimum']}–{schema['maximum']}"
    if isinstance(values := schema.get("enum"), list):
        words += f": {' or '.join(values)}"
    return words + (f", default {schema['default']}" if "default" in schema else "")


def _parameter_row(name: str, kind: str, description: str, *, is_required: bool) -> str:
    required = ", required" if is_required else ""
    return (
        f'<tr><td><code>{escape(name)}</code></td><td>{_prose(description)} <span class="tag">({kind}{required})</span>'
        "</td></tr>"
    )


def _body(operation: Operation) -> str:
    if not operation.body:
        return ""
    media_types = " or ".join(f"<code>{escape(media_type)}</code>" for media_type in operation.body)
    return f"<h3>Body</h3><p>{media_types}</p>"


def _statuses(answers: Iterable[tuple[int, Answer]]) -> str:
    rows = "".join(
        f'<tr><td><code class="{_colour(status)}">{status}</code></td><td>{_prose(answer.description)}</td>'
        f"<td>{', '.join(map(escape, answer.media_types))}</td></tr>"
        for status, answer in answers
    )
    return f'<h3>Answers</h3><table class="statuses">{rows}</table>'


def _colour(status: int) -> str:
    return "ok" if status < 300 else "warn" if status < 400 else "bad"


def _prose(text: str) -> str:
    """Text with `code` in backquotes, as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _curl(route: Route, operation: Operation, group: Group, base_url: str, settings: Settings) -> str:
    """A line for a shell, as HTML, with the values that can be entered marked."""
    options = ["curl -i"]
    if method_of(route) not in ("get", "post") or (method_of(route) == "post" and not operation.body):
        options.append(f"-X {method_of(route).upper()}")
    query = "&".join(f"{each.name}={quote(str(each.example))}" for each in operation.parameters if each.example)
    path = re.sub(r"{(\w+)}", lambda found: _example(found[1]), escape(path_of(route, group, settings)))
    options.append(f"'{escape(base_url)}{path}{escape('?' + query) if query else ''}'")
    if operation.curl:
        options.append(escape(operation.curl))
    if settings.auth is not AuthMode.NONE and route.action is not Action.PUBLIC:
        options.append(escape('-H "Authorization: Bearer $TOKEN"'))
    return " ".join(options)


def _example(name: str) -> str:
    example = escape(PATH_PARAMETERS.get(name, (name, None, name))[2])
    return f'<span data-value="{name}">{example}</span>' if name in ENTERED else example
