"""A parity run without clients: requests from files put to one side or to both, each outcome told."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.parity.driving import drive_both, drive_recorded
from azdicom_proxy.parity.fresh_local import fresh_emulator, granted_locally, local_settings
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.mirror import Mirror
from azdicom_proxy.parity.model import Compared
from azdicom_proxy.parity.requests_files import Asked
from azdicom_proxy.parity.seeding import Resource
from azdicom_proxy.parity.sides import Side
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.address import Address

THREADS = 2


@dataclass(frozen=True, slots=True)
class OfflineRun:
    """What is compared. requests: in their order.

    settings: how the service is reached. With `settings.upstream` that and the local side (`settings.local`, or a fresh
    emulator) are driven. Without, what was recorded is compared: with `target`, or with a fresh emulator.
    """

    requests: Sequence[Asked]
    settings: ProxySettings
    target: Address | None = None
    learning: Learning | None = None

    def run(self, tell: Callable[[Compared], object], done: Callable[[], None]) -> list[Resource]:
        """The instances that were hydrated. done: called after each request.

        Raises UpstreamError, TokenUnavailableError, OSError.
        """
        with self._local() as address:
            return asyncio.run(self._compare(address, tell, done))

    def _local(self) -> AbstractContextManager[Address]:
        address = self.settings.local if self.settings.upstream is not None else self.target
        if address is not None:
            return nullcontext(address)
        return fresh_emulator(partitions=any(_is_partitioned(asked) for asked in self.requests))

    async def _compare(
        self, address: Address, tell: Callable[[Compared], object], done: Callable[[], None]
    ) -> list[Resource]:
        with _folder() as spool, ThreadPoolExecutor(THREADS, thread_name_prefix="parity") as executor:
            settings = replace(self.settings, max_record_body_bytes=UNLIMITED)
            is_driven_itself = settings.upstream is None and self.target is not None
            local = Side(
                address,
                settings if is_driven_itself else local_settings(settings),
                spool=spool,
                executor=executor,
                granted=None if is_driven_itself else granted_locally(),
            )
            upstream = (
                Side(settings.upstream, settings, spool=spool, executor=executor)
                if settings.upstream is not None
                else None
            )
            mirror = Mirror(
                local,
                tell=tell,
                executor=executor,
                upstream=upstream,
                learning=self.learning,
                hydrate_limit=settings.hydrate_limit if settings.hydrate else 0,
            )
            try:
                await local.check()
                if upstream is None:
                    await drive_recorded(self.requests, mirror, done)
                else:
                    await upstream.check()
                    await drive_both(self.requests, upstream, mirror, done)
            finally:
                await local.close()
                if upstream is not None:
                    await upstream.close()
            return mirror.hydrated


UNLIMITED = 1 << 62


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="azdicom-parity-") as folder:
        yield Path(folder)


def _is_partitioned(asked: Asked) -> bool:
    return locate(asked.request.method, asked.request.uri).partition is not None
