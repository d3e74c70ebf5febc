"""Values of attribute filters, by VR: what they mean, and what is wrong with them (search §5.5, §6)."""

import re
from collections.abc import Callable, Mapping
from datetime import MAXYEAR
from typing import NoReturn
from urllib.parse import quote_plus

from azdicom_emulator.dicom.comparable import comparable_date, comparable_date_time, comparable_time
from azdicom_emulator.storage.folding import fold_name, fold_text, name_words
from azdicom_emulator.storage.query_tags import QueryTag
from azdicom_emulator.storage.selection import Between, Exact, Match, NameWords
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.whole_numbers import INT64, whole_number

EMPTY_RANGE = (
    "Invalid query: specified range is invalid.\nBoth parts in the range cannot be empty.\n"
    "For details on valid range queries, please refer to Search Matching section in Conformance Statement "
    "(https://github.com/microsoft/dicom-server/blob/main/docs/resources/conformance-statement.md#search-matching)."
)
REVERSED_RANGE = (
    "Invalid query: specified date range '{value}' is invalid.\n"
    "The first part {kind} {first} should be lesser than or equal to the second part {kind} {last}."
)
BAD_DATE = (
    "Invalid query: specified Date value '{value}' is invalid for attribute '{name}'. "
    "Date should be valid and formatted as yyyyMMdd."
)
BAD_DATE_TIME = (
    "Invalid query: specified DateTime value '{value}' is invalid for attribute '{name}'. "
    "DateTime should be valid and formatted as yyyyMMddHHmmss.FFFFFF where yyyy is mandatory."
)
OFFSET_NOT_SUPPORTED = (
    "Invalid query: specified DateTime value '{value}' for attribute {name} contains offset which is not supported."
)
BAD_TIME = (
    "Invalid query: specified Time value '{value}' is invalid for parameter '{name}'. "
    "Time should be valid and formatted as HHmmss.FFFFFF where HH is mandatory."
)
BAD_NUMBER = (
    "Invalid query: specified value '{value}' extended query tag with path '{name}' is not a valid {kind} value."
)
BAD_INTEGER_STRING = "Failed to convert parameter value from a String to a Int64."
QUOTE_IN_FUZZY_NAME = (
    "Invalid query: specified tag '{name}' value '{value}' contains unsupported character '\"'. "
    "Character is not supported with Fuzzy match, try exact match or removing the invalid character. "
)

UTC_OFFSET = re.compile(r"[+]\d\d(?:\d\d)?$", re.ASCII)
DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def parse_value(tag: QueryTag, value: str, *, fuzzy: bool) -> Match | None:
    """How `tag` must match for `value` (trimmed, not empty); None: the VR of `tag` cannot be searched.

    fuzzy: person names by the beginnings of their words (`fuzzymatching=true`). Raises BadRequestError (400).
    """
    parse = PARSERS.get(tag.vr)
    if parse is None:
        return None
    return _fuzzy_name(tag, value) if fuzzy and tag.vr == "PN" else parse(tag, value)


def _refuse(message: str, **values: str) -> NoReturn:
    raise BadRequestError(message.format(**values))


def _date(tag: QueryTag, value: str) -> Match:
    def part(text: str) -> str:
        return comparable_date(text) or _refuse(BAD_DATE, value=text, name=tag.keyword)

    return _single_or_range(value, "date", part, lowest="00010101", highest=f"{MAXYEAR}1231")


def _date_time(tag: QueryTag, value: str) -> Match:
    def part(text: str) -> str:
        if comparable := comparable_date_time(text):
            return comparable
        # A `+` in a query string is a space; encoding the value again brings it back.
        encoded = quote_plus(text, safe="-_.!*()")
        offset = UTC_OFFSET.search(encoded)
        if offset and comparable_date_time(encoded[: offset.start()]):
            return _refuse(OFFSET_NOT_SUPPORTED, value=encoded, name=tag.keyword)
        return _refuse(BAD_DATE_TIME, value=encoded, name=tag.keyword)

    return _single_or_range(
        value, "DateTime", part, lowest="00010101000000.000000", highest=f"{MAXYEAR}1231235959.999999"
    )


def _time(tag: QueryTag, value: str) -> Match:
    def part(text: str) -> str:
        return comparable_time(text) or _refuse(BAD_TIME, value=text, name=tag.keyword)

    return _single_or_range(value, "time", part, lowest="000000.000000", highest="240000.000000")


def _single_or_range(value: str, kind: str, part: Callable[[str], str], *, lowest: str, highest: str) -> Match:
    """Exactly one `-` makes a range, whose parts are trimmed; an open end is `lowest` or `highest`."""
    if value.count("-") != 1:
        return Exact(part(value))
    first_text, last_text = (text.strip() for text in value.split("-"))
    if not first_text and not last_text:
        raise BadRequestError(EMPTY_RANGE)
    first = part(first_text) if first_text else lowest
    last = part(last_text) if last_text else highest
    if first > last:
        return _refuse(REVERSED_RANGE, value=value, kind=kind, first=first_text, last=last_text)
    return Between(first, last)


def _uid(_tag: QueryTag, value: str) -> Match:
    return Exact(value.rstrip(" \0"))


def _text(_tag: QueryTag, value: str) -> Match:
    return Exact(fold_text(value) or "")


def _name(_tag: QueryTag, value: str) -> Match:
    return Exact(fold_name(value) or "")


def _fuzzy_name(tag: QueryTag, value: str) -> Match:
    if '"' in value:
        return _refuse(QUOTE_IN_FUZZY_NAME, name=tag.keyword, value=value)
    return NameWords(tuple((name_words(value) or "").split()))


def _integer(tag: QueryTag, value: str) -> Match:
    number = whole_number(value, INT64)
    return _refuse(BAD_NUMBER, value=value, name=tag.keyword, kind="long") if number is None else Exact(number)


def _integer_string(_tag: QueryTag, value: str) -> Match:
    number = whole_number(value, INT64)
    return _refuse(BAD_INTEGER_STRING) if number is None else Exact(number)


def _decimal(tag: QueryTag, value: str) -> Match:
    if not DECIMAL.fullmatch(value):
        return _refuse(BAD_NUMBER, value=value, name=tag.keyword, kind="double")
    return Exact(float(value))


PARSERS: Mapping[str, Callable[[QueryTag, str], Match]] = {
    "UI": _uid,
    **dict.fromkeys(("AE", "AS", "CS", "LO", "SH"), _text),
    "PN": _name,
    "DA": _date,
    "DT": _date_time,
    "TM": _time,
    "IS": _integer_string,
    **dict.fromkeys(("SL", "SS", "UL", "US"), _integer),
    **dict.fromkeys(("FD", "FL"), _decimal),
}
