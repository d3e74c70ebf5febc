"""`azdicom serve`: options, the settings made of them, and the server's life from listening to stopping."""

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from azdicom_emulator import __version__
from azdicom_emulator.config_file import load_config
from azdicom_emulator.logs import configure
from azdicom_emulator.settings import DEFAULT_PORT, EXTENSIONS, QUIRKS, LogFormat, Settings

log = logging.getLogger(__name__)

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
READ_BUFFER_BYTES = 256 * 1024
EXAMPLES = """
\b
Examples:
  azdicom serve
  azdicom serve --ephemeral --port 0 --port-file port.txt
  azdicom serve --strict --quirk store.implicit_vr=reject
  azdicom serve --extension search.wildcards=off --log-format json

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
@click.option(
    "--data-dir",
    envvar=["AZDICOM_DATA_DIR", "DICOM_STORAGE_DIR"],
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder of the index and the DICOM files; made if it does not exist.",
)
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
    settings = Settings(**{**options, "log_format": LogFormat(str(options["log_format"]))})  # type: ignore[arg-type]
    configure(settings.log_level, settings.log_format)
    _explain_seed_variables()
    with _data_folder(settings) as folder:
        asyncio.run(_serve(replace(settings, data_dir=folder)))


@contextlib.contextmanager
def _data_folder(settings: Settings) -> contextlib.Generator[Path]:  # type: ignore[type-arg]
    if not settings.ephemeral:
        yield settings.data_dir
        return
    with tempfile.TemporaryDirectory(prefix="azdicom-") as folder:
        yield Path(folder)


async def _serve(settings: Settings) -> None:
    """Runs until SIGINT or SIGTERM. Raises ServeError (exit code 2) when the server cannot start."""
    from aiohttp import web  # noqa: PLC0415 -- `azdicom serve --help` needs none of this

    from azdicom_emulator.application import create_application  # noqa: PLC0415
    from azdicom_emulator.storage.errors import StorageError  # noqa: PLC0415

    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = web.AppRunner(
        create_application(settings),
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        read_bufsize=READ_BUFFER_BYTES,
        shutdown_timeout=5,
    )
    try:
        await runner.setup()
    except StorageError as error:
        raise ServeError(str(error)) from None
    try:
        port = await _listen(runner, settings)
        _announce(settings, port)
        await stopping.wait()
        log.info("stopping")
    finally:
        await runner.cleanup()


async def _listen(runner: object, settings: Settings) -> int:
    from aiohttp import web  # noqa: PLC0415

    assert isinstance(runner, web.AppRunner)
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        raise ServeError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}. "
            "Choose another with --port, or --port 0 for a free one."
        ) from None
    port = int(runner.addresses[0][1])
    if settings.port_file is not None:
        settings.port_file.write_text(f"{port}\n")
    return port


def _announce(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
    kept = f"{settings.data_dir} (temporary)" if settings.ephemeral else str(settings.data_dir.resolve())
    mode = "strict: the managed service alone" if settings.strict else "with extensions (--strict turns them off)"
    click.echo(
        f"azdicom {__version__} listens\n"
        f"  service  {url}/v2\n"
        f"  docs     {url}/docs\n"
        f"  data     {kept}\n"
        f"  mode     {mode}\n"
        f"  try      curl -i '{url}/v2/studies?limit=10' -H 'Accept: application/dicom+json'\n"
        f"  stop     Ctrl+C"
    )
    if settings.host not in LOOPBACK:
        log.warning("listening on %s without authentication: everybody who reaches this address can read and write", host)


def _explain_seed_variables() -> None:
    url = os.environ.get("DATABASE_URL")
    if url:
        log.warning("DATABASE_URL is ignored: the index is a DuckDB file in the data folder (--data-dir)")


class ServeError(click.ClickException):
    """The server cannot start: one line, exit code 2."""

    exit_code = 2
