"""What the routes table cannot tell the OpenAPI description of the worklist: as `openapi_operations` for the rest."""

from collections.abc import Mapping

from azdicom_emulator.storage.worklist_attributes import SEARCH_ATTRIBUTES
from azdicom_emulator.web.openapi_model import (
    BOOLEAN,
    DATASETS,
    DICOM_JSON,
    JSON,
    OBJECT,
    STRING,
    TEXT,
    Answer,
    Operation,
    Parameter,
    text,
)

NOT_ACCEPTED = Answer("The Accept header is missing, or does not cover `application/dicom+json`.")
NOT_DICOM_JSON = Answer("The Content-Type is not `application/dicom+json`.")
TOO_LARGE = text("The body is over the limit.")
INVALID = Answer("The request is invalid; the text says why.", (DICOM_JSON, TEXT), STRING)
NO_WORKITEM = Answer("There is no such workitem.", (DICOM_JSON, TEXT), STRING)
CONFLICT = Answer("The text says why.", (DICOM_JSON, TEXT), STRING)
NO_SUBSCRIPTION = text("There is no such workitem or subscription.")
CLAIM = (
    '[{"00081195":{"vr":"UI","Value":["1.2.826.0.1.3680043.8.498.5"]},"00741000":{"vr":"CS","Value":["IN PROGRESS"]}}]'
)
NEW_LABEL = '{"00741204":{"vr":"LO","Value":["Head CT"]}}'
FILTERS = tuple(Parameter(each.name, f"Filter, VR {each.vr}.") for each in SEARCH_ATTRIBUTES.values())


def _change(summary: str, success: int, done: Answer, sent: str, answers: Mapping[int, Answer]) -> Operation:
    """A transaction that sends a data set. sent: an example; answers: its own besides those of all of them."""
    return Operation(
        summary=summary,
        body=(DICOM_JSON,),
        body_schema=DATASETS,
        answers={
            success: done,
            400: INVALID,
            **answers,
            413: TOO_LARGE,
            415: NOT_DICOM_JSON,
        },
        curl=f"-H 'Content-Type: {DICOM_JSON}' {sent}",
    )


def worklist_operations(search_controls: tuple[Parameter, ...]) -> Mapping[str, Operation]:
    """By the name of the handler. search_controls: the parameters that all searches have."""
    return {
        "create_workitem": Operation(
            summary="Create a workitem; the name of the first query parameter is its UID",
            body=(DICOM_JSON,),
            body_schema=DATASETS,
            answers={
                201: Answer("It is created; Location is where."),
                400: INVALID,
                406: NOT_ACCEPTED,
                409: CONFLICT,
                413: TOO_LARGE,
                415: NOT_DICOM_JSON,
            },
            curl=f"-H 'Accept: {DICOM_JSON}' -H 'Content-Type: {DICOM_JSON}' --data-binary @workitem.json",
        ),
        "search_workitems": Operation(
            summary="Search for workitems",
            parameters=(*search_controls, *FILTERS),
            answers={
                200: Answer("The matches, newest first.", (DICOM_JSON,), DATASETS),
                204: Answer("Nothing matches."),
                206: Answer("The matches but for some that cannot be read.", (DICOM_JSON,), DATASETS),
                406: NOT_ACCEPTED,
            },
            curl=f"-H 'Accept: {DICOM_JSON}'",
        ),
        "retrieve_workitem": Operation(
            summary="Retrieve a workitem",
            answers={
                200: Answer("The workitem, without its Transaction UID.", (DICOM_JSON,), OBJECT),
                404: NO_WORKITEM,
                406: NOT_ACCEPTED,
            },
            curl=f"-H 'Accept: {DICOM_JSON}'",
        ),
        "update_workitem": _change(
            "Update a workitem; the first query parameter's name is its Transaction UID once it is claimed",
            200,
            Answer("It is updated.", (DICOM_JSON, TEXT), STRING),
            f"-d '[{NEW_LABEL}]'",
            {201: Answer("It is created, from one bare object."), 404: NO_WORKITEM, 409: CONFLICT},
        ),
        "update_workitem_by_put": _change(
            "Update a workitem; the header Transaction-UID is its Transaction UID once it is claimed",
            200,
            Answer("It is updated.", (DICOM_JSON, TEXT), STRING),
            f"-d '{NEW_LABEL}'",
            {404: NO_WORKITEM, 405: Answer("The body is no data set."), 409: CONFLICT},
        ),
        "change_workitem_state": _change(
            "Claim, complete or cancel a workitem",
            200,
            Answer("Its state is changed, or was so before.", (DICOM_JSON, TEXT), STRING),
            f"-d '{CLAIM}'",
            {404: NO_WORKITEM},
        ),
        "request_workitem_cancellation": _change(
            "Ask for a workitem to be canceled",
            202,
            Answer("It is canceled, or its subscribers are told of the wish.", (DICOM_JSON,), STRING),
            "-d '[{}]'",
            {404: NO_WORKITEM, 409: CONFLICT},
        ),
        "show_subscriptions": Operation(
            summary="List worklist subscriptions",
            answers={200: Answer("Those that AEs asked for themselves.", (JSON,), DATASETS)},
        ),
        "subscribe": Operation(
            summary="Subscribe an AE to a workitem, or by a well-known UID to the worklist",
            parameters=(
                Parameter("deletionlock", "Whether what is done is to be kept for the AE.", BOOLEAN),
                Parameter("filter", "Of a filtered subscription: `attribute=value,attribute=value`."),
            ),
            answers={201: Answer("Subscribed; Content-Location is the event channel."), 404: NO_SUBSCRIPTION},
        ),
        "unsubscribe": Operation(
            summary="End a subscription", answers={200: Answer("It is ended."), 404: NO_SUBSCRIPTION}
        ),
        "suspend_subscription": Operation(
            summary="Take no new workitems into a subscription to the worklist",
            answers={200: Answer("It is suspended."), 404: NO_SUBSCRIPTION},
        ),
        "open_event_channel": Operation(
            summary="Open the event channel of a subscriber: a WebSocket, one text frame an event",
            answers={
                101: Answer("Events follow."),
                404: Answer("The request is no WebSocket handshake."),
            },
        ),
    }
