"""The table of known answers, from the emulator's routes and what its OpenAPI description says of them.

    python -m tests.parity.known_answers

writes it.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import azdicom_proxy.parity.coverage
from azdicom_emulator.routes import ROUTES
from azdicom_emulator.web.openapi import answers_of
from azdicom_emulator.web.openapi_model import TEXT
from azdicom_emulator.web.openapi_operations import operation_of
from azdicom_emulator.web.routing import Scope
from azdicom_proxy.cassette.naming import route_of
from azdicom_proxy.parity.coverage import TABLE, Cell, status_class

PATH = Path(azdicom_proxy.parity.coverage.__file__).parent / TABLE
BUSY = "5xx"
"""Answers that no request asks for are left out."""
EMPTY_TEXTS = frozenset({("POST /workitems/{workitem}", 200)})
"""Whose text is always empty (worklist §2.1): an answer without a body counts without a media type."""


def cells_of_the_emulator() -> set[Cell]:
    """Every kind of answer of a route that the managed service has too: the extensions' tables are left out."""
    return {cell for cell in _cells() if cell.status_class != BUSY}


def _cells() -> Iterator[Cell]:
    for route in ROUTES:
        if route.scope is Scope.ROOT:
            continue
        name = route_of(route.method, route.path)
        for status, answer in answers_of(route, operation_of(route.handler.__name__)).items():
            for media_type in answer.media_types or ("",):
                is_empty = media_type == TEXT and (name, status) in EMPTY_TEXTS
                yield Cell(name, status_class(status), "" if is_empty else media_type)


def text() -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(Cell._fields)
    writer.writerows(sorted(cells_of_the_emulator()))
    return lines.getvalue()


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
