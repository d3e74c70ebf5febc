"""The whole scenario library against two emulators: what one answers, the other does (record-replay §16, check 10)."""

import json
from pathlib import Path

from tests.proxy.commands import azdicom
from tests.support.client import Emulator

LIBRARY = Path("scenarios/library").resolve()


def test_library_finds_no_difference_between_the_emulator_and_itself(strict_emulator: Emulator, tmp_path: Path) -> None:
    """`azdicom diff --upstream URL --scenario scenarios/library`."""
    done = azdicom(
        "diff", "--upstream", strict_emulator.base_url, "--scenario", str(LIBRARY), "--json", "out.json", cwd=tmp_path
    )

    assert done.returncode == 0, done.stdout
    result = json.loads((tmp_path / "out.json").read_text())
    assert [found["text"] for found in result["fingerprints"] if found["severity"] != "noise"] == []
    assert result["summary"]["compared"] > 300
