"""Extended query tags: add, list, show, switch, remove, and their errors (azure-apis §1)."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from aiohttp import web

from azdicom_emulator.dicom.tag_paths import tag_path
from azdicom_emulator.management.operations import (
    OPERATIONS_DISABLED,
    RUNNER,
    operation_reference,
    operation_url,
)
from azdicom_emulator.management.query_tag_body import parse_query_status, parse_tag_entries
from azdicom_emulator.management.query_tag_checks import checked_tags, tag_of_path
from azdicom_emulator.management.timestamps import without_zone
from azdicom_emulator.management.wire_words import wire_word
from azdicom_emulator.storage.errors import OperationActiveError, QueryTagsExistError, TooManyQueryTagsError
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationType
from azdicom_emulator.storage.query_tags import QueryTag
from azdicom_emulator.storage.writer import Mutation
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, ConflictError, ResourceNotFoundError, TagLimitError
from azdicom_emulator.web.json_body import read_json, require_json
from azdicom_emulator.web.keys import INDEX, MATCH, SETTINGS
from azdicom_emulator.web.paging import page
from azdicom_emulator.web.urls import service_url

NOT_FOUND = "The specified extended query tag with tag path {path} cannot be found."
TAGS_EXIST = "One or more extended query tags already exist."
ALREADY_ACTIVE = "There is already an active re-index operation with ID '{id}'."


async def add_query_tags(request: web.Request) -> web.StreamResponse:
    """202 and the re-index that makes the tags ready; all of them are added, or none (azure-apis §1.3)."""
    require_json(request)
    entries = parse_tag_entries(await read_json(request))
    if request.app[SETTINGS].disable_operations:
        raise BadRequestError(OPERATIONS_DISABLED)
    authorize(request)
    index = request.app[INDEX]
    active = index.operations.active(OperationType.REINDEX)
    if active:
        return _already_active(request, active[0].id)
    tags = checked_tags(entries)
    try:
        operation = await index.write(_adding(tags, request.app[SETTINGS].max_extended_query_tags))
    except OperationActiveError as error:
        return _already_active(request, error.operation_id)
    except TooManyQueryTagsError as error:
        raise TagLimitError(error.limit) from error
    except QueryTagsExistError as error:
        raise ConflictError(TAGS_EXIST) from error
    request.app[RUNNER].start(operation)
    reference = operation_reference(request, operation.id)
    return responses.json_value(reference, status=202, headers={"Location": reference["href"]})


async def list_query_tags(request: web.Request) -> web.StreamResponse:
    """A page of the tags, in the order in which they were added."""
    limit, offset = page(request)
    authorize(request)
    tags = request.app[INDEX].query_tags[offset : offset + limit]
    return responses.json_value([_json(request, tag) for tag in tags])


async def show_query_tag(request: web.Request) -> web.StreamResponse:
    authorize(request)
    return responses.json_value(_json(request, _requested_tag(request)))


async def change_query_tag(request: web.Request) -> web.StreamResponse:
    """Switches searches by the tag on or off, whatever its status; its errors stay (azure-apis §1.6)."""
    require_json(request)
    query_status = parse_query_status(await read_json(request))
    authorize(request)
    tag = _requested_tag(request)

    def change(mutations: Mutations, _: datetime) -> QueryTag | None:
        with mutations.transaction():
            return mutations.tags.set_query_status(_key(tag), query_status)

    changed = await request.app[INDEX].write(change)
    if changed is None:
        raise _not_found(tag.tag)
    return responses.json_value(_json(request, changed))


async def delete_query_tag(request: web.Request) -> web.StreamResponse:
    """Removes the tag with its values and errors, during a re-index too, which then goes on without it."""
    authorize(request)
    tag = _requested_tag(request)

    def remove(mutations: Mutations, _: datetime) -> bool:
        with mutations.transaction():
            mutations.operations.drop_resource(_resource(tag))
            return mutations.tags.remove(_key(tag))

    if not await request.app[INDEX].write(remove):
        raise _not_found(tag.tag)
    return web.Response(status=204)


async def list_tag_errors(request: web.Request) -> web.StreamResponse:
    """A page of the instances that the tag's re-index could not index, by time, then version (azure-apis §1.8)."""
    limit, offset = page(request)
    authorize(request)
    tag = _requested_tag(request)
    errors = await request.app[INDEX].tag_errors(_key(tag), limit, offset)
    return responses.json_value(
        [
            {
                "partitionName": error.key.partition,
                "studyInstanceUid": error.key.study,
                "seriesInstanceUid": error.key.series,
                "sopInstanceUid": error.key.instance,
                "createdTime": without_zone(error.at),
                "errorMessage": error.message,
            }
            for error in errors
        ]
    )


def _adding(tags: list[QueryTag], limit: int) -> Mutation[Operation]:
    def add(mutations: Mutations, at: datetime) -> Operation:
        operation = Operation(
            id=uuid.uuid4().hex,
            type=OperationType.REINDEX,
            created_at=at,
            updated_at=at,
            percent=0,
            resources=tuple(map(_resource, tags)),
        )
        with mutations.transaction():
            mutations.operations.add(operation)
            mutations.tags.add(tags, operation.id, limit)
        return operation

    return add


def _already_active(request: web.Request, operation_id: str) -> web.Response:
    return web.Response(
        status=409,
        text=ALREADY_ACTIVE.format(id=operation_id),
        headers={"Location": operation_url(request, operation_id)},
    )


def _requested_tag(request: web.Request) -> QueryTag:
    """Raises BadRequestError, ResourceNotFoundError (azure-apis §1.1)."""
    wanted = tag_of_path(request[MATCH].parameters["tag"])
    for tag in request.app[INDEX].query_tags:
        if tag.tag == wanted:
            return tag
    raise _not_found(wanted)


def _not_found(tag: int) -> ResourceNotFoundError:
    return ResourceNotFoundError(NOT_FOUND.format(path=tag_path(tag)))


def _key(tag: QueryTag) -> int:
    assert tag.key is not None
    return tag.key


def _resource(tag: QueryTag) -> str:
    return f"extendedquerytags/{tag_path(tag.tag)}"


def _json(request: web.Request, tag: QueryTag) -> Mapping[str, object]:
    """Properties in the service's order; what there is none of is left out (azure-apis §1.4)."""
    body: dict[str, object] = {
        "status": wire_word(request, tag.status),
        "level": wire_word(request, tag.level.name.lower()),
    }
    if tag.error_count:
        body["errors"] = {"count": tag.error_count, "href": f"{service_url(request)}/{_resource(tag)}/errors"}
    if tag.operation is not None:
        body["operation"] = operation_reference(request, tag.operation)
    body["queryStatus"] = wire_word(request, tag.query_status)
    if tag.private_creator is not None:
        body["privateCreator"] = tag.private_creator
    return body | {"path": tag_path(tag.tag), "vr": tag.vr}
