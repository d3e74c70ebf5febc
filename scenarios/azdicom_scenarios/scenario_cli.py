"""`azdicom scenario`: sub-commands load when they are used, so that help is instant."""

import click

from azdicom_emulator.lazy_group import LazyGroup

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


@click.group(cls=LazyGroup, entries=COMMANDS, epilog=EXAMPLES)
def scenario() -> None:
    """Write, check and run scenarios: YAML files of requests and of what is expected of the answers."""
