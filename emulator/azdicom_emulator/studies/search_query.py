"""From the parameters of a search to a SearchQuery: what each filter means, or why it is refused (search §5, §7)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from azdicom_emulator.dicom.tag_paths import SequencePathError, parse_tag_path
from azdicom_emulator.storage.query_tags import (
    CORE_TAGS,
    SERIES_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    QueryStatus,
    QueryTag,
    TagStatus,
)
from azdicom_emulator.storage.selection import Exact, Filter, Selection
from azdicom_emulator.studies.search_options import SearchOptions
from azdicom_emulator.studies.search_returns import RETURNED, Include, Resource, returned_tags
from azdicom_emulator.studies.search_values import parse_value
from azdicom_emulator.web.errors import BadRequestError

CASE_HINT = (
    "If the parameter is an attribute keyword, check the casing as they are case-sensitive. "
    "The conformance statement has a list of supported query parameters, attributes and the levels."
)
UNKNOWN_PARAMETER = "Invalid query: unknown query parameter '{key}'. " + CASE_HINT
NOT_QUERYABLE = "Invalid query: AttributeId {key} is not queryable.  " + CASE_HINT
QUERY_DISABLED = "Query is disabled on specified attribute '{key}'."
EMPTY_VALUE = "Invalid query: AttributeId '{key}' has empty string value that is not supported."
REPEATED_TAG = (
    "Invalid query: attribute '{key}' has been specified more than once using different ID formats. "
    "Each attribute is only allowed to be specified once."
)
ALL_AND_MORE = "Invalid query: cannot specify included fields in addition to 'all'."
UNKNOWN_FIELD = "Invalid query: IncludeField has unknown attribute '{key}'."

# What nearly all searches name: found here, it needs no dictionary, whose first use takes 0.2 s.
USUAL_KEYWORDS = {tag.keyword: tag.tag for tag in CORE_TAGS.values()} | {row[2]: row[1] for row in RETURNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTarget:
    """What the path and the service add to the parameters.

    study, series: UIDs of the path. version: major number of the API. extended: all extended query tags.
    The flags are the quirks search.includefield_all_mixed (`all`) and search.all_has_model_name (`yes`).
    """

    resource: Resource
    version: int = 2
    study: str | None = None
    series: str | None = None
    extended: Sequence[QueryTag] = ()
    all_may_be_mixed: bool = False
    all_has_model_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """A search that can be run.

    returned: the tags that a result may have. erroneous_keys: as the client wrote them, the extended query tags among
    the filters that had errors while they were indexed.
    """

    selection: Selection
    returned: frozenset[int]
    erroneous_keys: tuple[str, ...] = ()


def parse_search(options: SearchOptions, values: Mapping[str, str], target: SearchTarget) -> SearchQuery:
    """values: the attribute filters of the query string, in its order.

    Raises BadRequestError (400) for the first filter that is refused, then for `includefield`.
    """
    filters: dict[int, Filter] = {}
    erroneous_keys: list[str] = []
    for key, value in values.items():
        each = _parse_filter(key, value, target, fuzzy=options.fuzzy)
        if each.tag.error_count > 0:
            erroneous_keys.append(key)
        if each.tag.tag in filters:
            _refuse(REPEATED_TAG, key)
        filters[each.tag.tag] = each
    filters |= {each.tag.tag: each for each in _path_filters(target)}
    include = _parse_include(options.include, all_may_be_mixed=target.all_may_be_mixed)
    return SearchQuery(
        selection=Selection(
            level=target.resource.level, filters=tuple(filters.values()), offset=options.offset, limit=options.limit
        ),
        returned=returned_tags(
            target.resource, target.version, include, filters, all_has_model_name=target.all_has_model_name
        ),
        erroneous_keys=tuple(erroneous_keys),
    )


def _parse_filter(key: str, value: str, target: SearchTarget, *, fuzzy: bool) -> Filter:
    path = _parse_tag(key)
    if path is None:
        _refuse(UNKNOWN_PARAMETER, key)
    tag = _queryable(path, target)
    if tag is None:
        _refuse(NOT_QUERYABLE, key)
    if tag.query_status is QueryStatus.DISABLED:
        _refuse(QUERY_DISABLED, key)
    if not value:
        _refuse(EMPTY_VALUE, key)
    match = parse_value(tag, value, fuzzy=fuzzy)
    if match is None:
        _refuse(UNKNOWN_PARAMETER, key)
    return Filter(tag, match, value)


def _queryable(tag: int, target: SearchTarget) -> QueryTag | None:
    """The searchable attribute, if filters of this route may use it (search §5.1)."""
    ready = {each.tag: each for each in target.extended if each.status is TagStatus.READY}
    found = CORE_TAGS.get(tag) or ready.get(tag)
    return found if found is not None and found.level in target.resource.levels else None


def _path_filters(target: SearchTarget) -> Iterable[Filter]:
    """The UIDs of the path are filters like any other, so they are returned as well."""
    for tag, uid in ((STUDY_INSTANCE_UID, target.study), (SERIES_INSTANCE_UID, target.series)):
        if uid is not None:
            yield Filter(CORE_TAGS[tag], Exact(uid), uid)


def _parse_include(parts: Sequence[str], *, all_may_be_mixed: bool) -> Include:
    if any(part.lower() == "all" for part in parts):
        if len(parts) > 1 and not all_may_be_mixed:
            raise BadRequestError(ALL_AND_MORE)
        return Include(everything=True)
    return Include(frozenset(_parse_field(part) for part in parts))


def _parse_field(part: str) -> int:
    tag = _parse_tag(part)
    if tag is None:
        _refuse(UNKNOWN_FIELD, part)
    return tag


def _parse_tag(path: str) -> int | None:
    if tag := USUAL_KEYWORDS.get(path):
        return tag
    try:
        return parse_tag_path(path)
    except SequencePathError as error:
        raise BadRequestError(str(error)) from error


def _refuse(message: str, key: str) -> NoReturn:
    raise BadRequestError(message.format(key=key))
