"""The documentation says what the code does: its commands run, its tables are complete, its links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from azdicom_emulator.cli import COMMANDS
from tests import doc_tables
from tests.support.client import Emulator

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_command_of_the_tour_works_as_printed(emulator: Emulator, tmp_path: Path) -> None:
    """README.md, A five-minute tour: on a server of its own, in place of the one on port 8080."""
    blocks = re.findall(r"^```sh tour\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 7
    script = "\n".join(blocks).replace("http://127.0.0.1:8080", emulator.base_url)
    (tmp_path / ".curlrc").write_text("fail\nsilent\nshow-error\n")  # an answer of 4xx or 5xx ends the script
    folder = tmp_path / "clone"
    shutil.copytree(DOCS / "examples", folder / "docs" / "examples")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)

    done = subprocess.run(
        ("sh", "-eux"),
        input=script,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "CURL_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    sample = (DOCS / "examples" / "sample.dcm").read_bytes()
    assert (folder / "copy.dcm").read_bytes() == sample
    assert (folder / "frame.png").read_bytes().startswith(b"\x89PNG")
    assert len((folder / "frame.raw").read_bytes()) == 256 * 256 * 2
    assert "already stored        1" in done.stdout
    assert done.stdout.count("HTTP/1.1 204 No Content") == 2
    assert emulator.search_studies() == []


def test_sample_of_the_tour_is_what_its_script_makes(tmp_path: Path) -> None:
    """docs/examples: the committed file and the script that made it belong together."""
    shutil.copy(DOCS / "examples" / "make_sample.py", tmp_path)
    subprocess.run((sys.executable, "make_sample.py"), cwd=tmp_path, check=True)

    assert (tmp_path / "sample.dcm").read_bytes() == (DOCS / "examples" / "sample.dcm").read_bytes()


@pytest.mark.parametrize("page", doc_tables.PAGES, ids=lambda page: page.name)
def test_tables_of_options_extensions_and_quirks_are_those_of_the_code(page: Path) -> None:
    """`python -m tests.doc_tables` (make docs) writes them."""
    assert page.read_text() == doc_tables.filled_in(page), "run: make docs"


def test_every_command_has_a_section() -> None:
    """docs/configuration.md."""
    assert set(re.findall(r"^## azdicom (\w+)$", CONFIGURATION, re.MULTILINE)) == set(COMMANDS)


def anchors(page: Path) -> set[str]:
    """The fragments that lead to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_to_a_file_and_a_heading(page: Path) -> None:
    """Relative links only: what lies elsewhere is not ours to keep."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_examples(name: str) -> None:
    """Own design: help text is a sentence in the imperative, with examples."""
    command = doc_tables.command(name)
    text = command.get_help(click.Context(command, info_name=f"azdicom {name}"))

    assert "Examples:" in text
    assert f"azdicom {name} " in text
