"""`/debug/events`: what the sink in memory has (async §6.4); an extension, off by default."""

from aiohttp import web

from azdicom_emulator.events.publishers import PUBLISHERS
from azdicom_emulator.events.sinks import MemorySink
from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.warnings import announce

DEBUG_ROUTES = "http.debug_routes"
NO_SINK = "InMemoryEventProvider not configured"


async def show_events(request: web.Request) -> web.StreamResponse:
    """200 with all events, oldest first; 404 without such a sink."""
    memory = _memory(request)
    if memory is None:
        return web.json_response({"detail": NO_SINK}, status=404)
    return web.json_response({"count": len(memory.events), "events": list(memory.events)})


async def clear_events(request: web.Request) -> web.StreamResponse:
    """200 when they are gone; 404 without such a sink."""
    memory = _memory(request)
    if memory is None:
        return web.json_response({"detail": NO_SINK}, status=404)
    memory.events.clear()
    return web.json_response({"message": "Events cleared"})


def _memory(request: web.Request) -> MemorySink | None:
    authorize(request)
    announce(request, DEBUG_ROUTES, "answer 404")
    return request.app[PUBLISHERS].memory
