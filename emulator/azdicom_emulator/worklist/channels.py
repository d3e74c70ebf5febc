"""The event channel: WebSockets of subscribers, and what takes waiting events to them (PS3.18 §8.10.4, §8.10.5)."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from aiohttp import WSCloseCode, web

from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.worklist_events import WaitingEvent, waiting_events

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 200
SEND_TIMEOUT_S = 10.0


class Courier:
    """Takes the events of one AE, in order, to all channels that it has open; ends when there is none any more.

    Belongs to the event loop.
    """

    def __init__(self, index: Index, ae_title: str, ended: Callable[[str], object]) -> None:
        """ended: called with the AE title, at the moment from which nobody may add a socket."""
        self._index = index
        self._ae_title = ae_title
        self._ended = ended
        self._wanted = asyncio.Event()
        self.sockets: set[web.WebSocketResponse] = set()
        self.task = asyncio.ensure_future(self._run())

    def wake(self) -> None:
        """There may be new events, or no sockets any more."""
        self._wanted.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._deliver_all()
                if not self.sockets:
                    return
        finally:
            self._ended(self._ae_title)

    async def _deliver_all(self) -> None:
        try:
            while self.sockets and await self._deliver():
                pass
        except Exception:
            log.exception("events for %s could not be sent; they stay", self._ae_title)

    async def _deliver(self) -> bool:
        """Whether there may be more. An event that went to no channel stays."""
        events = await self._index.read(lambda cursor: waiting_events(cursor, self._ae_title, EVENTS_AT_ONCE))
        sent = None
        for event in events:
            if not await self._send(event):
                break
            sent = event.key
        if sent is None:
            return False
        await self._forget(sent)
        return len(events) == EVENTS_AT_ONCE

    async def _send(self, event: WaitingEvent) -> bool:
        """Whether a channel took it. One that does not within the time is closed: it must not hold up the others."""
        taken = False
        for socket in list(self.sockets):
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await socket.send_str(event.frame)
                taken = True
            except (ConnectionError, TimeoutError, RuntimeError):  # RuntimeError: it is closed
                log.info("a channel of %s is gone", self._ae_title)
                self.sockets.discard(socket)
                await socket.close(drain=False)
        return taken

    async def _forget(self, key: int) -> None:
        await self._index.write(lambda mutations, _: mutations.worklist_events.remove_sent(self._ae_title, key))


class Channels:
    """All open channels of a server, by AE title. Belongs to the event loop."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._couriers: dict[str, Courier] = {}

    def connected(self) -> frozenset[str]:
        """AE titles that have a channel open."""
        return frozenset(ae_title for ae_title, courier in self._couriers.items() if courier.sockets)

    def wake(self, ae_titles: Iterable[str]) -> None:
        """To be called when there are new events for these."""
        for ae_title in ae_titles:
            if courier := self._couriers.get(ae_title):
                courier.wake()

    async def serve(self, ae_title: str, socket: web.WebSocketResponse) -> None:
        """Sends events until the channel is closed; what the client sends is ignored."""
        courier = self._couriers.get(ae_title)
        if courier is None:
            courier = self._couriers[ae_title] = Courier(self._index, ae_title, self._couriers.pop)
        courier.sockets.add(socket)
        courier.wake()
        try:
            async for _ in socket:
                pass
        finally:
            courier.sockets.discard(socket)
            courier.wake()

    async def close(self) -> None:
        """Closes all channels, as the server is to stop; returns when nothing is under way any more."""
        couriers = list(self._couriers.values())
        for courier in couriers:
            for socket in list(courier.sockets):
                courier.sockets.discard(socket)
                await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops")
            courier.wake()
        await asyncio.gather(*(courier.task for courier in couriers))


CHANNELS = web.AppKey("worklist_channels", Channels)


async def close_channels(application: web.Application) -> None:
    """Signal handler, before connections are waited for."""
    if CHANNELS in application:
        await application[CHANNELS].close()
