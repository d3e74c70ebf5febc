"""`azdicom record`: runs a command behind a recording proxy and writes the cassette when it ends."""

from pathlib import Path
from typing import Any

import click

from azdicom_proxy.command_options import (
    FILE,
    RECORD_MODES,
    Url,
    fault_options,
    log_options,
    matching_options,
    offline_option,
    option,
    relay_options,
    settings_of,
    upstream_options,
    writing_options,
)
from azdicom_proxy.settings import Mode

EXAMPLES = """
\b
Examples:
  azdicom record --upstream http://127.0.0.1:8080 --out cassettes/tour.yaml -- python tour.py
  azdicom record --upstream URL --auth azure --out cassettes/live.yaml -- pytest tests/test_viewer.py

The command finds the proxy's URL in AZDICOM_URL; what follows -- is the command. Its exit code is this one's.
"""


@click.command(epilog=EXAMPLES, context_settings={"ignore_unknown_options": False})
@option("--out", type=FILE, required=True, metavar="CASSETTE", help="Cassette to write.")
@option("--upstream", type=Url(), required=True, metavar="URL", help="The service to forward to.")
@option(
    "--record-mode",
    type=click.Choice(RECORD_MODES),
    default="rewrite",
    show_default=True,
    help="What becomes of a cassette that is there: rewritten (what is equal stays), extended, or replayed.",
)
@writing_options
@matching_options
@upstream_options
@offline_option
@relay_options
@fault_options
@log_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def record(out: Path, command: tuple[str, ...], **options: Any) -> None:
    """Run COMMAND and record what it says to a DICOMweb service."""
    from azdicom_proxy.running import run

    mode = Mode.REPLAY if options["record_mode"] == "none" else Mode.RECORD
    settings = settings_of(options, mode=mode, cassette=out, port=0)
    raise SystemExit(run(settings, options, command))
