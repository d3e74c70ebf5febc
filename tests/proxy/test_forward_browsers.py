"""CORS in front of an upstream, and TLS on both sides."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.cert import make_certificate
from azdicom_proxy.settings import Mode
from azdicom_proxy.upstream.address import Trust
from tests.proxy.proxies import proxying
from tests.proxy.raw_upstream import answering, raw_upstream
from tests.support.client import Emulator

PAGE = {"Origin": "https://viewer.test"}
PREFLIGHT = PAGE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def test_preflight_is_answered_by_the_proxy() -> None:
    """Fetch §3.2: 204, and nothing reaches the upstream."""
    with (
        raw_upstream(lambda peer: peer.wait_for_end()) as upstream,
        proxying(upstream.url, cors=("https://viewer.test",)) as proxy,
    ):
        answer = proxy.client.request("OPTIONS", "/v2/studies", headers=PREFLIGHT)

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://viewer.test"
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert "msdicom-request-original" in answer.headers["Access-Control-Allow-Headers"]
    assert upstream.connections == 0


def test_preflight_of_another_page_allows_nothing() -> None:
    """Fetch §3.2: the browser refuses the request."""
    with proxying("http://127.0.0.1:1", cors=("https://viewer.test",)) as proxy:
        answer = proxy.client.request("OPTIONS", "/v2", headers=PREFLIGHT | {"Origin": "https://other.test"})

    assert answer.headers["Access-Control-Allow-Origin"] is None


def test_answers_and_errors_carry_the_headers_of_the_proxy_alone(tmp_path: Path) -> None:
    """A second Access-Control-Allow-Origin would make the browser refuse both."""
    upstream_answer = b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://other.test\r\nContent-Length: 0\r\n\r\n"
    with raw_upstream(answering(upstream_answer)) as upstream, proxying(upstream.url, cors=("*",)) as proxy:
        answer = proxy.client.request("GET", "/v2/studies", headers=PAGE)
    with proxying("http://127.0.0.1:1", cors=("*",)) as proxy:
        error = proxy.client.request("GET", "/v2/studies", headers=PAGE)
    (tmp_path / "c.yaml").write_text("interactions: []\nversion: 1\n")
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml", cors=("*",)) as proxy:
        miss = proxy.client.request("GET", "/v2/studies", headers=PAGE)

    for response in (answer, error, miss):
        assert response.headers.get_all("Access-Control-Allow-Origin") == ["*"]
        assert "erroneous-dicom-attributes" in response.headers["Access-Control-Expose-Headers"]
    assert (error.status, miss.status) == (502, 502)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate of this machine, and its key."""
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    for path, content in zip(paths, make_certificate(), strict=True):
        path.write_bytes(content)
    return paths


@pytest.fixture
def tls_upstream(certificate: tuple[Path, Path]) -> Any:
    """The address of an https server that answers 204 to everything."""
    with proxying("http://127.0.0.1:1", tls_cert=certificate[0], tls_key=certificate[1]) as server:
        yield server.url


def test_upstreams_certificate_must_be_trusted(tls_upstream: str) -> None:
    """RFC 9110 §4.3.4: 502, with the reason."""
    with proxying(tls_upstream) as proxy:
        answer = proxy.client.request("GET", "/_r/x/v2/studies")

    assert (answer.status, answer.headers["x-azdicom-error"]) == (502, "upstream-unreachable")
    assert "is not trusted: self-signed certificate" in answer.json()["detail"]


@pytest.mark.parametrize("how", ["ca_file", "is_insecure"])
def test_trusted_or_unchecked_upstream_is_reached(how: str, tls_upstream: str, certificate: tuple[Path, Path]) -> None:
    """--ca-file, --insecure."""
    trust = Trust(ca_file=certificate[0]) if how == "ca_file" else Trust(is_insecure=True)
    with proxying(tls_upstream, trust=trust) as proxy:
        answer = proxy.client.request("GET", "/v2/studies")

    assert "no connection to 127.0.0.1:1" in answer.json()["detail"]
    assert answer.headers.get_all("Via") == ["1.1 azdicom", "1.1 azdicom"]


def test_clients_are_served_over_tls(emulator: Emulator, certificate: tuple[Path, Path]) -> None:
    """--tls-cert, --tls-key."""
    with proxying(emulator.base_url, tls_cert=certificate[0], tls_key=certificate[1]) as proxy:
        assert proxy.url.startswith("https://")
        client = Emulator(proxy.url, Path(), certificate=certificate[0])
        assert client.get("/changefeed/latest", accept="application/json").status == 204


def test_unusable_certificate_is_an_error_at_the_start(tmp_path: Path) -> None:
    """Not at the first connection."""
    (tmp_path / "cert.pem").write_text("none")
    with pytest.raises(ssl.SSLError), proxying("http://127.0.0.1:1", tls_cert=tmp_path / "cert.pem"):
        raise AssertionError("unreachable")
