"""The whole surface in one table. Routing and the `Allow` of a 405 are derived from it."""

from azdicom_emulator.events.debug import clear_events, show_events
from azdicom_emulator.management.bulk_update import update_studies
from azdicom_emulator.management.changefeed import change_feed, latest_change
from azdicom_emulator.management.export import export
from azdicom_emulator.management.extended_query_tags import (
    add_query_tags,
    change_query_tag,
    delete_query_tag,
    list_query_tags,
    list_tag_errors,
    show_query_tag,
)
from azdicom_emulator.management.health import health
from azdicom_emulator.management.issuer import (
    client_credentials_token,
    key_set,
    managed_identity_token,
    openid_configuration,
)
from azdicom_emulator.management.operations import show_operation
from azdicom_emulator.management.partitions import list_partitions
from azdicom_emulator.studies.bulkdata import retrieve_bulkdata
from azdicom_emulator.studies.delete import delete_instances
from azdicom_emulator.studies.frames import retrieve_frames
from azdicom_emulator.studies.metadata import instance_metadata, series_metadata, study_metadata
from azdicom_emulator.studies.rendered import retrieve_rendered
from azdicom_emulator.studies.retrieve import retrieve_instance, retrieve_series, retrieve_study
from azdicom_emulator.studies.search import (
    search_instances,
    search_series,
    search_series_instances,
    search_studies,
    search_study_instances,
    search_study_series,
)
from azdicom_emulator.studies.store import store_instances
from azdicom_emulator.web.docs_page import docs_page
from azdicom_emulator.web.routing import Action, Route, Scope
from azdicom_emulator.worklist.cancel import request_workitem_cancellation
from azdicom_emulator.worklist.change_state import change_workitem_state
from azdicom_emulator.worklist.create import create_workitem
from azdicom_emulator.worklist.event_channel import open_event_channel
from azdicom_emulator.worklist.retrieve import retrieve_workitem
from azdicom_emulator.worklist.search import search_workitems
from azdicom_emulator.worklist.subscriptions import (
    show_subscriptions,
    subscribe,
    suspend_subscription,
    unsubscribe,
)
from azdicom_emulator.worklist.update import update_workitem, update_workitem_by_put

STUDY = "/studies/{study}"
SERIES = STUDY + "/series/{series}"
INSTANCE = SERIES + "/instances/{instance}"
FRAME = INSTANCE + "/frames/{frame}"
BULK_DATA = INSTANCE + "/bulkdata/{attribute}"
TAGS = "/extendedquerytags"
TAG = TAGS + "/{tag}"
WORKITEMS = "/workitems"
WORKITEM = WORKITEMS + "/{workitem}"
SUBSCRIBER = WORKITEM + "/subscribers/{aetitle}"
EXTENDED_QUERY_TAGS = ("Extended query tags", "Azure: Extended query tags")

ROUTES: tuple[Route, ...] = (
    Route("GET", "/studies", search_studies, "QIDO-RS", "PS3.18 §10.6", Action.READ),
    Route("POST", "/studies", store_instances, "STOW-RS", "PS3.18 §10.5", Action.WRITE),
    Route("PUT", "/studies", store_instances, "STOW-RS upsert", "Azure: Upsert (STOW-RS)", Action.WRITE),
    Route("GET", STUDY, retrieve_study, "WADO-RS", "PS3.18 §10.4", Action.READ),
    Route("POST", STUDY, store_instances, "STOW-RS", "PS3.18 §10.5", Action.WRITE),
    Route("PUT", STUDY, store_instances, "STOW-RS upsert", "Azure: Upsert (STOW-RS)", Action.WRITE),
    Route(
        "POST",
        "/studies/$bulkUpdate",
        update_studies,
        "Bulk update",
        "Azure: Bulk update",
        Action.WRITE,
        min_version=2,
    ),
    Route("DELETE", STUDY, delete_instances, "Delete", "Azure: Delete", Action.DELETE),
    Route("GET", STUDY + "/metadata", study_metadata, "WADO-RS", "PS3.18 §10.4", Action.READ),
    Route("GET", STUDY + "/series", search_study_series, "QIDO-RS", "PS3.18 §10.6", Action.READ),
    Route("GET", STUDY + "/instances", search_study_instances, "QIDO-RS", "PS3.18 §10.6", Action.READ),
    Route("GET", SERIES, retrieve_series, "WADO-RS", "PS3.18 §10.4", Action.READ),
    Route("DELETE", SERIES, delete_instances, "Delete", "Azure: Delete", Action.DELETE),
    Route("GET", SERIES + "/metadata", series_metadata, "WADO-RS", "PS3.18 §10.4", Action.READ),
    Route("GET", SERIES + "/instances", search_series_instances, "QIDO-RS", "PS3.18 §10.6", Action.READ),
    Route("GET", INSTANCE, retrieve_instance, "WADO-RS", "PS3.18 §10.4", Action.READ),
    Route("DELETE", INSTANCE, delete_instances, "Delete", "Azure: Delete", Action.DELETE),
    Route("GET", INSTANCE + "/metadata", instance_metadata, "WADO-RS", "PS3.18 §10.4", Action.READ),
    Route("GET", INSTANCE + "/rendered", retrieve_rendered, "WADO-RS rendered", "PS3.18 §10.4", Action.READ),
    Route("GET", INSTANCE + "/frames/{frames}", retrieve_frames, "WADO-RS frames", "PS3.18 §10.4", Action.READ),
    Route("GET", FRAME + "/rendered", retrieve_rendered, "WADO-RS rendered", "PS3.18 §10.4", Action.READ),
    Route("GET", "/series", search_series, "QIDO-RS", "PS3.18 §10.6", Action.READ),
    Route("GET", "/instances", search_instances, "QIDO-RS", "PS3.18 §10.6", Action.READ),
    Route("POST", WORKITEMS, create_workitem, "UPS-RS create", "PS3.18 §11.4", Action.WRITE),
    Route("GET", WORKITEMS, search_workitems, "UPS-RS search", "PS3.18 §11.9", Action.READ),
    Route("GET", WORKITEM, retrieve_workitem, "UPS-RS retrieve", "PS3.18 §11.5", Action.READ),
    Route("POST", WORKITEM, update_workitem, "UPS-RS update", "PS3.18 §11.6", Action.WRITE),
    Route("PUT", WORKITEM + "/state", change_workitem_state, "UPS-RS change state", "PS3.18 §11.7", Action.WRITE),
    Route(
        "POST",
        WORKITEM + "/cancelrequest",
        request_workitem_cancellation,
        "UPS-RS request cancellation",
        "PS3.18 §11.8",
        Action.WRITE,
    ),
    Route("POST", "/export", export, "Export", "Azure: Export DICOM files", Action.EXPORT),
    Route("GET", "/changefeed", change_feed, "Change feed", "Azure: Change Feed", Action.READ, Scope.SERVICE),
    Route("GET", "/changefeed/latest", latest_change, "Change feed", "Azure: Change Feed", Action.READ, Scope.SERVICE),
    Route("GET", TAGS, list_query_tags, *EXTENDED_QUERY_TAGS, Action.READ, Scope.SERVICE),
    Route("POST", TAGS, add_query_tags, *EXTENDED_QUERY_TAGS, Action.MANAGE_TAGS, Scope.SERVICE),
    Route("GET", TAG, show_query_tag, *EXTENDED_QUERY_TAGS, Action.READ, Scope.SERVICE),
    Route("PATCH", TAG, change_query_tag, *EXTENDED_QUERY_TAGS, Action.MANAGE_TAGS, Scope.SERVICE),
    Route("DELETE", TAG, delete_query_tag, *EXTENDED_QUERY_TAGS, Action.MANAGE_TAGS, Scope.SERVICE),
    Route("GET", TAG + "/errors", list_tag_errors, *EXTENDED_QUERY_TAGS, Action.READ, Scope.SERVICE),
    Route("GET", "/operations/{operation}", show_operation, "Operations", "service source", Action.READ, Scope.SERVICE),
    Route("GET", "/partitions", list_partitions, "Partitions", "Azure: Data partitions", Action.READ, Scope.SERVICE),
    Route("GET", "/docs", docs_page, "Documentation", "emulator", Action.PUBLIC, Scope.ROOT),
    Route("*", "/health", health, "Health", "alias of the seed emulator", Action.PUBLIC, Scope.ROOT),
    Route("*", "/health/check", health, "Health", "service source", Action.PUBLIC, Scope.ROOT),
)

BULK_DATA_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", INSTANCE + "/bulkdata/{attribute}", retrieve_bulkdata, "WADO-RS bulk data", "PS3.18 §10.4", Action.READ
    ),
)
"""Absent where the extension `retrieve.bulkdata` is off."""

EVENT_DEBUG_ROUTES: tuple[Route, ...] = (
    Route("GET", "/debug/events", show_events, "Events", "seed emulator", Action.READ, Scope.ROOT),
    Route("DELETE", "/debug/events", clear_events, "Events", "seed emulator", Action.DELETE, Scope.ROOT),
)
"""Absent where the extension `http.debug_routes` is off."""

SEED_DIALECT_ROUTES: tuple[Route, ...] = (
    Route("PUT", WORKITEM, update_workitem_by_put, "UPS-RS update", "seed emulator", Action.WRITE),
)
"""Absent where the extension `worklist.seed_dialect` is off."""

SUBSCRIPTION_ROUTES: tuple[Route, ...] = (
    Route("GET", WORKITEMS + "/subscriptions", show_subscriptions, "UPS-RS subscriptions", "emulator", Action.READ),
    Route("POST", SUBSCRIBER, subscribe, "UPS-RS subscriptions", "PS3.18 §11.10", Action.WRITE),
    Route("DELETE", SUBSCRIBER, unsubscribe, "UPS-RS subscriptions", "PS3.18 §11.11", Action.WRITE),
    Route("POST", SUBSCRIBER + "/suspend", suspend_subscription, "UPS-RS subscriptions", "PS3.18 §11.12", Action.WRITE),
    *(
        Route("GET", path, open_event_channel, "UPS-RS event channel", "PS3.18 §8.10.4", Action.READ, scope)
        for path, scope in (("/subscribers/{aetitle}", Scope.SERVICE), ("/ws/subscribers/{aetitle}", Scope.ROOT))
    ),
)
"""Absent where the extension `worklist.subscriptions` is off."""

ISSUER_ROUTES: tuple[Route, ...] = tuple(
    Route(method, path, handler, "Development tokens", "Microsoft identity platform", Action.PUBLIC, Scope.ROOT)
    for method, path, handler in (
        ("GET", "/.well-known/openid-configuration", openid_configuration),
        ("GET", "/{tenant}/v2.0/.well-known/openid-configuration", openid_configuration),
        ("GET", "/{tenant}/discovery/v2.0/keys", key_set),
        ("POST", "/{tenant}/oauth2/v2.0/token", client_credentials_token),
        ("GET", "/msi/token", managed_identity_token),
    )
)
"""The built-in issuer, no part of the service. Absent where `--auth-jwks` names another issuer's keys."""
