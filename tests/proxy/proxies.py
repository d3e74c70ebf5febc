"""A real proxy in a thread with a loop of its own, and what talks to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azdicom_proxy import embedded
from azdicom_proxy.recordings import Recording
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address
from tests.support.client import Emulator


@dataclass(slots=True)
class RunningProxy:
    """A running proxy. client: talks to it; closed: its recordings, once it has stopped."""

    client: Emulator
    closed: list[Recording] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.client.base_url

    def admin(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """An answer of the admin API."""
        return self.client.request(method, f"/_azdicom/{path}", body=body, headers=headers)


@contextmanager
def proxying(upstream: str | None, mode: Mode = Mode.PASSTHROUGH, **settings: Any) -> Iterator[RunningProxy]:
    """A proxy in front of `upstream` on a free loopback port, until the block ends. Raises what its start raised."""
    address = Address.parse(upstream) if upstream is not None else None
    chosen = ProxySettings(**{"mode": mode, "upstream": address, "quiet": True} | settings)
    with embedded.proxying(chosen) as proxy:
        running = RunningProxy(Emulator(proxy.url, Path()))
        yield running
    running.closed += proxy.outcome or []
