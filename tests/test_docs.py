"""The documentation says what the code does: its commands run, its tables are complete, its links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import azdicom_emulator
from azdicom_emulator.cli import COMMANDS, main
from azdicom_emulator.settings import EXTENSIONS, QUIRKS
from tests.support.client import Emulator

PROJECT = Path(__file__).parents[1]
DOCS = PROJECT / "docs"
README = (PROJECT / "README.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
PACKAGE = Path(azdicom_emulator.__file__).parent
SETTINGS = (PACKAGE / "settings.py").read_text()
ELSEWHERE = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "settings.py")

Row = list[str]


def rows(text: str, heading: str) -> dict[str, Row]:
    """The table below `heading`, by its first cell without backquotes."""
    section = re.split(r"^#+ ", text.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def options(name: str) -> list[click.Option]:
    return [parameter for parameter in command(name).params if isinstance(parameter, click.Option)]


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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    """docs/configuration.md has a row for each option, with its environment variable, and no other."""
    documented = rows(CONFIGURATION, f"azdicom {name}")

    assert set(documented) == {option.opts[0] for option in options(name)}
    for option in options(name):
        variables = option.envvar or f"AZDICOM_{name.upper()}_{str(option.name).upper()}"
        for variable in [variables] if isinstance(variables, str) else variables:
            assert f"`{variable}`" in documented[option.opts[0]][1]


@pytest.mark.parametrize("text", [README, CONFIGURATION], ids=["readme", "configuration"])
def test_tables_of_settings_give_the_defaults_of_serve(text: str) -> None:
    """README.md and docs/configuration.md: one row an option, with key of the file and default."""
    heading = "Configuration" if text is README else "azdicom serve"
    documented = {name.split("`")[0].split(" ")[0]: row for name, row in rows(text, heading).items()}

    assert set(documented) == {option.opts[0] for option in options("serve")}
    for option in options("serve"):
        _, _, key, default, *_ = documented[option.opts[0]]
        if option.name in ("extensions", "quirks"):
            assert key == f"`{option.name}`"
        elif option.name != "config":
            assert key == f"`{option.opts[0].removeprefix('--')}`"
            expected = "off" if option.is_flag else "none" if option.name == "port_file" else f"`{option.default}`"
            assert default == expected


def test_every_extension_is_documented_with_its_default_and_state() -> None:
    """docs/extensions-and-quirks.md: `works` is an extension that the code asks for."""
    documented = rows((DOCS / "extensions-and-quirks.md").read_text(), "Extensions")

    assert set(EXTENSIONS) <= set(documented)
    for name, (_, default, _, state) in documented.items():
        assert state == ("works" if is_asked_for(name) else "not yet"), name
        if name in EXTENSIONS:
            assert default == ("on" if EXTENSIONS[name].default else "off")


def test_every_quirk_is_documented_with_its_values_and_state() -> None:
    """docs/extensions-and-quirks.md: the default first; `works` is a quirk that the code asks for."""
    documented = rows((DOCS / "extensions-and-quirks.md").read_text(), "Quirks")

    assert set(QUIRKS) <= set(documented)
    for name, (_, values, _, state) in documented.items():
        assert state == ("works" if is_asked_for(name) else "not yet"), name
        if name in QUIRKS:
            assert values == ", ".join(f"`{value}`" for value in QUIRKS[name].values)


def is_asked_for(name: str) -> bool:
    """Whether the code uses the extension or quirk, beyond naming it in its table."""
    return f'"{name}"' in ELSEWHERE or f'quirk("{name}")' in SETTINGS


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
    text = command(name).get_help(click.Context(command(name), info_name=f"azdicom {name}"))

    assert "Examples:" in text
    assert f"azdicom {name} " in text
