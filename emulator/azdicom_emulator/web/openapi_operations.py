"""What the routes table cannot tell the OpenAPI description: parameters, bodies and answers of each handler."""

from collections.abc import Mapping
from dataclasses import replace

from azdicom_emulator.storage.query_tags import CORE_TAGS, Level
from azdicom_emulator.web.openapi_model import (
    BOOLEAN,
    DATASETS,
    DICOM,
    DICOM_JSON,
    HTML,
    JPEG,
    JSON,
    MULTIPART,
    OBJECT,
    OCTET_STREAM,
    PNG,
    STRING,
    TEXT,
    Answer,
    Operation,
    Parameter,
    Schema,
    text,
)
from azdicom_emulator.web.openapi_worklist import worklist_operations

NOT_FOUND = text("What the path names does not exist.")
NOT_OFFERED = text("The Accept header asks for a form that is not offered.")
NOT_DICOM_JSON = Answer("The Accept header is missing, or does not cover `application/dicom+json`.")

REFUSALS: Mapping[int, Answer] = {
    400: text("The request is invalid; the text says why."),
    401: Answer("The bearer token is missing or invalid."),
    403: text("The token's role does not allow this."),
    503: text("Too busy: try again after the seconds of Retry-After."),
}
"""Of every operation of the service."""

PATH_PARAMETERS: Mapping[str, tuple[str, Schema, str]] = {
    "study": ("StudyInstanceUID", STRING, "1.2.826.0.1.3680043.8.498.1"),
    "series": ("SeriesInstanceUID", STRING, "1.2.826.0.1.3680043.8.498.2"),
    "instance": ("SOPInstanceUID", STRING, "1.2.826.0.1.3680043.8.498.3"),
    "frames": ("Frame numbers from 1 on, separated by commas", STRING, "1"),
    "frame": ("Frame number, from 1 on", STRING, "1"),
    "attribute": ("Tag of a top-level attribute, GGGGEEEE", STRING, "7FE00010"),
    "tag": ("Attribute keyword, or tag as 8 hexadecimal digits", STRING, "StationName"),
    "operation": ("Id of the operation", STRING, "00000000000000000000000000000000"),
    "partition": ("Name of the data partition", STRING, "Microsoft.Default"),
    "workitem": ("Workitem UID", STRING, "1.2.826.0.1.3680043.8.498.4"),
    "aetitle": ("AE title of the subscriber", STRING, "SCHEDULER"),
    "tenant": ("Any name", STRING, "development"),
}
"""Description, schema, example. A name that is not here is described by itself."""

FILTERS_BY_LEVEL = {
    level: tuple(Parameter(tag.keyword, f"Filter, VR {tag.vr}.") for tag in CORE_TAGS.values() if tag.level is level)
    for level in Level
}
PAGING = (
    Parameter("limit", "Results on a page.", {"type": "integer", "minimum": 1, "maximum": 200, "default": 100}),
    Parameter("offset", "Results to skip.", {"type": "integer", "minimum": 0, "format": "int64", "default": 0}),
)
SEARCH_CONTROLS = (
    *PAGING,
    Parameter("fuzzymatching", "Match person names by the beginnings of words.", BOOLEAN),
    Parameter("includefield", "Attributes to return besides the defaults: keywords, tags, or `all`."),
)


def _search(summary: str, *levels: Level) -> Operation:
    """levels: whose attributes can be filtered by (search §5.1)."""
    return Operation(
        summary=summary,
        parameters=(*SEARCH_CONTROLS, *(each for level in levels for each in FILTERS_BY_LEVEL[level])),
        answers={
            200: Answer("The matches.", (DICOM_JSON,), DATASETS),
            204: Answer("Nothing matches."),
            406: NOT_DICOM_JSON,
        },
        curl=f"-H 'Accept: {DICOM_JSON}'",
    )


REQUEST_ORIGINAL = Parameter(
    "msdicom-request-original", "`true`: as stored, before any bulk update.", location="header"
)


def _retrieve(summary: str, accept: str, media_types: tuple[str, ...]) -> Operation:
    return Operation(
        summary=summary,
        parameters=(REQUEST_ORIGINAL,),
        answers={200: Answer("What was asked for.", media_types), 404: NOT_FOUND, 406: NOT_OFFERED},
        curl=f"-H 'Accept: {accept}' -o out",
    )


def _metadata(summary: str) -> Operation:
    return Operation(
        summary=summary,
        parameters=(Parameter("If-None-Match", "ETag of an earlier answer.", location="header"), REQUEST_ORIGINAL),
        answers={
            200: Answer("One data set an instance, without bulk data.", (DICOM_JSON,), DATASETS),
            304: Answer("Nothing changed since the ETag in If-None-Match."),
            404: NOT_FOUND,
            406: NOT_DICOM_JSON,
        },
        curl=f"-H 'Accept: {DICOM_JSON}'",
    )


EXPIRY_HEADERS = (
    Parameter("msdicom-expiry-time-milliseconds", "Delete the study after this time.", location="header"),
    Parameter("msdicom-expiry-option", "How the time counts.", {"type": "string", "enum": ["RelativeToNow"]}, "header"),
    Parameter("msdicom-expiry-level", "What is deleted.", {"type": "string", "enum": ["Study"]}, "header"),
)
INCLUDE_METADATA = Parameter("includeMetadata", "Whether entries carry the DICOM metadata; default true.", BOOLEAN)
SINCE = Parameter(
    "startTime", "Changes from this time on, with its zone.", {"type": "string", "format": "date-time"}, min_version=2
)
BEFORE = Parameter(
    "endTime", "Changes before this time, with its zone.", {"type": "string", "format": "date-time"}, min_version=2
)
JSON_OBJECT = Answer("The object.", (JSON,), OBJECT)
OPERATION_STARTED = Answer("The operation that was started; Location is where it is.", (JSON,), OBJECT)
UNKNOWN_TAG = text("There is no such extended query tag.")
NOT_JSON = Answer("The Content-Type is not `application/json`.")
QUERY_TAG: Schema = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "Attribute keyword, or tag as 8 hexadecimal digits."},
        "vr": {"type": "string", "description": "Needed for private tags."},
        "privateCreator": {"type": "string", "description": "Of a private tag."},
        "level": {"type": "string", "enum": ["Study", "Series", "Instance"]},
    },
    "required": ["path", "level"],
}
JSON_ERROR = Answer("The request is invalid; JSON, or a text, says why.", (JSON, TEXT), {})

OPERATIONS: Mapping[str, Operation] = {
    "search_studies": _search("Search for studies", Level.STUDY),
    "search_series": _search("Search for series", Level.STUDY, Level.SERIES),
    "search_instances": _search("Search for instances", Level.STUDY, Level.SERIES, Level.INSTANCE),
    "search_study_series": _search("Search for series of a study", Level.SERIES),
    "search_study_instances": _search("Search for instances of a study", Level.SERIES, Level.INSTANCE),
    "search_series_instances": _search("Search for instances of a series", Level.INSTANCE),
    "store_instances": Operation(
        summary="Store instances; PUT replaces those that exist",
        parameters=EXPIRY_HEADERS,
        body=(MULTIPART, DICOM),
        answers={
            200: Answer("All instances are stored.", (DICOM_JSON,), OBJECT),
            202: Answer("Some are stored, or all with warnings.", (DICOM_JSON,), OBJECT),
            204: Answer("The body had no instance."),
            406: NOT_DICOM_JSON,
            409: Answer("No instance is stored; FailedSOPSequence says why.", (DICOM_JSON,), OBJECT),
            413: text("The body is over the limit."),
            415: Answer("The Content-Type of the request or of a part is not supported."),
        },
        curl=f"-H 'Accept: {DICOM_JSON}' -H 'Content-Type: {DICOM}' --data-binary @image.dcm",
    ),
    "retrieve_study": _retrieve(
        "Retrieve a study", 'multipart/related; type="application/dicom"; transfer-syntax=*', (MULTIPART,)
    ),
    "retrieve_series": _retrieve(
        "Retrieve a series", 'multipart/related; type="application/dicom"; transfer-syntax=*', (MULTIPART,)
    ),
    "retrieve_instance": _retrieve("Retrieve an instance", "application/dicom; transfer-syntax=*", (DICOM, MULTIPART)),
    "retrieve_frames": replace(
        _retrieve("Retrieve frames", "application/octet-stream; transfer-syntax=*", (OCTET_STREAM, MULTIPART)),
        parameters=(),
    ),
    "study_metadata": _metadata("Retrieve metadata of a study"),
    "series_metadata": _metadata("Retrieve metadata of a series"),
    "instance_metadata": _metadata("Retrieve metadata of an instance"),
    "retrieve_rendered": Operation(
        summary="Retrieve a frame as an image",
        parameters=(
            Parameter("quality", "Of a JPEG.", {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}),
        ),
        answers={200: Answer("The image.", (JPEG, PNG)), 404: NOT_FOUND, 406: NOT_OFFERED},
        curl=f"-H 'Accept: {PNG}' -o frame.png",
    ),
    "retrieve_bulkdata": Operation(
        summary="Retrieve the value of an attribute as encoded",
        answers={200: Answer("The bytes.", (OCTET_STREAM, MULTIPART)), 404: NOT_FOUND},
        curl="-o value.bin",
    ),
    "update_studies": Operation(
        summary="Change patient and study attributes of studies",
        body=(JSON,),
        body_schema={
            "type": "object",
            "properties": {
                "studyInstanceUids": {"type": "array", "items": STRING, "minItems": 1, "maxItems": 50},
                "changeDataset": {"type": "object", "description": "A data set in DICOM JSON."},
            },
            "required": ["studyInstanceUids", "changeDataset"],
        },
        answers={
            202: Answer("The operation that was started.", (JSON,), OBJECT),
            400: Answer(
                "The request is invalid: a text says why, or FailedAttributesSequence what cannot be changed.",
                (TEXT, JSON, DICOM_JSON),
                {},
            ),
            409: text("Another bulk update is under way."),
            413: text("The body is over the limit."),
            415: NOT_JSON,
        },
        curl=f'-H \'Content-Type: {JSON}\' -d \'{{"studyInstanceUids": ["1.2.826.0.1.3680043.8.498.1"],'
        ' "changeDataset": {"00100020": {"vr": "LO", "Value": ["NEW-ID"]}}}\'',
    ),
    "export": Operation(
        summary="Copy stored files to a container",
        body=(JSON,),
        body_schema={
            "type": "object",
            "properties": {
                "source": {"type": "object", "description": "Of type `identifiers`; without it, all are exported."},
                "destination": {"type": "object", "description": "Of type `azureblob`."},
            },
            "required": ["destination"],
        },
        answers={
            202: OPERATION_STARTED,
            404: Answer("Exports are switched off."),
            413: text("The body is over the limit."),
            415: NOT_JSON,
            501: text("A package that exports need is not installed."),
        },
        curl=f'-H \'Content-Type: {JSON}\' -d \'{{"destination": {{"type": "azureblob", "settings":'
        ' {"blobContainerUri": "http://127.0.0.1:10000/devstoreaccount1/export", "useManagedIdentity": true}}}\'',
    ),
    "delete_instances": Operation(
        summary="Delete all instances below the path",
        answers={204: Answer("They are deleted."), 404: NOT_FOUND},
    ),
    **worklist_operations(SEARCH_CONTROLS),
    "change_feed": Operation(
        summary="List what was stored, replaced and deleted",
        parameters=(*PAGING, SINCE, BEFORE, INCLUDE_METADATA),
        answers={200: Answer("The changes, in order.", (JSON,), DATASETS)},
    ),
    "show_events": Operation(
        summary="List the events of the sink in memory",
        answers={200: JSON_OBJECT, 404: Answer("There is no such sink.", (JSON,), OBJECT)},
    ),
    "clear_events": Operation(
        summary="Forget the events of the sink in memory",
        answers={200: JSON_OBJECT, 404: Answer("There is no such sink.", (JSON,), OBJECT)},
    ),
    "latest_change": Operation(
        summary="The newest change",
        parameters=(INCLUDE_METADATA,),
        answers={200: Answer("The change.", (JSON,), OBJECT), 204: Answer("Nothing was ever stored.")},
    ),
    "list_query_tags": Operation(
        summary="List extended query tags",
        parameters=PAGING,
        answers={200: Answer("The tags, in the order in which they were added.", (JSON,), DATASETS)},
    ),
    "add_query_tags": Operation(
        summary="Add extended query tags and index what is stored",
        body=(JSON,),
        body_schema={"type": "array", "items": QUERY_TAG},
        answers={
            202: OPERATION_STARTED,
            409: text("A tag exists already, or another re-index is under way."),
            413: text("The body is over the limit."),
            415: NOT_JSON,
        },
        curl=f"""-H 'Content-Type: {JSON}' -d '[{{"path": "StationName", "level": "Series"}}]'""",
    ),
    "show_query_tag": Operation(summary="Show an extended query tag", answers={200: JSON_OBJECT, 404: UNKNOWN_TAG}),
    "change_query_tag": Operation(
        summary="Switch searches by an extended query tag on or off",
        body=(JSON,),
        body_schema={
            "type": "object",
            "properties": {"queryStatus": {"type": "string", "enum": ["Enabled", "Disabled"]}},
            "required": ["queryStatus"],
        },
        answers={
            200: JSON_OBJECT,
            404: UNKNOWN_TAG,
            413: text("The body is over the limit."),
            415: NOT_JSON,
        },
        curl=f"""-H 'Content-Type: {JSON}' -d '{{"queryStatus": "Disabled"}}'""",
    ),
    "delete_query_tag": Operation(
        summary="Remove an extended query tag and what it indexed",
        answers={204: Answer("It is removed."), 404: UNKNOWN_TAG},
    ),
    "list_tag_errors": Operation(
        summary="List the instances that could not be indexed",
        parameters=PAGING,
        answers={200: Answer("The errors, oldest first.", (JSON,), DATASETS), 404: UNKNOWN_TAG},
    ),
    "show_operation": Operation(
        summary="Show a long-running operation",
        answers={
            200: Answer("It has ended.", (JSON,), OBJECT),
            202: Answer("It is under way; Location is where to look again.", (JSON,), OBJECT),
            404: Answer("There is no such operation."),
        },
    ),
    "list_partitions": Operation(
        summary="List the data partitions",
        answers={200: Answer("All of them, the default one first.", (JSON,), DATASETS)},
    ),
    "health": Operation(
        summary="Whether the service works",
        answers={200: Answer("It does.", (JSON,), OBJECT), 503: Answer("It does not.", (JSON,), OBJECT)},
    ),
    "docs_page": Operation(
        summary="The routes as a page",
        parameters=(Parameter("group", "Which API version to show; default v2."),),
        answers={200: Answer("The page.", (HTML,), STRING), 400: text("There is no such API version.")},
    ),
    "openid_configuration": Operation(summary="OpenID configuration of the issuer", answers={200: JSON_OBJECT}),
    "key_set": Operation(summary="Keys of the issuer", answers={200: JSON_OBJECT}),
    "client_credentials_token": Operation(
        summary="A token for a client id and any secret",
        body=("application/x-www-form-urlencoded",),
        body_schema={
            "type": "object",
            "properties": dict.fromkeys(("grant_type", "client_id", "client_secret", "scope"), STRING),
            "required": ["grant_type", "client_id", "scope"],
        },
        answers={200: JSON_OBJECT, 400: JSON_ERROR, 413: text("The body is over the limit.")},
        curl="-d grant_type=client_credentials -d client_id=owner -d client_secret=any"
        " -d scope=https://dicom.healthcareapis.azure.com/.default",
    ),
    "managed_identity_token": Operation(
        summary="A token as the managed identity endpoint gives it",
        parameters=(
            Parameter("api-version", "Of the endpoint.", is_required=True, example="2019-08-01"),
            Parameter("resource", "The audience.", is_required=True, example="https://dicom.healthcareapis.azure.com"),
            Parameter("client_id", "Of a user-assigned identity; chooses the role."),
            Parameter("X-IDENTITY-HEADER", "Any value; chooses the role.", location="header", is_required=True),
        ),
        answers={200: JSON_OBJECT, 400: JSON_ERROR, 401: Answer("The header is missing.", (JSON,), OBJECT)},
        curl="-H 'X-IDENTITY-HEADER: owner'",
    ),
}
"""By the name of the handler. A handler that is missing here still appears, with what the routes table says."""


def operation_of(handler_name: str) -> Operation:
    return OPERATIONS.get(handler_name) or Operation(
        summary=handler_name.replace("_", " ").capitalize(), answers={200: Answer("Success.")}
    )
