"""An upstream of bare sockets: it says exactly what a test wrote, and remembers exactly what it heard."""

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TIMEOUT_S = 20

Script = Callable[["Peer"], None]


class Peer:
    """One connection, seen from the upstream."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(TIMEOUT_S)
        self._received = b""

    def head(self) -> bytes:
        """The head of the next request, with the empty line at its end. Raises EOFError when there is none."""
        return self.until(b"\r\n\r\n")

    def until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive()
        taken, _, self._received = self._received.partition(end)
        return taken + end

    def take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._receive()
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def digest(self, size: int) -> str:
        """SHA-256 of the next `size` bytes."""
        digest = hashlib.sha256(self._received[:size])
        left = size - len(self._received)
        self._received = self._received[size:]
        buffer = bytearray(1024 * 1024)
        while left > 0:
            count = self._connection.recv_into(buffer, min(left, len(buffer)))
            if not count:
                raise EOFError
            digest.update(memoryview(buffer)[:count])
            left -= count
        return digest.hexdigest()

    def has_more(self, within_s: float) -> bool:
        """Whether another byte comes."""
        self._connection.settimeout(within_s)
        try:
            self._receive()
        except TimeoutError:
            return bool(self._received)
        finally:
            self._connection.settimeout(TIMEOUT_S)
        return True

    def say(self, content: bytes) -> None:
        self._connection.sendall(content)

    def wait_for_end(self) -> None:
        """Returns when the other side closes, or resets, the connection."""
        try:
            while self._connection.recv(65536):
                pass
        except ConnectionResetError:
            return

    def _receive(self) -> None:
        block = self._connection.recv(65536)
        if not block:
            raise EOFError
        self._received += block


@dataclass(slots=True)
class RawUpstream:
    """url: its address; heads: of all requests, in their order; failures: what went wrong in a script."""

    url: str
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)


@contextmanager
def raw_upstream(script: Script) -> Iterator[RawUpstream]:
    """Runs `script` for each connection, in a thread of its own. Raises what a script raised, EOFError excepted."""
    listener = socket.create_server(("127.0.0.1", 0))
    upstream = RawUpstream(f"http://127.0.0.1:{listener.getsockname()[1]}")
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                script(Peer(connection))
            except (EOFError, ConnectionResetError):
                return
            except BaseException as error:
                upstream.failures.append(error)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            upstream.connections += 1
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield upstream
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(TIMEOUT_S)
        for thread in threads:
            thread.join(TIMEOUT_S)
    if upstream.failures:
        raise upstream.failures[0]


def answering(*answers: bytes) -> Script:
    """Gives the answers one after the other on a connection to requests without a body, then waits for its end."""

    def script(peer: Peer) -> None:
        for answer in answers:
            peer.head()
            peer.say(answer)
        peer.wait_for_end()

    return script


class Client:
    """A bare connection to the proxy, from the client's side; closed at the end of the block."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, TIMEOUT_S)
        self._peer = Peer(self._socket)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def say(self, content: bytes) -> None:
        self._socket.sendall(content)

    def head(self) -> bytes:
        return self._peer.head()

    def take(self, size: int) -> bytes:
        return self._peer.take(size)

    def until(self, end: bytes) -> bytes:
        return self._peer.until(end)

    def rest(self) -> bytes:
        """All until the connection ends."""
        received = b""
        while True:
            try:
                received += self._peer.take(1)
            except (EOFError, ConnectionResetError):
                return received

    def has_more(self, within_s: float) -> bool:
        return self._peer.has_more(within_s)
