"""`limit` and `offset` in query strings, and other whole numbers, as the service's framework binds them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from aiohttp import web

from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.whole_numbers import INT32, INT64, whole_number

INT64_MAX = INT64[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeNumber:
    """A query parameter with its bounds. `name` is what error texts call it.

    representable: the service's type. is_property: parameters that the service binds to an object are named twice.
    """

    name: str
    low: int
    high: int
    default: int
    representable: range = INT32
    is_property: bool = True

    def of(self, request: web.Request) -> int:
        """Raises BadRequestError."""
        return self.bind(parameter(request, self.name))

    def bind(self, given: str | None) -> int:
        """given: the value in the query string; None: absent. Raises BadRequestError."""
        if given is None:
            return self.default
        if not given.strip():
            self._refuse(f"The value '{given}' is invalid.")
        number = whole_number(given, self.representable)
        if number is None:
            self._refuse(f"The value '{given}' is not valid" + (f" for {self.name}." if self.is_property else "."))
        if not self.low <= number <= self.high:
            high = "9.223372036854776E+18" if self.high == INT64_MAX else self.high
            self._refuse(f"The field {self.name} must be between {self.low} and {high}.")
        return number

    def _refuse(self, reason: str) -> NoReturn:
        raise BadRequestError.query_parameter(self.name, reason)


LIMIT = WholeNumber(name="Limit", low=1, high=200, default=100)
OFFSET = WholeNumber(name="Offset", low=0, high=INT64_MAX, default=0, representable=INT64)


def parameter(request: web.Request, name: str) -> str | None:
    """The first value of that name, whose case does not matter."""
    return first_value(request.query.items(), name)


def first_value(parameters: Iterable[tuple[str, str]], name: str) -> str | None:
    """The same of parameters that are read already."""
    return next((value for key, value in parameters if key.lower() == name.lower()), None)


def page(request: web.Request) -> tuple[int, int]:
    """`limit` and `offset` of a list (azure-apis §1.5). Raises BadRequestError, for `Limit` first."""
    return LIMIT.of(request), OFFSET.of(request)
