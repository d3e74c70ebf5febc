"""A WebSocket client that only listens (RFC 6455), so that the server is not tested with its own library."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.support.client import Emulator

TIMEOUT_S = 30
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class HandshakeError(AssertionError):
    """The server did not switch protocols; `status` is what it answered."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class Channel:
    """An open channel. `headers`: of the 101, by lower-case name."""

    def __init__(self, connection: socket.socket, headers: Mapping[str, str], rest: bytes) -> None:
        self._connection = connection
        self._buffer = rest
        self.headers = headers

    def text(self) -> str | None:
        """The next text frame; None: the server closed the channel."""
        while True:
            opcode, payload = self._frame()
            if opcode == TEXT:
                return payload.decode()
            if opcode == CLOSE:
                return None
            if opcode == PING:
                self._send(PONG, payload)

    def event(self) -> dict[str, Any]:
        """The next event. AssertionError when the channel is closed."""
        text = self.text()
        assert text is not None, "the server closed the channel"
        found: dict[str, Any] = json.loads(text)
        return found

    def close(self) -> None:
        """The closing handshake."""
        self._send(CLOSE, struct.pack(">H", 1000))
        while self._frame()[0] != CLOSE:
            pass

    def _send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload))
        self._connection.sendall(bytes((0x80 | opcode, 0x80 | len(payload))) + mask + masked)

    def _frame(self) -> tuple[int, bytes]:
        first, length = self._exactly(2)
        assert length < 0x80, "the server must not mask"
        if length == 126:
            (length,) = struct.unpack(">H", self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._exactly(8))
        return first & 0x0F, self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            received = self._connection.recv(65536)
            if not received:
                raise ConnectionError("the server is gone")
            self._buffer += received
        wanted, self._buffer = self._buffer[:size], self._buffer[size:]
        return wanted


@contextmanager
def opened_channel(emulator: Emulator, path: str, **headers: str) -> Iterator[Channel]:
    """The channel at `path`, until the block ends. Raises HandshakeError."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {emulator.address[0]}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    with socket.create_connection(emulator.address, timeout=TIMEOUT_S) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = connection.recv(65536)
            assert chunk, "no answer to the handshake"
            received += chunk
        head, _, rest = received.partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        if int(status.split()[1]) != 101:
            raise HandshakeError(int(status.split()[1]))
        yield Channel(connection, dict(_field(line) for line in fields), rest)


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()
