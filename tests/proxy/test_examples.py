"""The example cassettes: they replay as a whole, hold nothing secret, and say where they come from."""

import subprocess
import sys
from pathlib import Path

import pytest

from azdicom_proxy.cassette.reading import load
from tests.proxy.commands import azdicom, clean_environment, started

FOLDER = Path(__file__).parents[2] / "cassettes"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("cassette", EXAMPLES, ids=lambda path: path.stem)
def test_example_answers_its_whole_conversation(cassette: Path, tmp_path: Path) -> None:
    """cassettes/conversations.py asks, the cassette answers, nothing is left."""
    with started(tmp_path, "replay", str(cassette), "--strict") as proxy:
        conversation = subprocess.run(
            (sys.executable, str(FOLDER / "conversations.py"), cassette.stem),
            env=clean_environment() | {"AZDICOM_URL": proxy.url},
            capture_output=True,
            text=True,
            check=False,
        )
        proxy.client.request("POST", "/_azdicom/shutdown")
        code = proxy.ends()

    assert conversation.returncode == 0, conversation.stderr
    assert code == 0, proxy.said
    assert "0 unplayed, 0 missed" in proxy.said


def test_examples_hold_nothing_secret(tmp_path: Path) -> None:
    """`azdicom cassette check`; the patient is made up."""
    assert len(EXAMPLES) >= 3

    checked = azdicom("cassette", "check", "--allow-phi", *map(str, EXAMPLES), cwd=tmp_path)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("cassette", EXAMPLES, ids=lambda path: path.stem)
def test_provenance_in_the_readme_is_that_of_the_file(cassette: Path) -> None:
    """cassettes/README.md: a row for each, with the day of the recording."""
    metadata = load(cassette).metadata
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith(f"| `{cassette.name}`")]

    assert metadata is not None
    assert metadata.upstream.startswith("azdicom-")
    (row,) = rows
    assert row.endswith(
        f"| this emulator, version {metadata.upstream.removeprefix('azdicom-')} | {metadata.recorded} |"
    )
