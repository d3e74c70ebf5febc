"""From the parameters of a worklist search to what it selects and returns, or why it is refused (worklist §10)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from azdicom_emulator.dicom.tag_paths import SequencePathError, parse_tag_path, tag_path
from azdicom_emulator.storage.query_tags import Level, QueryTag
from azdicom_emulator.storage.selection import Match
from azdicom_emulator.storage.worklist_attributes import SEARCH_ATTRIBUTES, SearchAttribute
from azdicom_emulator.storage.worklist_search import WorkitemFilter, WorkitemSelection
from azdicom_emulator.studies.search_options import SearchOptions
from azdicom_emulator.studies.search_query import (
    ALL_AND_MORE,
    EMPTY_VALUE,
    NOT_QUERYABLE,
    REPEATED_TAG,
    UNKNOWN_FIELD,
)
from azdicom_emulator.studies.search_values import parse_value
from azdicom_emulator.web.errors import BadRequestError

TOO_DEEP = "Dicom element '{key}' failed validation for VR 'SQ': Nested sequences are currently not supported."
BAD_FILTER = "expected attribute=value pairs, separated by commas"

_DEFAULT_RETURNED = """
    00080005 00080016 00080018 00741200 00741204 00741202 00741210 00404025 00404026 00404027 00404034 00404005
    00404018 00404041 00404021 0020000D 00100010 00100020 00100021 00100024 00101002 00100030 00100040 00380010
    00380014 00081080 00081084 0040A370 00102000 001021C0 00380050 00741000 00741002
"""
DEFAULT_RETURNED = frozenset(_DEFAULT_RETURNED.split())
"""What a result has unless more is asked for (worklist §10.3)."""

# What filters name: found here, it needs no dictionary, whose first use takes 0.2 s.
USUAL_PARTS = {
    spelling: tag
    for each in SEARCH_ATTRIBUTES.values()
    for keyword, tag in zip(each.name.split("."), each.path, strict=True)
    for spelling in (keyword, tag)
}


@dataclass(frozen=True, slots=True)
class WorkitemQuery:
    """returned: the tags that a result may have; None: all of them."""

    selection: WorkitemSelection
    returned: frozenset[str] | None


def parse_workitem_search(
    options: SearchOptions, values: Mapping[str, str], *, all_may_be_mixed: bool = False
) -> WorkitemQuery:
    """values: the attribute filters of the query string, in its order.

    all_may_be_mixed: whether the quirk search.includefield_all_mixed is `all`. Raises BadRequestError (400).
    """
    filters = _parse_filters(values.items(), fuzzy=options.fuzzy)
    include = _parse_include(options.include, all_may_be_mixed=all_may_be_mixed)
    returned = None if include is None else DEFAULT_RETURNED | include | {each.attribute.path[-1] for each in filters}
    return WorkitemQuery(WorkitemSelection(filters=filters, offset=options.offset, limit=options.limit), returned)


def parse_filter(text: str) -> tuple[WorkitemFilter, ...]:
    """The `filter` of a subscription, `attribute=value,attribute=value` (worklist §13.1). Raises BadRequestError."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(equals and key.strip() for key, equals, _ in pairs):
        raise BadRequestError.query_parameter("filter", BAD_FILTER)
    return _parse_filters(((key.strip(), value.strip()) for key, _, value in pairs), fuzzy=False)


def _parse_filters(values: Iterable[tuple[str, str]], *, fuzzy: bool) -> tuple[WorkitemFilter, ...]:
    filters: dict[tuple[str, ...], WorkitemFilter] = {}
    for key, value in values:
        attribute = _searchable(key)
        if attribute.path in filters:
            _refuse(REPEATED_TAG, key)
        filters[attribute.path] = WorkitemFilter(attribute, _match(attribute, key, value, fuzzy=fuzzy))
    return tuple(filters.values())


def _searchable(key: str) -> SearchAttribute:
    parts = key.split(".")
    if len(parts) > 2:
        _refuse(TOO_DEEP, key)
    tags = [USUAL_PARTS.get(part) or _parse_tag(part) for part in parts]
    path = tuple(tag for tag in tags if tag is not None)
    attribute = SEARCH_ATTRIBUTES.get(path) if len(path) == len(parts) else None
    return attribute or _refuse(NOT_QUERYABLE, key)


def _match(attribute: SearchAttribute, key: str, value: str, *, fuzzy: bool) -> Match:
    if not value:
        _refuse(EMPTY_VALUE, key)
    tag = QueryTag(tag=int(attribute.path[-1], 16), keyword=attribute.keyword, vr=attribute.vr, level=Level.INSTANCE)
    match = parse_value(tag, value, fuzzy=fuzzy)
    return match or _refuse(NOT_QUERYABLE, key)


def _parse_include(parts: Sequence[str], *, all_may_be_mixed: bool) -> frozenset[str] | None:
    """None: everything."""
    if any(part.lower() == "all" for part in parts):
        if len(parts) > 1 and not all_may_be_mixed:
            raise BadRequestError(ALL_AND_MORE)
        return None
    return frozenset(map(_parse_field, parts))


def _parse_field(part: str) -> str:
    try:
        return _parse_tag(part) or _refuse(UNKNOWN_FIELD, part)
    except SequencePathError as error:
        raise BadRequestError(str(error)) from error


def _parse_tag(part: str) -> str | None:
    tag = parse_tag_path(part)
    return None if tag is None else tag_path(tag)


def _refuse(message: str, key: str) -> NoReturn:
    raise BadRequestError(message.format(key=key))
