"""Whole numbers in query strings, `limit` and `offset` above all, as the service's framework binds them."""

import re
from dataclasses import dataclass

from aiohttp import web

from azdicom_emulator.web.errors import BadRequestError

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
INTEGER = re.compile(r"\s*[+-]?\d{1,40}\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """A query parameter with its bounds. `name` is what error texts call it.

    largest: of the service's type. is_property: parameters that the service binds to an object are named twice.
    """

    name: str
    low: int
    high: int
    default: int
    largest: int = INT32_MAX
    is_property: bool = True

    def of(self, request: web.Request) -> int:
        """Raises BadRequestError."""
        given = parameter(request, self.name)
        if given is None:
            return self.default
        if not given.strip():
            self._refuse(f"The value '{given}' is invalid.")
        if not INTEGER.fullmatch(given) or not -self.largest - 1 <= int(given) <= self.largest:
            self._refuse(f"The value '{given}' is not valid" + (f" for {self.name}." if self.is_property else "."))
        if not self.low <= int(given) <= self.high:
            high = "9.223372036854776E+18" if self.high == INT64_MAX else self.high
            self._refuse(f"The field {self.name} must be between {self.low} and {high}.")
        return int(given)

    def _refuse(self, reason: str) -> None:
        raise BadRequestError.query_parameter(self.name, reason)


LIMIT = WholeNumber(name="Limit", low=1, high=200, default=100)
OFFSET = WholeNumber(name="Offset", low=0, high=INT64_MAX, default=0, largest=INT64_MAX)


def parameter(request: web.Request, name: str) -> str | None:
    """The first value of that name, whose case does not matter."""
    return next((value for key, value in request.query.items() if key.lower() == name.lower()), None)


def page(request: web.Request) -> tuple[int, int]:
    """`limit` and `offset` of a list (azure-apis §1.5). Raises BadRequestError, for `Limit` first."""
    return LIMIT.of(request), OFFSET.of(request)
