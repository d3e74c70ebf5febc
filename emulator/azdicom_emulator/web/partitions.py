"""Which data partition a request works in (azure-apis §5.1)."""

import re

from aiohttp import web

from azdicom_emulator.storage.records import DEFAULT_PARTITION
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.errors import BadRequestError
from azdicom_emulator.web.keys import INDEX, MATCH, SETTINGS

DISABLED = "Data partitions feature is disabled."
MISSING = "PartitionName value is missing in the route segment."
INVALID = "The specified PartitionName is invalid. "
UNKNOWN = "Specified PartitionName does not exist."
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


async def partition_of(request: web.Request, *, create: bool = False) -> str:
    """The partition's name, as the request that made it spelled it. create: a new name makes a partition.

    Raises BadRequestError; where a partition is to be made, ForbiddenError.
    """
    name = request[MATCH].partition
    if not request.app[SETTINGS].partitions:
        if name is not None:
            raise BadRequestError(DISABLED)
        return DEFAULT_PARTITION
    if name is None:
        raise BadRequestError(MISSING)
    if not NAME.fullmatch(name):
        raise BadRequestError(INVALID)
    found = await request.app[INDEX].partition(name, create=False)
    if found is None and create:
        authorize(request)
        found = await request.app[INDEX].partition(name, create=True)
    if found is None:
        raise BadRequestError(UNKNOWN)
    return found.name


def require_partitions(request: web.Request) -> None:
    """Raises BadRequestError where the feature is off."""
    if not request.app[SETTINGS].partitions:
        raise BadRequestError(DISABLED)
