"""`azdicom cert`: makes a self-signed certificate for https on this machine."""

import errno
import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CERT_NAME, KEY_NAME = "azdicom-cert.pem", "azdicom-key.pem"
ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")
VALID_DAYS = 365
CLOCK_TOLERANCE = timedelta(hours=1)
TRUST = """\
Serve with it:
  azdicom serve --tls-cert {cert} --tls-key {key}

Make clients trust it:
  curl                  curl --cacert {cert} ...
  Python, OpenSSL, .NET on Linux
                        export SSL_CERT_FILE={cert}
  Python requests and azure-identity
                        export REQUESTS_CA_BUNDLE={cert}
  Node.js               export NODE_EXTRA_CA_CERTS={cert}
  Debian, Ubuntu        sudo cp {cert} /usr/local/share/ca-certificates/azdicom.crt && sudo update-ca-certificates
  macOS                 sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain {cert}
  Windows               certutil -user -addstore Root {cert}
"""


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("certs"),
    show_default=True,
    help=f"Folder for {CERT_NAME} and {KEY_NAME}.",
)
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="Another host name or IP address. Repeatable.")
def cert(out: Path, hosts: tuple[str, ...]) -> None:
    """Make a self-signed development certificate for localhost, 127.0.0.1 and ::1, and say how to trust it.

    It is valid for a year. Files that exist are left alone: remove them to make new ones.

    \b
    Examples:
      azdicom cert
      azdicom cert --out certs --host dicom.test --host 192.168.1.20
    """
    cert_path, key_path = (out / CERT_NAME).absolute(), (out / KEY_NAME).absolute()
    try:
        certificate, key = make_certificate(hosts)
        out.mkdir(parents=True, exist_ok=True)
        _refuse_existing(cert_path)
        _write_new(key_path, key, 0o600)
        _write_new(cert_path, certificate, 0o644)
    except FileExistsError as error:
        raise CertError(f"{error.filename} exists: remove it, or choose another folder with --out") from None
    except OSError as error:
        raise CertError(f"cannot write into {out}: {error.strerror or error}") from None
    click.echo(cert_path)
    click.echo(key_path)
    click.echo(TRUST.format(cert=cert_path, key=key_path), err=True, nl=False)


def make_certificate(hosts: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """Certificate and private key (P-256) as PEM, for this machine's own names and `hosts`. Raises CertError."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key, tuple(dict.fromkeys((*ALWAYS_NAMED, *hosts))), datetime.now(UTC))
    return (
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _self_signed(key: "EllipticCurvePrivateKey", hosts: tuple[str, ...], now: datetime) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azdicom development certificate")])
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        # No certificate authority: whoever gets the key can pose as these hosts, and as no other.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, SHA256())


def _general_name(host: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode()
    except ValueError:
        name = ""
    if not name:
        raise CertError(f"'{host}' is no host name and no IP address")
    return x509.DNSName(name)


def _refuse_existing(path: Path) -> None:
    """Raises FileExistsError, before its key is written."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


class CertError(click.ClickException):
    """No certificate: one line, exit code 2."""

    exit_code = 2
