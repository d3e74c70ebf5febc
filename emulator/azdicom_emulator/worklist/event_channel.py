"""Opens the event channel of a subscriber: a WebSocket on which the server alone speaks (PS3.18 §8.10.4)."""

from aiohttp import web

from azdicom_emulator.web.authentication import authorize
from azdicom_emulator.web.cors import is_foreign_page
from azdicom_emulator.web.errors import ForbiddenError, ResourceNotFoundError
from azdicom_emulator.web.warnings import announce
from azdicom_emulator.worklist.changing import SUBSCRIPTIONS
from azdicom_emulator.worklist.channels import CHANNELS
from azdicom_emulator.worklist.subscriptions import requested_ae_title

HEARTBEAT_S = 30.0
CLOSE_TIMEOUT_S = 2.0


async def open_event_channel(request: web.Request) -> web.StreamResponse:
    """101, then one text frame an event, those that waited first. 404 for what is no WebSocket handshake."""
    if request.headers.get("Upgrade", "").strip().lower() != "websocket":
        raise ResourceNotFoundError
    announce(request, SUBSCRIPTIONS, "answer 404")
    authorize(request)
    if is_foreign_page(request):
        raise ForbiddenError
    ae_title = requested_ae_title(request)
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, timeout=CLOSE_TIMEOUT_S)
    await socket.prepare(request)
    await request.app[CHANNELS].serve(ae_title, socket)
    return socket
