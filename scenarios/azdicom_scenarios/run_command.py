"""`azdicom scenario run`: runs scenarios against an emulator, a service, a cassette, or two sides at once."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azdicom_emulator.settings import LogFormat
from azdicom_proxy.command_options import Url, option, settings_of, upstream_options
from azdicom_proxy.exit_codes import CassetteFailure, ExitCode, UpstreamFailure, UsageFailure
from azdicom_proxy.parity.thresholds import FailOn, Threshold
from azdicom_proxy.settings import Mode, ProxySettings
from azdicom_proxy.upstream.address import Address

if TYPE_CHECKING:
    from azdicom_proxy.parity.results import Results
    from azdicom_scenarios.running.run import Planned
    from azdicom_scenarios.running.runner import Report
    from azdicom_scenarios.running.targets import Target

WRITABLE = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
PATHS = click.Path(path_type=Path)
REPLAY = "replay:"
NOT_OF_SERVICE = ("preserve_host", "forwarded")
"""Options of how a proxy forwards, which have no sense for a client."""
EXAMPLES = """
\b
Examples:
  azdicom scenario run scenarios/                          each on an emulator of its own
  azdicom scenario run scenarios/ -j 2 --junit junit.xml   two at a time, with a report for CI
  azdicom scenario run a.scenario.yaml --step 3            up to step 3, and all that it was answered
  azdicom scenario run scenarios/ --target http://127.0.0.1:8080
  azdicom scenario run scenarios/ --target live --upstream URL --auth azure --tag smoke
  azdicom scenario run scenarios/ --target replay:cassettes/tour.yaml
  azdicom scenario run scenarios/ --target both --upstream URL --auth azure

\b
Exit codes: 0 all passed, 1 one failed or differs, 2 wrong usage or a lint error (nothing was run),
3 the service cannot be reached, 4 the cassette cannot be read or has no answer, 130 interrupted.
"""


@click.command(epilog=EXAMPLES)
@click.argument("paths", nargs=-1, required=True, type=PATHS)
@option(
    "--target",
    default="emulator",
    show_default=True,
    metavar="TARGET",
    help="emulator, URL, live (--upstream), replay:CASSETTE, or both (--upstream and an emulator, compared).",
)
@option("--upstream", type=Url(), metavar="URL", help="The service of --target live and both.")
@upstream_options
@option("-k", "expression", metavar="EXPR", help="Only those whose name, file or tags have these words.")
@option("--tag", "tags", multiple=True, metavar="TAG", help="Only those with this tag, or another. Repeatable.")
@option("--rerun-failed", is_flag=True, help="Only those that failed the last time here.")
@option("--step", "last_step", type=click.IntRange(1), metavar="N", help="Stop behind step N and show its answer.")
@option("--jobs", "-j", type=click.IntRange(1, 64), default=1, show_default=True, help="How many run at a time.")
@option("--shuffle", is_flag=True, help="Run in an order by --seed, not that of the files.")
@option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of generated values and the order.")
@option("--fail-fast", is_flag=True, help="Begin no more once one has failed.")
@option("--max-time", "max_time_s", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop then.")
@option("--keep", is_flag=True, help="Leave the data there: no teardown.")
@option("--update-snapshots", is_flag=True, help="Write the snapshots anew, compare none.")
@option(
    "--fail-on",
    type=click.Choice([on.value for on in FailOn]),
    default=FailOn.BREAKING.value,
    show_default=True,
    help="With --target both: exit with 1 from this kind of difference on.",
)
@option("--tap", "is_tap", is_flag=True, help="Print TAP, and nothing else.")
@option("--junit", "junit_path", type=WRITABLE, help="Write a JUnit report there.")
@option("--json", "json_path", type=WRITABLE, help="Write the results as JSON there, `-` for stdout.")
@option("--quiet", is_flag=True, help="Print failures and counts only.")
@option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours; auto: on a terminal.",
)
def run(paths: tuple[Path, ...], **options: Any) -> None:
    """Run the scenarios in PATHS: files, and folders with *.scenario.yaml."""
    runs = _selected(_loaded(paths), options)
    target = _target(options)
    raise SystemExit(_run(runs, target, options))


def _loaded(paths: Sequence[Path]) -> "list[Planned]":
    """Raises UsageFailure, after all that is wrong was printed."""
    from azdicom_scenarios.running.runner import plan
    from azdicom_scenarios.scenario_files import load_all, scenario_files

    try:
        loaded = load_all(scenario_files(paths))
    except OSError as error:
        raise UsageFailure(str(error)) from None
    wrong = [finding for file in loaded for finding in file.errors]
    for finding in wrong:
        click.echo(str(finding), err=True)
    if wrong:
        raise UsageFailure(f"{len(wrong)} errors; nothing was run")
    if not loaded:
        raise UsageFailure(f"no *.scenario.yaml in {', '.join(map(str, paths))}")
    return plan(file.scenario for file in loaded if file.scenario is not None)


def _selected(runs: "list[Planned]", options: dict[str, Any]) -> "list[Planned]":
    from azdicom_scenarios.running.selecting import BadSelectionError, by_words, failed_last, with_tags

    try:
        if options["rerun_failed"]:
            runs = failed_last(runs)
        runs = with_tags(runs, options["tags"])
        if options["expression"]:
            holds = by_words(options["expression"])
            runs = [each for each in runs if holds(each)]
    except BadSelectionError as error:
        raise UsageFailure(str(error)) from None
    if options["last_step"] is not None and len({each.scenario.file for each in runs}) > 1:
        raise UsageFailure("--step is for one scenario; -k chooses it")
    return runs


def _target(options: dict[str, Any]) -> "Target":
    """Raises UsageFailure, UpstreamFailure, CassetteFailure."""
    from azdicom_scenarios.running.targets import BothTarget, EmulatorTarget, ReplayTarget, ServiceTarget

    name, upstream = options["target"], options["upstream"]
    if name == "emulator":
        return EmulatorTarget()
    if name.startswith(REPLAY):
        return _started(ReplayTarget(Path(name.removeprefix(REPLAY))))
    if name in ("live", "both"):
        if upstream is None:
            raise UsageFailure(f"--target {name} needs --upstream URL")
        service = _service(options, upstream, is_live=not upstream.is_loopback)
        return service if name == "live" else BothTarget(service)
    try:
        return _service(options, Address.parse(name), is_live=False)
    except ValueError:
        raise UsageFailure(
            f"--target {name}: expected emulator, live, replay:CASSETTE, both, or a URL such as http://127.0.0.1:8080"
        ) from None


def _service(options: dict[str, Any], address: Address, *, is_live: bool) -> "Target":
    from azdicom_proxy.upstream_auth import TokenUnavailableError
    from azdicom_scenarios.running.targets import ServiceTarget

    settings = _settings(options, address)
    try:
        target = ServiceTarget(settings, is_live=is_live)
        target.check(settings.connect_timeout_s)
    except (TokenUnavailableError, OSError) as error:
        raise UpstreamFailure(f"{address.origin}: {error}") from None
    return target


def _settings(options: dict[str, Any], address: Address) -> ProxySettings:
    names = [parameter.name for parameter in run.params if parameter.name in options]
    chosen = {name: options[name] for name in names if name in UPSTREAM_OPTIONS}
    return settings_of({**chosen, "quiet": True}, mode=Mode.PASSTHROUGH, upstream=address)
