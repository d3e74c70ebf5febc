"""What of the service's surface a run has exercised: routes × status classes × media types."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

TABLE = "known_answers.csv"


class Cell(NamedTuple):
    """A kind of answer. status_class: `2xx`; media_type: `type/subtype`, "" for an answer without a body."""

    route: str
    status_class: str
    media_type: str

    def __str__(self) -> str:
        """`GET /studies 2xx application/dicom+json`."""
        return " ".join(self).strip()


@cache
def known_cells() -> frozenset[Cell]:
    """All that the service is known to answer; `python -m tests.parity.known_answers` writes the table."""
    rows = csv.DictReader(files(__package__).joinpath(TABLE).read_text("utf-8").splitlines())
    return frozenset(Cell(**row) for row in rows)


def known_routes() -> tuple[str, ...]:
    """In alphabetical order of paths, then methods."""
    return tuple(sorted({cell.route for cell in known_cells()}, key=_path_first))


@dataclass(frozen=True, slots=True)
class Coverage:
    """cells: what was compared."""

    cells: frozenset[Cell]

    def as_json(self) -> dict[str, Any]:
        known, routes = known_cells(), known_routes()
        exercised = self.cells & known
        seen = {cell.route for cell in self.cells}
        return {
            "percent": round(100 * len(exercised) / len(known), 1),
            "exercised": len(exercised),
            "known": len(known),
            "routes_exercised": sum(route in seen for route in routes),
            "routes_known": len(routes),
            "never_exercised": [route for route in routes if route not in seen],
            "never_answered": [str(cell) for cell in sorted(known - self.cells)],
            "beyond_known": [str(cell) for cell in sorted(self.cells - known)],
        }


def status_class(status: int) -> str:
    """`2xx` for 204."""
    return f"{status // 100}xx"


def _path_first(route: str) -> tuple[str, str]:
    method, _, path = route.partition(" ")
    return path, method
