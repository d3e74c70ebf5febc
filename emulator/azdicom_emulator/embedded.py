"""The emulator inside another program, on a free loopback port."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from aiohttp import web

from azdicom_emulator.hosting import Announce, hosted
from azdicom_emulator.settings import Settings


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The emulator with `settings` on a free port until the block ends; gives its URL, `http://127.0.0.1:PORT`.

    Works from synchronous code and beside a running event loop. Raises what the server's start raised.
    """

    async def serve(announce: Announce) -> None:
        await _serve(replace(settings, port=0), announce)

    with hosted("emulator", serve) as server:
        yield server.url


async def _serve(settings: Settings, announce: Announce) -> None:
    # Imported here, so that a program that never starts it does without the server and what it loads.
    from azdicom_emulator.application import create_runner
    from azdicom_emulator.web.listening import LISTENING

    stopping = asyncio.Event()
    runner = create_runner(settings)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        host, port = runner.addresses[0][:2]
        url = f"http://{host}:{port}"
        runner.app[LISTENING].at(url)
        announce(url, stopping)
        await stopping.wait()
    finally:
        await runner.cleanup()
