"""`azdicom scenario list`: names, tags, descriptions and files."""

import json
from pathlib import Path

import click

from azdicom_scenarios.lint_command import PATHS, read
from azdicom_scenarios.scenario_files import LoadedFile


@click.command("list")
@PATHS
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="Only those with this tag; several: with any of them."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_scenarios(paths: tuple[Path, ...], tags: tuple[str, ...], as_json: bool) -> None:
    """List scenarios with tags and descriptions.

    PATHS are files, or folders whose `*.scenario.yaml` are read; without any, the current folder. Files that lint
    finds errors in are named on stderr.
    """
    loaded = read(paths)
    rows = [row(each) for each in loaded if each.scenario is not None and _is_chosen(each, tags)]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for line in _lines(rows):
            click.echo(line)
    for each in loaded:
        if each.scenario is None:
            click.echo(f"{each.file}: cannot be run; see azdicom scenario lint {each.file}", err=True)


def row(loaded: LoadedFile) -> dict[str, object]:
    scenario = loaded.scenario
    assert scenario is not None
    return {
        "name": scenario.name,
        "tags": list(scenario.tags),
        "description": scenario.description,
        "parameters": [each.id for each in scenario.parameters],
        "steps": len(scenario.steps),
        "file": str(loaded.file),
    }


def _is_chosen(loaded: LoadedFile, tags: tuple[str, ...]) -> bool:
    assert loaded.scenario is not None
    return not tags or bool(set(tags) & set(loaded.scenario.tags))


def _lines(rows: list[dict[str, object]]) -> list[str]:
    cells = [(_title(each), _tags(each), str(each["file"]), str(each["description"])) for each in rows]
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in range(3)]
    padded = [[text.ljust(width) for text, width in zip(cell, widths, strict=False)] for cell in cells]
    return ["  ".join((*columns, cell[3])).rstrip() for columns, cell in zip(padded, cells, strict=True)]


def _title(of: dict[str, object]) -> str:
    rows = of["parameters"]
    assert isinstance(rows, list)
    return f"{of['name']}[{','.join(rows)}]" if rows else str(of["name"])


def _tags(of: dict[str, object]) -> str:
    tags = of["tags"]
    assert isinstance(tags, list)
    return ",".join(tags)
