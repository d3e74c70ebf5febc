"""`azdicom replay`: serves a cassette; nothing is ever forwarded."""

from pathlib import Path
from typing import Any

import click

from azdicom_proxy.command_options import (
    FILE,
    fault_options,
    listening_options,
    log_options,
    matching_options,
    option,
    relay_options,
    settings_of,
)
from azdicom_proxy.settings import Mode

EXAMPLES = """
\b
Examples:
  azdicom replay cassettes/tour.yaml
  azdicom replay cassettes/tour.yaml --port 0 --port-file proxy.url --strict
  azdicom replay cassettes/tour.yaml --match-on -accept --repeat all
"""


@click.command(epilog=EXAMPLES)
@click.argument("cassette", type=FILE)
@matching_options
@option(
    "--phi",
    type=click.Choice(["basic", "keep", "synthetic-only"]),
    help="How requests are scrubbed before they are matched.  [default: as the cassette was]",
)
@relay_options
@fault_options
@listening_options
@log_options
def replay(cassette: Path, **options: Any) -> None:
    """Serve the answers in CASSETTE; no socket to anywhere else is opened."""
    from azdicom_proxy.running import run

    raise SystemExit(run(settings_of(options, mode=Mode.REPLAY, cassette=cassette), options))
