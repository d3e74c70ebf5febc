"""QIDO-RS: the six searches (PS3.18 §10.6; search)."""

from dataclasses import dataclass

from aiohttp import web
from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.records import Partition
from azdicom_emulator.storage.search import Found, anything_matches, find
from azdicom_emulator.storage.selection import Selection
from azdicom_emulator.storage.tag_conditions import extended_condition
from azdicom_emulator.studies.search_extensions import FINDS_NOTHING, Widened, widen
from azdicom_emulator.studies.search_options import SearchOptions, attribute_values, query_parameters
from azdicom_emulator.studies.search_query import SearchQuery, SearchTarget, parse_search
from azdicom_emulator.studies.search_results import plan_results, results_json
from azdicom_emulator.studies.search_returns import Resource
from azdicom_emulator.web import responses
from azdicom_emulator.web.accept import require_dicom_json
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.keys import INDEX, SETTINGS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.uids import path_uids
from azdicom_emulator.web.versioning import api_version
from azdicom_emulator.web.warnings import announce

ERRONEOUS_ATTRIBUTES = "erroneous-dicom-attributes"


async def search_studies(request: web.Request) -> web.StreamResponse:
    return await _search(request, Resource.ALL_STUDIES)


async def search_series(request: web.Request) -> web.StreamResponse:
    return await _search(request, Resource.ALL_SERIES)


async def search_instances(request: web.Request) -> web.StreamResponse:
    return await _search(request, Resource.ALL_INSTANCES)


async def search_study_series(request: web.Request) -> web.StreamResponse:
    return await _search(request, Resource.STUDY_SERIES)


async def search_study_instances(request: web.Request) -> web.StreamResponse:
    return await _search(request, Resource.STUDY_INSTANCES)


async def search_series_instances(request: web.Request) -> web.StreamResponse:
    return await _search(request, Resource.STUDY_SERIES_INSTANCES)


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON array, or None for no results; the extensions that were needed to find them."""

    body: bytes | None
    extensions: tuple[str, ...] = ()


async def _search(request: web.Request, resource: Resource) -> web.StreamResponse:
    """200 with a JSON array, or 204. A study or series of the path that does not exist is no error: nothing matches.

    What is wrong is told in the order of search §2. Raises BadRequestError, NotAcceptableError.
    """
    parameters = query_parameters(request.raw_path.partition("?")[2])
    options = SearchOptions.of(parameters)
    name = await partition_of(request)
    require_dicom_json(request)
    values = attribute_values(parameters)
    authorize(request)
    query = parse_search(options, values, _target(request, resource))
    answer = await _run(request, name, query)
    for extension in answer.extensions:
        announce(request, extension, FINDS_NOTHING)
    headers = {ERRONEOUS_ATTRIBUTES: ",".join(query.erroneous_keys)} if query.erroneous_keys else {}
    if answer.body is None:
        return web.Response(status=204, headers=headers)
    return responses.dicom_json(answer.body, headers=headers)


def _target(request: web.Request, resource: Resource) -> SearchTarget:
    study, series, _ = path_uids(request)
    settings = request.app[SETTINGS]
    return SearchTarget(
        resource=resource,
        version=api_version(request),
        study=study or None,
        series=series,
        extended=request.app[INDEX].query_tags,
        all_may_be_mixed=settings.quirk("search.includefield_all_mixed") == "all",
        all_has_model_name=settings.quirk("search.all_has_model_name") == "yes",
    )


async def _run(request: web.Request, partition_name: str, query: SearchQuery) -> Answer:
    index = request.app[INDEX]
    partition = await index.partition(partition_name, create=False)
    if partition is None:
        return Answer(None)
    widened = widen(query.selection, request.app[SETTINGS].extension)
    return await index.read(lambda cursor: _answer(cursor, partition, index.files, query, widened))


def _answer(
    cursor: DuckDBPyConnection, partition: Partition, files: FileStore, query: SearchQuery, widened: Widened | None
) -> Answer:
    """Searches in a reader thread; for `widened` only if `query` has no result on any page (seed-features §8)."""
    plan = plan_results(query.selection.level, query.returned)

    def page(selection: Selection) -> list[Found]:
        return find(
            cursor, partition, selection, attributes=plan.attributes, newest=plan.metadata, extended=extended_condition
        )

    def is_behind_the_last_page(selection: Selection) -> bool:
        return selection.offset > 0 and anything_matches(cursor, partition, selection, extended=extended_condition)

    found = page(query.selection)
    extensions: tuple[str, ...] = ()
    if not found and widened is not None and not is_behind_the_last_page(query.selection):
        found, extensions = page(widened.selection), widened.extensions
    body = results_json(plan, found, files)
    return Answer(body, extensions if body is not None else ())
