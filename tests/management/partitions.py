"""The data routes of one partition."""

from dataclasses import replace

from tests.support.client import Emulator


def in_partition(emulator: Emulator, name: str) -> Emulator:
    """The same server with its paths below `/partitions/{name}`."""
    return replace(emulator, version=f"{emulator.version}/partitions/{name}")
