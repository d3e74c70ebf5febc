"""The list of data partitions (azure-apis §5.2)."""

from aiohttp import web

from azdicom_emulator.management.timestamps import with_offset
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.keys import INDEX
from azdicom_emulator.web.partitions import require_partitions


async def list_partitions(request: web.Request) -> web.StreamResponse:
    """All of them by key, not paged; the default one is always there. 400 where the feature is off."""
    require_partitions(request)
    authorize(request)
    return responses.json_value(
        [
            {
                "partitionKey": partition.key,
                "partitionName": partition.name,
                "createdDate": with_offset(partition.created_at),
            }
            for partition in await request.app[INDEX].partitions()
        ]
    )
