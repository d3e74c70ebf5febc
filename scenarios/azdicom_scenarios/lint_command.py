"""`azdicom scenario lint`: what is wrong with scenario files, one line a finding."""

import json
from pathlib import Path

import click

from azdicom_proxy.exit_codes import ExitCode, UsageFailure
from azdicom_scenarios.findings import Level
from azdicom_scenarios.scenario_files import LoadedFile, load_all, scenario_files

PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
HERE = (Path(),)


@click.command()
@PATHS
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of findings.")
@click.option("--strict", is_flag=True, help="Let warnings fail, also without `strict: true` in the scenario.")
@click.pass_context
def lint(ctx: click.Context, paths: tuple[Path, ...], as_json: bool, strict: bool) -> None:
    """Find what is wrong with scenarios, without running them.

    PATHS are files, or folders whose `*.scenario.yaml` are read; without any, the current folder. The exit code is 2
    when there is an error, or a warning under --strict or in a scenario with `strict: true`.
    """
    loaded = read(paths)
    findings = [finding for each in loaded for finding in each.findings]
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(str(finding))
    errors = sum(finding.level is Level.ERROR for finding in findings)
    click.echo(summary(len(loaded), errors, len(findings) - errors), err=True)
    if any(each.fails(strict=strict) for each in loaded):
        ctx.exit(ExitCode.USAGE)


def read(paths: tuple[Path, ...]) -> list[LoadedFile]:
    """All scenarios of files and folders. Raises UsageFailure when something is not there or cannot be read."""
    try:
        files = scenario_files(paths or HERE)
        if not files:
            raise UsageFailure(f"no *.scenario.yaml below {', '.join(map(str, paths or HERE))}")
        return load_all(files)
    except OSError as error:
        raise UsageFailure(str(error)) from None


def summary(files: int, errors: int, warnings: int) -> str:
    return f"{_counted(files, 'file')}, {_counted(errors, 'error')}, {_counted(warnings, 'warning')}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
