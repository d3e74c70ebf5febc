"""Orthanc with its DICOMweb plugin on a free loopback port, from the Debian packages orthanc and orthanc-dicomweb."""

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import eventually

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
START_TIMEOUT_S = 60
ROOT = "/dicom-web"
BIND_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
int bind(int fd, const struct sockaddr *given, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  struct sockaddr_in address;
  if (given->sa_family != AF_INET) return real(fd, given, size);
  memcpy(&address, given, sizeof address);
  if (!address.sin_addr.s_addr) address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return real(fd, (void *)&address, sizeof address);
}
"""
"""Orthanc can only listen on all interfaces: this makes it loopback, so that a test opens nothing to the network."""


def missing() -> str | None:
    """Why Orthanc cannot be started here; None: it can."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        return "needs the packages orthanc and orthanc-dicomweb: make interop installs them where apt is available"
    if shutil.which("gcc") is None:
        return "needs gcc, for the shim that keeps Orthanc on loopback"
    return None


@contextmanager
def orthanc(folder: Path) -> Iterator[str]:
    """The base URL of its DICOMweb service, until the block ends; data and log are kept in `folder`."""
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {
        "Name": "interop",
        "StorageDirectory": str(folder / "data"),
        "IndexDirectory": str(folder / "data"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "KeepAlive": True,
        "DicomWeb": {"Enable": True, "Root": f"{ROOT}/", "EnableWado": True, "Ssl": False},
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    shim = _shim(folder)
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            ("Orthanc", str(folder / "orthanc.json")),
            env=os.environ | {"LD_PRELOAD": str(shim)},
            stdout=log,
            stderr=log,
        )
    try:
        eventually(lambda: _answers(port, process, folder), within_s=START_TIMEOUT_S, what="Orthanc")
        yield f"http://127.0.0.1:{port}{ROOT}"
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)


def _answers(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> bool:
    assert process.poll() is None, (folder / "orthanc.log").read_text()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/system", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _shim(folder: Path) -> Path:
    source, library = folder / "loopback.c", folder / "loopback.so"
    source.write_text(BIND_SHIM)
    subprocess.run(("gcc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"), check=True)
    return library


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
