"""Absolute URLs of the upstream become the proxy's, and the client's become the upstream's."""

import gzip
import json

import pytest

from azdicom_proxy.rewriting import JsonStream, Rewriter
from azdicom_proxy.upstream.address import Address
from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import Peer, raw_upstream
from tests.support.client import Emulator
from tests.support.instances import an_instance, part10

UPSTREAM = Address("https", "ws-dicom.dicom.azurehealthcareapis.com", 443)
PROXY = Address("http", "127.0.0.1", 9000, "/_r/one")
TO_CLIENT = Rewriter.between(UPSTREAM, PROXY)
BASE = b"https://ws-dicom.dicom.azurehealthcareapis.com"
STORE = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
NEW = b"http://127.0.0.1:9000/_r/one"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"00081190":{"vr":"UR","Value":["%b/v2/studies/1"]}}' % BASE, b'["%b/v2/studies/1"]' % NEW),
        (b'{"href":"%b/v2/operations/1"}' % BASE.upper(), b'{"href":"%b/v2/operations/1"}' % NEW),
        (b'{"href":"%b:443/v2/operations/1"}' % BASE, b'"%b/v2/operations/1"' % NEW),
        (b'{"href":"%b/v2"}' % BASE.replace(b"/", b"\\/"), b'"%b/v2"' % NEW),
        (b'{"resources": ["%b/v2/a", "%b/v2/b"]}' % (BASE, BASE), b'["%b/v2/a", "%b/v2/b"]' % (NEW, NEW)),
        (b'{"x":"%b"}' % BASE, b'{"x":"%b"}' % NEW),
    ],
    ids=["RetrieveURL", "case", "port 443", "escaped slashes", "list", "bare base"],
)
def test_json_strings_that_are_such_urls_are_rewritten(before: bytes, after: bytes) -> None:
    """PS3.18 §8.7.3, retrieve URLs; conformance statement, operations."""
    assert after in TO_CLIENT.json(before)


@pytest.mark.parametrize(
    "text",
    [
        b'{"errorHref":"%b/errors/1"}' % BASE,
        b'{"x":"see %b/v2"}' % BASE,
        b'{"x":"\\"%b/v2\\""}' % BASE,
        b'{"x":"%b.evil.test/v2"}' % BASE,
        b'{"x":"%b:8443/v2"}' % BASE,
        b'{"x":"http://ws-dicom.dicom.azurehealthcareapis.com/v2"}',
        b'{"n": 1.10, "e": 1E5, "b": "\\u00e9"}',
    ],
    ids=[
        "error log of an export",
        "in a sentence",
        "in quotes",
        "longer host",
        "other port",
        "other scheme",
        "numbers",
    ],
)
def test_everything_else_in_json_keeps_its_bytes(text: bytes) -> None:
    """Only the base of a URL changes: no number and no escape is written anew."""
    assert TO_CLIENT.json(text) == text


def test_headers_with_urls_and_the_host_in_a_warning_are_rewritten() -> None:
    """RFC 9110 §10.2.2; conformance statement v2, Store: `Warning: 299 {host}: …`."""
    host = UPSTREAM.host.encode()
    rewritten = TO_CLIENT.headers(
        (
            (b"location", BASE + b"/v2/operations/1"),
            (b"Content-Location", BASE + b"/v2/studies/1"),
            (b"Warning", b"299 " + host + b': "text about ' + host + b'"'),
            (b"ETag", b"1-2"),
            (b"X-Other", BASE + b"/v2"),
        )
    )

    assert rewritten == (
        (b"location", NEW + b"/v2/operations/1"),
        (b"Content-Location", NEW + b"/v2/studies/1"),
        (b"Warning", b'299 127.0.0.1: "text about ' + host + b'"'),
        (b"ETag", b"1-2"),
        (b"X-Other", BASE + b"/v2"),
    )


@pytest.mark.parametrize("portion", [1, 100, 5000, 10**6], ids=lambda portion: f"{portion} bytes at a time")
def test_long_json_is_rewritten_in_portions_as_it_would_be_whole(portion: int) -> None:
    """A URL that is cut in two is found."""
    base = BASE.decode()
    documents = [{"00081190": {"Value": [f"{base}/v2/studies/{n}"]}, "errorHref": base} for n in range(200)]
    text = json.dumps(documents).encode()
    stream = JsonStream(TO_CLIENT)

    rewritten = b"".join(stream.feed(text[at : at + portion]) for at in range(0, len(text), portion)) + stream.finish()

    assert rewritten == TO_CLIENT.json(text)
    assert rewritten.count(NEW) == 200


def test_retrieve_url_of_a_store_leads_back_through_the_proxy(emulator: Emulator) -> None:
    """PS3.18 §10.5.3: a client follows RetrieveURL and stays in its recording."""
    dataset = an_instance()
    with proxying(emulator.base_url) as proxy:
        stored = proxy.client.request("POST", "/_r/one/v2/studies", headers=STORE, body=part10(dataset))
        url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
        followed = proxy.client.request(
            "GET", url.removeprefix(proxy.url), headers={"Accept": "application/dicom; transfer-syntax=*"}
        )
        (_, last) = proxy.admin("GET", "journal").json()

    assert url.startswith(f"{proxy.url}/_r/one/v2/studies/")
    assert followed.status == 200
    assert last["recording"] == "one"


def test_host_without_the_port_that_was_reached_is_completed(emulator: Emulator) -> None:
    """RFC 9110 §7.2 asks for it, and dicomweb-client leaves it out; on this machine it is known."""
    headers = STORE | {"Host": "127.0.0.1"}
    with proxying(emulator.base_url) as proxy:
        stored = proxy.client.request("POST", "/v2/studies", headers=headers, body=part10(an_instance()))

    url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    assert url.startswith(f"{proxy.url}/v2/studies/")


def test_public_url_is_what_clients_see(emulator: Emulator) -> None:
    """--public-url: behind a TLS terminator, in a container."""
    with proxying(emulator.base_url, public_url="https://dicom.test/base") as proxy:
        stored = proxy.client.store_response(an_instance())

    url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    assert url.startswith("https://dicom.test/base/v2/studies/")


def test_rewriting_can_be_turned_off(emulator: Emulator) -> None:
    """--no-rewrite."""
    with proxying(emulator.base_url, rewrites_urls=False) as proxy:
        stored = proxy.client.store_response(an_instance())

    url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    assert url.startswith(f"{emulator.base_url}/v2/studies/")


def test_coded_json_is_rewritten_and_coded_again() -> None:
    """RFC 9110 §8.4: the client gets the coding that it asked for."""

    def script(peer: Peer) -> None:
        host = peer.head().split(b"Host: ")[1].split(b"\r\n")[0]
        coded = gzip.compress(b'{"href":"http://%b/v2/operations/1"}' % host)
        lines = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n" % len(coded)
        peer.say(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n" + coded)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/v2/operations/1", headers={"Accept-Encoding": "gzip"})

    assert int(response.headers["Content-Length"]) == len(response.content)
    assert json.loads(gzip.decompress(response.content)) == {"href": f"{proxy.url}/v2/operations/1"}


@pytest.mark.parametrize("names_base", [True, False], ids=["with the upstream's URL", "with another URL"])
def test_content_location_of_parts_is_rewritten_and_their_content_is_not(*, names_base: bool) -> None:
    """PS3.18 §8.6.1.2.1; binary parts hold what they hold."""
    sent = []

    def script(peer: Peer) -> None:
        host = peer.head().split(b"Host: ")[1].split(b"\r\n")[0]
        base = b"http://" + (host if names_base else b"elsewhere.test")
        parts = b"".join(
            b"--b\r\nContent-Type: application/dicom\r\nContent-Location: %b/v2/i/%d\r\n\r\n%b\r\n"
            % (base, number, b"Content-Location: " + base + b"/v2\r\n" + bytes(70_000))
            for number in range(3)
        )
        body = b"preamble\r\n" + parts + b"--b--\r\nepilogue"
        sent.append((base, body))
        peer.say(
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/related; boundary=b\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        for at in range(0, len(body), 1000):
            peer.say(body[at : at + 1000])
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        response = proxy.client.request("GET", "/v2/studies/1")

    base, body = sent[0]
    expected = body
    if names_base:
        for number in range(3):
            expected = expected.replace(b"%b/v2/i/%d" % (base, number), b"%b/v2/i/%d" % (proxy.url.encode(), number))
    assert response.content == expected
    assert (response.headers["Content-Length"] is None) == names_base


def test_urls_in_json_requests_become_the_upstreams() -> None:
    """PS3.18 §11.4: a workitem that refers to what is stored."""
    bodies = []

    def script(peer: Peer) -> None:
        head = peer.head()
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        bodies.append(peer.take(length))
        peer.say(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(upstream.url) as proxy:
        body = json.dumps({"00081190": {"vr": "UR", "Value": [f"{proxy.url}/v2/studies/1"]}}).encode()
        proxy.client.request("POST", "/v2/workitems", body=body, headers={"Content-Type": "application/dicom+json"})

    assert json.loads(bodies[0]) == {"00081190": {"vr": "UR", "Value": [f"{upstream.url}/v2/studies/1"]}}


def test_upstream_below_a_path_is_the_root_of_the_proxy() -> None:
    """A DICOMweb service that does not begin at the root of its host."""
    heads = []

    def script(peer: Peer) -> None:
        heads.append(peer.head())
        host = heads[0].split(b"Host: ")[1].split(b"\r\n")[0]
        peer.say(b"HTTP/1.1 307 -\r\nContent-Length: 0\r\nLocation: http://%b/dicom-web/studies/1\r\n\r\n" % host)
        peer.wait_for_end()

    with raw_upstream(script) as upstream, proxying(f"{upstream.url}/dicom-web") as proxy:
        response = proxy.client.request("GET", "/studies?limit=1")

    assert heads[0].startswith(b"GET /dicom-web/studies?limit=1 HTTP/1.1\r\n")
    assert response.headers["Location"] == f"{proxy.url}/studies/1"
