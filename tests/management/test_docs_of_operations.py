"""The commands in the pages on bulk update and export work as printed."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conftest import EmulatorWith
from tests.support.azurite import Azurite
from tests.support.client import Emulator
from tests.support.instances import an_instance

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = [
    pytest.mark.xdist_group("azurite"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]


def run_blocks(page: str, folder: Path, replaced: Mapping[str, str]) -> list[str]:
    """What each `sh` block of the page prints; an answer of 4xx or 5xx ends a block."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    printed = []
    for block in blocks:
        script = block
        for old, new in replaced.items():
            script = script.replace(old, new)
        done = subprocess.run(
            ("bash", "-e", "-o", "pipefail", "-c", script),
            cwd=folder,
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "CURL_HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


def test_commands_of_bulk_update_work_as_printed(emulator: Emulator, tmp_path: Path) -> None:
    """docs/bulk-update.md, on a server of its own, in place of the one on port 8080."""
    folder = tmp_path / "clone"
    shutil.copytree(DOCS / "examples", folder / "docs" / "examples")

    _, done, original = run_blocks("bulk-update.md", folder, {"http://127.0.0.1:8080": emulator.base_url})

    assert '"studyUpdated":1' in done
    assert "New^Name" in done
    assert "New^Name" not in original
    assert b"New^Name" not in (folder / "original.multipart").read_bytes()


def test_commands_of_export_work_as_printed(emulator_with: EmulatorWith, tmp_path: Path, azurite: Azurite) -> None:
    """docs/export.md, with a server and an Azurite on ports of their own."""
    emulator = emulator_with(export_folder=tmp_path / "exports")
    emulator.store(an_instance())
    replaced = {
        "http://127.0.0.1:8080": emulator.base_url,
        "http://127.0.0.1:10000/devstoreaccount1": azurite.blob_endpoint,
        "UseDevelopmentStorage=true": azurite.connection_string,
    }

    _, named, everything, to_folder = run_blocks("export.md", tmp_path, replaced)

    assert "202 Accepted" in named
    assert '"exported":1,"skipped":0' in everything
    assert "202 Accepted" in to_folder
    assert list((tmp_path / "exports" / "nightly").iterdir())
