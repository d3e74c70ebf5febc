"""docs/authentication.md: its commands and its recipe work as printed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from azdicom_emulator.settings import AuthMode
from tests.conftest import EmulatorWith
from tests.support.process import serving

PAGE = (Path(__file__).parents[2] / "docs" / "authentication.md").read_text()
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found


def run(script: str, folder: Path, **environment: str) -> str:
    """What the shell prints for `script`, which ends at the first command that fails."""
    (folder / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    done = subprocess.run(
        ("sh", "-eu"),
        input=script,
        cwd=folder,
        env={"PATH": PATH, "CURL_HOME": str(folder), "NO_PROXY": "*", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_token_commands_work_as_printed(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """Tokens for tests: on a server of its own, in place of the one on port 8080."""
    emulator = emulator_with(auth=AuthMode.JWT)
    script = "\n".join(blocks("sh tokens")).replace("http://127.0.0.1:8080", emulator.base_url)

    printed = run(script, tmp_path, AZDICOM_TOKEN_URL=emulator.base_url)

    assert printed.startswith("HTTP/1.1 204 No Content")
    assert len(re.findall(r"^eyJ[\w.-]+$", printed, re.MULTILINE)) == script.count("\nazdicom token ")
    assert '"access_token"' in printed


def test_recipe_for_default_azure_credential_works_as_printed(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """DefaultAzureCredential: with the two variables alone."""
    emulator = emulator_with(auth=AuthMode.JWT)
    [recipe] = blocks("python recipe")
    exports = next(block for block in blocks("sh") if "IDENTITY_ENDPOINT" in block)
    script = f"{exports}\n{sys.executable} recipe.py\n".replace("http://127.0.0.1:8080", emulator.base_url)
    (tmp_path / "recipe.py").write_text(recipe.replace("http://127.0.0.1:8080", emulator.base_url))

    assert run(script, tmp_path) == "204\n"


def test_https_commands_work_as_printed(tmp_path: Path) -> None:
    """https: the certificate that the first command makes is what the server is started with."""
    make, *use = blocks("sh tls")
    run(make, tmp_path)
    cert, key = tmp_path / "certs" / "azdicom-cert.pem", tmp_path / "certs" / "azdicom-key.pem"

    with serving(tmp_path / "data", tmp_path, f"--tls-cert={cert}", f"--tls-key={key}") as server:
        _, port = server.emulator.address
        printed = run("\n".join(use).replace("localhost:8080", f"localhost:{port}"), tmp_path)

    assert '"overallStatus":"Healthy"' in printed
