"""All followers of a server: opened before it listens, woken by commits, begun anew when the data is reset."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from aiohttp import web

from azdicom_emulator.following.bookmark import Bookmark
from azdicom_emulator.following.follower import Consumer, Follower
from azdicom_emulator.storage.index import Index

FOLDER = "followers"


class Followers:
    """Belongs to the event loop."""

    def __init__(self, index: Index, consumers: Iterable[Consumer]) -> None:
        folder = index.files.root.parent / FOLDER
        self.all = [Follower(index, each, Bookmark(folder / f"{each.name}.json")) for each in consumers]
        self._resetting = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        if self.all:
            index.on_changes(self._changed)

    async def start(self) -> None:
        """From here on no change is missed."""
        for follower in self.all:
            await follower.open()
        for follower in self.all:
            follower.start()

    async def begin_anew(self, clear: Callable[[], Awaitable[None]]) -> None:
        """Calls `clear`, which empties the index, while nobody follows. Raises what it raises."""
        async with self._resetting:
            await self.close()
            try:
                await clear()
                for follower in self.all:
                    await follower.rewind()
            finally:
                for follower in self.all:
                    follower.start()

    async def close(self) -> None:
        await asyncio.gather(*(follower.close() for follower in self.all))

    def _changed(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: the index writes its last entries
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for follower in self.all:
            follower.wake()


FOLLOWERS = web.AppKey("followers", Followers)
