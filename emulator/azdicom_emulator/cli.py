"""The `azdicom` command: sub-commands load when they are used, so that help is instant."""

import click

from azdicom_emulator import __version__
from azdicom_emulator.lazy_group import LazyGroup

COMMANDS = {
    "serve": ("azdicom_emulator.serve:serve", "Start the emulator."),
    "cassette": ("azdicom_proxy.cassette_cli:cassette", "Look at recorded cassettes, check them, change them."),
    "cert": ("azdicom_emulator.cert:cert", "Make a development certificate for https."),
    "diff": ("azdicom_scenarios.diff_command:diff", "Compare a service, or a recording of one, with the emulator."),
    "parity": ("azdicom_scenarios.diff_command:diff", "The same as diff."),
    "token": ("azdicom_emulator.token:token", "Print an access token of the built-in development issuer."),
    "noise": ("azdicom_proxy.noise_command:noise", "Show, learn and forget in what an upstream differs from itself."),
    "reindex": ("azdicom_emulator.reindex:reindex", "Make the index again from the DICOM files."),
    "pull": ("azdicom_proxy.pull_command:pull", "Copy studies from a DICOMweb service into the emulator."),
    "proxy": ("azdicom_proxy.proxy_command:proxy", "Forward to a DICOMweb service, record, replay or compare."),
    "record": ("azdicom_proxy.record_command:record", "Run a command and record what it says to a service."),
    "replay": ("azdicom_proxy.replay_command:replay", "Serve the answers of a cassette."),
    "report": ("azdicom_proxy.report_command:report", "Make reports of stored parity results."),
    "scenario": ("azdicom_scenarios.scenario_cli:scenario", "Write, check and run scenarios."),
    "upload": ("azdicom_emulator.upload:upload", "Send DICOM files to a DICOMweb service by STOW-RS."),
}
EXAMPLES = """
\b
Examples:
  azdicom serve                              the emulator on http://127.0.0.1:8080
  azdicom serve --ephemeral --port 0         a throw-away server on a free port
  azdicom upload ./images --url http://127.0.0.1:8080/v2
  azdicom token --role reader                an access token for a server with --auth jwt
  azdicom scenario run scenarios/            requests and expectations from YAML files
  azdicom diff --upstream URL --html p.html  what differs between a service and the emulator
"""


@click.group(cls=LazyGroup, entries=COMMANDS, epilog=EXAMPLES, context_settings={"auto_envvar_prefix": "AZDICOM"})
@click.version_option(__version__, prog_name="azdicom")
def main() -> None:
    """Emulate the Azure Health Data Services DICOM service."""
