"""`azdicom serve` as a child process: started on a free port, killed, started again on the same data."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.client import Emulator
from tests.support.waiting import eventually

START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 30
COMMAND = (sys.executable, "-m", "azdicom_emulator")


class ServeProcess:
    """One `azdicom serve`; `emulator` talks to it."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, data_dir: Path) -> None:
        self._process = process
        self.emulator = Emulator(f"http://127.0.0.1:{port}", data_dir)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the server and all its worker processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(STOP_TIMEOUT_S)


@contextmanager
def serving(data_dir: Path, work_dir: Path, *options: str) -> Iterator[ServeProcess]:
    """`azdicom serve` over `data_dir`, on a free port, until the block ends; its log goes to `work_dir`."""
    port_file = work_dir / "port"
    port_file.unlink(missing_ok=True)
    log_path = work_dir / "serve.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            (*COMMAND, "serve", "--port=0", f"--port-file={port_file}", f"--data-dir={data_dir}", *options),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    try:
        yield ServeProcess(process, listening_port(process, port_file, log_path), data_dir)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


def listening_port(process: "subprocess.Popen[bytes]", port_file: Path, log: Path | None = None) -> int:
    """The port of a starting server, read from its port file. AssertionError, with its log, when it ends before."""

    def port() -> int:
        said = log.read_text() if log is not None else ""
        assert process.poll() is None, f"serve ended with {process.returncode}\n{said}"
        return int(port_file.read_text().strip() or 0) if port_file.exists() else 0

    return eventually(port, within_s=START_TIMEOUT_S, what="the port file of azdicom serve")
