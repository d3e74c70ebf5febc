"""docs/worklist.md: its script and its commands do what the page says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client import Emulator

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "worklist.md").read_text()
USUAL_ADDRESS = "127.0.0.1:8080"
TIMEOUT_S = 60


def blocks(name: str) -> str:
    """The text of the page's code blocks of this name, one after the other."""
    return "".join(re.findall(rf"^```{name}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_examination_of_the_page_works_as_printed(emulator: Emulator, tmp_path: Path) -> None:
    """docs/worklist.md: scheduled, claimed, reported over the event channel, completed."""
    address = emulator.base_url.removeprefix("http://")
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    (tmp_path / "watch_worklist.py").write_text(blocks("python watch").replace(USUAL_ADDRESS, address))
    (tmp_path / ".curlrc").write_text("fail\nsilent\nshow-error\n")  # an answer of 4xx or 5xx ends the script
    watcher = subprocess.Popen(
        (sys.executable, "watch_worklist.py"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        done = subprocess.run(
            ("sh", "-eu"),
            input=blocks("sh worklist").replace(USUAL_ADDRESS, address),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "CURL_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        seen, errors = watcher.communicate(timeout=TIMEOUT_S)
    finally:
        watcher.kill()
        watcher.wait()

    assert watcher.returncode == 0, errors
    assert seen == blocks("text watched")
    assert done.stdout.count("HTTP/1.1 201 Created") == 2
    assert done.stdout.count("HTTP/1.1 200 OK") == 4
    assert "1.2.826.0.1.3680043.8.498.5" not in done.stdout
