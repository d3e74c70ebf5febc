"""The query string of a search, split into control parameters and attribute filters (search §4, §5.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.paging import LIMIT, OFFSET, first_value

CONTROL_PARAMETERS = ("fuzzymatching", "includefield", "limit", "offset")
NOT_VALID = "The value '{value}' is not valid for {name}."
NO_VALUE = "The value '{value}' is invalid."
REPEATED = "Invalid QIDO-RS query. Duplicate AttributeId '{key}'. Each attribute is only allowed to be specified once."


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """The control parameters. `include`: the parts of `includefield`, trimmed, as the client wrote them."""

    limit: int = LIMIT.default
    offset: int = OFFSET.default
    fuzzy: bool = False
    include: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Sequence[tuple[str, str]]) -> Self:
        """Of a repeated parameter the first value counts.

        Raises BadRequestError (400) for the first bad one in alphabetical order.
        """
        fuzzy = first_value(parameters, "FuzzyMatching")
        return cls(
            fuzzy=fuzzy is not None and _boolean("FuzzyMatching", fuzzy),
            limit=LIMIT.bind(first_value(parameters, LIMIT.name)),
            offset=OFFSET.bind(first_value(parameters, OFFSET.name)),
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


def _boolean(name: str, value: str) -> bool:
    if not value.strip():
        raise BadRequestError.query_parameter(name, NO_VALUE.format(value=value))
    folded = value.strip().lower()
    if folded not in ("true", "false"):
        raise BadRequestError.query_parameter(name, NOT_VALID.format(value=value, name=name))
    return folded == "true"
