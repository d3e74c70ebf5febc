"""`azdicom pull`: copies studies from a DICOMweb service into the emulator."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azdicom_proxy.command_options import Url, config_option, option, settings_of, upstream_options
from azdicom_proxy.exit_codes import ExitCode, UpstreamFailure, UsageFailure
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address

if TYPE_CHECKING:
    from azdicom_proxy.pulling import Pulled, Selection

DEFAULT_TARGET = "http://127.0.0.1:8080"
FAILURES_SHOWN = 20
THREADS = 4
EXAMPLES = """
\b
Examples:
  azdicom pull --from https://WORKSPACE-SERVICE.dicom.azurehealthcareapis.com --auth azure --query PatientID=P-1
  azdicom pull --from http://127.0.0.1:8042/dicom-web --study 1.2.840.99.1 --data ./data
  azdicom pull --from URL --auth azure --changefeed --since 2026-01-01T00:00:00Z

\b
Exit codes: 0 all is there, 1 some instances failed, 2 wrong usage, 3 a service cannot be reached or gives no token.
"""


@click.command(epilog=EXAMPLES)
@option("--from", "source", type=Url(), required=True, metavar="URL", help="The service to copy from.")
@option(
    "--to",
    "target",
    type=Url(),
    metavar="URL",
    help=f"The service to copy to.  [default: {DEFAULT_TARGET}, unless --data]",
)
@option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Copy into this data folder of an emulator that does not run.",
)
@option("--to-token", metavar="TOKEN", help="Bearer token for the service to copy to.")
@option("--study", "studies", multiple=True, metavar="UID", help="Copy this study. Repeatable.")
@option("--query", multiple=True, metavar="NAME=VALUE", help="Copy the studies that this search finds. Repeatable.")
@option("--changefeed", is_flag=True, help="Copy what the change feed names and still is current.")
@option("--since", metavar="TIME", help="Look at changes from this time on, as in 2026-01-31T08:00:00Z.")
@option("--parallel", type=click.IntRange(1, 32), default=4, show_default=True, help="Requests at a time.")
@option("--json", "as_json", is_flag=True, help="Print one JSON object with the counts and failures.")
@upstream_options
@config_option
def pull(
    source: Address,
    target: Address | None,
    data_dir: Path | None,
    to_token: str | None,
    studies: tuple[str, ...],
    query: tuple[str, ...],
    changefeed: bool,
    since: str | None,
    parallel: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Copy studies from a DICOMweb service into the emulator.

    Without --study, --query and --changefeed everything is copied. What the target has already is not fetched: an
    interrupted pull goes on where it was.
    """
    if target is not None and data_dir is not None:
        raise click.UsageError("--to and --data: choose one")
    if sum(map(bool, (studies, query, changefeed))) > 1:
        raise click.UsageError("--study, --query and --changefeed: choose one")
    if since is not None and not changefeed:
        raise click.UsageError("--since needs --changefeed")
    from azdicom_proxy.pulling import RefusedError, Selection
    from azdicom_proxy.upstream.errors import UpstreamError
    from azdicom_proxy.upstream_auth import TokenUnavailableError

    settings = settings_of(options, mode=Mode.PASSTHROUGH, upstream=source)
    selection = Selection(studies, "&".join(query), changefeed, since)
    try:
        with _target(target, data_dir) as address, _progress(is_shown=not as_json) as (found, done):
            pulled, latest = asyncio.run(_pull(settings, address, to_token, selection, parallel, found, done))
    except (UpstreamError, TokenUnavailableError, RefusedError) as error:
        raise UpstreamFailure(str(error)) from None
    except (OSError, ValueError) as error:
        raise UsageFailure(f"cannot start: {error}") from None
    _tell(pulled, latest, as_json=as_json)
    sys.exit(ExitCode.FAILED if pulled.failed else ExitCode.OK)


async def _pull(
    settings: ProxySettings,
    address: Address,
    to_token: str | None,
    selection: "Selection",
    parallel: int,
    found: Callable[[int], None],
    done: Callable[[int], None],
) -> tuple["Pulled", str]:
    from azdicom_proxy.parity.sides import FixedToken, Side
    from azdicom_proxy.pulling import Puller
    from azdicom_proxy.settings import UpstreamAuth
    from azdicom_proxy.upstream_auth import UpstreamAuthorization

    assert settings.upstream is not None
    granted = UpstreamAuthorization(
        UpstreamAuth.TOKEN_ENV if to_token else UpstreamAuth.NONE, FixedToken(to_token) if to_token else None
    )
    with tempfile.TemporaryDirectory(prefix="azdicom-pull-") as folder, ThreadPoolExecutor(THREADS) as executor:
        source = Side(settings.upstream, settings, spool=Path(folder), executor=executor)
        target = Side(address, ProxySettings(), spool=Path(folder), executor=executor, granted=granted)
        try:
            for side in (source, target):
                await side.check()
            puller = Puller(source, target, parallel=parallel, found=found, done=done)
            return await puller.pull(selection), puller.latest
        finally:
            await source.close()
            await target.close()


def _target(target: Address | None, data_dir: Path | None) -> AbstractContextManager[Address]:
    if data_dir is None:
        return nullcontext(target or Address.parse(DEFAULT_TARGET))
    return _emulator_over(data_dir)


@contextmanager
def _emulator_over(data_dir: Path) -> Iterator[Address]:
    """An emulator for as long as the copying takes, which leaves its data."""
    from azdicom_emulator.embedded import running
    from azdicom_emulator.settings import Settings

    with running(Settings(data_dir=data_dir, no_admin=True)) as url:
        yield Address.parse(url)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """What to call with the number of instances that were found, and with those that are done."""
    if not is_shown or not sys.stderr.isatty():
        yield lambda _: None, lambda _: None
        return
    with click.progressbar(length=0, label="Copying", file=sys.stderr, show_pos=True) as bar:

        def found(count: int) -> None:
            bar.length = (bar.length or 0) + count
            bar.render_progress()

        yield found, bar.update


def _tell(pulled: "Pulled", latest: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"schema": 1, **asdict(pulled), "latest_change": latest or None}))
        return
    click.echo(f"{pulled.copied} copied, {pulled.skipped} there already, {pulled.failed} failed")
    for failure in pulled.failures[:FAILURES_SHOWN]:
        click.echo(f"  failed: {failure}", err=True)
    if len(pulled.failures) > FAILURES_SHOWN:
        click.echo(f"  and {pulled.failed - FAILURES_SHOWN} more", err=True)
    if latest:
        click.echo(f"go on later with --changefeed --since {latest}", err=True)
