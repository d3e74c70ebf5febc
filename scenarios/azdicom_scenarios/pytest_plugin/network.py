"""Keeps a test run on this machine."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class NetworkBlockedError(OSError):
    """A connection to another machine under `--dicom-block-network`."""


@contextmanager
def only_loopback() -> Iterator[None]:
    """Sockets connect to loopback addresses and Unix sockets only; anything else raises NetworkBlockedError."""
    originals = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}

    def guarded(name: str) -> Any:
        original = originals[name]

        def call(self: socket.socket, *arguments: Any) -> Any:
            _check(self, arguments[-1])
            return original(self, *arguments)

        return call

    for name in originals:
        setattr(socket.socket, name, guarded(name))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(socket.socket, name, original)


def _check(connection: socket.socket, address: Any) -> None:
    if connection.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return
    host = str(address[0])
    if not _is_loopback(host):
        raise NetworkBlockedError(f"--dicom-block-network: no connection to {host}:{address[1]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"
