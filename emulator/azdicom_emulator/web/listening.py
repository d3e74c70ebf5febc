"""Where the server can be reached, for what it tells others of itself; known when it listens."""

import asyncio

from aiohttp import web


class Listening:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._known = asyncio.Event()
        self._url = ""

    def at(self, url: str) -> None:
        """url: `http://127.0.0.1:8080`."""
        self._url = url
        self._known.set()

    async def url(self) -> str:
        """Waits until the server listens."""
        await self._known.wait()
        return self._url


LISTENING = web.AppKey("listening", Listening)
