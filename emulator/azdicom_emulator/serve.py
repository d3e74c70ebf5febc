"""`azdicom serve`: the server's life from listening to stopping."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import ssl
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from azdicom_emulator import __version__
from azdicom_emulator.logs import configure
from azdicom_emulator.serve_options import serve_options, settings_of
from azdicom_emulator.settings import AuthMode, Settings

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OPEN_TO_ALL = {
    AuthMode.NONE: "without authentication",
    AuthMode.ANY: "and taking any bearer token (--auth any)",
    AuthMode.JWT: "and giving a token to whoever asks (--auth-jwks names an issuer of your own)",
}
"""Why everybody who reaches the server can use it, for the warning of a server that others can reach."""
PRELOADER = "azdicom_scenarios.preloading:preloader"
"""By name, as the command's table of sub-commands has them: the emulator itself knows no scenarios."""
EXAMPLES = """
\b
Examples:
  azdicom serve
  azdicom serve --ephemeral --port 0 --port-file port.txt
  azdicom serve --strict --quirk store.implicit_vr=reject
  azdicom serve --extension search.wildcards=off --log-format json
  azdicom serve --chaos azure-busy --seed 1
  azdicom serve --ephemeral --scenario demo.scenario.yaml
  azdicom serve --auth jwt --tls-cert certs/azdicom-cert.pem --tls-key certs/azdicom-key.pem

Every option is also an environment variable (AZDICOM_DATA_DIR for --data-dir) and a key of azdicom.yaml
(data-dir). The command line wins over the environment, the environment over the file.
"""


@click.command(epilog=EXAMPLES)
@serve_options
def serve(**options: object) -> None:
    """Start the emulator of the Azure DICOM service."""
    settings = settings_of(options)
    configure(settings.log_level, settings.log_format)
    _explain_seed_variables()
    with _data_folder(settings) as folder:
        settings = replace(settings, data_dir=folder)
        asyncio.run(_serve(settings, _preloader(settings)))


def _preloader(settings: Settings) -> Callable[[str], list[str]] | None:
    """What stores the fixtures of `--scenario`, given the server's URL; it gives a line for each file, or raises
    click.ClickException. None: there are none.
    """
    if not settings.scenarios:
        return None
    module, _, name = PRELOADER.partition(":")
    made: Callable[[str], list[str]] = getattr(importlib.import_module(module), name)(settings)
    return made


@contextlib.contextmanager
def _data_folder(settings: Settings) -> Iterator[Path]:
    if not settings.ephemeral:
        yield settings.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="azdicom-") as folder:
        yield Path(folder)


async def _serve(settings: Settings, preload: Callable[[str], list[str]] | None) -> None:
    """Runs until SIGINT, SIGTERM or `POST /_azdicom/shutdown`.

    Raises ServeError (exit code 2) when the server cannot start.
    """
    from azdicom_emulator.application import create_runner
    from azdicom_emulator.faults.errors import FaultsError
    from azdicom_emulator.identity.errors import KeyUnusableError
    from azdicom_emulator.starting import StartError
    from azdicom_emulator.storage.errors import StorageError
    from azdicom_emulator.web.keys import STOPPING
    from azdicom_emulator.web.listening import LISTENING

    try:
        runner = create_runner(settings)
    except (FaultsError, StartError) as error:
        raise ServeError(str(error)) from None
    stopping = runner.app[STOPPING]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await runner.setup()
    except (StorageError, KeyUnusableError) as error:
        raise ServeError(str(error)) from None
    try:
        port = await _listen(runner, settings)
        url = _url(settings, port)
        runner.app[LISTENING].at(url)
        stored = [] if preload is None else await asyncio.to_thread(preload, url)
        _write_port(settings, port)
        _announce(settings, url, stored)
        await stopping.wait()
        log.info("stopping")
    finally:
        await runner.cleanup()


async def _listen(runner: object, settings: Settings) -> int:
    from aiohttp import web

    assert isinstance(runner, web.AppRunner)
    try:
        await web.TCPSite(runner, settings.host, settings.port, ssl_context=_tls(settings)).start()
    except OSError as error:
        raise ServeError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}. "
            "Choose another with --port, or --port 0 for a free one."
        ) from None
    return int(runner.addresses[0][1])


def _write_port(settings: Settings, port: int) -> None:
    if settings.port_file is not None:
        settings.port_file.write_text(f"{port}\n")


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Raises ServeError when the certificate or its key cannot be used."""
    if settings.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password="")  # a password is not asked for
    except OSError as error:  # SSLError is one
        files = " with ".join(str(path) for path in (settings.tls_cert, settings.tls_key) if path is not None)
        raise ServeError(f"cannot use the certificate {files}: {error.strerror or error}") from None
    return context


def _url(settings: Settings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def _announce(settings: Settings, url: str, stored: list[str]) -> None:
    kept = f"{settings.data_dir} (temporary)" if settings.ephemeral else str(settings.data_dir.resolve())
    loaded = "".join(f"  loaded   {line}\n" for line in stored)
    mode = "strict: the managed service alone" if settings.strict else "with extensions (--strict turns them off)"
    click.echo(
        f"azdicom {__version__} listens\n"
        f"  service  {url}/v2\n"
        f"  docs     {url}/docs\n"
        f"  data     {kept}\n"
        f"  auth     {_auth(settings)}\n"
        f"  mode     {mode}\n"
        f"{loaded}"
        f"  try      curl -i '{url}/v2/studies?limit=10' -H 'Accept: application/dicom+json'{_curl(settings, url)}\n"
        f"  stop     Ctrl+C"
    )
    if settings.host not in LOOPBACK:
        _warn_of_strangers(settings)


def _auth(settings: Settings) -> str:
    match settings.auth:
        case AuthMode.NONE:
            return "none (--auth any or jwt asks for tokens)"
        case AuthMode.ANY:
            return "any bearer token"
        case AuthMode.JWT:
            return f"tokens of {settings.auth_issuer}"


def _curl(settings: Settings, url: str) -> str:
    """The options that make the printed curl line work: the certificate, a token."""
    trust = f" --cacert {settings.tls_cert}" if settings.tls_cert is not None else ""
    if settings.auth is AuthMode.NONE:
        return trust
    if not settings.has_own_issuer:
        return f'{trust} -H "Authorization: Bearer $TOKEN"'
    cafile = f"SSL_CERT_FILE={settings.tls_cert} " if settings.tls_cert is not None else ""
    return f'{trust} -H "Authorization: Bearer $({cafile}azdicom token --url {url})"'


def _warn_of_strangers(settings: Settings) -> None:
    if settings.auth is AuthMode.JWT and not settings.has_own_issuer:
        return
    why = OPEN_TO_ALL[settings.auth]
    log.warning("listening on %s %s: everybody who reaches this address can read and write", settings.host, why)


def _explain_seed_variables() -> None:
    url = os.environ.get("DATABASE_URL")
    if url:
        log.warning("DATABASE_URL is ignored: the index is a DuckDB file in the data folder (--data-dir)")


class ServeError(click.ClickException):
    """The server cannot start: one line, exit code 2."""

    exit_code = 2
