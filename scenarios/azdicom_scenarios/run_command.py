"""`azdicom scenario run`: runs scenarios against an emulator, a service, a cassette, or two sides at once."""

import json
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from azdicom_proxy.command_options import Url, option, settings_of, upstream_options
from azdicom_proxy.exit_codes import CassetteFailure, ExitCode, UpstreamFailure, UsageFailure
from azdicom_proxy.parity.thresholds import FailOn, Threshold
from azdicom_proxy.settings import Mode
from azdicom_proxy.upstream.address import Address

if TYPE_CHECKING:
    from azdicom_proxy.parity.results import Results
    from azdicom_scenarios.running.reports.console import Console
    from azdicom_scenarios.running.run import Planned
    from azdicom_scenarios.running.runner import Report
    from azdicom_scenarios.running.targets import Target

WRITABLE = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
PATHS = click.Path(path_type=Path)
REPLAY = "replay:"
SERVICE_OPTIONS = (
    "auth",
    "token_file",
    "token_env",
    "ca_file",
    "client_cert",
    "client_key",
    "insecure",
    "connect_timeout_s",
)
"""Those of `upstream_options` that a client needs; the others are a proxy's."""
COLOURS = {"auto": None, "always": True, "never": False}
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
@click.option("-k", "expression", metavar="EXPR", help="Only those whose name, file or tags have these words.")
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
    failing = [file for file in loaded if file.fails()]
    for finding in (finding for file in failing for finding in file.findings):
        click.echo(str(finding), err=True)
    if failing:
        raise UsageFailure(f"lint fails for {len(failing)} of {len(loaded)} files; nothing was run")
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
    from azdicom_scenarios.running.targets import BothTarget, EmulatorTarget

    name, upstream = options["target"], options["upstream"]
    if name == "emulator":
        return EmulatorTarget()
    if name.startswith(REPLAY):
        return _replayed(Path(name.removeprefix(REPLAY)))
    if name in ("live", "both"):
        if upstream is None:
            raise UsageFailure(f"--target {name} needs --upstream URL")
        service = _service(options, upstream, is_live=True)
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

    chosen = {name: options[name] for name in SERVICE_OPTIONS}
    settings = settings_of(chosen, mode=Mode.PASSTHROUGH, upstream=address)
    try:
        target = ServiceTarget(settings, is_live=is_live)
        target.check(settings.connect_timeout_s)
    except (TokenUnavailableError, OSError) as error:
        raise UpstreamFailure(f"{address.origin}: {error}") from None
    return target


def _replayed(cassette: Path) -> "Target":
    from azdicom_proxy.cassette.errors import CassetteError
    from azdicom_scenarios.running.targets import ReplayTarget

    target = ReplayTarget(cassette)
    try:
        target.started()
    except CassetteError as error:
        raise CassetteFailure(str(error)) from None
    return target


def _run(runs: "list[Planned]", target: "Target", options: dict[str, Any]) -> int:
    """The exit code."""
    from azdicom_proxy.parity.results import Results
    from azdicom_scenarios.running.reports.console import Console
    from azdicom_scenarios.running.run import Options
    from azdicom_scenarios.running.runner import Schedule, run_scenarios
    from azdicom_scenarios.running.selecting import save_last

    parity = Results() if len(target.kinds) > 1 else None
    is_silent = options["is_tap"] or str(options["json_path"]) == "-"
    with Console(len(runs), is_quiet=options["quiet"] or is_silent, color=COLOURS[options["color"]]) as console:
        report = run_scenarios(
            runs,
            target,
            options=Options(
                seed=options["seed"],
                keep=options["keep"],
                last_step=options["last_step"],
                updates_snapshots=options["update_snapshots"],
            ),
            schedule=Schedule(
                jobs=options["jobs"],
                fail_fast=options["fail_fast"],
                shuffle=options["shuffle"],
                max_time_s=options["max_time_s"],
            ),
            on_result=console.tell,
            on_pair=parity.add if parity is not None else None,
        )
    _write_reports(report, options)
    if not is_silent:
        _show_steps(report, console, options["last_step"])
        console.finish(report, repeat_options=_repeat_options(options))
    if not options["rerun_failed"] or report.results:
        save_last(report.results)
    return _exit_code(report, parity, options)


def _write_reports(report: "Report", options: dict[str, Any]) -> None:
    from azdicom_scenarios.running.reports import junit, tap
    from azdicom_scenarios.running.reports.summary import as_json

    if options["is_tap"]:
        click.echo(tap.render(report), nl=False)
    if options["junit_path"] is not None:
        _write(options["junit_path"], junit.render(report))
    if options["json_path"] is not None:
        _write(options["json_path"], json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n")


def _write(path: Path, text: str) -> None:
    """`-` is stdout. Raises UsageFailure."""
    try:
        with click.open_file(str(path), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageFailure(f"cannot write {path}: {error.strerror or error}") from None


def _show_steps(report: "Report", console: "Console", last_step: int | None) -> None:
    for step in (step for result in report.results for step in result.steps if step.number == last_step):
        console.show_step(step)


def _repeat_options(options: dict[str, Any]) -> str:
    """What changes what a run does, for the command that repeats it."""
    words = []
    for name, flag in (("target", "--target"), ("upstream", "--upstream"), ("auth", "--auth"), ("seed", "--seed")):
        value = options[name]
        default = next(parameter.default for parameter in run.params if parameter.name == name)
        if value not in (None, default):
            words += [flag, quote(f"{value.origin}{value.path}" if isinstance(value, Address) else str(value))]
    return " ".join(words)


def _exit_code(report: "Report", parity: "Results | None", options: dict[str, Any]) -> ExitCode:
    from azdicom_scenarios.running.results import Outcome

    if report.was_interrupted:
        return ExitCode.INTERRUPTED
    if any(result.has_cassette_miss for result in report.results):
        return ExitCode.CASSETTE
    has_failed = report.count(Outcome.FAILED) > 0 or report.is_over_time
    return ExitCode.FAILED if _differs(parity, options) or has_failed else ExitCode.OK


def _differs(parity: "Results | None", options: dict[str, Any]) -> bool:
    """Whether two sides differ by more than --fail-on allows; says how they differ."""
    if parity is None:
        return False
    from azdicom_proxy.parity.reports.console import render

    result = parity.as_json()
    failures = Threshold(fail_on=FailOn(options["fail_on"])).failures(result)
    if not options["is_tap"] and str(options["json_path"]) != "-":
        click.echo(render(result), color=COLOURS[options["color"]])
        for line in failures:
            click.echo(line)
    return bool(failures)
