"""Export: copies stored files to a container, as an operation (async §3)."""

import uuid
from datetime import datetime

from aiohttp import web

from azdicom_emulator.management.export_body import ExportBody, parse_export
from azdicom_emulator.management.export_progress import ExportProgress
from azdicom_emulator.management.export_settings import BlobSettings, FolderSettings, check_blob_settings
from azdicom_emulator.management.exporting import EXPORTING
from azdicom_emulator.management.operations import RUNNER, operation_reference
from azdicom_emulator.settings import Settings
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operation, OperationType
from azdicom_emulator.storage.writer import Mutation
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, ResourceNotFoundError
from azdicom_emulator.web.json_body import read_json, require_json
from azdicom_emulator.web.keys import INDEX, SETTINGS
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.warnings import announce

LOCAL_DIRECTORY = "export.local_directory"
NO_VALUES = "Missing value for property 'Values'."


async def export(request: web.Request) -> web.StreamResponse:
    """202 and the operation, when the destination has taken the empty log of errors (async §3.2, §3.3)."""
    require_json(request)
    settings = request.app[SETTINGS]
    body = _parsed(settings, await read_json(request))
    partition = await partition_of(request)
    if settings.disable_export:
        raise ResourceNotFoundError
    authorize(request)
    if body.identifiers == ():
        raise BadRequestError(NO_VALUES)
    if isinstance(body.destination, BlobSettings):
        needs_identity = settings.quirk("export.credentials") == "identity"
        check_blob_settings(body.destination, needs_identity=needs_identity)
    operation_id = uuid.uuid4().hex
    errors_url = await request.app[EXPORTING].begin(body.destination, operation_id)
    progress = ExportProgress(
        partition=partition, identifiers=body.identifiers, destination=body.destination, errors_url=errors_url
    )
    request.app[RUNNER].start(await request.app[INDEX].write(_adding(operation_id, progress)))
    if isinstance(body.destination, FolderSettings):
        announce(request, LOCAL_DIRECTORY, "answer 400")
    reference = operation_reference(request, operation_id)
    return responses.json_value(reference, status=202, headers={"Location": reference["href"]})


def _parsed(settings: Settings, body: object) -> ExportBody:
    return parse_export(
        body,
        needs_source=settings.quirk("export.missing_source") == "400",
        has_folders=settings.local_export_folder is not None,
        alphabet=settings.quirk("uid.alphabet"),
    )


def _adding(operation_id: str, progress: ExportProgress) -> Mutation[Operation]:
    """Several exports may be under way."""

    def add(mutations: Mutations, at: datetime) -> Operation:
        operation = Operation(
            id=operation_id,
            type=OperationType.EXPORT,
            created_at=at,
            updated_at=at,
            results=progress.results,
            work=progress.as_work(),
        )
        with mutations.transaction():
            return mutations.operations.add(operation, is_only_one=False)

    return add
