"""`azdicom proxy`: a proxy in any of its modes."""

import os
from typing import Any

import click

from azdicom_proxy.command_options import (
    RECORD_MODES,
    Url,
    cassette_options,
    diff_options,
    fault_options,
    listening_options,
    log_options,
    matching_options,
    offline_option,
    option,
    relay_options,
    settings_of,
    upstream_options,
    writing_options,
)
from azdicom_proxy.parity.report_options import report_options, take_report_options
from azdicom_proxy.settings import Fallback, Mode

EXAMPLES = """
\b
Examples:
  azdicom proxy --upstream https://WORKSPACE-SERVICE.dicom.azurehealthcareapis.com
  azdicom proxy --upstream http://127.0.0.1:8080 --mode record --cassette tests/cassettes/search.yaml
  azdicom proxy --mode replay --cassette tests/cassettes/search.yaml --port 0 --port-file proxy.url
  azdicom proxy --mode spy --fallback local --cassette tests/cassettes/search.yaml
  azdicom proxy --upstream URL --auth azure --mode diff --hydrate

Every option is also an environment variable (AZDICOM_RECORD_MODE for --record-mode).
"""


@click.command(epilog=EXAMPLES)
@option("--upstream", type=Url(), metavar="URL", help="The service to forward to.")
@option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.PASSTHROUGH.value,
    show_default=True,
    help="Who answers: the upstream, the cassette, or (spy) the cassette and on a miss another;"
    " diff compares the upstream's answers with an emulator's.",
)
@option(
    "--record-mode",
    type=click.Choice(RECORD_MODES),
    default="once",
    show_default=True,
    help="What --mode record records: only a cassette that is not there yet, what is new in it, or all.",
)
@option(
    "--fallback",
    type=click.Choice([fallback.value for fallback in Fallback]),
    default=Fallback.UPSTREAM.value,
    show_default=True,
    help="Who answers a miss in --mode spy.",
)
@option("--record-misses", is_flag=True, help="Add to the cassette what --mode spy did not find in it.")
@cassette_options
@diff_options
@report_options
@matching_options
@writing_options
@upstream_options
@offline_option
@relay_options
@fault_options
@listening_options
@log_options
def proxy(**options: Any) -> None:
    """Forward to a DICOMweb service, record what goes by, replay it, or compare it with the emulator."""
    from azdicom_proxy.running import run

    if options["mode"] == Mode.RECORD.value and options["record_mode"] == "none":
        options["mode"] = Mode.REPLAY.value
    report = take_report_options(options, os.environ)
    is_diff = options["mode"] == Mode.DIFF.value
    raise SystemExit(run(settings_of(options, report=report if is_diff else None), options))
