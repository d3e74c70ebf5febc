"""The `fixtures` block of a scenario in a server that runs (`POST /_azdicom/seed`)."""

import json
import textwrap
from pathlib import Path

import yaml

from azdicom_emulator.settings import Settings
from azdicom_proxy.exit_codes import UsageFailure
from azdicom_scenarios.preloading import endpoint_of, stored
from azdicom_scenarios.running.runner import plan
from azdicom_scenarios.scenario_files import read

BODY = Path("seed")
"""What the block is called in messages. Files that it names are looked up in the server's working folder."""
FIXTURES = "fixtures"
_REST = """
name: seed
steps:
  - name: nothing
    get: /studies
"""


def seed(settings: Settings, url: str, text: str) -> list[str]:
    """Stores the block, YAML or JSON with or without `fixtures:` around it; a line for what it was.

    settings: of the server at `url`, for its authorization. Raises UsageFailure: the block, or the server, is wrong.
    """
    loaded = read(_scenario(text).encode(), BODY)
    if loaded.errors:
        raise UsageFailure("\n".join(str(finding) for finding in loaded.errors))
    assert loaded.scenario is not None, "there are no errors"
    return [stored(run, endpoint_of(settings, url)) for run in plan([loaded.scenario])]


def _scenario(text: str) -> str:
    """The text of a scenario with these fixtures; those of YAML keep their lines, but for the one above them."""
    try:
        document = json.loads(text)
    except ValueError:
        document = _top_of(text)
        if isinstance(document, dict) and FIXTURES in document:
            return f"{text}\n{_REST}"
        block = text
    else:
        if isinstance(document, dict):
            document = document.get(FIXTURES, document)
        block = json.dumps(document)
    if not isinstance(document, dict):
        raise UsageFailure("the body is no block of fixtures: synthetic, preload, dicom, workitems …")
    return f"{FIXTURES}:\n{textwrap.indent(block, '  ')}\n{_REST}"


def _top_of(text: str) -> object:
    try:
        return yaml.load(text, yaml.BaseLoader)  # of this only the keys are looked at
    except yaml.YAMLError as error:
        raise UsageFailure(f"the body is no YAML: {' '.join(str(error).split())}") from None
