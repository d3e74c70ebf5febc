"""`Expect: 100-continue`, early answers, and clients that leave (RFC 9110 §10.1.1)."""

import threading

from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Client, Peer, raw_upstream

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STORE = (
    b"POST /v2/studies HTTP/1.1\r\nHost: h\r\nContent-Type: application/dicom\r\nContent-Length: 5\r\n"
    b"Expect: 100-continue\r\n\r\n"
)


def test_client_is_asked_for_its_body_when_the_upstream_asks() -> None:
    """RFC 9110 §10.1.1: the proxy forwards the expectation and the 100."""
    allowed = threading.Event()
    bodies = []

    def script(peer: Peer) -> None:
        head = peer.head()
        assert b"Expect: 100-continue" in head
        assert allowed.wait(10)
        peer.say(CONTINUE)
        bodies.append(peer.take(5))
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy, Client(proxy.client.address) as client:
        client.say(STORE)
        asked_early = client.has_more(0.2)
        allowed.set()
        assert client.head() == CONTINUE
        client.say(b"12345")
        assert client.head().startswith(b"HTTP/1.1 200 OK")

    assert not asked_early
    assert bodies == [b"12345"]


def test_client_is_asked_after_a_second_of_silence() -> None:
    """RFC 9110 §10.1.1: an upstream of HTTP/1.0, or one that ignores the expectation, never says 100."""
    bodies = []

    def script(peer: Peer) -> None:
        peer.head()
        bodies.append(peer.take(5))
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy, Client(proxy.client.address) as client:
        client.say(STORE)
        assert client.head() == CONTINUE
        client.say(b"12345")
        assert client.head().startswith(b"HTTP/1.1 200 OK")

    assert bodies == [b"12345"]


def test_refusal_comes_before_the_body() -> None:
    """RFC 9110 §10.1.1: a final answer in place of the 100; nobody sends or reads the body."""
    more = []

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n")
        try:
            more.append(peer.has_more(5))
        except EOFError:
            more.append(False)

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy, Client(proxy.client.address) as client:
        client.say(STORE)
        head = client.head()

    assert head.startswith(b"HTTP/1.1 401 Unauthorized")
    assert b"Connection: close" in head
    assert more == [False]


def test_early_answer_reaches_a_client_that_is_still_sending() -> None:
    """RFC 9112 §9.3: 413 before the end of the body; the connection to the upstream is not used again."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        for _ in range(2):
            with Client(proxy.client.address) as client:
                client.say(b"POST /v2/studies HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\npart of it")
                assert client.head().startswith(b"HTTP/1.1 413")

    assert upstream.connections == 2


def test_client_that_leaves_ends_the_request_at_the_upstream() -> None:
    """An abandoned retrieve must not go on reading."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nContent-Length: 1000\r\n\r\nstart")
        peer.wait_for_end()
        ended.set()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        with Client(proxy.client.address) as client:
            client.say(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            client.head()
            client.take(5)
        assert ended.wait(10)
        (entry,) = proxy.admin("GET", "journal").json()

    assert entry["verdict"] == "aborted"


def test_body_that_is_no_http_is_400() -> None:
    """RFC 9112 §7.1: a chunk size that is none."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy, Client(proxy.client.address) as client:
        # In one piece: what aiohttp finds wrong in a later one, it keeps to itself until the client hangs up.
        client.say(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n")
        head = client.head()

    assert b" 400 " in head.partition(b"\r\n")[0]
