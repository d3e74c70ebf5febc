"""The server itself: that it lives, what it is, and its end on request."""

from collections.abc import Callable, Mapping

from aiohttp import web

from azdicom_emulator import __version__
from azdicom_emulator.admin.api import Endpoint
from azdicom_emulator.admin.problems import json_answer


def process_endpoints(
    mode: str, describe: Callable[[], Mapping[str, object]], stop: Callable[[], None]
) -> tuple[Endpoint, ...]:
    """mode: what kind of server it is. describe: what `info` tells beside version and mode. stop: asks it to end.

    A mode that changes while the server runs is in `describe`.
    """

    async def health(request: web.BaseRequest) -> web.Response:
        return json_answer({"status": "Healthy"})

    async def info(request: web.BaseRequest) -> web.Response:
        return json_answer({"version": __version__, "mode": mode, **describe()})

    async def shutdown(request: web.BaseRequest) -> web.Response:
        stop()
        return web.Response(status=202)

    return Endpoint("GET", "health", health), Endpoint("GET", "info", info), Endpoint("POST", "shutdown", shutdown)
