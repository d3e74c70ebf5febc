"""What scenarios run against: an emulator for each, a service, a cassette, or a service and an emulator at once."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol

from azdicom_proxy.settings import Mode, ProxySettings, UpstreamAuth
from azdicom_proxy.upstream.address import Address
from azdicom_proxy.upstream_auth import UpstreamAuthorization, authorization
from azdicom_scenarios.model import Scenario, TargetKind
from azdicom_scenarios.running.emulators import EmulatorPool
from azdicom_scenarios.running.endpoints import Authorizer, Endpoint, Kind
from azdicom_scenarios.running.fault_rules import faults_act

SKIPPED_AS = {Kind.OWN: TargetKind.EMULATOR, Kind.URL: TargetKind.URL, Kind.LIVE: TargetKind.LIVE}


class Target(Protocol):
    """`kinds`: of the services that a run talks to. is_shared: runs share a service, so that exclusive ones wait."""

    @property
    def kinds(self) -> tuple[Kind, ...]: ...

    @property
    def is_shared(self) -> bool: ...

    def refusal(self, scenario: Scenario) -> str | None:
        """Why a scenario is skipped; None: it can be run."""

    def opened(self, scenario: Scenario) -> AbstractContextManager[tuple[Endpoint, ...]]:
        """The services for one run. Raises ConfigError."""

    def close(self) -> None: ...


class EmulatorTarget:
    """An emulator for each run, with nothing in it. config: settings that a scenario's own come after."""

    kinds: tuple[Kind, ...] = (Kind.OWN,)
    is_shared = False

    def __init__(self, config: Mapping[str, str] | None = None) -> None:
        self._pool = EmulatorPool()
        self._config = dict(config or {})

    def refusal(self, scenario: Scenario) -> str | None:
        return skipped_on(scenario, self.kinds)

    @contextmanager
    def opened(self, scenario: Scenario) -> Iterator[tuple[Endpoint, ...]]:
        config = self._config | dict(scenario.settings.config)
        with self._pool.taken(config, partitions=bool(scenario.fixtures.partitions)) as endpoint:
            yield (endpoint,)

    def close(self) -> None:
        self._pool.close()


class ServiceTarget:
    """A service that runs by itself. settings: its upstream is the service, with the options of how to reach it.

    Raises TokenUnavailableError: an extra is not installed.
    """

    is_shared = True

    def __init__(self, settings: ProxySettings, *, is_live: bool) -> None:
        assert settings.upstream is not None
        kind = Kind.LIVE if is_live else Kind.URL
        self.kinds: tuple[Kind, ...] = (kind,)
        self.granted: UpstreamAuthorization = authorization(settings)
        has_token = settings.auth not in (UpstreamAuth.PASSTHROUGH, UpstreamAuth.NONE)
        self.endpoint = Endpoint(
            kind=kind,
            address=settings.upstream,
            authorize=Authorizer(self.granted, has_token=has_token),
            trust=settings.trust,
        )
        self._faults_act: bool | None = None

    def refusal(self, scenario: Scenario) -> str | None:
        skipped = skipped_on(scenario, self.kinds)
        if skipped is None and has_faults(scenario):
            if self._faults_act is None:
                self._faults_act = faults_act(self.endpoint.kind, self.endpoint.address.origin)
            if not self._faults_act:
                return "fault rules act in an emulator only"
        return skipped

    def check(self, timeout_s: float) -> None:
        """Gets a connection and a token. Raises OSError, TokenUnavailableError."""
        address = self.endpoint.address
        with socket.create_connection((address.host, address.port), timeout_s) as connection:
            if address.scheme == "https":
                self.endpoint.trust.context().wrap_socket(connection, server_hostname=address.host).close()
        self.endpoint.authorize((), None)

    @contextmanager
    def opened(self, scenario: Scenario) -> Iterator[tuple[Endpoint, ...]]:
        yield (self.endpoint,)

    def close(self) -> None:
        """The service goes on."""


class ReplayTarget:
    """A proxy that answers from a cassette; started with the first run, one for all of them."""

    kinds: tuple[Kind, ...] = (Kind.REPLAY,)
    is_shared = True

    def __init__(self, cassette: Path) -> None:
        self._settings = ProxySettings(mode=Mode.REPLAY, cassette=cassette, quiet=True)
        self._lock = Lock()
        self._stack = ExitStack()
        self._endpoint: Endpoint | None = None

    def refusal(self, scenario: Scenario) -> str | None:
        return "fault rules act in an emulator only" if has_faults(scenario) else None

    @contextmanager
    def opened(self, scenario: Scenario) -> Iterator[tuple[Endpoint, ...]]:
        yield (self.started(),)

    def started(self) -> Endpoint:
        """Raises CassetteError."""
        from azdicom_proxy.embedded import proxying

        with self._lock:
            if self._endpoint is None:
                server = self._stack.enter_context(proxying(self._settings))
                authorize = Authorizer(UpstreamAuthorization(UpstreamAuth.PASSTHROUGH, None), has_token=False)
                self._endpoint = Endpoint(kind=Kind.REPLAY, address=Address.parse(server.url), authorize=authorize)
            return self._endpoint

    def close(self) -> None:
        self._stack.close()


class BothTarget:
    """A service, and an emulator for each run beside it."""

    def __init__(self, upstream: Target, local: Target | None = None) -> None:
        self._upstream = upstream
        self._local = local or EmulatorTarget()
        self.kinds: tuple[Kind, ...] = (*upstream.kinds, *self._local.kinds)
        self.is_shared = upstream.is_shared or self._local.is_shared

    def refusal(self, scenario: Scenario) -> str | None:
        return self._upstream.refusal(scenario) or self._local.refusal(scenario)

    @contextmanager
    def opened(self, scenario: Scenario) -> Iterator[tuple[Endpoint, ...]]:
        with self._upstream.opened(scenario) as upstream, self._local.opened(scenario) as local:
            yield (*upstream, *local)

    def close(self) -> None:
        self._local.close()
        self._upstream.close()


def skipped_on(scenario: Scenario, kinds: tuple[Kind, ...]) -> str | None:
    for kind in kinds:
        if SKIPPED_AS.get(kind) in scenario.settings.skip_on:
            return f"skip_on: {SKIPPED_AS[kind]}"
    return None


def has_faults(scenario: Scenario) -> bool:
    return any(step.faults for step in (*scenario.steps, *scenario.teardown))
