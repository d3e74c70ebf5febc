"""The way to an upstream behind an outgoing HTTP proxy, and upstreams that want to see a certificate."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from azdicom_emulator.cert import make_certificate
from azdicom_emulator.settings import Settings
from azdicom_proxy.upstream.address import Trust
from tests.proxy.proxies import proxying
from tests.support.server import running

HOST = "dicom.example.test"
TIMEOUT_S = 20


@dataclass(slots=True)
class Tunnels:
    """An outgoing proxy: what it was asked to connect to."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def tunnelling(to: tuple[str, int], status: str = "200 Connection established") -> Iterator[Tunnels]:
    """A proxy that takes CONNECT to any name and connects to `to`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        tunnels = Tunnels(f"http://127.0.0.1:{server.getsockname()[1]}")

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=_tunnel, args=(client, to, status, tunnels.asked), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield tunnels
        server.shutdown(socket.SHUT_RDWR)


def _tunnel(client: socket.socket, to: tuple[str, int], status: str, asked: list[str]) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    asked.append(head.split(b"\r\n", 1)[0].decode())
    client.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
    if not status.startswith("200"):
        client.close()
        return
    upstream = socket.create_connection(to, timeout=TIMEOUT_S)
    other_way = threading.Thread(target=_copy, args=(upstream, client), daemon=True)
    other_way.start()
    _copy(client, upstream)
    other_way.join()
    client.close()
    upstream.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    content = make_certificate((HOST,))
    (folder / "cert.pem").write_bytes(content[0])
    (folder / "key.pem").write_bytes(content[1])
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def client_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Self-signed, for whatever use."""
    folder = tmp_path_factory.mktemp("client")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls_upstream(certificate: tuple[Path, Path]) -> Iterator[tuple[str, int]]:
    """Host and port of a service over TLS: another proxy, whose own upstream is down."""
    with proxying("http://127.0.0.1:1", tls_cert=certificate[0], tls_key=certificate[1]) as server:
        yield server.client.address


def test_https_upstream_is_reached_through_the_outgoing_proxy(
    tls_upstream: tuple[str, int], certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY is honoured; TLS is with the upstream, by its own name; record-replay §3."""
    with tunnelling(tls_upstream) as tunnels:
        monkeypatch.setenv("HTTPS_PROXY", tunnels.url)
        with proxying(f"https://{HOST}:8443", trust=Trust(ca_file=certificate[0])) as proxy:
            answer = proxy.client.get("/studies")

    assert tunnels.asked == [f"CONNECT {HOST}:8443 HTTP/1.1"]
    assert answer.status == 502
    assert "127.0.0.1:1" in answer.json()["detail"], "the answer of the service behind the tunnel"


def test_outgoing_proxy_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall's 403 is not an answer of the service; record-replay §2."""
    with tunnelling(("127.0.0.1", 1), status="403 Forbidden") as tunnels:
        monkeypatch.setenv("HTTPS_PROXY", tunnels.url)
        with proxying(f"https://{HOST}") as proxy:
            answer = proxy.client.get("/studies")

    assert answer.status == 502
    assert "answered 403 to CONNECT" in answer.json()["detail"]


def test_upstreams_that_no_proxy_names_are_reached_directly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY, and loopback always; record-replay §3."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with running(Settings(data_dir=tmp_path / "data")) as emulator, proxying(emulator.base_url) as proxy:
        assert proxy.client.get("/studies").status == 204


def test_certificate_is_shown_to_an_upstream_that_wants_one(
    certificate: tuple[Path, Path], client_certificate: tuple[Path, Path]
) -> None:
    """--client-cert, --client-key: without them the upstream ends the handshake; record-replay §3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.load_verify_locations(client_certificate[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 the client learns of its refusal later
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, context), daemon=True).start()
        url = f"https://localhost:{server.getsockname()[1]}"
        with proxying(url, trust=Trust(certificate[0], *client_certificate)) as proxy:
            shown = proxy.client.get("/studies")
        with proxying(url, trust=Trust(certificate[0])) as proxy:
            hidden = proxy.client.get("/studies")
        server.shutdown(socket.SHUT_RDWR)

    assert shown.status == 204
    assert (hidden.status, hidden.headers["x-azdicom-error"]) == (502, "upstream-unreachable")


def _answer(server: socket.socket, context: ssl.SSLContext) -> None:
    """204 to each connection that shows a certificate."""
    while True:
        try:
            raw, _ = server.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                assert connection.getpeercert()
                while b"\r\n\r\n" not in connection.recv(4096):
                    pass
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        except OSError:
            raw.close()
