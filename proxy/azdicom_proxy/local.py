"""The emulator in this process, empty and on a free loopback port, for requests that no cassette answers."""

import contextlib
import tempfile
from pathlib import Path

from aiohttp import web

from azdicom_proxy.upstream.address import Address


class LocalEmulator:
    """`await start()` gives its address; its data goes when it closes."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> Address:
        from azdicom_emulator.application import create_runner
        from azdicom_emulator.settings import Settings

        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="azdicom-local-"))
        runner = create_runner(Settings(data_dir=Path(folder) / "data"))
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return Address("http", "127.0.0.1", int(runner.addresses[0][1]))

    async def close(self) -> None:
        await self._stack.aclose()
