"""UPS-RS subscriptions: subscribe, unsubscribe, suspend, list (PS3.18 §11.10 to §11.12; worklist §13)."""

import re
from urllib.parse import quote

from aiohttp import web

from azdicom_emulator.storage.worklist import Workitem
from azdicom_emulator.storage.worklist_subscriptions import StandingSubscription, list_subscriptions
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError, ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX, MATCH
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.warnings import announce
from azdicom_emulator.worklist.answers import NOT_FOUND
from azdicom_emulator.worklist.changing import SUBSCRIPTIONS, Worklist, change
from azdicom_emulator.worklist.channels import CHANNELS
from azdicom_emulator.worklist.search_query import parse_filter
from azdicom_emulator.worklist.uids import path_text, path_workitem

ALL_WORKITEMS = "1.2.840.10008.5.1.4.34.5"
MATCHING_WORKITEMS = "1.2.840.10008.5.1.4.34.5.1"
"""UPS Global Subscription and UPS Filtered Global Subscription (PS3.6 Annex A)."""
STANDING = (ALL_WORKITEMS, MATCHING_WORKITEMS)

AE_TITLE = re.compile(r"[^\\\x00-\x1f\x7f-\x9f]{1,16}")
BAD_AE_TITLE = "The AE title is invalid: 1 to 16 characters are expected, no backslash and no control characters."
NOT_SUBSCRIBED = "The AE is not subscribed."
NOT_STANDING = "The AE has no such subscription."
BAD_LOCK = "The value '{value}' is not valid for DeletionLock."
FILTER_MISSING = "A filter is required."


async def subscribe(request: web.Request) -> web.StreamResponse:
    """201. The AE is told the state of each workitem that it is subscribed to by this (worklist §13.2)."""
    announce(request, SUBSCRIPTIONS, "answer 404")
    partition = await partition_of(request)
    authorize(request)
    ae_title = requested_ae_title(request)
    lock = _deletion_lock(request)
    target = path_text(request)
    if target in STANDING:
        await _subscribe_standing(request, partition, ae_title, target, lock=lock)
    else:
        await _subscribe_to_workitem(request, partition, ae_title, lock=lock)
    return web.Response(status=201, headers={"Content-Location": _channel_url(request, ae_title)})


async def unsubscribe(request: web.Request) -> web.StreamResponse:
    """200. Of a workitem: not subscribed to it, whatever stands; of the worklist: to nothing any more."""
    announce(request, SUBSCRIPTIONS, "answer 404")
    partition = await partition_of(request)
    authorize(request)
    ae_title = requested_ae_title(request)
    target = path_text(request)
    uid = None if target in STANDING else await path_workitem(request, partition)

    def remove(worklist: Worklist) -> None:
        workitem = None if uid is None else _existing(worklist, uid)
        if not worklist.subscriptions.is_known(worklist.partition_key, ae_title):
            raise ResourceNotFoundError(NOT_SUBSCRIBED)
        with worklist.telling(ae_title):
            if workitem is not None:
                worklist.subscriptions.set_own(worklist.partition_key, ae_title, workitem.key, is_subscribed=False)
            else:
                ended = None if target == ALL_WORKITEMS else target
                worklist.subscriptions.remove_all(worklist.partition_key, ae_title, ended)

    await change(request, partition, remove)
    return web.Response()


async def suspend_subscription(request: web.Request) -> web.StreamResponse:
    """200: new workitems are not subscribed to any more, those that are stay so."""
    announce(request, SUBSCRIPTIONS, "answer 404")
    partition = await partition_of(request)
    authorize(request)
    ae_title = requested_ae_title(request)
    target = path_text(request)

    def suspend(worklist: Worklist) -> None:
        with worklist.telling(ae_title):
            is_there = worklist.subscriptions.suspend(worklist.partition_key, ae_title, target)
        if not is_there:
            raise ResourceNotFoundError(NOT_STANDING)

    await change(request, partition, suspend)
    return web.Response()


async def show_subscriptions(request: web.Request) -> web.StreamResponse:
    """What AEs asked for themselves, by AE title and target; what follows from it for workitems is left out."""
    announce(request, SUBSCRIPTIONS, "answer 400")
    name = await partition_of(request)
    authorize(request)
    index = request.app[INDEX]
    partition = await index.partition(name, create=False)
    found = [] if partition is None else await index.read(lambda cursor: list_subscriptions(cursor, partition.key))
    connected = request.app[CHANNELS].connected()
    return responses.json_value(
        [
            {
                "aetitle": each.ae_title,
                "target": each.target,
                "deletionLock": each.deletion_lock,
                "filter": each.filter,
                "suspended": each.is_suspended,
                "connected": each.ae_title in connected,
            }
            for each in found
        ]
    )


def requested_ae_title(request: web.Request) -> str:
    """The AE title of the path. Raises BadRequestError."""
    ae_title = request[MATCH].parameters["aetitle"].strip(" ")
    if not AE_TITLE.fullmatch(ae_title):
        raise BadRequestError(BAD_AE_TITLE)
    return ae_title


async def _subscribe_to_workitem(request: web.Request, partition: str, ae_title: str, *, lock: bool) -> None:
    uid = await path_workitem(request, partition)

    def add(worklist: Worklist) -> None:
        workitem = _existing(worklist, uid)
        with worklist.telling(ae_title) as reported:
            worklist.subscriptions.set_own(
                worklist.partition_key, ae_title, workitem.key, is_subscribed=True, deletion_lock=lock
            )
            reported.append(workitem)

    await change(request, partition, add)


async def _subscribe_standing(request: web.Request, partition: str, ae_title: str, target: str, *, lock: bool) -> None:
    written = _filter(request) if target == MATCHING_WORKITEMS else None

    def add(worklist: Worklist) -> None:
        standing = StandingSubscription(worklist.partition_key, ae_title, target, lock, written)
        with worklist.telling(ae_title) as reported:
            taken, new = worklist.subscriptions.stand(standing, worklist.matching(standing))
            # With a lock the AE wants to know of all, without one of those that are new to it (worklist §13.2).
            reported += worklist.mutations.workitems.of_keys(taken if lock else new)

    await change(request, partition, add)


def _existing(worklist: Worklist, uid: str) -> Workitem:
    workitem = worklist.find(uid)
    if workitem is None:
        raise ResourceNotFoundError(NOT_FOUND)
    return workitem


def _deletion_lock(request: web.Request) -> bool:
    value = request.query.get("deletionlock", "false")
    if value.lower() not in ("true", "false"):
        raise BadRequestError.query_parameter("DeletionLock", BAD_LOCK.format(value=value))
    return value.lower() == "true"


def _filter(request: web.Request) -> str:
    """As written, and found to be right. Raises BadRequestError."""
    written = request.query.get("filter", "")
    if not written:
        raise BadRequestError.query_parameter("filter", FILTER_MISSING)
    parse_filter(written)
    return written


def _channel_url(request: web.Request, ae_title: str) -> str:
    scheme = "wss" if request.scheme == "https" else "ws"
    host = request.headers.get("X-Forwarded-Host") or request.host
    return f"{scheme}://{host}/ws/subscribers/{quote(ae_title, safe='')}"
