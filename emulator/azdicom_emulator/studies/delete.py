"""Delete of studies, series and instances (azure-apis §4)."""

from aiohttp import web

from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import ResourceNotFoundError
from azdicom_emulator.web.keys import INDEX
from azdicom_emulator.web.partitions import partition_of
from azdicom_emulator.web.uids import path_uids


async def delete_instances(request: web.Request) -> web.StreamResponse:
    """204 when something was removed, else 404, which names the route's level and not the parent that is missing."""
    partition = await partition_of(request)
    authorize(request)
    study, series, instance = path_uids(request)
    if not await request.app[INDEX].delete(partition, study, series, instance):
        raise ResourceNotFoundError.of("instance" if instance else "series" if series else "study")
    return web.Response(status=204)
