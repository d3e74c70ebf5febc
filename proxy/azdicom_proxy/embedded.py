"""The proxy inside another program, on a free loopback port."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from azdicom_emulator.hosting import Announce, Hosted, hosted
from azdicom_proxy.recordings import Recording
from azdicom_proxy.settings import ProxySettings


@contextmanager
def proxying(settings: ProxySettings) -> Iterator[Hosted[list[Recording]]]:
    """The proxy with `settings` until the block ends; then its outcome has the recordings, their cassettes written.

    Raises what the proxy's start or end raised.
    """

    async def serve(announce: Announce) -> list[Recording]:
        return await _serve(replace(settings, port=0), announce)

    with hosted("proxy", serve) as server:
        yield server


async def _serve(settings: ProxySettings, announce: Announce) -> list[Recording]:
    from azdicom_proxy.server import ProxyServer

    server = ProxyServer(settings)
    try:
        announce(await server.start(), server.stopping)
        await server.stopping.wait()
    finally:
        closed = await server.close()
    return closed
