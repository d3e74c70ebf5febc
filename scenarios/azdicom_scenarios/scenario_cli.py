"""`azdicom scenario`: sub-commands load when they are used, so that help is instant."""

import importlib

import click

COMMANDS = {
    "explain": ("azdicom_scenarios.explain_command:explain", "Say in plain words what a scenario does, or a key."),
    "lint": ("azdicom_scenarios.lint_command:lint", "Find what is wrong with scenarios, without running them."),
    "list": ("azdicom_scenarios.list_command:list_scenarios", "List scenarios with tags and descriptions."),
    "record": ("azdicom_scenarios.recording.command:record", "Run a command and make a scenario of its requests."),
    "run": ("azdicom_scenarios.run_command:run", "Run scenarios against an emulator, a service or a cassette."),
    "new": ("azdicom_scenarios.new_command:new", "Write a scenario to start from."),
}
EXAMPLES = """
\b
Examples:
  azdicom scenario new store-and-search      store-and-search.scenario.yaml, which works as it is
  azdicom scenario lint scenarios/
  azdicom scenario explain retry
"""


class LazyGroup(click.Group):
    """Looks sub-commands up by name; help lists them without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, epilog=EXAMPLES)
def scenario() -> None:
    """Write, check and run scenarios: YAML files of requests and of what is expected of the answers."""
