"""A client that sees what is on the wire: bytes with their times, and how the connection ended."""

import socket
import time
from dataclasses import dataclass
from enum import Enum

from tests.support.client import Emulator

TIMEOUT_S = 10


class End(Enum):
    CLOSED = "closed in order"
    RESET = "ECONNRESET"
    SILENT = "still open, nothing more came"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back. arrivals: seconds since the request was sent, and the bytes, of each read."""

    arrivals: list[tuple[float, bytes]]
    end: End

    @property
    def content(self) -> bytes:
        return b"".join(piece for _, piece in self.arrivals)

    @property
    def head(self) -> str:
        return self.content.partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.content.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.head.split(" ")[1])

    def header(self, name: str) -> str | None:
        lines = (line.partition(": ") for line in self.head.split("\r\n")[1:])
        return next((value for key, _, value in lines if key.lower() == name.lower()), None)

    @property
    def declared_length(self) -> int:
        return int(self.header("Content-Length") or -1)


def seen(
    emulator: Emulator,
    method: str,
    target: str,
    *headers: str,
    body: bytes = b"",
    silence_s: float = TIMEOUT_S,
    keeps_alive: bool = False,
) -> Seen:
    """Sends one request and reads until the connection ends, or nothing comes for `silence_s`."""
    lines = ["Host: h", *headers, *(() if keeps_alive else ("Connection: close",))]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in lines)
    with socket.create_connection(emulator.address, timeout=TIMEOUT_S) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return _read(connection, silence_s)


def _read(connection: socket.socket, silence_s: float) -> Seen:
    started = time.monotonic()
    arrivals: list[tuple[float, bytes]] = []
    connection.settimeout(silence_s)
    while True:
        try:
            piece = connection.recv(64 * 1024)
        except ConnectionResetError:
            return Seen(arrivals, End.RESET)
        except TimeoutError:
            return Seen(arrivals, End.SILENT)
        if not piece:
            return Seen(arrivals, End.CLOSED)
        arrivals.append((time.monotonic() - started, piece))
