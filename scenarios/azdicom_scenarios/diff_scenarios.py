"""`azdicom diff` with scenarios, and with the built-in tour: each step goes to both sides, its answers are compared."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from azdicom_proxy.exit_codes import UpstreamFailure, UsageFailure
from azdicom_proxy.parity.report_options import ReportSettings
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.address import Address
from azdicom_scenarios.model import Scenario
from azdicom_scenarios.running.results import Outcome, RunResult
from azdicom_scenarios.running.targets import BothTarget, EmulatorTarget, ServiceTarget, Target

STRICT = {"strict": "true"}
"""The emulator of a comparison has no extensions (record-replay §8)."""


def compare_scenarios(
    paths: Sequence[Path], settings: ProxySettings, report: ReportSettings, source: str
) -> Mapping[str, Any]:
    """The result as `Results.as_json` has it. Raises UsageFailure, UpstreamFailure."""
    return compare(loaded(paths), reached(settings), local_side(settings, STRICT), settings, report, source)


def compare(
    scenarios: Sequence[Scenario],
    upstream: ServiceTarget,
    local: Target,
    settings: ProxySettings,
    report: ReportSettings,
    source: str,
) -> Mapping[str, Any]:
    """Runs the scenarios against both. The result as `Results.as_json` has it. Raises UpstreamFailure."""
    from azdicom_proxy.parity.diff_run import run_of
    from azdicom_proxy.parity.results import Results
    from azdicom_scenarios.running.runner import plan, run_scenarios

    planned = plan(scenarios)
    results = Results(run_of(settings, source), rules=report.rules, noise=report.learning)
    with ExitStack() as stack:
        is_shown = sys.stderr.isatty() and not settings.quiet
        bar = click.progressbar(length=len(planned), label="Comparing", file=sys.stderr) if is_shown else None
        if bar is not None:
            stack.enter_context(bar)
        done = run_scenarios(
            planned,
            BothTarget(upstream, local),
            on_pair=results.add,
            on_result=lambda _: bar.update(1) if bar is not None else None,
        )
    for result in done.results:
        _tell(result)
    if not any(result.steps for result in done.results):
        raise UpstreamFailure(next((result.reason for result in done.results if result.reason), "nothing was asked"))
    return results.as_json()


def loaded(paths: Sequence[Path]) -> list[Scenario]:
    """The scenarios in files and folders. Raises UsageFailure."""
    from azdicom_scenarios.scenario_files import load_all, scenario_files

    try:
        files = load_all(scenario_files(paths))
    except OSError as error:
        raise UsageFailure(str(error)) from None
    errors = [str(finding) for each in files for finding in each.errors]
    if errors:
        raise UsageFailure("\n".join(errors))
    if not files:
        raise UsageFailure(f"{', '.join(map(str, paths))}: no *.scenario.yaml there")
    return [each.scenario for each in files if each.scenario is not None]


def reached(settings: ProxySettings) -> ServiceTarget:
    """The upstream, which takes connections. Raises UpstreamFailure."""
    from azdicom_proxy.upstream_auth import TokenUnavailableError

    assert settings.upstream is not None
    try:
        upstream = ServiceTarget(settings, is_live=not settings.upstream.is_loopback)
        upstream.check(settings.connect_timeout_s)
    except (OSError, TokenUnavailableError) as error:
        raise UpstreamFailure(f"{settings.upstream.origin}: {error}") from None
    return upstream


def local_side(settings: ProxySettings, config: Mapping[str, str]) -> Target:
    """The service that was named, or an emulator with `config` for each scenario."""
    if settings.local is not None:
        return ServiceTarget(_local_settings(settings.local), is_live=False)
    return EmulatorTarget(config)


def _local_settings(address: Address) -> ProxySettings:
    """The local side never gets the live token."""
    return ProxySettings(upstream=address, quiet=True)


def _tell(result: RunResult) -> None:
    """What kept a scenario from being compared whole."""
    if result.outcome is Outcome.SKIPPED:
        click.echo(f"{result.id}: skipped ({result.reason})", err=True)
    elif result.outcome is Outcome.FAILED:
        failure = next(iter(result.failures), None)
        where = "" if failure is None else f" in step {failure.step}, {failure.title}"
        side = "" if failure is None or not failure.side else f" on the side {failure.side}"
        why = result.reason or next((str(miss.what) for each in result.failures for miss in each.mismatches), "")
        click.echo(f"{result.id}: not to its end{where}{side}: {why}", err=True)
