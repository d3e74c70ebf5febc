"""The options of `azdicom serve`, and the settings made of them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from azdicom_emulator.config_file import load_config
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

ORIGIN = re.compile(r"https?://[^/?#\s@*]+", re.IGNORECASE)
RESOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,22}[A-Za-z0-9]")
CORS_OFF = "off"
CHAOS = ("azure-busy", "flaky-network", "slow-disk", "token-expiry")
"""The presets of faults/presets.py, by name: the help needs no more."""
SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


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


def _resource_name(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not RESOURCE_NAME.fullmatch(value):
        raise click.BadParameter(f"'{value}': expected 3 to 24 letters and digits, and '-' inside")
    return value


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

OPTIONS: tuple[Callable[[Callable[..., object]], Callable[..., object]], ...] = (
    click.option("--host", envvar="AZDICOM_HOST", default="127.0.0.1", show_default=True, help="Address to listen on."),
    click.option(
        "--port",
        envvar="AZDICOM_PORT",
        type=click.IntRange(0, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        help="Port to listen on; 0 picks a free one.",
    ),
    click.option(
        "--port-file",
        envvar="AZDICOM_PORT_FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the port to this file when the server listens.",
    ),
    data_dir_option,
    click.option(
        "--ephemeral",
        envvar="AZDICOM_EPHEMERAL",
        is_flag=True,
        help="Keep the data in a temporary folder, gone on stop.",
    ),
    click.option(
        "--durability",
        envvar="AZDICOM_DURABILITY",
        type=click.Choice(["process", "full"]),
        default="process",
        show_default=True,
        help="What an acknowledged store survives: the end of the process, or (full) a power cut too.",
    ),
    click.option(
        "--strict", envvar="AZDICOM_STRICT", is_flag=True, help="Behave as the managed service alone: no extensions."
    ),
    click.option(
        "--extension",
        "extensions",
        envvar="AZDICOM_EXTENSION",
        multiple=True,
        metavar="NAME=on|off",
        callback=_extensions,
        help="Turn an extension on or off. Repeatable.",
    ),
    click.option(
        "--quirk",
        "quirks",
        envvar="AZDICOM_QUIRK",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_quirks,
        help="Choose the other reading of an open question. Repeatable.",
    ),
    click.option(
        "--auth",
        envvar="AZDICOM_AUTH",
        type=click.Choice([mode.value for mode in AuthMode]),
        default=AuthMode.NONE.value,
        show_default=True,
        help="Take every request, those with any bearer token, or those with a valid token whose role allows it.",
    ),
    click.option(
        "--auth-jwks",
        envvar="AZDICOM_AUTH_JWKS",
        metavar="URL|FILE",
        help="Keys of the issuer whose tokens --auth jwt takes.  [default: the built-in issuer's]",
    ),
    click.option(
        "--auth-issuer",
        envvar="AZDICOM_AUTH_ISSUER",
        metavar="NAME",
        default=DEVELOPMENT_ISSUER,
        help="Claim iss of the tokens that --auth jwt takes.  [default: the built-in issuer's]",
    ),
    click.option(
        "--tls-cert",
        envvar="AZDICOM_TLS_CERT",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Serve https with this certificate (PEM); `azdicom cert` makes one.",
    ),
    click.option(
        "--tls-key",
        envvar="AZDICOM_TLS_KEY",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Private key of the certificate (PEM).  [default: in the certificate's file]",
    ),
    click.option(
        "--cors-origin",
        "cors_origins",
        envvar="AZDICOM_CORS_ORIGIN",
        multiple=True,
        metavar="ORIGIN",
        callback=_origins,
        help="Let pages of this origin call the service: https://viewer.example, loopback (this machine), * or off."
        " Repeatable.  [default: loopback; off with --strict]",
    ),
    click.option(
        "--cors-header",
        "cors_headers",
        envvar="AZDICOM_CORS_HEADER",
        multiple=True,
        metavar="NAME",
        default=(ANY,),
        help="Let these pages send this request header. Repeatable.  [default: *]",
    ),
    click.option(
        "--cors-method",
        "cors_methods",
        envvar="AZDICOM_CORS_METHOD",
        multiple=True,
        metavar="METHOD",
        default=(ANY,),
        help="Let these pages use this method. Repeatable.  [default: *]",
    ),
    click.option(
        "--cors-max-age",
        "cors_max_age_s",
        envvar="AZDICOM_CORS_MAX_AGE",
        type=click.IntRange(min=0),
        metavar="SECONDS",
        help="How long a browser may keep the answer to a preflight.  [default: its own choice]",
    ),
    click.option(
        "--cors-credentials",
        envvar="AZDICOM_CORS_CREDENTIALS",
        is_flag=True,
        help="Let these pages send cookies and client certificates; not with --cors-origin *.",
    ),
    click.option(
        "--request-ids",
        envvar="AZDICOM_REQUEST_IDS",
        type=click.BOOL,
        metavar="on|off",
        help="Send the request's id of the log as x-ms-request-id.  [default: on; off with --strict]",
    ),
    click.option(
        "--partitions",
        envvar="AZDICOM_PARTITIONS",
        is_flag=True,
        help="Keep data in partitions: data routes are below /v2/partitions/NAME.",
    ),
    click.option(
        "--operation-delay",
        "operation_delay_s",
        envvar="AZDICOM_OPERATION_DELAY",
        type=click.FloatRange(min=0),
        default=0.0,
        show_default=True,
        metavar="SECONDS",
        help="How long an operation waits before it works, so that clients see it in progress.",
    ),
    click.option(
        "--disable-operations",
        envvar="AZDICOM_DISABLE_OPERATIONS",
        is_flag=True,
        help="Refuse re-indexes and bulk updates, as the service does while operations are switched off.",
    ),
    click.option(
        "--disable-export",
        envvar="AZDICOM_DISABLE_EXPORT",
        is_flag=True,
        help="Answer exports with 404, as a service without the feature does.",
    ),
    click.option(
        "--export-folder",
        envvar="AZDICOM_EXPORT_FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Let exports write below this folder too, not only to containers.",
    ),
    click.option(
        "--export-retry",
        "export_retry_s",
        envvar="AZDICOM_EXPORT_RETRY",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How long an export waits when its destination fails; three and nine times as long before later attempts.",
    ),
    click.option(
        "--max-extended-query-tags",
        envvar="AZDICOM_MAX_EXTENDED_QUERY_TAGS",
        type=click.IntRange(min=0),
        default=128,
        show_default=True,
        metavar="NUMBER",
        help="How many extended query tags there may be.",
    ),
    click.option(
        "--expiry-interval",
        "expiry_interval_s",
        envvar=["AZDICOM_EXPIRY_INTERVAL", "EXPIRY_INTERVAL_SECONDS"],
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How often studies whose expiry is due are deleted.",
    ),
    click.option(
        "--events",
        envvar="AZDICOM_EVENTS",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Send events of changes to the providers in this file.",
    ),
    click.option(
        "--event-providers",
        envvar=["AZDICOM_EVENT_PROVIDERS", "EVENT_PROVIDERS"],
        metavar="JSON",
        help="Send events of changes to these providers, where no file names others.",
    ),
    click.option(
        "--event-host",
        envvar="AZDICOM_EVENT_HOST",
        metavar="HOST",
        help="Host of the service in events.  [default: address and port of this server]",
    ),
    click.option(
        "--workspace",
        envvar="AZDICOM_WORKSPACE",
        default="azdicom",
        show_default=True,
        callback=_resource_name,
        metavar="NAME",
        help="Workspace of the service in events, in the audit log and in the data lake view.",
    ),
    click.option(
        "--service-name",
        envvar="AZDICOM_SERVICE_NAME",
        default="dicom",
        show_default=True,
        callback=_resource_name,
        metavar="NAME",
        help="Name of the service in the audit log and in the data lake view.",
    ),
    click.option(
        "--import-folder",
        envvar="AZDICOM_IMPORT_FOLDER",
        type=click.Path(file_okay=False, path_type=Path),
        help="Store what is put into import-container in this folder.",
    ),
    click.option(
        "--import-connection-string",
        envvar="AZDICOM_IMPORT_CONNECTION_STRING",
        metavar="TEXT",
        help="Store what is put into import-container of this Azure storage account.",
    ),
    click.option(
        "--import-interval",
        "import_interval_s",
        envvar="AZDICOM_IMPORT_INTERVAL",
        type=click.FloatRange(min=0.01),
        default=1.0,
        show_default=True,
        metavar="SECONDS",
        help="How often the import looks for new files; one whose size changes in that time is left for later.",
    ),
    click.option(
        "--data-lake-view",
        envvar="AZDICOM_DATA_LAKE_VIEW",
        type=click.Path(file_okay=False, path_type=Path),
        help="Show the stored files in this folder as a data lake of the managed service has them.",
    ),
    click.option(
        "--audit-log",
        envvar="AZDICOM_AUDIT_LOG",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Append records of requests to this file, in the form of the managed service's audit log.",
    ),
    click.option(
        "--faults",
        envvar="AZDICOM_FAULTS",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Let requests go wrong as the rules in this file say.",
    ),
    click.option(
        "--chaos",
        envvar="AZDICOM_CHAOS",
        type=click.Choice(CHAOS),
        multiple=True,
        help="Let requests go wrong as a preset says: azure-busy, flaky-network, slow-disk or token-expiry."
        " Repeatable.",
    ),
    click.option(
        "--seed",
        envvar="AZDICOM_SEED",
        type=click.IntRange(min=0),
        metavar="NUMBER",
        help="Chance of fault rules: the same number makes the same choices.  [default: the file's, else random]",
    ),
    click.option(
        "--scenario",
        "scenarios",
        envvar="AZDICOM_SCENARIO",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Store the fixtures of this scenario before serving. Repeatable.",
    ),
    click.option("--no-admin", envvar="AZDICOM_NO_ADMIN", is_flag=True, help="Serve nothing below /_azdicom/."),
    click.option(
        "--admin-token",
        envvar="AZDICOM_ADMIN_TOKEN",
        metavar="TOKEN",
        help="Let whoever has this bearer token, and nobody else, use /_azdicom/.  [default: this machine may]",
    ),
    click.option(
        "--worklist-events-kept",
        envvar="AZDICOM_WORKLIST_EVENTS_KEPT",
        type=click.IntRange(min=0),
        default=10_000,
        show_default=True,
        metavar="NUMBER",
        help="How many worklist events wait for each subscriber that is away; the oldest go first.",
    ),
    click.option(
        "--log-level",
        envvar="AZDICOM_LOG_LEVEL",
        type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
        default="info",
        show_default=True,
        help="Least severe log line to print.",
    ),
    click.option(
        "--log-format",
        envvar="AZDICOM_LOG_FORMAT",
        type=click.Choice([form.value for form in LogFormat]),
        default=LogFormat.TEXT.value,
        show_default=True,
        help="Log lines as text or as JSON objects.",
    ),
    click.option(
        "--config",
        envvar="AZDICOM_CONFIG",
        type=click.Path(dir_okay=False, path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=load_config,
        help="File of settings.  [default: azdicom.yaml, if there is one]",
    ),
)
"""In the order in which help and docs list them."""


def serve_options(command: Callable[..., object]) -> Callable[..., object]:
    """Decorator: gives `command` all of OPTIONS."""
    for option in reversed(OPTIONS):  # the option that is applied last stands first
        command = option(command)
    return command


def settings_of(options: Mapping[str, object]) -> Settings:
    """options: values by parameter name, as click hands them over. Raises click.UsageError: two do not fit together."""
    typed = {"auth": AuthMode(str(options["auth"])), "log_format": LogFormat(str(options["log_format"]))}
    settings = Settings(**{**options, **typed})  # type: ignore[arg-type]
    if settings.tls_key is not None and settings.tls_cert is None:
        raise click.UsageError("--tls-key needs --tls-cert")
    if settings.cors_credentials and ANY in settings.allowed_origins:
        raise click.UsageError("--cors-credentials needs origins by name, not --cors-origin *")
    return settings
