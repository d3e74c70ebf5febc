"""`azdicom cassette to-scenario` and `azdicom scenario record`: traffic becomes a scenario that passes."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from azdicom_proxy.command_options import FILE, Url, option, settings_of, upstream_options
from azdicom_proxy.exit_codes import CassetteFailure, ExitCode, UsageFailure
from azdicom_proxy.settings import Mode
from azdicom_scenarios.recording.drafts import Draft, DraftStep

F = TypeVar("F", bound=Callable[..., Any])
UPLOADS = ("auto", "synthetic", "files")
SCENARIO_SUFFIX = ".scenario.yaml"
EXAMPLES = """
\b
Examples:
  azdicom cassette to-scenario cassettes/tour.yaml -o tests/tour.scenario.yaml
  azdicom cassette to-scenario cassettes/all.yaml --keep wado-frames-0002 -o tests/frames.scenario.yaml
"""
RECORD_EXAMPLES = """
\b
Examples:
  azdicom scenario record --upstream http://127.0.0.1:8080 --out viewer.scenario.yaml -- python viewer.py
"""


def _draft_options(command: F) -> F:
    for decorate in reversed(
        (
            option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The new file."),
            option("--name", metavar="NAME", help="Name of the scenario.  [default: from the file's]"),
            option(
                "--uploads",
                type=click.Choice(UPLOADS),
                default="auto",
                show_default=True,
                help="What was stored, as synthetic studies of the same shape or as files beside the scenario.",
            ),
            option("--keep", metavar="STEP", help="Keep this step, and what it needs to behave as it does."),
            option("--strict-bodies", is_flag=True, help="Keep whole answers as snapshots."),
        )
    ):
        command = decorate(command)
    return command


@click.command("to-scenario", epilog=EXAMPLES)
@click.argument("cassette", type=FILE)
@_draft_options
def to_scenario(cassette: Path, **options: Any) -> None:
    """Make a scenario of a cassette, and run it once against the emulator.

    Uploads become synthetic studies where these give the same answers, ids that the service makes become captures,
    polling becomes waiting.
    """
    raise SystemExit(_convert(cassette, options))


@click.command("record", epilog=RECORD_EXAMPLES, context_settings={"ignore_unknown_options": True})
@option("--upstream", required=True, type=Url(), metavar="URL", help="The service that the command talks to.")
@_draft_options
@upstream_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def record(command: tuple[str, ...], **options: Any) -> None:
    """Run COMMAND with AZDICOM_URL set, record what it says to a service, and make a scenario of it."""
    from azdicom_proxy.running import run

    own = {name: options.pop(name) for name in ("out", "name", "uploads", "keep", "strict_bodies")}
    with tempfile.TemporaryDirectory(prefix="azdicom-record-") as folder:
        cassette = Path(folder) / "recorded.yaml"
        settings = settings_of(options, mode=Mode.RECORD, record_mode="all", cassette=cassette, port=0, quiet=True)
        code = run(settings, {"log_level": "warning", "log_format": "text"}, command)
        if code != ExitCode.OK:
            click.echo(f"{command[0]} ended with {code}", err=True)
        converted = _convert(cassette, own)
    raise SystemExit(code or converted)


def _convert(cassette: Path, options: dict[str, Any]) -> int:
    from azdicom_proxy.cassette.errors import CassetteError
    from azdicom_scenarios.recording.checking import DraftError, has_passed, ran_file
    from azdicom_scenarios.recording.drafting import UnusableCassetteError
    from azdicom_scenarios.recording.writing import write

    out: Path = options["out"]
    if not out.name.endswith(SCENARIO_SUFFIX):
        raise click.UsageError(f"--out {out}: the name of a scenario ends with {SCENARIO_SUFFIX}")
    try:
        draft = _draft(cassette, options)
        steps = draft.steps if options["keep"] is None else _minimised(draft, options["keep"])
        write(draft, out, steps)
        result = ran_file(out)
    except CassetteError as error:
        raise CassetteFailure(str(error)) from None
    except (UnusableCassetteError, DraftError) as error:
        raise UsageFailure(str(error)) from None
    kind = f"{len(draft.synthetic)} synthetic studies" if draft.synthetic else f"{len(draft.files)} files"
    click.echo(f"{out}: {len(steps)} steps, {kind}")
    if has_passed(result):
        click.echo("It passes against the emulator.")
        return ExitCode.OK
    for failure in result.failures:
        for miss in failure.mismatches:
            click.echo(f"{miss.mark}: {miss.what}: expected {miss.expected}, the emulator gave {miss.actual}", err=True)
    click.echo(result.reason or "It does not pass against the emulator.", err=True)
    return ExitCode.FAILED


def _draft(cassette: Path, options: dict[str, Any]) -> Draft:
    """With synthetic uploads if the emulator answers to them as it was recorded, else with files."""
    from azdicom_proxy.cassette.reading import load
    from azdicom_scenarios.recording.checking import has_passed, ran
    from azdicom_scenarios.recording.drafting import draft_of
    from azdicom_scenarios.recording.uploads import as_files, as_synthetic

    out: Path = options["out"]
    stem = out.name.removesuffix(SCENARIO_SUFFIX)
    interactions = load(cassette).interactions
    words = {
        "name": options["name"] or stem,
        "description": f"Recorded traffic, from {cassette.name}.",
        "strict_bodies": options["strict_bodies"],
    }
    files = draft_of(interactions, as_files(interactions, f"{stem}.files"), **words)
    if options["uploads"] == "files":
        return files
    fixtures = as_synthetic(interactions)
    if fixtures is None:
        if options["uploads"] == "synthetic":
            raise UsageFailure("an upload has a shape that no synthetic study has; --uploads files keeps it")
        return files
    synthetic = draft_of(interactions, fixtures, **words)
    is_kept = options["uploads"] == "synthetic" or has_passed(ran(synthetic)) or not has_passed(ran(files))
    return synthetic if is_kept else files


def _minimised(draft: Draft, keep: str) -> list[DraftStep]:
    """The least steps that give the same outcome: the same failure, or, where there is none, that all passes."""
    from azdicom_scenarios.recording.checking import DraftError, has_passed, minimised, ran, symptom

    names = [step.name for step in draft.steps]
    whole = symptom(ran(draft), names)

    def still(steps: Sequence[DraftStep]) -> bool:
        try:
            result = ran(draft, steps)
        except DraftError:  # a capture that is needed is missing
            return False
        return symptom(result, [step.name for step in steps]) == whole if whole else has_passed(result)

    return minimised(draft, keep, still)
