"""Services that scenarios talk to: where they are, whose they are, and how requests to them are authorized."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.headers import decoded, encoded
from azdicom_proxy.upstream.address import Address, Trust
from azdicom_proxy.upstream_auth import UpstreamAuthorization
from azdicom_scenarios.model import Auth

VERSION = re.compile(r"/v\d[^/]*$")
FAKE_TOKEN = "azdicom-scenario"
"""What `auth: token` sends to a service that takes any."""


class Kind(StrEnum):
    """own: an emulator of this run alone; url: a service that others may use too; live: one that holds real data."""

    OWN = "emulator"
    URL = "url"
    LIVE = "live"
    REPLAY = "replay"


Authorize = Callable[[Headers, Auth | None], Headers]
"""The headers with the authorization that a step asks for, unless they have one. Raises TokenUnavailableError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One service. address: with the path that stands in front of the version, or of the resources."""

    kind: Kind
    address: Address
    authorize: Authorize
    trust: Trust = field(default_factory=Trust)

    @property
    def is_shared(self) -> bool:
        """Whether data of others, or of earlier runs, may be there."""
        return self.kind in (Kind.URL, Kind.LIVE)

    def path_of(self, base: str) -> str:
        """What stands in front of `/studies` in paths. base: of the scenario's settings, such as `/v2`.

        A service without a path, or whose path ends with a version, gets `base`; one below another path does not.
        """
        path = self.address.path
        if found := VERSION.search(path):
            return path[: found.start()] + base
        return path or base


class Authorizer:
    """Adds the token that the options ask for. One at a time, since what gets tokens runs on an event loop."""

    def __init__(self, granted: UpstreamAuthorization, *, has_token: bool) -> None:
        self._granted = granted
        self._has_token = has_token
        self._lock = Lock()

    def __call__(self, headers: Headers, auth: Auth | None) -> Headers:
        if auth is Auth.NONE or any(name.lower() == "authorization" for name, _ in headers):
            return headers
        if not self._has_token:
            return with_token(headers, FAKE_TOKEN) if auth is Auth.TOKEN else headers
        with self._lock:
            return decoded(asyncio.run(self._granted.applied_to(encoded(headers))))


def with_token(headers: Headers, token: str) -> Headers:
    return (*headers, ("Authorization", f"Bearer {token}"))
