"""UPS-RS search (PS3.18 §11.9; worklist §10)."""

import logging
from dataclasses import dataclass

import orjson
from aiohttp import web
from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.worklist_search import find_workitems
from azdicom_emulator.studies.search_options import SearchOptions, attribute_values, query_parameters
from azdicom_emulator.web import responses
from azdicom_emulator.web.accept import require_dicom_json
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.keys import INDEX, SETTINGS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.worklist.search_query import WorkitemQuery, parse_workitem_search

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    """body: the JSON array, None for no results. is_partial: some that match could not be read."""

    body: bytes | None
    is_partial: bool = False


async def search_workitems(request: web.Request) -> web.StreamResponse:
    """200 with a JSON array, newest first, or 204; 206 when something that matches cannot be read."""
    parameters = query_parameters(request.raw_path.partition("?")[2])
    options = SearchOptions.of(parameters)
    name = await partition_of(request)
    require_dicom_json(request)
    values = attribute_values(parameters)
    authorize(request)
    mixed = request.app[SETTINGS].quirk("search.includefield_all_mixed") == "all"
    query = parse_workitem_search(options, values, all_may_be_mixed=mixed)
    index = request.app[INDEX]
    partition = await index.partition(name, create=False)
    if partition is None:
        return web.Response(status=204)
    answer = await index.read(lambda cursor: _search(cursor, partition.key, query))
    if answer.body is None:
        return web.Response(status=204)
    return responses.dicom_json(answer.body, status=206 if answer.is_partial else 200)


def _search(cursor: DuckDBPyConnection, partition_key: int, query: WorkitemQuery) -> _Answer:
    """In a reader thread."""
    found = find_workitems(cursor, partition_key, query.selection)
    results = [result for text in found if (result := _result(text, query.returned)) is not None]
    if not results:
        return _Answer(None)
    return _Answer(orjson.dumps(results), is_partial=len(results) < len(found))


def _result(text: bytes, returned: frozenset[str] | None) -> dict[str, object] | None:
    """None: the index is damaged there."""
    try:
        data_set: dict[str, object] = orjson.loads(text)
    except orjson.JSONDecodeError:
        log.error("a workitem cannot be read; it is left out of a search")
        return None
    if returned is None:
        return data_set
    return {tag: element for tag, element in data_set.items() if tag in returned}
