"""Which data partition a request works in (azure-apis §5)."""

from aiohttp import web

from azdicom_emulator.storage.records import DEFAULT_PARTITION
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.keys import MATCH


async def partition_of(request: web.Request) -> str:
    """The partition's name. Raises BadRequestError: the partition routes exist, the feature is off."""
    if request[MATCH].partition is not None:
        raise BadRequestError("Data partitions feature is disabled.")
    return DEFAULT_PARTITION
