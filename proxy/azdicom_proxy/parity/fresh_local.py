"""The local side: a fresh emulator that behaves as the managed service alone, in a thread with a loop of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from azdicom_proxy.parity.sides import FixedToken
from azdicom_proxy.settings import ProxySettings, UpstreamAuth
from azdicom_proxy.upstream.address import Address, Trust
from azdicom_proxy.upstream_auth import UpstreamAuthorization

FAKE_TOKEN = "azdicom-local"
"""What the local side sees in place of any live token."""


@contextmanager
def fresh_emulator(*, partitions: bool = False) -> Iterator[Address]:
    """An empty strict emulator until the block ends; its data go with it. partitions: with data partitions."""
    from azdicom_emulator.embedded import running
    from azdicom_emulator.settings import Settings

    with (
        tempfile.TemporaryDirectory(prefix="azdicom-local-") as folder,
        running(Settings(data_dir=Path(folder) / "data", strict=True, no_admin=True, partitions=partitions)) as url,
    ):
        yield Address.parse(url)


def granted_locally() -> UpstreamAuthorization:
    """The fake token, whatever the client sent."""
    return UpstreamAuthorization(UpstreamAuth.TOKEN_ENV, FixedToken(FAKE_TOKEN))


def local_settings(settings: ProxySettings) -> ProxySettings:
    """`settings` without what concerns the upstream alone."""
    return replace(settings, auth=UpstreamAuth.NONE, token_file=None, token_env=None, trust=Trust())
