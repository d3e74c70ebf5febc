"""Groups of sub-commands that load when they are used, so that help is instant."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

Commands = Mapping[str, tuple[str, str]]
"""Name to `module:command` and a line of help. A command may stand in a layer above: only its name is known here."""


class LazyGroup(click.Group):
    """Looks sub-commands up by name; help lists them without importing them."""

    def __init__(self, *arguments: Any, entries: Commands, **words: Any) -> None:
        super().__init__(*arguments, **words)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._entries:
            return None
        module, _, name = self._entries[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._entries[name][1]) for name in self.list_commands(ctx)])
