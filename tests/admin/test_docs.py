"""docs/faults.md and docs/admin.md: their commands work as printed, and their tables are complete."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from azdicom_emulator.faults.action_loading import ACTION_WORDS
from azdicom_emulator.faults.loading import RULE_WORDS, load_rules
from azdicom_emulator.faults.presets import PRESETS
from tests.conftest import EmulatorWith

PROJECT = Path(__file__).parents[2]
FAULTS = (PROJECT / "docs" / "faults.md").read_text()
EXAMPLE = PROJECT / "docs" / "examples" / "faults.yaml"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(("page", "failing"), [("faults.md", 1), ("admin.md", 0)])
def test_commands_work_as_printed(emulator_with: EmulatorWith, tmp_path: Path, page: str, failing: int) -> None:
    """On a server of its own, in place of the one on port 8080. failing: commands that show a fault."""
    emulator = emulator_with(faults=EXAMPLE, seed=1)
    blocks = re.findall(r"^```sh demo\n(.*?)^```$", (PROJECT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    commands = "".join(blocks).replace("http://127.0.0.1:8080", emulator.base_url).splitlines()
    (tmp_path / ".curlrc").write_text("fail\nsilent\nshow-error\n")  # an answer of 4xx or 5xx is a failing command
    shutil.copytree(EXAMPLE.parent, tmp_path / "docs" / "examples")

    codes = [
        subprocess.run(
            ("sh", "-c", command),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "CURL_HOME": str(tmp_path)},
            capture_output=True,
            check=False,
        ).returncode
        for command in commands
    ]

    assert len(codes) >= 2
    assert sum(map(bool, codes)) == failing, list(zip(commands, codes, strict=True))


def test_rules_of_the_page_are_read() -> None:
    """docs/faults.md, Rules."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", FAULTS, re.MULTILINE | re.DOTALL)

    (rule,) = load_rules(block, "faults.md").rules

    assert set(rule.written) == set(RULE_WORDS)


@pytest.mark.parametrize("word", [*ACTION_WORDS, *PRESETS])
def test_every_action_and_preset_is_described(word: str) -> None:
    """docs/faults.md."""
    assert re.search(rf"`{re.escape(word)}[:`]", FAULTS)
