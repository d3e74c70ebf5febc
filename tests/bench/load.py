"""The load client: bare sockets in a process of its own, one thread for each connection."""

import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 120
RECEIVE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as buffers that are sent in one go. `instances`: how many it stores or asks for."""

    method: str
    path: str
    headers: str = "Accept: application/dicom+json\r\n"
    body: tuple[bytes, ...] = ()
    instances: int = 1


@dataclass(frozen=True, slots=True)
class Job:
    """What one run of the load client does: endless requests on each connection, until the time is over.

    requests: a function of the module level (connection number, number of connections, first) → its requests.
    first: the first of the numbers that this run may use for new instances.
    pause_s: between an answer and the next request.
    """

    base_url: str
    requests: Callable[[int, int, int], Iterator[Request]]
    connections: int
    seconds: float
    first: int = 0
    pause_s: float = 0.0


@dataclass(slots=True)
class Measured:
    """The outcome of one run. wrong: answers that were not 200, by status and text."""

    latencies_s: list[float] = field(default_factory=list)
    instances: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    elapsed_s: float = 0.0
    client_cpu_s: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)


class Connection:
    """A keep-alive HTTP/1.1 connection to `base_url`."""

    def __init__(self, base_url: str) -> None:
        url = urlsplit(base_url)
        self._prefix = url.path.rstrip("/")
        self._host = url.netloc
        self._socket = socket.create_connection((url.hostname or "", url.port or 80), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def close(self) -> None:
        self._socket.close()

    def send(self, request: Request) -> int:
        """The number of bytes sent."""
        size = sum(map(len, request.body))
        length = f"Content-Length: {size}\r\n" if request.body or request.method != "GET" else ""
        head = (
            f"{request.method} {self._prefix}{request.path} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"{request.headers}{length}\r\n"
        ).encode()
        buffers: list[memoryview] = [memoryview(buffer) for buffer in (head, *request.body)]
        while buffers:
            sent = self._socket.sendmsg(buffers[:64])
            while buffers and sent >= len(buffers[0]):
                sent -= len(buffers.pop(0))
            if buffers and sent:
                buffers[0] = buffers[0][sent:]
        return len(head) + size

    def receive(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            self._more()
        lines = self._received[:end].decode("latin-1").split("\r\n")
        del self._received[: end + 4]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        if headers.get("transfer-encoding") == "chunked":
            return status, b"".join(self._chunks())
        return status, self._take(int(headers.get("content-length", 0)))

    def _chunks(self) -> Iterable[bytes]:
        while True:
            while (end := self._received.find(b"\r\n")) < 0:
                self._more()
            size = int(self._received[:end], 16)
            del self._received[: end + 2]
            chunk = self._take(size + 2)[:-2]
            if not size:
                return
            yield chunk

    def _take(self, size: int) -> bytes:
        if size <= len(self._received):
            taken = bytes(self._received[:size])
            del self._received[:size]
            return taken
        body = bytearray(size)
        got = len(self._received)
        body[:got] = self._received
        self._received.clear()
        view = memoryview(body)
        while got < size:
            count = self._socket.recv_into(view[got:])
            if not count:
                raise ConnectionError("the server closed the connection inside a body")
            got += count
        return bytes(body)

    def _more(self) -> None:
        block = self._socket.recv(RECEIVE_BYTES)
        if not block:
            raise ConnectionError("the server closed the connection")
        self._received += block


def run(job: Job) -> Measured:
    """Runs `job` in this process."""
    parts = [Measured() for _ in range(job.connections)]
    barrier = threading.Barrier(job.connections + 1)
    threads = [
        threading.Thread(target=_requests_until_the_end, args=(job, number, part, barrier))
        for number, part in enumerate(parts)
    ]
    for thread in threads:
        thread.start()
    barrier.wait()
    started, cpu_before = time.perf_counter(), _cpu_s()
    for thread in threads:
        thread.join()
    return _sum(parts, time.perf_counter() - started, _cpu_s() - cpu_before)


def exchange(base_url: str, request: Request) -> tuple[int, bytes]:
    """One request and its answer on a connection of its own."""
    connection = Connection(base_url)
    try:
        connection.send(request)
        return connection.receive()
    finally:
        connection.close()


def _requests_until_the_end(job: Job, number: int, measured: Measured, barrier: threading.Barrier) -> None:
    connection = Connection(job.base_url)
    requests = job.requests(number, job.connections, job.first)
    request = next(requests)
    barrier.wait()
    end = time.perf_counter() + job.seconds
    while (started := time.perf_counter()) < end:
        measured.bytes_sent += connection.send(request)
        status, body = connection.receive()
        measured.latencies_s.append(time.perf_counter() - started)
        measured.bytes_received += len(body)
        measured.instances += request.instances
        if status != 200:
            measured.wrong[f"{status} {body[:120].decode('utf-8', 'replace')}"] += 1
        request = next(requests)
        if job.pause_s:
            time.sleep(job.pause_s)
    connection.close()


def _sum(parts: list[Measured], elapsed_s: float, client_cpu_s: float) -> Measured:
    total = Measured(elapsed_s=elapsed_s, client_cpu_s=client_cpu_s)
    for part in parts:
        total.latencies_s += part.latencies_s
        total.instances += part.instances
        total.bytes_sent += part.bytes_sent
        total.bytes_received += part.bytes_received
        total.wrong += part.wrong
    return total


def _cpu_s() -> float:
    usage: Any = resource.getrusage(resource.RUSAGE_SELF)
    return float(usage.ru_utime + usage.ru_stime)
