"""https: what is served over TLS is what is served without, in `azdicom serve` as users start it."""

import http.client
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from azdicom_emulator.cert import make_certificate
from tests.support.client import DICOM, MULTIPART_DICOM, STORED, Emulator
from tests.support.instances import an_instance, another_in_series, instance_path, part10, study_path
from tests.support.process import COMMAND, serving

SIDE = 1024
"""2 MiB of pixels: more than one write, more than what is read at once."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    content = make_certificate()
    cert.write_bytes(content[0])
    key.write_bytes(content[1])
    return cert, key


@pytest.fixture(scope="module")
def emulator(certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = certificate
    with serving(folder / "data", folder, f"--tls-cert={cert}", f"--tls-key={key}") as server:
        _, port = server.emulator.address
        yield replace(server.emulator, base_url=f"https://localhost:{port}", certificate=cert)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_certificate_is_valid_for_the_names_of_this_machine(emulator: Emulator, host: str) -> None:
    """RFC 9110 §4.3.4: the client checks the name; strict X.509 checks as of Python 3.13 included."""
    _, port = emulator.address
    context = ssl.create_default_context(cafile=emulator.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=30)

    connection.request("GET", "/health")

    assert connection.getresponse().status == 200
    connection.close()


def test_instance_comes_back_byte_for_byte(emulator: Emulator) -> None:
    """retrieve §4: the file as stored; over TLS there is no sendfile, and nobody sees the difference."""
    dataset = emulator.store(an_instance(rows=SIDE, columns=SIDE))

    assert emulator.retrieve(dataset) == part10(dataset)


def test_study_comes_back_as_multipart(emulator: Emulator) -> None:
    """retrieve §6: one part an instance."""
    first = an_instance(rows=SIDE, columns=SIDE)
    second = another_in_series(first, rows=SIDE, columns=SIDE)
    emulator.store_all([first, second])

    answer = emulator.get(study_path(first), accept=MULTIPART_DICOM + STORED)

    assert [part.content for part in answer.parts()] == [part10(first), part10(second)]


def test_frame_comes_back_as_its_bytes(emulator: Emulator) -> None:
    """retrieve §7: a slice of the stored file."""
    dataset = emulator.store(an_instance(frames=2, transfer_syntax=ExplicitVRLittleEndian, rows=SIDE, columns=SIDE))

    answer = emulator.get(f"{instance_path(dataset)}/frames/2", accept="application/octet-stream" + STORED)

    assert answer.status == 200
    assert answer.content == dataset.PixelData[len(dataset.PixelData) // 2 :]


def test_addresses_in_answers_are_https(emulator: Emulator) -> None:
    """http §8: scheme and Host of the request."""
    dataset = an_instance()

    [item] = emulator.store_response(dataset).json()["00081199"]["Value"]

    assert item["00081190"]["Value"][0].startswith(f"{emulator.service_url}/studies/")


def test_plain_http_is_not_served_on_the_https_port(emulator: Emulator) -> None:
    """http §1: the managed service is https only."""
    plain = replace(emulator, certificate=None)

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        plain.get("/studies", accept=DICOM)


def test_address_without_trust_is_refused_by_the_client(emulator: Emulator) -> None:
    """The certificate is self-signed: a client that was not told to trust it does not."""
    connection = http.client.HTTPSConnection(*emulator.address, context=ssl.create_default_context(), timeout=30)

    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/health")
    connection.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tls-key={key}",), "--tls-key needs --tls-cert"),
        (("--tls-cert={cert}",), "cannot use the certificate {cert}"),
        (("--tls-cert={cert}", "--tls-key={other}"), "cannot use the certificate {cert} with {other}"),
        (("--tls-cert={missing}",), "cannot use the certificate {missing}: No such file or directory"),
    ],
    ids=["key alone", "certificate without its key", "another certificate's key", "no such file"],
)
def test_unusable_certificate_stops_the_start_with_one_line(
    certificate: tuple[Path, Path], tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    """Exit code 2 is wrong usage, as for every command."""
    other = tmp_path / "other.pem"
    other.write_bytes(make_certificate()[1])
    names = {"cert": certificate[0], "key": certificate[1], "other": other, "missing": tmp_path / "missing.pem"}
    command = (*COMMAND, "serve", "--port=0", f"--data-dir={tmp_path / 'data'}")

    ended = subprocess.run(
        [*command, *(option.format(**names) for option in options)], capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 2
    assert message.format(**names) in ended.stderr
    assert "Traceback" not in ended.stderr
