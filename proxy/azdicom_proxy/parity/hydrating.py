"""Hydration: instances that only the upstream holds are fetched from it and stored on the local side."""

import asyncio
import json
import logging
from collections.abc import Iterable

from azdicom_proxy.cassette.bodies import content_of
from azdicom_proxy.cassette.model import RecordedRequest
from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.media_types import DICOM_JSON
from azdicom_proxy.parity.seeding import INSTANCE, STUDY, Resource, Seen
from azdicom_proxy.parity.sides import Side, resources_base
from azdicom_proxy.storable import storable, store_content_type
from azdicom_proxy.upstream.errors import UpstreamError

log = logging.getLogger(__name__)

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
PAGE = 200
"""The most results that a search gives at once (conformance statement v2, Search)."""


class Hydrator:
    """limit: how many instances may be fetched in all. hydrated: those that were, in their order."""

    def __init__(self, upstream: Side, local: Side, seen: Seen, limit: int) -> None:
        self._upstream = upstream
        self._local = local
        self._seen = seen
        self._limit = limit
        self._lock = asyncio.Lock()
        self.hydrated: list[Resource] = []

    async def fetch(self, unknown: Iterable[Resource], like: RecordedRequest) -> None:
        """Brings what can be brought of `unknown`, with the partition and the authorization of `like`."""
        async with self._lock:  # what two exchanges miss is fetched once
            missing = [resource for resource in unknown if not self._seen.knows(resource)]
            await self._fetch([resource for resource in missing if resource.kind in (STUDY, INSTANCE)], like)

    async def _fetch(self, wanted: list[Resource], like: RecordedRequest) -> None:
        whole = {resource.identifier for resource in wanted if resource.kind == STUDY}
        whole |= {resource.study for resource in wanted if resource.kind == INSTANCE and not resource.series}
        try:
            for study in sorted(whole - {""}):
                await self._fetch_study(study, like)
            for resource in wanted:
                if resource.kind == INSTANCE and resource.series and resource.study not in whole:
                    await self._fetch_instance(resource, like)
        except (UpstreamError, OSError, ValueError) as error:
            log.warning("hydration stopped: %s", error)

    async def _fetch_study(self, study: str, like: RecordedRequest) -> None:
        instances = await self._instances_of(study, like)
        # Searches give the newest first: stored in the order of their age, they keep it.
        outcomes = [await self._fetch_instance(instance, like) for instance in reversed(instances)]
        if instances and all(outcomes):
            self._seen.learn([Resource(instances[0].partition, STUDY, study)])

    async def _instances_of(self, study: str, like: RecordedRequest) -> list[Resource]:
        partition = locate("GET", like.uri).partition or ""
        found: list[Resource] = []
        while len(found) <= self._limit:
            query = f"limit={PAGE}&offset={len(found)}"
            answered = await self._upstream.send(_asking(f"/studies/{study}/instances?{query}", DICOM_JSON, like))
            page = json.loads(content_of(answered.response.body)) if answered.response.status == 200 else []
            self._upstream.release(answered.response.body)
            for item in page:
                series, sop = (str(item[tag]["Value"][0]) for tag in ("0020000E", "00080018"))
                found.append(Resource(partition, INSTANCE, sop, study, series))
            if len(page) < PAGE:
                break
        return found

    async def _fetch_instance(self, instance: Resource, like: RecordedRequest) -> bool:
        """Whether the local side has it now."""
        if self._seen.knows(instance):
            return True
        if len(self.hydrated) >= self._limit:
            return False
        path = f"/studies/{instance.study}/series/{instance.series}/instances/{instance.identifier}"
        fetched = (await self._upstream.send(_asking(path, AS_STORED, like))).response
        try:
            content_type = store_content_type(fetched.headers)
            if fetched.status != 200 or content_type is None:
                return False
            headers = (("Content-Type", content_type), ("Accept", DICOM_JSON))
            store = RecordedRequest("POST", f"{resources_base(like.uri)}/studies", headers, storable(fetched.body))
            stored = (await self._local.send(store)).response
            self._local.release(stored.body)
        finally:
            self._upstream.release(fetched.body)
        if stored.status not in (200, 202, 409):
            log.warning("hydration: the local side answered %d to %s", stored.status, path)
            return False
        self.hydrated.append(instance)
        self._seen.learn([instance])
        return True


def _asking(path: str, accept: str, like: RecordedRequest) -> RecordedRequest:
    granted = tuple(line for line in like.headers if line[0].lower() == "authorization")
    return RecordedRequest("GET", f"{resources_base(like.uri)}{path}", (("Accept", accept), *granted))
