"""What a proxy leaves as it is on the way to the upstream and back, byte by byte (RFC 9110, RFC 9112)."""

import gzip
import json
import socket

import pytest

from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Client, Peer, answering, raw_upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BARE = {"proxy_headers": False}


def exchange(url: str, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer to `request` of a client that closes afterwards."""
    host, port = url.removeprefix("http://").split(":")
    with Client((host, int(port))) as client:
        client.say(request)
        head = client.head()
        return head, client.rest()


@pytest.mark.parametrize(
    "target",
    [
        "/v2/studies?PatientName=M%C3%BCller%5E*&includefield=00081030&includefield=all",
        "/v2/studies?a=b+c&d=%20;e&empty=&bare",
        "/v2/studies?",
        "/v2//studies/../x/%2e%2e/%2F",
        '/v2/studies?PatientName=a|b^c"d',
    ],
    ids=["percent", "plus and semicolon", "lone question mark", "dot segments", "characters that should be coded"],
)
def test_path_and_query_reach_the_upstream_as_they_were_written(target: str) -> None:
    """RFC 9110 §7.7: an intermediary does not rewrite the target."""
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.head())
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        exchange(proxy.url, f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())

    assert heads[0].startswith(f"GET {target} HTTP/1.1\r\n".encode())


def test_request_headers_keep_order_case_and_repetition_and_lose_what_is_for_one_hop() -> None:
    """RFC 9110 §7.6.1, §7.6.3; the Host becomes the upstream's."""
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.head())
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        exchange(
            proxy.url,
            b"GET /v2/studies HTTP/1.1\r\nX-ODD-case: 1\r\nHost: proxy\r\naccept: a\r\nKeep-Alive: 5\r\nx-second: 2\r\n"
            b"Accept: b\r\nX-Hop: gone\r\nTE: trailers\r\nConnection: close, X-Hop\r\n"
            b"x-azdicom-recording: default\r\nProxy-Authorization: Basic eA==\r\n\r\n",
        )

    authority = upstream.url.removeprefix("http://").encode()
    assert heads[0].split(b"\r\n")[1:-2] == [
        b"X-ODD-case: 1",
        b"Host: " + authority,
        b"accept: a",
        b"x-second: 2",
        b"Accept: b",
        b"Via: 1.1 azdicom",
    ]


def test_host_and_client_are_told_to_the_upstream_on_request() -> None:
    """--preserve-host, --forwarded."""
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.head())
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url, preserve_host=True, forwarded=True) as proxy:
        exchange(proxy.url, b"GET / HTTP/1.1\r\nHost: service.test\r\nConnection: close\r\n\r\n")

    lines = heads[0].split(b"\r\n")
    assert b"Host: service.test" in lines
    assert b"X-Forwarded-For: 127.0.0.1" in lines
    assert b"X-Forwarded-Host: service.test" in lines
    assert b"X-Forwarded-Proto: http" in lines


def test_answer_headers_keep_order_case_and_repetition() -> None:
    """RFC 9110 §5.3: and nothing is added but what the proxy says of itself."""
    answer = (
        b'HTTP/1.1 203 Odd Reason\r\nx-LOWER: 1\r\nWarning: 299 - "a"\r\nContent-Length: 2\r\nWarning: 299 - "b"\r\n'
        b"Keep-Alive: timeout=5\r\nETag: 1-2\r\n\r\nok"
    )
    with raw_upstream(answering(answer)) as upstream, proxying(upstream.url) as proxy:
        head, body = exchange(proxy.url, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    lines = head.split(b"\r\n")
    assert lines[:6] == [
        b"HTTP/1.1 203 Odd Reason",
        b"x-LOWER: 1",
        b'Warning: 299 - "a"',
        b"Content-Length: 2",
        b'Warning: 299 - "b"',
        b"ETag: 1-2",
    ]
    assert lines[6:8] == [b"Via: 1.1 azdicom", b"x-azdicom-source: upstream"]
    assert body == b"ok"


def test_proxy_headers_can_be_left_out() -> None:
    """--no-proxy-headers."""
    with raw_upstream(answering(OK)) as upstream, proxying(upstream.url, **BARE) as proxy:
        head, _ = exchange(proxy.url, b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert head == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Type: application/dicom+json\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: 3\r\n\r\n"),
    ],
    ids=["HEAD", "204", "304"],
)
def test_answers_without_a_body_are_not_waited_for(method: str, answer: bytes) -> None:
    """RFC 9112 §6.3: and the connection serves the next request."""
    request = f"{method} /v2/studies/1 HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    with (
        raw_upstream(answering(answer, OK)) as upstream,
        proxying(upstream.url, **BARE) as proxy,
        Client(proxy.client.address) as client,
    ):
        client.say(request)
        first = client.head()
        client.say(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        second = client.head()

    assert first == answer
    assert second.startswith(b"HTTP/1.1 200 OK")
    assert upstream.connections == 1


def test_redirects_are_relayed_and_not_followed() -> None:
    """RFC 9110 §15.4: to follow or not is the client's decision."""
    answer = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://elsewhere.test/v2\r\nContent-Length: 0\r\n\r\n"
    with raw_upstream(answering(answer)) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/v2/studies")

    assert (response.status, response.headers["Location"]) == (307, "http://elsewhere.test/v2")
    assert upstream.connections == 1


@pytest.mark.parametrize("portion", [1, 3, 7, 4096], ids=lambda portion: f"{portion} bytes at a time")
def test_chunked_answer_arrives_whole_however_it_is_cut(portion: int) -> None:
    """RFC 9112 §7.1: chunk extensions and trailers end at this hop."""
    coded = b"5;name=value\r\nhello\r\nA\r\n, chunked \r\n5\r\nworld\r\n0\r\nX-Trailer: 1\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" + coded

    def script(peer: Peer) -> None:
        peer.head()
        for at in range(0, len(answer), portion):
            peer.say(answer[at : at + portion])
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/")

    assert response.content == b"hello, chunked world"
    assert response.headers["Transfer-Encoding"] == "chunked"


def test_answer_without_a_length_ends_with_its_connection() -> None:
    """RFC 9112 §6.3, rule 8: as HTTP/1.0 servers send it."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it")

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/")

    assert response.content == b"all of it"


def test_client_of_http_1_0_gets_no_chunks() -> None:
    """RFC 9112 §7: a body whose length is unknown ends with the client's connection."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    with raw_upstream(answering(answer)) as upstream, proxying(upstream.url, **BARE) as proxy:
        head, body = exchange(proxy.url, b"GET / HTTP/1.0\r\n\r\n")

    assert b"Transfer-Encoding" not in head
    assert b"Connection: close" in head
    assert body == b"hello"


def test_chunked_request_is_forwarded_chunked() -> None:
    """RFC 9112 §7.1: a body whose length the client did not know."""
    received = []

    def script(peer: Peer) -> None:
        head = peer.head()
        body = peer.until(b"0\r\n\r\n")
        received.append((head, body))
        peer.say(OK)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        exchange(
            proxy.url,
            b"POST /v2/studies HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
        )

    head, body = received[0]
    assert b"\r\nTransfer-Encoding: chunked\r\n" in head
    assert b"Content-Length" not in head
    assert b"".join(body.split(b"\r\n")[1::2][:-1]).startswith(b"abc")
    assert body.endswith(b"0\r\n\r\n")


def test_coded_bodies_pass_as_they_are() -> None:
    """RFC 9110 §8.4: the client's Accept-Encoding is the upstream's, and nothing is decoded on the way."""
    coded = gzip.compress(json.dumps([{"00100010": {"vr": "PN"}}]).encode(), mtime=0)
    lines = b"Content-Type: application/dicom+json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n" % len(coded)
    answer = b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + coded
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.head())
        peer.say(answer)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/", headers={"Accept-Encoding": "gzip, br;q=0.5"})

    assert b"Accept-Encoding: gzip, br;q=0.5" in heads[0]
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.content == coded


def test_connections_to_the_upstream_are_kept() -> None:
    """RFC 9112 §9.3: also across clients."""
    with raw_upstream(answering(OK, OK, OK)) as upstream, proxying(upstream.url) as proxy:
        for _ in range(3):
            assert proxy.client.request("GET", "/").content == b"ok"

    assert upstream.connections == 1


def test_connection_that_the_upstream_ends_is_not_used_again() -> None:
    """RFC 9112 §9.6: `Connection: close`."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    with raw_upstream(answering(answer)) as upstream, proxying(upstream.url) as proxy:
        for _ in range(2):
            assert proxy.client.request("GET", "/").content == b"ok"

    assert upstream.connections == 2


class Flaky:
    """Answers the first request of the first connection, then closes it when the next request is there."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, peer: Peer) -> None:
        self.requests += 1
        is_first = self.requests == 1
        peer.head()
        peer.say(OK)
        peer.head()
        if not is_first:
            peer.say(OK)
            peer.wait_for_end()


def test_safe_request_on_a_kept_connection_that_ends_is_sent_once_more() -> None:
    """RFC 9112 §9.3.1: nothing of an answer had come, and a GET can be repeated."""
    with raw_upstream(Flaky()) as upstream, proxying(upstream.url) as proxy:
        proxy.client.request("GET", "/")
        response = proxy.client.request("GET", "/again")

    assert (response.status, response.content) == (200, b"ok")
    assert upstream.connections == 2


@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT"])
def test_unsafe_request_is_never_sent_twice(method: str) -> None:
    """A repeated store would turn 200 into 409: that is the client's decision."""
    with raw_upstream(Flaky()) as upstream, proxying(upstream.url) as proxy:
        proxy.client.request("GET", "/")
        response = proxy.client.request(method, "/v2/studies/1")

    assert response.status == 502
    assert response.headers["x-azdicom-error"] == "upstream-unreachable"
    assert upstream.connections == 1


def test_upstream_that_refuses_connections_is_502() -> None:
    """RFC 9110 §15.6.3, RFC 9457."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with proxying(url) as proxy:
            response = proxy.client.request("GET", "/v2/studies")

    assert response.status == 502
    assert response.content_type == "application/problem+json"
    assert response.headers["x-azdicom-error"] == "upstream-unreachable"
    assert response.json()["status"] == 502


def test_upstream_that_is_silent_is_504() -> None:
    """RFC 9110 §15.6.5."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url, idle_timeout_s=0.2) as proxy:
        response = proxy.client.request("GET", "/v2/studies")

    assert response.status == 504
    assert response.headers["x-azdicom-error"] == "upstream-unreachable"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600_000,
    ],
    ids=["no HTTP", "two lengths", "no header", "endless head"],
)
def test_what_is_no_http_is_502(answer: bytes) -> None:
    """RFC 9110 §15.6.3: an invalid answer from the inbound server."""
    with raw_upstream(answering(answer)) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/v2/studies")

    assert response.status == 502


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nContent-Length: 1000\r\n\r\nonly this",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    ],
    ids=["with a length", "chunked"],
)
def test_answer_that_breaks_off_breaks_off_for_the_client(answer: bytes) -> None:
    """RFC 9112 §8: what is incomplete must not look complete."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.say(answer)

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy, Client(proxy.client.address) as client:
        client.say(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.head()
        received = client.rest()

    assert b"only this" in received
    assert not received.endswith(b"0\r\n\r\n")
