"""`python -m tests.doc_tables`: writes the tables of options, extensions, quirks and the worklist into their pages."""

import re
from collections.abc import Callable
from pathlib import Path

import click

import azdicom_emulator
from azdicom_emulator.cli import COMMANDS, main
from azdicom_emulator.settings import EXTENSIONS, QUIRKS
from tests import doc_scenarios, doc_worklist
from tests.support.markdown import table as _table

PROJECT = Path(__file__).parents[1]
PAGES = (
    PROJECT / "README.md",
    *(
        PROJECT / "docs" / f"{name}.md"
        for name in ("configuration", "extensions-and-quirks", "worklist", "worklist-attributes", "scenario-library")
    ),
)
BLOCK = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end of table -->)", re.DOTALL)
DEFAULT_IN_HELP = re.compile(r" *\[default: (.+)\]$")
IN_MAPPINGS = {"extensions": "extensions-and-quirks.md#extensions", "quirks": "extensions-and-quirks.md#quirks"}
"""Options that are mappings in the file, and where their defaults stand."""

DESCRIBED_BY_HAND = {"serve", "upload"}
PLANNED = {
    "http.debug_routes": ("off, on", "`/debug/events`"),
}
"""Extensions and quirks of parts that are still to be built."""

PACKAGE = Path(azdicom_emulator.__file__).parent
SETTINGS = (PACKAGE / "settings.py").read_text()
ELSEWHERE = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "settings.py")


def filled_in(page: Path) -> str:
    """The text of `page` with each `<!-- table: NAME -->` block as the code has it now."""
    return BLOCK.sub(lambda block: f"{block[1]}{TABLES[block[2]]()}\n{block[3]}", page.read_text())


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    return found


def options(name: str) -> list[click.Option]:
    return [parameter for parameter in command(name).params if isinstance(parameter, click.Option)]


def serve_options() -> str:
    rows = (
        (*_flag_variables(option, "serve"), _file_key(option), *_default_meaning(option)) for option in options("serve")
    )
    return _table(("flag", "environment", "`azdicom.yaml`", "default", "meaning"), rows)


def serve_options_in_short() -> str:
    rows = (
        (*_flag_variables(option, "serve"), _file_key(option), _default_meaning(option, "docs/")[0])
        for option in options("serve")
    )
    return _table(("flag of `azdicom serve`", "environment", "`azdicom.yaml`", "default"), rows)


def options_of(name: str) -> str:
    rows = ((*_flag_variables(option, name), *_default_meaning(option)) for option in options(name))
    return _table(("flag", "environment", "default", "meaning"), rows)


def other_commands() -> str:
    """A section for each command that the page does not describe itself."""
    return "\n\n".join(
        f"## azdicom {name}\n\n{_first_paragraph(command(name))}\n\n{options_of(name)}"
        for name in sorted(COMMANDS.keys() - DESCRIBED_BY_HAND)
    )


def extensions() -> str:
    rows = (
        (f"`{name}`", "on" if extension.default else "off", extension.summary, _state(name))
        for name, extension in EXTENSIONS.items()
    )
    return _table(("name", "default", "what it does", "state"), rows)


def quirks() -> str:
    rows = (
        (f"`{name}`", ", ".join(f"`{value}`" for value in quirk.values), quirk.summary, _state(name))
        for name, quirk in QUIRKS.items()
    )
    return _table(("name", "values", "what it decides", "state"), rows)


def planned() -> str:
    """Those of PLANNED that the code does not know yet."""
    rows = ((f"`{name}`", *row) for name, row in PLANNED.items() if name not in EXTENSIONS and name not in QUIRKS)
    return _table(("name", "values", "what it does or decides"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "options of serve": serve_options,
    "options of serve, in short": serve_options_in_short,
    "options of upload": lambda: options_of("upload"),
    "other commands": other_commands,
    "extensions": extensions,
    "quirks": quirks,
    "planned": planned,
    "worklist states": doc_worklist.states,
    "worklist search": doc_worklist.search,
    "worklist codes": doc_worklist.codes,
    "worklist modules": doc_worklist.modules,
    "worklist final states": doc_worklist.final_states,
    "scenario library": doc_scenarios.catalogue,
}


def _first_paragraph(of: click.Command) -> str:
    return " ".join((of.help or "").split("\n\n")[0].split())


def _flag_variables(option: click.Option, name: str) -> tuple[str, str]:
    variables = option.envvar or f"AZDICOM_{name.upper()}_{str(option.name).upper()}"
    named = [variables] if isinstance(variables, str) else list(variables)
    return f"`{option.opts[0]}`", ", ".join(f"`{variable}`" for variable in named)


def _file_key(option: click.Option) -> str:
    if option.name == "config":
        return ""
    return f"`{option.name}`" if option.name in IN_MAPPINGS else f"`{option.opts[0].removeprefix('--')}`"


def _default_meaning(option: click.Option, folder: str = "") -> tuple[str, str]:
    text = option.help or ""
    if option.name in IN_MAPPINGS:
        return f"[table]({folder}{IN_MAPPINGS[option.name]})", text
    if stated := DEFAULT_IN_HELP.search(text):
        return stated[1], DEFAULT_IN_HELP.sub("", text)
    if option.is_flag:
        return ("on" if option.default is True else "off"), text
    return (f"`{option.default}`" if isinstance(option.default, str | int | float | Path) else "none"), text


def _state(name: str) -> str:
    """Whether the code asks for the extension or quirk, beyond naming it in its table."""
    return "works" if f'"{name}"' in ELSEWHERE or f'quirk("{name}")' in SETTINGS else "not yet"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled_in(page))
