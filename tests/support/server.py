"""A real server in a thread with a loop of its own: a shared loop would hide a blocked one."""

from collections.abc import Iterator
from contextlib import contextmanager

from azdicom_emulator import embedded
from azdicom_emulator.settings import Settings
from tests.support.client import Emulator


@contextmanager
def running(settings: Settings) -> Iterator[Emulator]:
    """The emulator with `settings` on a free loopback port, until the block ends. Raises what its start raised."""
    with embedded.running(settings) as base_url:
        yield Emulator(base_url, settings.data_dir)
