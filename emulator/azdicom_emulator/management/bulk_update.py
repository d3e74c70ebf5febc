"""Bulk update: changes patient and study attributes of whole studies, as an operation (async §2)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet, JsonDataSetError, data_set_bytes, parse_data_set
from azdicom_emulator.dicom.uid import validate_uid
from azdicom_emulator.management.bulk_update_checks import failed_attributes, refused_elements
from azdicom_emulator.management.json_objects import property_of
from azdicom_emulator.management.operations import OPERATIONS_DISABLED, RUNNER, operation_reference
from azdicom_emulator.management.update_progress import UpdateProgress
from azdicom_emulator.storage.errors import OperationActiveError
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationType
from azdicom_emulator.storage.writer import Mutation
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, ConflictError, InvalidUidError
from azdicom_emulator.web.json_body import EMPTY_BODY, NOT_JSON, lenient_json, require_json
from azdicom_emulator.web.keys import INDEX, SETTINGS
from azdicom_emulator.web.mediatypes import parse_list
from azdicom_emulator.web.partitions import partition_of

MAX_STUDIES = 50
NOT_AN_OBJECT = "The JSON value could not be converted to an object."
NOT_UIDS = "The JSON value could not be converted to an array of strings."
NOT_A_DATA_SET = "The JSON value could not be converted to a data set: {reason}."
NO_CHANGES = "Value cannot be null. (Parameter 'ChangeDataset')"
NO_STUDIES = "The required field 'StudyInstanceUids' is missing or empty."
TOO_MANY_STUDIES = f"StudyInstanceUids count exceeded maximum length '{MAX_STUDIES}'"
ALREADY_ACTIVE = "There is already an active update operation with ID '{id}'."


@dataclass(frozen=True, slots=True)
class BulkUpdateBody:
    """What the body asks for; None: it does not say. Null in place of a UID is an empty text."""

    studies: list[str] | None
    changes: DataSet | None


async def update_studies(request: web.Request) -> web.StreamResponse:
    """202 and the operation; 400, text or a DICOM JSON data set; 409 while another update is active (async §2.1)."""
    require_json(request)
    body = parse_bulk_update(await request.read())
    partition = await partition_of(request)
    if request.app[SETTINGS].disable_operations:
        raise BadRequestError(OPERATIONS_DISABLED)
    authorize(request)
    if body.changes is None:
        raise BadRequestError(NO_CHANGES)
    studies = _checked_studies(body.studies, request.app[SETTINGS].quirk("uid.alphabet"))
    if refused := refused_elements(body.changes):
        return _failed_attributes(request, data_set_bytes(failed_attributes(refused)))
    index = request.app[INDEX]
    try:
        operation = await index.write(_adding(UpdateProgress(partition, studies, body.changes)))
    except OperationActiveError as error:
        raise ConflictError(ALREADY_ACTIVE.format(id=error.operation_id)) from error
    request.app[RUNNER].start(operation)
    reference = operation_reference(request, operation.id)
    has_location = request.app[SETTINGS].quirk("update.location_header") == "present"
    headers = {"Location": reference["href"]} if has_location else {}
    return responses.json_value(reference, status=202, headers=headers)


def parse_bulk_update(content: bytes) -> BulkUpdateBody:
    """The object of the body; names in any case, other properties are ignored. Raises BadRequestError."""
    value = _parsed(content) if content.strip() else None
    if value is None:
        raise BadRequestError.query_parameter("", EMPTY_BODY)
    if not isinstance(value, dict):
        raise BadRequestError.query_parameter("$", NOT_AN_OBJECT)
    return BulkUpdateBody(_studies(value), _changes(value))


def _parsed(content: bytes) -> Any:
    try:
        return lenient_json(content)
    except ValueError as error:
        raise BadRequestError.query_parameter("$", NOT_JSON) from error


def _studies(value: Mapping[str, Any]) -> list[str] | None:
    name, studies = property_of(value, "studyInstanceUids")
    if studies is None:
        return None
    if not isinstance(studies, list) or not all(each is None or isinstance(each, str) for each in studies):
        raise BadRequestError.query_parameter(f"$.{name}", NOT_UIDS)
    return [each or "" for each in studies]


def _changes(value: Mapping[str, Any]) -> DataSet | None:
    name, changes = property_of(value, "changeDataset")
    if changes is None:
        return None
    try:
        return parse_data_set(changes)
    except JsonDataSetError as error:
        raise BadRequestError.query_parameter(f"$.{name}", NOT_A_DATA_SET.format(reason=error)) from error


def _checked_studies(studies: list[str] | None, alphabet: str) -> tuple[str, ...]:
    """One may be named twice: it is updated twice."""
    if not studies:
        raise BadRequestError(NO_STUDIES)
    if len(studies) > MAX_STUDIES:
        raise BadRequestError(TOO_MANY_STUDIES)
    trimmed = tuple(study.rstrip(" ") for study in studies)
    if not all(validate_uid(study, alphabet=alphabet) for study in trimmed):
        raise InvalidUidError.of("StudyInstanceUid")
    return trimmed


def _failed_attributes(request: web.Request, body: bytes) -> web.Response:
    """DICOM JSON for whoever accepts nothing else, JSON for everybody else (async §2.2)."""
    accepted = [entry.essence for entry in parse_list(", ".join(request.headers.getall("Accept", []))) or []]
    media_type = responses.DICOM_JSON if accepted == ["application/dicom+json"] else responses.JSON
    return web.Response(status=400, body=body, headers={"Content-Type": media_type})


def _adding(progress: UpdateProgress) -> Mutation[Operation]:
    def add(mutations: Mutations, at: datetime) -> Operation:
        operation = Operation(
            id=uuid.uuid4().hex,
            type=OperationType.UPDATE,
            created_at=at,
            updated_at=at,
            percent=0,
            work=progress.as_work(),
        )
        with mutations.transaction():
            return mutations.operations.add(operation)

    return add
