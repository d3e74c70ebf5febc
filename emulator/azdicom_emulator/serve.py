"""`azdicom serve`: options, the settings made of them, and the server's life from listening to stopping."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import click

from azdicom_emulator import __version__
from azdicom_emulator.config_file import load_config
from azdicom_emulator.logs import configure
from azdicom_emulator.settings import (
    ANY,
    DEFAULT_PORT,
    DEVELOPMENT_ISSUER,
    EXTENSIONS,
    LOOPBACK_ORIGINS,
    QUIRKS,
    AuthMode,
    LogFormat,
    Settings,
)

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OPEN_TO_ALL = {
    AuthMode.NONE: "without authentication",
    AuthMode.ANY: "and taking any bearer token (--auth any)",
    AuthMode.JWT: "and giving a token to whoever asks (--auth-jwks names an issuer of your own)",
}
"""Why everybody who reaches the server can use it, for the warning of a server that others can reach."""
ORIGIN = re.compile(r"https?://[^/?#\s@*]+", re.IGNORECASE)
CORS_OFF = "off"
CHAOS = ("azure-busy", "flaky-network", "slow-disk", "token-expiry")
"""The presets of faults/presets.py, by name: the help needs no more."""
SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
EXAMPLES = """
\b
Examples:
  azdicom serve
  azdicom serve --ephemeral --port 0 --port-file port.txt
  azdicom serve --strict --quirk store.implicit_vr=reject
  azdicom serve --extension search.wildcards=off --log-format json
  azdicom serve --chaos azure-busy --seed 1
  azdicom serve --auth jwt --tls-cert certs/azdicom-cert.pem --tls-key certs/azdicom-key.pem

Every option is also an environment variable (AZDICOM_DATA_DIR for --data-dir) and a key of azdicom.yaml
(data-dir). The command line wins over the environment, the environment over the file.
"""


def _extensions(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Mapping[str, bool]:
    chosen = {}
    for name, value in _pairs(values, EXTENSIONS, "extension"):
        if value.lower() not in SWITCH:
            raise click.BadParameter(f"'{value}' for {name}: expected on or off")
        chosen[name] = SWITCH[value.lower()]
    return chosen


def _quirks(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str]:
    chosen = {}
    for name, value in _pairs(values, QUIRKS, "quirk"):
        if value not in QUIRKS[name].values:
            raise click.BadParameter(f"'{value}' for {name}: expected {' or '.join(QUIRKS[name].values)}")
        chosen[name] = value
    return chosen


def _origins(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """None when nothing is said, empty for `off`."""
    if not values:
        return None
    if CORS_OFF in values:
        if len(values) > 1:
            raise click.BadParameter(f"'{CORS_OFF}' allows no other origin beside it")
        return ()
    for value in values:
        if value not in (ANY, LOOPBACK_ORIGINS) and not ORIGIN.fullmatch(value):
            raise click.BadParameter(
                f"'{value}': expected an origin such as https://viewer.example, {LOOPBACK_ORIGINS}, {ANY} or {CORS_OFF}"
            )
    return values


def _pairs(values: tuple[str, ...], known: Mapping[str, object], what: str) -> list[tuple[str, str]]:
    pairs = []
    for text in values:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"'{text}': expected NAME=VALUE")
        if name not in known:
            raise click.BadParameter(f"unknown {what} '{name}'. Known: {', '.join(known)}")
        pairs.append((name, value))
    return pairs


data_dir_option = click.option(
    "--data-dir",
    envvar=["AZDICOM_DATA_DIR", "DICOM_STORAGE_DIR"],
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder of the index and the DICOM files; made if it does not exist.",
)


@click.command(epilog=EXAMPLES)
@click.option("--host", envvar="AZDICOM_HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    envvar="AZDICOM_PORT",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option(
    "--port-file",
    envvar="AZDICOM_PORT_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the port to this file when the server listens.",
)
@data_dir_option
@click.option(
    "--ephemeral", envvar="AZDICOM_EPHEMERAL", is_flag=True, help="Keep the data in a temporary folder, gone on stop."
)
@click.option(
    "--durability",
    envvar="AZDICOM_DURABILITY",
    type=click.Choice(["process", "full"]),
    default="process",
    show_default=True,
    help="What an acknowledged store survives: the end of the process, or (full) a power cut too.",
)
@click.option(
    "--strict", envvar="AZDICOM_STRICT", is_flag=True, help="Behave as the managed service alone: no extensions."
)
@click.option(
    "--extension",
    "extensions",
    envvar="AZDICOM_EXTENSION",
    multiple=True,
    metavar="NAME=on|off",
    callback=_extensions,
    help="Turn an extension on or off. Repeatable.",
)
@click.option(
    "--quirk",
    "quirks",
    envvar="AZDICOM_QUIRK",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_quirks,
    help="Choose the other reading of an open question. Repeatable.",
)
@click.option(
    "--auth",
    envvar="AZDICOM_AUTH",
    type=click.Choice([mode.value for mode in AuthMode]),
    default=AuthMode.NONE.value,
    show_default=True,
    help="Take every request, those with any bearer token, or those with a valid token whose role allows it.",
)
@click.option(
    "--auth-jwks",
    envvar="AZDICOM_AUTH_JWKS",
    metavar="URL|FILE",
    help="Keys of the issuer whose tokens --auth jwt takes.  [default: the built-in issuer's]",
)
@click.option(
    "--auth-issuer",
    envvar="AZDICOM_AUTH_ISSUER",
    metavar="NAME",
    default=DEVELOPMENT_ISSUER,
    help="Claim iss of the tokens that --auth jwt takes.  [default: the built-in issuer's]",
)
@click.option(
    "--tls-cert",
    envvar="AZDICOM_TLS_CERT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Serve https with this certificate (PEM); `azdicom cert` makes one.",
)
@click.option(
    "--tls-key",
    envvar="AZDICOM_TLS_KEY",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Private key of the certificate (PEM).  [default: in the certificate's file]",
)
@click.option(
    "--cors-origin",
    "cors_origins",
    envvar="AZDICOM_CORS_ORIGIN",
    multiple=True,
    metavar="ORIGIN",
    callback=_origins,
    help="Let pages of this origin call the service: https://viewer.example, loopback (this machine), * or off."
    " Repeatable.  [default: loopback; off with --strict]",
)
@click.option(
    "--cors-header",
    "cors_headers",
    envvar="AZDICOM_CORS_HEADER",
    multiple=True,
    metavar="NAME",
    default=(ANY,),
    help="Let these pages send this request header. Repeatable.  [default: *]",
)
@click.option(
    "--cors-method",
    "cors_methods",
    envvar="AZDICOM_CORS_METHOD",
    multiple=True,
    metavar="METHOD",
    default=(ANY,),
    help="Let these pages use this method. Repeatable.  [default: *]",
)
@click.option(
    "--cors-max-age",
    "cors_max_age_s",
    envvar="AZDICOM_CORS_MAX_AGE",
    type=click.IntRange(min=0),
    metavar="SECONDS",
    help="How long a browser may keep the answer to a preflight.  [default: its own choice]",
)
@click.option(
    "--cors-credentials",
    envvar="AZDICOM_CORS_CREDENTIALS",
    is_flag=True,
    help="Let these pages send cookies and client certificates; not with --cors-origin *.",
)
@click.option(
    "--request-ids",
    envvar="AZDICOM_REQUEST_IDS",
    type=click.BOOL,
    metavar="on|off",
    help="Send the request's id of the log as x-ms-request-id.  [default: on; off with --strict]",
)
@click.option(
    "--partitions",
    envvar="AZDICOM_PARTITIONS",
    is_flag=True,
    help="Keep data in partitions: data routes are below /v2/partitions/NAME.",
)
@click.option(
    "--operation-delay",
    "operation_delay_s",
    envvar="AZDICOM_OPERATION_DELAY",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a re-index waits before it works, so that clients see it in progress.",
)
@click.option(
    "--disable-operations",
    envvar="AZDICOM_DISABLE_OPERATIONS",
    is_flag=True,
    help="Refuse to start operations, as the service does while they are switched off.",
)
@click.option(
    "--max-extended-query-tags",
    envvar="AZDICOM_MAX_EXTENDED_QUERY_TAGS",
    type=click.IntRange(min=0),
    default=128,
    show_default=True,
    metavar="NUMBER",
    help="How many extended query tags there may be.",
)
@click.option(
    "--expiry-interval",
    "expiry_interval_s",
    envvar=["AZDICOM_EXPIRY_INTERVAL", "EXPIRY_INTERVAL_SECONDS"],
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How often studies whose expiry is due are deleted.",
)
@click.option(
    "--faults",
    envvar="AZDICOM_FAULTS",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Let requests go wrong as the rules in this file say.",
)
@click.option(
    "--chaos",
    envvar="AZDICOM_CHAOS",
    type=click.Choice(CHAOS),
    multiple=True,
    help="Let requests go wrong as a preset says: azure-busy, flaky-network, slow-disk or token-expiry. Repeatable.",
)
@click.option(
    "--seed",
    envvar="AZDICOM_SEED",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="Chance of fault rules: the same number makes the same choices.  [default: the file's, else random]",
)
@click.option("--no-admin", envvar="AZDICOM_NO_ADMIN", is_flag=True, help="Serve nothing below /_azdicom/.")
@click.option(
    "--admin-token",
    envvar="AZDICOM_ADMIN_TOKEN",
    metavar="TOKEN",
    help="Let whoever has this bearer token, and nobody else, use /_azdicom/.  [default: this machine may]",
)
@click.option(
    "--worklist-events-kept",
    envvar="AZDICOM_WORKLIST_EVENTS_KEPT",
    type=click.IntRange(min=0),
    default=10_000,
    show_default=True,
    metavar="NUMBER",
    help="How many worklist events wait for each subscriber that is away; the oldest go first.",
)
@click.option(
    "--log-level",
    envvar="AZDICOM_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    show_default=True,
    help="Least severe log line to print.",
)
@click.option(
    "--log-format",
    envvar="AZDICOM_LOG_FORMAT",
    type=click.Choice([form.value for form in LogFormat]),
    default=LogFormat.TEXT.value,
    show_default=True,
    help="Log lines as text or as JSON objects.",
)
@click.option(
    "--config",
    envvar="AZDICOM_CONFIG",
    type=click.Path(dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=load_config,
    help="File of settings.  [default: azdicom.yaml, if there is one]",
)
def serve(**options: object) -> None:
    """Start the emulator of the Azure DICOM service."""
    typed = {"auth": AuthMode(str(options["auth"])), "log_format": LogFormat(str(options["log_format"]))}
    settings = Settings(**{**options, **typed})  # type: ignore[arg-type]
    if settings.tls_key is not None and settings.tls_cert is None:
        raise click.UsageError("--tls-key needs --tls-cert")
    if settings.cors_credentials and ANY in settings.allowed_origins:
        raise click.UsageError("--cors-credentials needs origins by name, not --cors-origin *")
    configure(settings.log_level, settings.log_format)
    _explain_seed_variables()
    with _data_folder(settings) as folder:
        asyncio.run(_serve(replace(settings, data_dir=folder)))


@contextlib.contextmanager
def _data_folder(settings: Settings) -> Iterator[Path]:
    if not settings.ephemeral:
        yield settings.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="azdicom-") as folder:
        yield Path(folder)


async def _serve(settings: Settings) -> None:
    """Runs until SIGINT, SIGTERM or `POST /_azdicom/shutdown`.

    Raises ServeError (exit code 2) when the server cannot start.
    """
    from azdicom_emulator.application import create_runner
    from azdicom_emulator.faults.errors import FaultsError
    from azdicom_emulator.identity.errors import KeyUnusableError
    from azdicom_emulator.storage.errors import StorageError
    from azdicom_emulator.web.keys import STOPPING

    try:
        runner = create_runner(settings)
    except FaultsError as error:
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
        _announce(settings, port)
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
    port = int(runner.addresses[0][1])
    if settings.port_file is not None:
        settings.port_file.write_text(f"{port}\n")
    return port


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


def _announce(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    url = f"{scheme}://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    kept = f"{settings.data_dir} (temporary)" if settings.ephemeral else str(settings.data_dir.resolve())
    mode = "strict: the managed service alone" if settings.strict else "with extensions (--strict turns them off)"
    click.echo(
        f"azdicom {__version__} listens\n"
        f"  service  {url}/v2\n"
        f"  docs     {url}/docs\n"
        f"  data     {kept}\n"
        f"  auth     {_auth(settings)}\n"
        f"  mode     {mode}\n"
        f"  try      curl -i '{url}/v2/studies?limit=10' -H 'Accept: application/dicom+json'{_curl(settings, url)}\n"
        f"  stop     Ctrl+C"
    )
    if settings.host not in LOOPBACK:
        _warn_of_strangers(settings, host)


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


def _warn_of_strangers(settings: Settings, host: str) -> None:
    if settings.auth is AuthMode.JWT and not settings.has_own_issuer:
        return
    why = OPEN_TO_ALL[settings.auth]
    log.warning("listening on %s %s: everybody who reaches this address can read and write", host, why)


def _explain_seed_variables() -> None:
    url = os.environ.get("DATABASE_URL")
    if url:
        log.warning("DATABASE_URL is ignored: the index is a DuckDB file in the data folder (--data-dir)")


class ServeError(click.ClickException):
    """The server cannot start: one line, exit code 2."""

    exit_code = 2
