"""`azdicom proxy`, `record` and `replay` as child processes."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.client import Emulator
from tests.support.waiting import eventually

TIMEOUT_S = 60
AZDICOM = (sys.executable, "-m", "azdicom_emulator")


def azdicom(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs the command to its end."""
    return subprocess.run(
        (*AZDICOM, *arguments),
        cwd=cwd,
        env=clean_environment() | dict(env or {}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


class ProxyProcess:
    """A running `azdicom proxy` or `azdicom replay`."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.client = Emulator(url, Path())
        self._log = log

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """All that it has written until now."""
        return self._log.read_text()

    def ends(self) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(TIMEOUT_S)


@contextmanager
def started(cwd: Path, *arguments: str) -> Iterator[ProxyProcess]:
    """`azdicom` with `arguments` on a free port; it is killed at the end of the block unless it has ended."""
    port_file, log_path = cwd / "proxy.url", cwd / "proxy.log"
    port_file.unlink(missing_ok=True)
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            (*AZDICOM, *arguments, "--port=0", f"--port-file={port_file}"),
            cwd=cwd,
            env=clean_environment(),
            stdout=log,
            stderr=log,
        )

    def url() -> str:
        assert process.poll() is None, f"it ended with {process.returncode}\n{log_path.read_text()}"
        return port_file.read_text().strip() if port_file.exists() else ""

    try:
        yield ProxyProcess(process, eventually(url, within_s=30, what="the port file"), log_path)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(TIMEOUT_S)


def clean_environment() -> dict[str, str]:
    """This process's, without settings of the command."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AZDICOM_")}
