"""`azdicom scenario new`: a scenario to start from, which works as it is."""

import re
from pathlib import Path

import click

from azdicom_proxy.exit_codes import UsageFailure
from azdicom_scenarios.scenario_files import SUFFIX

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
IGNORED = (".azdicom/",)
"""What runs leave in the folder in which they are started: state for --rerun-failed, learned noise."""
TEMPLATE = """\
# Check it:  azdicom scenario lint {file}
# Run it:    azdicom scenario run {file}
# Any key:   azdicom scenario explain KEY
name: {name}
description: A study is found until it is deleted.
tags: [smoke]

settings:
  strict: true                       # warnings fail the scenario

fixtures:
  synthetic:                         # made up, the same bytes in every run
    - study: ct1                     # its UIDs: ${{ct1.study}}, ${{ct1.s[0].series}}, ${{ct1.i[0].sop}}
      patient: {{id: "SCN-1", name: Doe^Jane}}
      date: "20240115"               # quotes: all values of DICOM are texts
      series:
        - {{modality: CT, instances: 2, rows: 16, columns: 16}}

steps:
  - name: store both instances
    post: /studies
    headers: {{Accept: application/dicom+json}}
    body: {{dicom: ct1}}
    expect:
      status: 200
      json:
        "$.00081199.Value": {{length: 2}}        # ReferencedSOPSequence

  - name: find the study by its UID
    get: /studies
    query: {{StudyInstanceUID: "${{ct1.study}}", includefield: [ModalitiesInStudy]}}
    headers: {{Accept: application/dicom+json}}
    expect:
      status: 200
      headers: {{Content-Type: {{contains: dicom+json}}}}
      dicom:
        PatientName: Doe^Jane
        ModalitiesInStudy: {{contains: CT}}

  - name: delete it
    delete: "/studies/${{ct1.study}}"
    expect: {{status: 204}}

  - name: it is gone
    get: /studies
    query: {{StudyInstanceUID: "${{ct1.study}}"}}
    headers: {{Accept: application/dicom+json}}
    retry: {{until: {{status: 204}}, every: 200ms, for: 5s}}

teardown:                            # always runs, also after a failure
  - delete: "/studies/${{ct1.study}}"
    expect: {{status: [204, 404]}}
"""


@click.command()
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default=".",
    help="Write it there.",
)
def new(name: str, folder: Path) -> None:
    """Write a scenario to start from: NAME.scenario.yaml, which works as it is, with comments.

    What runs leave behind is added to .gitignore, if it is not there yet.
    """
    if not NAME.fullmatch(name):
        raise UsageFailure(f"'{name}' is no name of letters, digits, `.`, `_` and `-`")
    file = folder / f"{name}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(TEMPLATE.format(name=name, file=file.as_posix()))
        ignored = _ignore(folder / ".gitignore")
    except FileExistsError:
        raise UsageFailure(f"{file} exists already") from None
    except OSError as error:
        raise UsageFailure(f"cannot write {error.filename}: {error.strerror}") from None
    click.echo(f"wrote {file}")
    if ignored:
        click.echo(f"added {', '.join(ignored)} to {folder / '.gitignore'}", err=True)


def _ignore(file: Path) -> list[str]:
    """Adds what is missing; returns it."""
    text = file.read_text("utf-8") if file.exists() else ""
    missing = [line for line in IGNORED if line not in text.splitlines()]
    if missing:
        separator = "" if not text or text.endswith("\n") else "\n"
        file.write_text(text + separator + "".join(f"{line}\n" for line in missing), "utf-8", newline="\n")
    return missing
