"""`azdicom cert`: the files, the names in the certificate, what it refuses."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from azdicom_emulator.cli import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["cert", *arguments])


def names_in(path: Path) -> tuple[list[str], list[str]]:
    """Host names and addresses of a certificate."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName), [str(found) for found in names.get_values_for_type(x509.IPAddress)]


def test_certificate_and_key_are_made_for_this_machine(tmp_path: Path) -> None:
    """The paths on stdout, for scripts; how to trust it on stderr, for people."""
    result = run("--out", str(tmp_path / "certs"))

    assert result.exit_code == 0, result.stderr
    cert, key = map(Path, result.stdout.split())
    assert (cert, key) == (tmp_path / "certs" / "azdicom-cert.pem", tmp_path / "certs" / "azdicom-key.pem")
    assert names_in(cert) == (["localhost"], ["127.0.0.1", "::1"])
    for line in (f"--tls-cert {cert} --tls-key {key}", f"SSL_CERT_FILE={cert}", f"NODE_EXTRA_CA_CERTS={cert}"):
        assert line in result.stderr
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)


def test_more_hosts_can_be_named(tmp_path: Path) -> None:
    """RFC 5280 §4.2.1.6: host names and addresses are names of different kinds; other alphabets are encoded."""
    result = run("--out", str(tmp_path), "--host", "dicom.test", "--host", "192.168.1.20", "--host", "bücher.test")

    assert result.exit_code == 0, result.stderr
    hosts, addresses = names_in(tmp_path / "azdicom-cert.pem")
    assert hosts == ["localhost", "dicom.test", "xn--bcher-kva.test"]
    assert ip_address("192.168.1.20") in map(ip_address, addresses)


def test_certificate_is_valid_now_and_for_a_year_and_signs_no_others(tmp_path: Path) -> None:
    """RFC 5280 §4.2.1.9: no certificate authority, so that trusting it trusts these hosts alone."""
    run("--out", str(tmp_path))

    certificate = x509.load_pem_x509_certificate((tmp_path / "azdicom-cert.pem").read_bytes())
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now
    assert timedelta(days=364) < certificate.not_valid_after_utc - now <= timedelta(days=365)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_private_key_is_the_owners_alone(tmp_path: Path) -> None:
    """Whoever reads the key can pose as these hosts to all who trust the certificate."""
    run("--out", str(tmp_path))

    assert stat.S_IMODE((tmp_path / "azdicom-key.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("existing", ["azdicom-cert.pem", "azdicom-key.pem"])
def test_existing_files_are_left_alone(tmp_path: Path, existing: str) -> None:
    """A certificate that clients were told to trust is not replaced under them; nothing is half made."""
    (tmp_path / existing).write_text("mine")

    result = run("--out", str(tmp_path))

    assert result.exit_code == 2
    assert f"{existing} exists" in result.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {existing: "mine"}


@pytest.mark.parametrize("host", ["", "a" * 64 + ".test", "a..b"])
def test_impossible_host_is_refused(tmp_path: Path, host: str) -> None:
    """RFC 1035 §2.3.4: a label has 1 to 63 characters."""
    result = run("--out", str(tmp_path), "--host", host)

    assert result.exit_code == 2
    assert "is no host name and no IP address" in result.stderr
    assert list(tmp_path.iterdir()) == []
