"""`python -m tests.fuzz`: schemathesis over the OpenAPI description of a server of its own; ends with its exit code.

What must hold: no 5xx, no status and no media type that the description does not name, JSON as it says, 405 with Allow.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.hooks import prepare
from tests.support.process import serving

PROJECT = Path(__file__).parents[2]
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
)
GROUPS = ("v2", "v1")
SECONDS_A_GROUP = 60
ANY_METHOD = "/health"
"""Answers every method, which no check expects."""


def main(arguments: list[str]) -> int:
    """arguments: further ones for schemathesis. Returns the worst of its exit codes."""
    with tempfile.TemporaryDirectory(prefix="azdicom-fuzz-") as folder:
        work = Path(folder)
        with serving(work / "data", work, "--log-level=warning") as server:
            prepare(server.emulator.base_url)
            worst = max(_run(f"{server.emulator.base_url}/{group}/api.json", work, arguments) for group in GROUPS)
        log = (work / "serve.log").read_text()
    sys.stderr.write("".join(f"{line}\n" for line in log.splitlines() if "unhandled" in line))
    return worst


def _run(url: str, work: Path, arguments: list[str]) -> int:
    """work: the folder that schemathesis keeps its notes in."""
    command = (
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        url,
        f"--checks={','.join(CHECKS)}",
        f"--exclude-path-regex=^{ANY_METHOD}",
        "--phases=examples,coverage,fuzzing",
        f"--max-time={SECONDS_A_GROUP}",
        "--suppress-health-check=all",
        "--request-timeout=30",
        "--continue-on-failure",
        *arguments,
    )
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, env=environment, cwd=work, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
