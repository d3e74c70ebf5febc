"""The commands in the pages on tags, partitions and the change feed work as printed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import EmulatorWith
from tests.management.tags import tags
from tests.support.waiting import eventually

PROJECT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    ("page", "has_partitions"),
    [("extended-query-tags.md", False), ("data-partitions.md", True), ("change-feed.md", False)],
)
def test_commands_work_as_printed(emulator_with: EmulatorWith, tmp_path: Path, page: str, has_partitions: bool) -> None:
    """On a server of its own, in place of the one on port 8080; an answer of 4xx or 5xx ends a block."""
    emulator = emulator_with(partitions=has_partitions)
    blocks = re.findall(r"^```sh\n(.*?)^```$", (PROJECT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    (tmp_path / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    for block in blocks:
        done = subprocess.run(
            ("bash", "-e", "-o", "pipefail", "-c", block.replace("http://127.0.0.1:8080", emulator.base_url)),
            cwd=PROJECT,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "CURL_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        eventually(lambda: all(tag["status"] == "ready" for tag in tags(emulator)), what="the end of the re-index")
