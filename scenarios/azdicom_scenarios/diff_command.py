"""`azdicom diff`: compares a service, or what was recorded of one, with the emulator or another service."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azdicom_emulator.logs import configure
from azdicom_emulator.settings import LogFormat
from azdicom_proxy.command_options import FILE, Url, diff_options, log_options, option, settings_of, upstream_options
from azdicom_proxy.exit_codes import CassetteFailure, ExitCode, UpstreamFailure, UsageFailure
from azdicom_proxy.parity.report_options import ReportSettings, report_options, take_report_options
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address

if TYPE_CHECKING:
    from azdicom_proxy.parity.requests_files import Asked

LOCAL = "local"
LOCAL_LOGS = ("azdicom.access", "azdicom_emulator")
EXAMPLES = """
\b
Examples:
  azdicom diff --upstream URL --auth azure --html parity.html          the built-in tour
  azdicom diff --upstream URL --auth azure --scenario scenarios/library
  azdicom parity --probe --upstream URL --auth azure                   which reading of each open question?
  azdicom diff --cassette cassettes/tour.yaml --target local           do the recordings match this emulator?
  azdicom diff --cassette cassettes/live.yaml --target URL --auth azure    do they still match the service?
  azdicom diff --upstream URL --auth azure --cassette cassettes/tour.yaml  does the service match this emulator?
  azdicom diff --upstream URL --auth azure --requests viewer.har --hydrate --html diff.html

\b
Exit codes: 0 no difference at or above --fail-on, 1 there is one, 2 wrong usage, 3 a service cannot be reached,
4 the cassette cannot be read.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What was asked for. target: where recordings are played; export_to: the container that the tour exports to."""

    settings: ProxySettings
    report: ReportSettings
    target: Address | None
    export_to: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where requests come from. compare: gives the result, as `Results.as_json` does.

    has_answers: the source knows what a service answered, so that it can be compared without an upstream.
    """

    compare: Callable[[Path, Run], Mapping[str, Any]]
    has_answers: bool


def _compare_cassette(path: Path, run: Run) -> Mapping[str, Any]:
    from azdicom_proxy.cassette.errors import CassetteError
    from azdicom_proxy.parity.requests_files import of_cassette

    try:
        requests = of_cassette(path)
    except CassetteError as error:
        raise CassetteFailure(str(error)) from None
    return _compare_requests(requests, path, run)


def _compare_file(path: Path, run: Run) -> Mapping[str, Any]:
    from azdicom_proxy.parity.requests_files import RequestsFileError, of_requests

    try:
        requests = of_requests(path)
    except RequestsFileError as error:
        raise UsageFailure(str(error)) from None
    return _compare_requests(requests, path, run)


def _compare_requests(requests: "list[Asked]", path: Path, run: Run) -> Mapping[str, Any]:
    from azdicom_proxy.parity.diff_run import run_of
    from azdicom_proxy.parity.offline import OfflineRun
    from azdicom_proxy.parity.results import Results
    from azdicom_proxy.upstream.errors import UpstreamError
    from azdicom_proxy.upstream_auth import TokenUnavailableError

    settings, report = run.settings, run.report
    results = Results(run_of(settings, str(path), run.target), rules=report.rules, noise=report.learning)
    offline = OfflineRun(requests, settings, run.target, report.learning)
    is_shown = sys.stderr.isatty() and not settings.quiet
    bar = click.progressbar(length=len(requests), label="Comparing", file=sys.stderr) if is_shown else None
    try:
        with bar if bar is not None else nullcontext():
            hydrated = offline.run(results.add, lambda: bar.update(1) if bar is not None else None)
    except (UpstreamError, TokenUnavailableError) as error:
        raise UpstreamFailure(str(error)) from None
    except (OSError, ValueError) as error:
        raise UsageFailure(f"cannot start: {error}") from None
    results.hydrated = [resource.path for resource in hydrated]
    return results.as_json()


def _compare_scenarios(path: Path, run: Run) -> Mapping[str, Any]:
    from azdicom_scenarios.diff_scenarios import compare_scenarios

    return compare_scenarios([path], run.settings, run.report, str(path))


def _compare_tour(path: Path, run: Run) -> Mapping[str, Any]:
    from azdicom_scenarios.diff_tour import compare_tour

    return compare_tour(path, run.settings, run.report, run.export_to)


TOUR = Path(__file__).with_name("tour")
"""The scenarios of the built-in tour, which need nothing and leave nothing but empty partitions."""
BUILT_IN = Source(_compare_tour, has_answers=False)
"""Where no source is named."""
SOURCES: Mapping[str, Source] = {
    "cassette": Source(_compare_cassette, has_answers=True),
    "requests": Source(_compare_file, has_answers=False),
    "scenario": Source(_compare_scenarios, has_answers=False),
}
"""By the option that names the source; each option's value is a path."""


@click.command(epilog=EXAMPLES)
@option("--upstream", type=Url(), metavar="URL", help="Drive this service, and the local side with it.")
@option("--target", metavar="local|URL", help="Compare recorded answers with the emulator's, or with this service's.")
@option("--cassette", type=FILE, help="Take requests, and recorded answers, from this cassette.")
@option("--requests", type=FILE, help="Take requests from this file: lines of METHOD PATH, or a browser's HAR.")
@option(
    "--scenario", type=click.Path(path_type=Path), help="Take the steps of this scenario, or of all in this folder."
)
@option("--export-to", metavar="URL", help="Let the tour export to this blob container, where its files stay.")
@option("--probe", is_flag=True, help="Ask only which reading of each open question the service follows.")
@option("--tags/--no-tags", default=True, show_default=True, help="Let the probe add extended query tags of its own.")
@diff_options
@report_options
@upstream_options
@log_options
def diff(target: str | None, export_to: str | None, probe: bool, tags: bool, **options: Any) -> None:
    """Put the same requests to two sides and report in what their answers differ.

    With --upstream that service and the local side, a fresh emulator, are asked: the built-in tour, unless another
    source of requests is named. With --target what was recorded is compared with what the target answers now.
    """
    from azdicom_proxy.parity.reporting import report_on

    report = take_report_options(options, os.environ)
    path, source = _chosen_source({name: options.pop(name) for name in SOURCES})
    if probe:
        raise SystemExit(_probe(options, report, may_change_service=tags))
    if (options["upstream"] is None) == (target is None):
        raise click.UsageError("choose one of --upstream URL, --target local and --target URL")
    if target is not None and not source.has_answers:
        raise click.UsageError("--target needs recorded answers, from --cassette")
    if export_to is not None and (source is not BUILT_IN or "?" in export_to):
        raise click.UsageError("--export-to is for the built-in tour, and the URL of a container without a query")
    configure(options["log_level"], LogFormat(options["log_format"]))
    for name in LOCAL_LOGS:  # each request would be a line
        logging.getLogger(name).setLevel(logging.WARNING)
    address = None if target in (None, LOCAL) else Url().convert(target, None, None)
    settings = settings_of(options, mode=Mode.DIFF if options["upstream"] else Mode.REPLAY, cassette=path)
    result = source.compare(path, Run(settings, report, address, export_to))
    raise SystemExit(ExitCode.FAILED if report_on(result, report) else ExitCode.OK)


def _probe(options: Mapping[str, Any], report: ReportSettings, *, may_change_service: bool) -> int:
    from azdicom_scenarios.probe_run import run_probe

    if options["upstream"] is None:
        raise click.UsageError("--probe needs --upstream URL")
    configure(options["log_level"], LogFormat(options["log_format"]))
    settings = settings_of(options, mode=Mode.DIFF, cassette=None)
    return run_probe(settings, report, may_change_service=may_change_service)


def _chosen_source(given: dict[str, Path | None]) -> tuple[Path, Source]:
    chosen = [(name, path) for name, path in given.items() if path is not None]
    if not chosen:
        return TOUR, BUILT_IN
    if len(chosen) != 1:
        raise click.UsageError(f"choose one of {', '.join(f'--{name}' for name in SOURCES)}")
    ((name, path),) = chosen
    return path, SOURCES[name]
