"""Emulators in this process for scenarios: each has one to itself, empty, and emptied for the next."""

import http.client
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from azdicom_emulator.settings import AuthMode, LogFormat, Settings
from azdicom_proxy.cassette.model import Headers
from azdicom_proxy.upstream.address import Address
from azdicom_scenarios.model import Auth
from azdicom_scenarios.running.endpoints import FAKE_TOKEN, Authorize, Endpoint, Kind, with_token

RESET_TIMEOUT_S = 30
EMPTYING = (("POST", "reset"), ("DELETE", "faults"), ("DELETE", "journal"))
NOT_FOR_SCENARIOS = frozenset(("host", "port", "port-file", "data-dir", "ephemeral", "config", "no-admin", "scenario"))
NAMED = {"quirk": "quirks", "extension": "extensions"}
"""`quirk.store.implicit_vr: reject` in a scenario is `--quirk store.implicit_vr=reject`."""


class ConfigError(ValueError):
    """`settings.config` has what the emulator does not take; the text says what."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running one. stop: ends it and removes its data."""

    endpoint: Endpoint
    stop: ExitStack


class EmulatorPool:
    """Starts emulators when they are needed. One that a scenario has left is emptied and kept; for many threads."""

    def __init__(self) -> None:
        self._idle: list[Emulator] = []
        self._lock = Lock()

    @contextmanager
    def taken(self, config: Mapping[str, str], *, partitions: bool = False) -> Iterator[Endpoint]:
        """An empty emulator for this block. One with settings of its own ends with it. Raises ConfigError."""
        if config or partitions:
            started = _started(config, partitions=partitions)
            with started.stop:
                yield started.endpoint
            return
        with self._lock:
            emulator = self._idle.pop() if self._idle else None
        emulator = emulator or _started({})
        try:
            yield emulator.endpoint
            is_empty = _emptied(emulator.endpoint.address)
        except BaseException:
            emulator.stop.close()
            raise
        if not is_empty:
            emulator.stop.close()
            return
        with self._lock:
            self._idle.append(emulator)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for emulator in idle:
            emulator.stop.close()


def emulator_settings(config: Mapping[str, str], data_dir: Path, *, partitions: bool = False) -> Settings:
    """Those of `azdicom serve` that a scenario's `settings.config` names. Raises ConfigError."""
    chosen: dict[str, Any] = {"data_dir": data_dir}
    named: dict[str, list[str]] = {}
    for name, value in config.items():
        option, dot, rest = name.replace("_", "-").partition(".")
        if dot and option in NAMED:
            named.setdefault(option, []).append(f"{name.partition('.')[2]}={value}")
        elif rest or dot:
            raise ConfigError(f"settings.config: the emulator has no setting '{name}'")
        else:
            chosen |= _converted(option, value)
    for option, pairs in named.items():
        chosen |= _converted(option, pairs)
    if partitions:
        chosen["partitions"] = True
    return Settings(**chosen)


def _converted(option: str, value: str | list[str]) -> dict[str, Any]:
    """As click converts the option of `azdicom serve`, without the environment and project file."""
    import click

    from azdicom_emulator.serve import serve

    options = {each.opts[0].removeprefix("--"): each for each in serve.params}
    parameter = options.get(option)
    if parameter is None or option in NOT_FOR_SCENARIOS:
        known = ", ".join(sorted(options.keys() - NOT_FOR_SCENARIOS))
        raise ConfigError(f"settings.config: '{option}' is no setting for scenarios. Known: {known}")
    context = click.Context(serve)
    given = value if isinstance(value, list) or not parameter.multiple else value.split()
    try:
        converted = parameter.type_cast_value(context, given)
        if parameter.callback is not None:
            converted = parameter.callback(context, parameter, converted)
    except click.UsageError as error:
        raise ConfigError(f"settings.config: {option}: {error.format_message()}") from None
    words = {"auth": AuthMode, "log_format": LogFormat}
    assert parameter.name is not None
    return {parameter.name: words[parameter.name](converted) if parameter.name in words else converted}


def _started(config: Mapping[str, str], *, partitions: bool = False) -> Emulator:
    from azdicom_emulator.embedded import running

    stack = ExitStack()
    try:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="azdicom-scenario-")))
        settings = emulator_settings(config, folder / "data", partitions=partitions)
        address = Address.parse(stack.enter_context(running(settings)))
    except BaseException:
        stack.close()
        raise
    return Emulator(Endpoint(kind=Kind.OWN, address=address, authorize=authorize_for(settings)), stack)


def authorize_for(settings: Settings) -> Authorize:
    """With authentication on, every request has a token unless a step says otherwise."""

    def authorize(headers: Headers, auth: Auth | None) -> Headers:
        is_asked = auth is Auth.TOKEN or (auth is None and settings.auth is not AuthMode.NONE)
        if not is_asked or any(name.lower() == "authorization" for name, _ in headers):
            return headers
        return with_token(headers, _token(settings))

    return authorize


def _token(settings: Settings) -> str:
    if settings.auth is not AuthMode.JWT:
        return FAKE_TOKEN
    from azdicom_emulator.identity.issuer import AUDIENCE, LIFETIME_S, Issuer

    return Issuer(settings.data_dir, settings.auth_issuer).token(
        client_id="owner", audience=AUDIENCE, lifetime_s=LIFETIME_S
    )


def _emptied(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=RESET_TIMEOUT_S)
    try:
        for method, path in EMPTYING:
            connection.request(method, f"/_azdicom/{path}")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 204:
                return False
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
