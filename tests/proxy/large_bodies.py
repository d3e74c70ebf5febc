"""Bodies that no process should hold in memory: an upstream that makes and takes them, a client that does the same."""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proxy.raw_upstream import Peer, RawUpstream, raw_upstream

BLOCK = bytes(range(256)) * 4096
"""1 MiB, not compressible to nothing, and cheap to make again."""
TIMEOUT_S = 120


def sha256_of(mebibytes: int) -> str:
    """Of that many blocks."""
    digest = hashlib.sha256()
    for _ in range(mebibytes):
        digest.update(BLOCK)
    return digest.hexdigest()


@contextmanager
def bottomless_upstream() -> Iterator[RawUpstream]:
    """`GET /N` is answered with N MiB; a POST is read to its end and answered with its size and hash."""

    def script(peer: Peer) -> None:
        while True:
            try:
                head = peer.head()
            except TimeoutError:  # a connection that nobody uses any more
                return
            method, target, _ = head.split(b" ", 2)
            if method == b"GET":
                count = int(target[1:])
                lines = b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % (count * len(BLOCK))
                peer.say(b"HTTP/1.1 200 OK\r\n" + lines)
                for _ in range(count):
                    peer.say(BLOCK)
            else:
                length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                said = peer.digest(length).encode()
                peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))
            if b"\r\nConnection: close\r\n" in head:
                return

    with raw_upstream(script) as upstream:
        yield upstream


def retrieve(address: tuple[str, int], mebibytes: int) -> tuple[int, str]:
    """Size and hash of the answer to `GET /N`."""
    with socket.create_connection(address, TIMEOUT_S) as connection:
        connection.sendall(f"GET /{mebibytes} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        received = bytearray()
        while (found := received.find(b"\r\n\r\n")) < 0:
            received += connection.recv(65536)
        digest = hashlib.sha256(received[found + 4 :])
        size = len(received) - found - 4
        buffer = bytearray(1024 * 1024)
        while count := connection.recv_into(buffer):
            digest.update(memoryview(buffer)[:count])
            size += count
        return size, digest.hexdigest()


def store(address: tuple[str, int], mebibytes: int) -> str:
    """What the upstream says about a POST of N MiB."""
    with socket.create_connection(address, TIMEOUT_S) as connection:
        head = f"POST /v2/studies HTTP/1.1\r\nHost: h\r\nContent-Length: {mebibytes * len(BLOCK)}\r\n"
        connection.sendall(head.encode() + b"Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n")
        for _ in range(mebibytes):
            connection.sendall(BLOCK)
        answer = b""
        while block := connection.recv(65536):
            answer += block
        return answer.partition(b"\r\n\r\n")[2].decode()


def peak_memory_mb(pid: int) -> float:
    """The largest resident set of a process since its start (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
