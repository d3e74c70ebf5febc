"""The azure-identity package gets its tokens from the emulator, offline, and the emulator takes them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential

from azdicom_emulator.cert import make_certificate
from azdicom_emulator.settings import AuthMode
from tests.conftest import EmulatorWith
from tests.support.client import Emulator
from tests.support.process import serving
from tests.support.tokens import bearer

SCOPE = "https://dicom.healthcareapis.azure.com/.default"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's own set-up reaches the credentials."""
    import os

    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def https_emulator(tmp_path: Path) -> Iterator[Emulator]:
    """`azdicom serve --auth jwt` with a certificate for localhost."""
    certificate, key = make_certificate()
    pem = tmp_path / "server.pem"
    pem.write_bytes(certificate + key)
    with serving(tmp_path / "data", tmp_path, "--auth=jwt", f"--tls-cert={pem}") as server:
        _, port = server.emulator.address
        yield replace(server.emulator, base_url=f"https://localhost:{port}", certificate=pem)


def test_default_azure_credential_works_with_the_identity_endpoint_alone(
    emulator_with: EmulatorWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity, ManagedIdentityCredential: App Service, named by IDENTITY_ENDPOINT and IDENTITY_HEADER."""
    emulator = emulator_with(auth=AuthMode.JWT)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{emulator.base_url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "owner")

    with DefaultAzureCredential() as credential:
        token = credential.get_token(SCOPE).token

    assert emulator.get("/studies", headers=bearer(token)).status == 204
    assert emulator.request("DELETE", "/v2/studies/1.2.3", headers=bearer(token)).status == 404


def test_identity_header_reader_gets_a_readers_token(
    emulator_with: EmulatorWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/authentication.md: the value of IDENTITY_HEADER chooses the role."""
    emulator = emulator_with(auth=AuthMode.JWT)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{emulator.base_url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "reader")

    with DefaultAzureCredential() as credential:
        token = credential.get_token(SCOPE).token

    assert emulator.get("/studies", headers=bearer(token)).status == 204
    assert emulator.request("DELETE", "/v2/studies/1.2.3", headers=bearer(token)).status == 403


def test_user_assigned_identity_chooses_its_role(emulator_with: EmulatorWith, monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-identity: `managed_identity_client_id` is sent as `client_id`."""
    emulator = emulator_with(auth=AuthMode.JWT)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{emulator.base_url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "any")

    with DefaultAzureCredential(managed_identity_client_id="reader") as credential:
        token = credential.get_token(SCOPE).token

    assert emulator.request("DELETE", "/v2/studies/1.2.3", headers=bearer(token)).status == 403


def test_client_secret_credential_works_with_the_server_as_authority(
    https_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity, ClientSecretCredential: an authority of one's own needs https and no instance discovery."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(https_emulator.certificate))

    with ClientSecretCredential(
        "contoso",
        "reader",
        "any secret",
        authority=https_emulator.base_url,
        disable_instance_discovery=True,
    ) as credential:
        token = credential.get_token(SCOPE).token

    assert https_emulator.get("/studies", headers=bearer(token)).status == 204
    assert https_emulator.request("DELETE", "/v2/studies/1.2.3", headers=bearer(token)).status == 403


def test_default_azure_credential_works_with_a_client_secret_in_the_environment(
    https_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity, EnvironmentCredential: AZURE_AUTHORITY_HOST and the client's three variables."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(https_emulator.certificate))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", https_emulator.base_url)
    monkeypatch.setenv("AZURE_TENANT_ID", "contoso")
    monkeypatch.setenv("AZURE_CLIENT_ID", "my-client")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "any secret")

    with DefaultAzureCredential(disable_instance_discovery=True) as credential:
        token = credential.get_token(SCOPE).token

    assert https_emulator.request("DELETE", "/v2/studies/1.2.3", headers=bearer(token)).status == 404


def test_credential_without_a_server_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above reach the emulator and nothing else: without it there is no token."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "any")

    with (
        DefaultAzureCredential(
            exclude_cli_credential=True,
            exclude_developer_cli_credential=True,
            exclude_powershell_credential=True,
            exclude_shared_token_cache_credential=True,
            retry_total=0,
        ) as credential,
        pytest.raises(ClientAuthenticationError),
    ):
        credential.get_token(SCOPE)
