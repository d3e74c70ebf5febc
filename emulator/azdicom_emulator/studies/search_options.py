"""The query string of a search, split into control parameters and attribute filters (search §4, §5.4)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from azdicom_emulator.web.errors import BadRequestError

CONTROL_PARAMETERS = ("fuzzymatching", "includefield", "limit", "offset")
DEFAULT_LIMIT = 100
MAX_LIMIT = 200
MAX_OFFSET = 2**63 - 1

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)
INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)

LIMIT_OUT_OF_RANGE = f"The field Limit must be between 1 and {MAX_LIMIT}."
OFFSET_OUT_OF_RANGE = "The field Offset must be between 0 and 9.223372036854776E+18."
NOT_VALID = "The value '{value}' is not valid for {name}."
NO_VALUE = "The value '{value}' is invalid."
REPEATED = "Invalid QIDO-RS query. Duplicate AttributeId '{key}'. Each attribute is only allowed to be specified once."


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """The control parameters. `include`: the parts of `includefield`, trimmed, as the client wrote them."""

    limit: int = DEFAULT_LIMIT
    offset: int = 0
    fuzzy: bool = False
    include: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Sequence[tuple[str, str]]) -> Self:
        """Of a repeated parameter the first value counts.

        Raises BadRequestError (400) for the first bad one in alphabetical order.
        """
        fuzzy = _first(parameters, "FuzzyMatching")
        limit = _first(parameters, "Limit")
        offset = _first(parameters, "Offset")
        return cls(
            fuzzy=fuzzy is not None and _boolean("FuzzyMatching", fuzzy),
            limit=DEFAULT_LIMIT
            if limit is None
            else _integer("Limit", limit, INT32, range(1, MAX_LIMIT + 1), LIMIT_OUT_OF_RANGE),
            offset=0
            if offset is None
            else _integer("Offset", offset, INT64, range(MAX_OFFSET + 1), OFFSET_OUT_OF_RANGE),
            include=tuple(
                part.strip() for key, value in parameters if key.lower() == "includefield" for part in value.split(",")
            ),
        )


def query_parameters(raw_query: str) -> list[tuple[str, str]]:
    """Keys and values in their order, decoded: `+` is a space, a key without `=` has an empty value."""
    return parse_qsl(raw_query, keep_blank_values=True)


def attribute_values(parameters: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The attribute filters: trimmed keys to trimmed values, in their order; every key that is no control parameter.

    Raises BadRequestError (400) when a key comes twice, in whatever case.
    """
    values: dict[str, str] = {}
    spellings: dict[str, str] = {}
    for raw_key, value in parameters:
        key = raw_key.strip()
        folded = key.lower()
        if folded in CONTROL_PARAMETERS:
            continue
        if folded in spellings:
            raise BadRequestError(REPEATED.format(key=spellings[folded]))
        spellings[folded] = key
        values[key] = value.strip()
    return values


def _first(parameters: Sequence[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in parameters if key.lower() == name.lower()), None)


def _boolean(name: str, value: str) -> bool:
    _require_value(name, value)
    folded = value.strip().lower()
    if folded not in ("true", "false"):
        raise BadRequestError.query_parameter(name, NOT_VALID.format(value=value, name=name))
    return folded == "true"


def _integer(name: str, value: str, representable: range, allowed: range, out_of_range: str) -> int:
    _require_value(name, value)
    if not INTEGER.fullmatch(value) or int(value) not in representable:
        raise BadRequestError.query_parameter(name, NOT_VALID.format(value=value, name=name))
    number = int(value)
    if number not in allowed:
        raise BadRequestError.query_parameter(name, out_of_range)
    return number


def _require_value(name: str, value: str) -> None:
    if not value.strip():
        raise BadRequestError.query_parameter(name, NO_VALUE.format(value=value))
