"""`azdicom cassette`: look at cassettes, check them, change them."""

import importlib
import json
import re
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import click
import yaml

from azdicom_proxy.cassette import tools
from azdicom_proxy.cassette.checks import Level, Limits, check, findings_as_json
from azdicom_proxy.cassette.errors import BodyOmittedError, CassetteError
from azdicom_proxy.cassette.listing import interaction_text, row, table
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.slicing import UnknownInteractionError
from azdicom_proxy.scrub.datasets import RefusedError
from azdicom_proxy.scrub.key import DEFAULT_PATH, BadKeyError, project_key
from azdicom_proxy.scrub.policy import Option, Phi, PolicyError, Rules, ScrubPolicy, parse_options, parse_rules

EXAMPLES = """
\b
Examples:
  azdicom cassette show tests/cassettes/search.yaml
  azdicom cassette check tests/cassettes/*.yaml --strict
  azdicom cassette inline tests/cassettes/search.yaml -o tests/cassettes/search-inline.yaml
"""
_SIZE_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
_DURATION_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "w": timedelta(weeks=1)}
_CASSETTE = click.argument("cassette", type=click.Path(path_type=Path))
_JSON = click.option(
    "--json", "json_path", type=click.Path(path_type=Path, allow_dash=True), help="Write JSON there, `-` for stdout."
)


class CassetteTroubleError(click.ClickException):
    """Missing, unreadable, locked, or found wanting."""

    exit_code = 4


class Size(click.ParamType[Any]):
    """`1MB`, `16 KiB`, `4096`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", str(value).strip())
        if found is None or found[2].lower() not in _SIZE_UNITS:
            self.fail(f"{value!r} is no size such as 1MB or 16KiB", param, ctx)
        return int(found[1]) * _SIZE_UNITS[found[2].lower()]


class Duration(click.ParamType[Any]):
    """`90d`, `12h`, `2w`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d+)\s*([dhw])", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no duration such as 90d, 2w or 12h", param, ctx)
        return int(found[1]) * _DURATION_UNITS[found[2]]


class _Group(click.Group):
    """Turns what is wrong with a cassette into the exit code for that."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (CassetteError, RefusedError, BodyOmittedError) as error:
            raise CassetteTroubleError(str(error)) from error
        except (BadKeyError, PolicyError) as error:
            raise click.UsageError(str(error)) from error


@click.group(cls=_Group, epilog=EXAMPLES)
def cassette() -> None:
    """Look at cassettes, check them, change them.

    \b
    Exit codes: 0 all is well, 2 wrong usage, 4 trouble with a cassette.
    """


@cassette.command()
@_CASSETTE
@click.option("--id", "identifier", help="Only the interaction with this id.")
@click.option("--body", "shows_body", is_flag=True, help="Print bodies: text as it is, of the rest what it is.")
@click.option("--dicom", "shows_dicom", is_flag=True, help="Print data sets.")
@_JSON
def show(cassette: Path, identifier: str | None, shows_body: bool, shows_dicom: bool, json_path: Path | None) -> None:
    """List the interactions of a cassette.

    \b
    Examples:
      azdicom cassette show tests/cassettes/search.yaml
      azdicom cassette show tests/cassettes/search.yaml --id qido-studies-0001 --body
    """
    loaded = load(cassette)
    chosen = [each for each in loaded.interactions if identifier in (None, each.id)]
    if identifier is not None and not chosen:
        ids = ", ".join(each.id for each in loaded.interactions)
        raise click.UsageError(f"{cassette} has no interaction {identifier!r}. It has: {ids or 'none'}")
    if json_path is not None:
        _write_json(json_path, {"schema": 1, "interactions": [row(each) for each in chosen]})
        return
    if not shows_body and not shows_dicom:
        click.echo("\n".join(table(map(row, chosen))))
        return
    for interaction in chosen:
        click.echo(interaction_text(interaction, shows_body=shows_body, shows_dicom=shows_dicom))


@cassette.command("check")
@click.argument("cassettes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CASSETTE...")
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@click.option("--allow-phi", is_flag=True, help="Do not look for data of people: all of it is made up.")
@click.option("--max-yaml", type=Size(), default="1MiB", show_default=True, help="Size of the YAML file.")
@click.option("--max-bodies", type=Size(), default="20MiB", show_default=True, help="Size of all side files.")
@click.option(
    "--max-age", type=Duration(), default="90d", show_default=True, help="Age of a recording before a warning."
)
@_JSON
def check_command(
    cassettes: tuple[Path, ...],
    strict: bool,
    allow_phi: bool,
    max_yaml: int,
    max_bodies: int,
    max_age: timedelta,
    json_path: Path | None,
) -> None:
    """Check format, side files, secrets, data of people, sizes, age, and that every request finds itself.

    \b
    Examples:
      azdicom cassette check tests/cassettes/*.yaml
      azdicom cassette check tests/cassettes/search.yaml --strict --allow-phi
    """
    limits = Limits(max_yaml_bytes=max_yaml, max_bodies_bytes=max_bodies, max_age=max_age)
    is_bad = False
    reports = []
    for path in cassettes:
        findings = check(path, limits, allows_phi=allow_phi)
        reports.append(json.loads(findings_as_json(path, findings)))
        for finding in findings:
            click.echo(f"{path}: {finding}", err=json_path is not None)
        is_bad = is_bad or any(strict or finding.level is Level.ERROR for finding in findings)
    if json_path is not None:
        _write_json(json_path, {"schema": 1, "cassettes": reports})
    click.echo(f"{len(cassettes)} checked", err=True)
    if is_bad:
        click.get_current_context().exit(4)


@cassette.command()
@_CASSETTE
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write there instead of in place.")
@click.option(
    "--phi",
    type=click.Choice([str(phi) for phi in Phi]),
    default=str(Phi.BASIC),
    show_default=True,
    help="What to do with data of patients.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME",
    help=f"Option of PS3.15: {', '.join(sorted(Option))}. May be repeated.",
)
@click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a `scrub:` block of own rules.",
)
@click.option("--thin-pixels", is_flag=True, help="Put a pattern of the same shape in the place of pixel data.")
@click.option("--host", "hosts", multiple=True, metavar="HOST[:PORT]", help="Real host to replace. May be repeated.")
@click.option(
    "--key-file", type=click.Path(path_type=Path), default=DEFAULT_PATH, show_default=True, help="The project's key."
)
def scrub(
    cassette: Path,
    out: Path | None,
    phi: str,
    options: tuple[str, ...],
    rules: Path | None,
    thin_pixels: bool,
    hosts: tuple[str, ...],
    key_file: Path,
) -> None:
    """Take secrets, and data of patients, out of a cassette.

    \b
    Examples:
      azdicom cassette scrub recorded-by-vcr.yaml -o tests/cassettes/search.yaml
      azdicom cassette scrub tests/cassettes/search.yaml --option retain-uids
    """
    policy = ScrubPolicy(phi=Phi(phi), options=parse_options(options), rules=_rules(rules), thin_pixels=thin_pixels)
    key = project_key(key_file) if policy.scrubs_phi else bytes(32)
    scrubber = tools.scrub(load(cassette), out or cassette, policy, key, hosts)
    for rule, count in sorted(scrubber.counts.items()):
        click.echo(f"{count:>7}  {rule}")
    for warning in scrubber.warnings:
        click.echo(f"warning: {warning}", err=True)


@cassette.command()
@_CASSETTE
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The new file.")
def inline(cassette: Path, out: Path) -> None:
    """Write a cassette with all bodies in its YAML, for plain VCR.py.

    \b
    Example:
      azdicom cassette inline tests/cassettes/store.yaml -o tests/cassettes/store-inline.yaml
    """
    written = tools.inline(load(cassette), out)
    click.echo(f"{out}: {len(written.interactions)} interactions, {out.stat().st_size} bytes")


@cassette.command()
@_CASSETTE
@click.option(
    "--by", type=click.Choice(["route", "study"]), default="route", show_default=True, help="What makes a file."
)
@click.option(
    "-o", "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the new files."
)
def split(cassette: Path, by: str, out: Path) -> None:
    """Write a cassette for each route or study.

    \b
    Example:
      azdicom cassette split tests/cassettes/all.yaml --by study -o tests/cassettes/by-study
    """
    for path, count in tools.split(load(cassette), out, by).items():
        click.echo(f"{path}: {count} interactions")


@cassette.command()
@click.argument("cassettes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CASSETTE...")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The new file.")
def merge(cassettes: tuple[Path, ...], out: Path) -> None:
    """Write the interactions of several cassettes into one, in the order given.

    \b
    Example:
      azdicom cassette merge store.yaml search.yaml -o all.yaml
    """
    written = tools.merge(map(load, cassettes), out)
    click.echo(f"{out}: {len(written.interactions)} interactions")


@cassette.command()
@_CASSETTE
@click.option(
    "--unused",
    "run",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="RUN.json",
    help="Result of a replay: `plays` by id.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write there instead of in place.")
def prune(cassette: Path, run: Path, out: Path | None) -> None:
    """Remove the interactions that a replay did not use.

    \b
    Example:
      azdicom cassette prune tests/cassettes/all.yaml --unused run.json
    """
    plays = _plays(run)
    removed = tools.prune(load(cassette), out or cassette, lambda identifier: plays.get(identifier, 0) > 0)
    click.echo(f"{removed} interactions removed")


@cassette.command("minimise")
@_CASSETTE
@click.option("--keep", required=True, metavar="ID", help="The interaction that matters; `show` lists them.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The new file.")
def minimise_command(cassette: Path, keep: str, out: Path) -> None:
    """Keep one interaction and those that it needs: where its ids come from, and what was done before to its study.

    \b
    Example:
      azdicom cassette minimise tests/cassettes/all.yaml --keep wado-frames-0002 -o tests/cassettes/frames.yaml
    """
    try:
        removed = tools.minimise(load(cassette), out, keep)
    except UnknownInteractionError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{out}: {removed} interactions left out")


@cassette.command("to-scenario", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def to_scenario(arguments: tuple[str, ...]) -> None:
    """Make a scenario of a cassette."""
    # Scenarios are a layer above: what is here knows the command by its name only.
    command = importlib.import_module("azdicom_scenarios.recording.command").to_scenario
    command.main(args=list(arguments), prog_name="azdicom cassette to-scenario")


@cassette.command()
@_CASSETTE
def recover(cassette: Path) -> None:
    """Make a cassette of what an interrupted recording left in NAME.partial.jsonl.

    \b
    Example:
      azdicom cassette recover tests/cassettes/store.yaml
    """
    if cassette.name.endswith(".partial.jsonl"):
        cassette = cassette.with_name(cassette.name.removesuffix(".partial.jsonl") + ".yaml")
    recovered = tools.recover(cassette)
    click.echo(f"{cassette}: {len(recovered.interactions)} interactions")


@cassette.command()
@_CASSETTE
@_JSON
def stats(cassette: Path, json_path: Path | None) -> None:
    """Count the interactions and bytes of a cassette.

    \b
    Example:
      azdicom cassette stats tests/cassettes/search.yaml
    """
    counted = tools.stats(load(cassette))
    if json_path is not None:
        _write_json(json_path, {"schema": 1, **asdict(counted)})
        return
    for name, value in asdict(counted).items():
        if not isinstance(value, dict):
            click.echo(f"{name.replace('_', ' '):<18}{value:>10}")
    for count in (counted.statuses, counted.routes):
        for key, number in count.items():
            click.echo(f"{key:<60}{number:>6}")


def _rules(path: Path | None) -> Rules:
    if path is None:
        return Rules()
    try:
        document = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is not YAML: {error}") from error
    return parse_rules(document.get("scrub", document) if isinstance(document, dict) else document)


def _plays(run: Path) -> dict[str, int]:
    try:
        document = json.loads(run.read_text("utf-8"))
        return {str(identifier): int(count) for identifier, count in document["plays"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _bad_run(run, error)


def _bad_run(run: Path, error: Exception) -> NoReturn:
    raise click.UsageError(f"{run} is no result of a replay: `plays`, counts by id, is expected") from error


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, indent=2) + "\n"
    if str(path) == "-":
        click.echo(text, nl=False)
    else:
        path.write_text(text, "utf-8")
