"""docs/cassettes.md says what the tools do: its commands run as printed, its Python works, its options are complete."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

from azdicom_proxy.cassette_cli import cassette

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "cassettes.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_commands_and_python_of_the_page_work_as_printed(tmp_path: Path) -> None:
    """docs/cassettes.md, from top to bottom in a copy of the repository's cassettes."""
    shutil.copytree(PROJECT / "cassettes", tmp_path / "cassettes")
    (tmp_path / "tests" / "cassettes" / "store.bodies").mkdir(parents=True)
    pieces = [f'azdicom() {{ {sys.executable} -m azdicom_emulator "$@"; }}', *blocks("sh commands")]
    python = "".join(blocks("python"))

    shell = subprocess.run(
        ("sh", "-eu"),
        input="\n".join(pieces),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    snippets = subprocess.run(
        (sys.executable, "-W", "error", "-c", python), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert len(pieces) == 6
    assert shell.returncode == 0, shell.stderr
    assert "(0010,0010) Patient's Name" in shell.stdout
    assert "3 interactions removed" in shell.stdout
    assert snippets.returncode == 0, snippets.stderr
    assert snippets.stdout == "{'vr': 'CS', 'Value': ['OT']}\n"


def test_every_tool_and_option_is_on_the_page() -> None:
    """docs/cassettes.md, Tools."""
    for name, command in cassette.commands.items():
        assert f"| `{name}` |" in PAGE
        for option in command.params:
            if isinstance(option, click.Option):
                assert all(flag in PAGE for flag in option.opts), (name, option.opts)
