"""The options that `proxy`, `record` and `replay` share, in groups, and the settings made of them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from azdicom_emulator.serve_options import CHAOS
from azdicom_emulator.settings import LogFormat
from azdicom_proxy.project_file import load_section
from azdicom_proxy.settings import (
    DEFAULT_PORT,
    Fallback,
    Latency,
    Matching,
    Mode,
    OfflineFallback,
    ProxySettings,
    UpstreamAuth,
    Writing,
)
from azdicom_proxy.upstream.address import Address, Trust

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

RECORD_MODES = ("once", "new_episodes", "all", "none", "rewrite")
UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
SIZE = re.compile(r"(\d+)\s*([kmg]?)(?:i?b)?", re.IGNORECASE)
FILE = click.Path(dir_okay=False, path_type=Path)


class Size(click.ParamType[int]):
    """Bytes: `4096`, `64KB`, `256MiB`, `2G`; all units are powers of 1,024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        matched = SIZE.fullmatch(str(value).strip())
        if matched is None:
            self.fail(f"'{value}': expected a size such as 256MiB", param, ctx)
        return int(matched[1]) * UNITS[matched[2].lower()]


class Url(click.ParamType[Address]):
    """An http or https address."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def option(flag: str, *names: str, **attributes: Any) -> Decorator[Any]:
    """A click option that is also `AZDICOM_<OPTION>` in the environment."""
    variable = f"AZDICOM_{flag.partition('/')[0].removeprefix('--').upper().replace('-', '_')}"
    return click.option(flag, *names, envvar=variable, **attributes)


def group(*options: Decorator[Any]) -> Decorator[Any]:
    """The options as one decorator, in their order."""

    def decorate(function: Any) -> Any:
        for each in reversed(options):
            function = each(function)
        return function

    return decorate


listening_options = group(
    option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    option(
        "--port",
        type=click.IntRange(0, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        help="Port to listen on; 0 picks a free one.",
    ),
    option("--port-file", type=FILE, help="Write the URL to this file when the proxy listens."),
    option("--tls-cert", type=FILE, help="Serve https with this certificate (PEM)."),
    option("--tls-key", type=FILE, help="Private key of the certificate (PEM).  [default: in the certificate's file]"),
    option("--public-url", metavar="URL", help="What clients call this proxy.  [default: the Host they send]"),
    option("--cors", multiple=True, metavar="ORIGIN|*", help="Let pages of this origin use the proxy. Repeatable."),
    option("--admin/--no-admin", default=True, show_default=True, help="Serve the admin API below /_azdicom/."),
    option("--admin-token", metavar="TOKEN", help="Let whoever sends this token use the admin API, from anywhere."),
    option(
        "--auto-shutdown", "auto_shutdown_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Exit when idle."
    ),
)

upstream_options = group(
    option(
        "--auth",
        type=click.Choice([auth.value for auth in UpstreamAuth]),
        default=UpstreamAuth.PASSTHROUGH.value,
        show_default=True,
        help="Whose token the upstream sees: the client's, one of Azure's credential chain, one of your own, or none.",
    ),
    option("--token-file", type=FILE, help="File with the token, for --auth token-file; read again when it changes."),
    option("--token-env", metavar="NAME", help="Environment variable with the token, for --auth token-env."),
    option("--ca-file", type=FILE, help="Trust these certificates of the upstream (PEM), not the system's."),
    option("--client-cert", type=FILE, help="Certificate to show to the upstream (PEM)."),
    option("--client-key", type=FILE, help="Private key of the client certificate (PEM)."),
    option("--insecure", is_flag=True, help="Do not check the upstream's certificate; not with --auth azure."),
    option(
        "--connect-timeout",
        "connect_timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="How long a connection to the upstream may take.",
    ),
    option(
        "--timeout",
        "idle_timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=100.0,
        show_default=True,
        metavar="SECONDS",
        help="How long the upstream may be silent.",
    ),
    option("--preserve-host", is_flag=True, help="Send the client's Host to the upstream, not the upstream's own."),
    option("--forwarded", is_flag=True, help="Tell the upstream about the client in X-Forwarded-* headers."),
)

offline_option = option(
    "--offline-fallback",
    type=click.Choice([fallback.value for fallback in OfflineFallback]),
    help="Who answers GET, HEAD and OPTIONS while the upstream cannot be reached: the cassette, with the newest answer"
    " that it has, or the local emulator.  [default: nobody]",
)

relay_options = group(
    option(
        "--rewrite/--no-rewrite",
        "rewrites_urls",
        default=True,
        show_default=True,
        help="Turn the upstream's URLs in answers into this proxy's.",
    ),
    option(
        "--proxy-headers/--no-proxy-headers",
        default=True,
        show_default=True,
        help="Say in x-azdicom-* headers who answered.",
    ),
)

fault_options = group(
    option("--faults", type=FILE, help="Let requests go wrong as the rules in this file say."),
    option(
        "--chaos",
        type=click.Choice(CHAOS),
        multiple=True,
        help="Let requests go wrong as a preset says: azure-busy, flaky-network, slow-disk or token-expiry."
        " Repeatable.",
    ),
    option(
        "--seed",
        type=click.IntRange(min=0),
        metavar="NUMBER",
        help="Chance of fault rules: the same number makes the same choices.  [default: the file's, else random]",
    ),
)

cassette_options = group(
    option("--cassette", type=FILE, help="Cassette to record into and to replay from."),
    option(
        "--cassette-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder of named recordings.  [default: the cassette's, else cassettes]",
    ),
)

diff_options = group(
    option("--hydrate", is_flag=True, help="Fetch what never passed by from the upstream before it is compared."),
    option(
        "--hydrate-limit",
        type=click.IntRange(min=1),
        default=200,
        show_default=True,
        metavar="INSTANCES",
        help="How many instances --hydrate may fetch.",
    ),
    option("--local", type=Url(), metavar="URL", help="Compare with this service.  [default: a fresh strict emulator]"),
)

matching_options = group(
    option("--match-on", multiple=True, metavar="NAME", help="Matchers; +NAME and -NAME edit the list. Repeatable."),
    option("--match-header", "match_headers", multiple=True, metavar="NAME", help="Compare this header. Repeatable."),
    option(
        "--order",
        type=click.Choice(["timeline", "strict", "any"]),
        default="timeline",
        show_default=True,
        help="Which of several equal interactions is played.",
    ),
    option(
        "--repeat",
        type=click.Choice(["none", "safe", "all"]),
        default="safe",
        show_default=True,
        help="Which requests may be answered again when all their interactions are played.",
    ),
    option(
        "--body-level",
        type=click.Choice(["uids", "dataset", "bytes"]),
        default="dataset",
        show_default=True,
        help="How closely stored instances are compared.",
    ),
    option("--ignore-version", is_flag=True, help="Match /v1 with /v2."),
    option("--map-uids", is_flag=True, help="Match requests that differ only in UIDs, and translate the answers."),
    option("--strict", is_flag=True, help="Fail when something in the cassette was not played."),
    option(
        "--miss-status",
        type=click.IntRange(400, 599),
        default=502,
        show_default=True,
        help="Status of the answer to what is not in the cassette.",
    ),
    option("--recode", is_flag=True, help="Compress replayed answers that came compressed, where the client takes it."),
    option(
        "--latency",
        type=click.Choice([latency.value for latency in Latency]),
        default=Latency.NONE.value,
        show_default=True,
        help="Let replayed answers wait as long as the upstream did, by the cassette's .timings.json.",
    ),
)

writing_options = group(
    option("--raw-json", is_flag=True, help="Keep the bytes of JSON bodies; else they are indented."),
    option("--keep-boundary", is_flag=True, help="Keep the boundaries of multipart bodies."),
    option("--keep-headers", is_flag=True, help="Keep headers that change from run to run and never matter."),
    option("--inline-all", is_flag=True, help="Write all bodies into the YAML file."),
    option(
        "--max-record-body",
        "max_record_body_bytes",
        type=Size(),
        default="256MiB",
        show_default=True,
        help="Of larger bodies keep length and hash only; they still flow.",
    ),
    option(
        "--phi",
        type=click.Choice(["basic", "keep", "synthetic-only"]),
        help="What happens to data of patients.  [default: basic; keep for an upstream on this machine]",
    ),
    option("--phi-option", "phi_options", multiple=True, metavar="NAME", help="An option of PS3.15. Repeatable."),
    option(
        "--scrub-rules", type=FILE, help="YAML file with a `scrub:` block of your own rules.  [default: azdicom.yaml]"
    ),
    option("--thin-pixels", is_flag=True, help="Record a pattern of the same shape in place of pixel data."),
    option(
        "--upstream-alias",
        metavar="NAME",
        help="What the cassette calls the upstream.  [default: azure-v2; local for an upstream on this machine]",
    ),
)

config_option = click.option(
    "--config",
    envvar="AZDICOM_CONFIG",
    type=FILE,
    is_eager=True,
    expose_value=False,
    callback=load_section,
    help="File whose `proxy:` block has settings.  [default: azdicom.yaml, if there is one]",
)

log_options = group(
    option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
        default="info",
        show_default=True,
        help="Least severe log line to print.",
    ),
    option(
        "--log-format",
        type=click.Choice([form.value for form in LogFormat]),
        default=LogFormat.TEXT.value,
        show_default=True,
        help="Log lines as text or as JSON objects.",
    ),
    option("--log-phi", is_flag=True, help="Show names and ids of patients in queries in the log and the journal."),
    option("--quiet", is_flag=True, help="No line for each exchange."),
    config_option,
)


def settings_of(options: Mapping[str, Any], **chosen: Any) -> ProxySettings:
    """The settings that the options say, `chosen` in place of theirs. Raises click.UsageError on contradictions."""
    given = {name: value for name, value in options.items() if name not in ("log_level", "log_format")} | chosen
    matching = {name: given.pop(name) for name in Matching.__dataclass_fields__ if name in given}
    writing = {name: given.pop(name) for name in Writing.__dataclass_fields__ if name in given}
    trust = Trust(
        given.pop("ca_file", None),
        given.pop("client_cert", None),
        given.pop("client_key", None),
        given.pop("insecure", False),
    )
    given |= {name: kind(given[name]) for name, kind in ENUMS.items() if name in given}
    if given.get("offline_fallback") is not None:
        given["offline_fallback"] = OfflineFallback(given["offline_fallback"])
    given["upstream_alias"] = given.get("upstream_alias") or _alias(given.get("upstream"))
    given["cors"] = tuple(given.get("cors", ()))
    given["chaos"] = tuple(given.get("chaos", ()))
    settings = ProxySettings(**given, matching=Matching(**matching), writing=Writing(**writing), trust=trust)
    for is_wrong, message in CONTRADICTIONS:
        if is_wrong(settings):
            raise click.UsageError(message)
    return settings


def _alias(upstream: Address | None) -> str:
    return "local" if upstream is not None and upstream.is_loopback else "azure-v2"


ENUMS: Mapping[str, Callable[[Any], Any]] = {
    "mode": Mode,
    "auth": UpstreamAuth,
    "fallback": Fallback,
    "latency": Latency,
}
CONTRADICTIONS: tuple[tuple[Callable[[ProxySettings], bool], str], ...] = (
    (lambda s: s.tls_key is not None and s.tls_cert is None, "--tls-key needs --tls-cert"),
    (lambda s: s.trust.client_key is not None and s.trust.client_cert is None, "--client-key needs --client-cert"),
    (lambda s: s.auth is UpstreamAuth.TOKEN_FILE and s.token_file is None, "--auth token-file needs --token-file"),
    (lambda s: s.auth is UpstreamAuth.TOKEN_ENV and s.token_env is None, "--auth token-env needs --token-env"),
    (
        lambda s: s.trust.is_insecure and s.auth is UpstreamAuth.AZURE,
        "--insecure would hand an Azure token to whoever answers: not with --auth azure",
    ),
    (
        lambda s: (
            s.upstream is None
            and (
                s.mode in (Mode.PASSTHROUGH, Mode.RECORD, Mode.DIFF)
                or (s.mode is Mode.SPY and s.fallback is Fallback.UPSTREAM)
            )
        ),
        "this mode needs --upstream",
    ),
    (
        lambda s: s.offline_fallback is OfflineFallback.REPLAY and not (s.cassette or s.cassette_dir),
        "--offline-fallback replay needs --cassette",
    ),
    (
        lambda s: s.mode not in (Mode.PASSTHROUGH, Mode.DIFF) and not (s.cassette or s.cassette_dir),
        "this mode needs --cassette",
    ),
)
