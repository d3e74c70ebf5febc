"""The rules unknown-route and live-delete: what a step asks for, and of whom."""

import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from azdicom_scenarios.expressions import REFERENCE, has_references
from azdicom_scenarios.findings import Finding
from azdicom_scenarios.linting.document import Document
from azdicom_scenarios.loading.records import Record
from azdicom_scenarios.loading.requesting import method_and_path
from azdicom_scenarios.model import Text

if TYPE_CHECKING:
    from azdicom_emulator.web.routing import Router

ADMIN = "/_azdicom/"
"""Paths of the emulator itself, which are not in the table of routes."""
SINGLE_SEGMENT = ("uid()",)
"""What surely stands for one segment of a path, beside the attributes of aliases."""


def unknown_routes(document: Document) -> Iterator[Finding]:
    base = document.settings.text("base", "/v2").rstrip("/")
    for step in (*document.steps, *document.teardown):
        line = method_and_path(step)
        if line is None:
            continue
        method, path = line
        if method == "DELETE":
            yield from _live_delete(document, step, path)
        if not has_references(base) and not _expects_refusal(step):
            yield from _unknown_route(document, method, path, base)


def _unknown_route(document: Document, method: str, path: Text, base: str) -> Iterator[Finding]:
    from azdicom_emulator.web.routing import Match, MethodNotAllowed

    sample = _sample(document, str(path).partition("?")[0])
    if sample is None or method == "OPTIONS":
        return
    if not sample.startswith("/"):
        yield Finding(path.mark, "unknown-route", f"'{path}': a path begins with /")
        return
    if (base + sample).startswith(ADMIN):
        return
    found = _router().resolve("GET" if method == "HEAD" else method, base + sample)
    if isinstance(found, MethodNotAllowed):
        yield Finding(path.mark, "unknown-route", f"{method} {path}: only {found.allow} is possible there")
    elif not isinstance(found, Match):
        yield Finding(path.mark, "unknown-route", f"{method} {path}: the API has no such path below {base or '/'}")


def _sample(document: Document, path: str) -> str | None:
    """The path with a segment for each variable; None: it is absolute, or a variable may be any number of segments."""
    if path.startswith(("http://", "https://")):
        return None
    for found in REFERENCE.finditer(path):
        inside = (found[1] or "").strip()
        alias, _, attribute = inside.partition(".")
        if inside not in SINGLE_SEGMENT and (alias not in document.studies or attribute.endswith("path")):
            return None
    return REFERENCE.sub("1", path)


def _expects_refusal(step: Record) -> bool:
    """Whether nothing but 4xx is expected: such a step may well ask for what is not there."""
    retry = step.get("retry")
    expects = filter(None, (step.get("expect"), retry and retry.get("until")))
    codes = [str(code) for expect in expects for code in expect.many("status")]
    return bool(codes) and all(code.startswith("4") for code in codes)


def _live_delete(document: Document, step: Record, path: Text) -> Iterator[Finding]:
    if "live" in map(str, document.settings.many("skip_on")) or _expects_refusal(step):
        return
    written = str(path)
    if has_references(written) and "${env(" not in written:
        return
    if written.rstrip("/").rpartition("/")[2] in _created(document):
        return
    text = f"DELETE {path}: nothing here creates it, so live runs refuse it; name a fixture, or add live to skip_on"
    yield Finding(path.mark, "live-delete", text)


def _created(document: Document) -> str:
    """Texts of what the scenario creates beside instances: tags of its fixtures and of JSON that it sends."""
    tags = [each.text("path") for each in document.fixtures.many("extended_query_tags")]
    bodies = [step.get("body").get("json") for step in document.steps if step.get("body") is not None]
    return json.dumps([tags, bodies], default=str)


@cache
def _router() -> "Router":
    from azdicom_emulator import routes
    from azdicom_emulator.web.routing import Router

    extensions = (*routes.BULK_DATA_ROUTES, *routes.SEED_DIALECT_ROUTES, *routes.SUBSCRIPTION_ROUTES)
    return Router((*routes.ROUTES, *extensions, *routes.ISSUER_ROUTES))
