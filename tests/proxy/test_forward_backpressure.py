"""Nobody runs ahead: a slow reader on one side slows the sender on the other."""

import socket
import threading

from tests.proxy.large_bodies import BLOCK
from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Client, Peer, raw_upstream

BLOCKS = 300
HELD_BLOCKS = 40
"""More than all socket buffers on the way, and the proxy's own, hold."""
QUIET_S = 0.5


class Counter:
    """Counts what could be sent, and knows when nothing more could be for a while."""

    def __init__(self) -> None:
        self.blocks = 0
        self._moved = threading.Condition()

    def add(self) -> None:
        with self._moved:
            self.blocks += 1
            self._moved.notify_all()

    def wait_until_it_stands(self) -> int:
        with self._moved:
            while self._moved.wait(QUIET_S):
                pass
            return self.blocks


def test_upstream_is_held_up_while_the_client_does_not_read() -> None:
    """And goes on to the end when it does."""
    sent = Counter()

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BLOCKS * len(BLOCK)))
        for _ in range(BLOCKS):
            peer.say(BLOCK)
            sent.add()
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy, Client(proxy.client.address) as client:
        client.say(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.head()
        held_at = sent.wait_until_it_stands()
        rest = sum(client.take(len(BLOCK)) == BLOCK for _ in range(BLOCKS))

    assert held_at < HELD_BLOCKS
    assert rest == BLOCKS


def test_client_is_held_up_while_the_upstream_does_not_read() -> None:
    """A store into a slow service does not fill the proxy."""
    sent = Counter()
    may_read = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        assert may_read.wait(30)
        peer.digest(BLOCKS * len(BLOCK))
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        peer.wait_for_end()

    def send(connection: socket.socket) -> None:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (BLOCKS * len(BLOCK)))
        for _ in range(BLOCKS):
            connection.sendall(BLOCK)
            sent.add()

    with (
        raw_upstream(script) as upstream,
        proxying(upstream.url) as proxy,
        socket.create_connection(proxy.client.address, 30) as connection,
    ):
        sending = threading.Thread(target=send, args=(connection,))
        sending.start()
        held_at = sent.wait_until_it_stands()
        may_read.set()
        sending.join(30)
        answer = connection.recv(1000)

    assert held_at < HELD_BLOCKS
    assert answer.startswith(b"HTTP/1.1 200 OK")
