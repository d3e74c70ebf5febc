"""`azdicom scenario explain`: a file, or a key, in plain words."""

from pathlib import Path

import click

from azdicom_proxy.exit_codes import UsageFailure
from azdicom_scenarios.explaining import UnknownKeyError, explain_key
from azdicom_scenarios.explaining import explain as in_words
from azdicom_scenarios.lint_command import read


@click.command()
@click.argument("what", metavar="FILE|KEY")
def explain(what: str) -> None:
    """Say in plain words what a scenario does, or what a key of scenarios is for.

    KEY is a name such as `retry`, or a path such as `retry.until`.
    """
    if Path(what).exists():
        _explain_files(Path(what))
        return
    if what.endswith((".yaml", ".yml")) or "/" in what:
        raise UsageFailure(f"{what}: no such file")
    try:
        click.echo(explain_key(what))
    except UnknownKeyError as error:
        raise UsageFailure(str(error)) from None


def _explain_files(path: Path) -> None:
    loaded = read((path,))
    wrong = [finding for each in loaded for finding in each.errors]
    if wrong:
        raise UsageFailure("\n".join(map(str, wrong)))
    click.echo("\n\n".join(in_words(each.scenario) for each in loaded if each.scenario is not None))
