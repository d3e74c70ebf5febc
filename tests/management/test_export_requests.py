"""Export: what a request must be, and in which order that is checked (async §3.1, §3.2)."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from azdicom_emulator.management.export_body import Identifier
from azdicom_emulator.settings import AuthMode
from tests.conftest import EmulatorWith
from tests.management.exports import EXPORT, an_export, post_export
from tests.management.partitions import in_partition
from tests.management.tags import TEXT
from tests.support.client import Emulator
from tests.support.tokens import bearer, token_for

NOWHERE = "http://127.0.0.1:1/devstoreaccount1/export"
IDENTITY = {"blobContainerUri": NOWHERE, "useManagedIdentity": True}
KEY_OF_ANOTHER = "AccountName=acct;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
SAS = "sv=2024-01-01&se=2030-01-01&sp=rwc&sr=c&sig=secret"
CONNECTION_SAS = f"BlobEndpoint={NOWHERE.rpartition('/')[0]};SharedAccessSignature={SAS}"
UNREACHABLE = "Cannot connect to Azure Blob Storage container 'export' in account 'devstoreaccount1'."


def field(path: str, reason: str) -> str:
    return f"The field '{path}' in request body is invalid: {reason}"


def identifiers(*values: Any) -> dict[str, Any]:
    return {
        "source": {"type": "identifiers", "settings": {"values": list(values)}},
        "destination": {"type": "azureblob", "settings": IDENTITY},
    }


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", field("", "A non-empty request body is required.")),
        (b"null", field("", "A non-empty request body is required.")),
        (b"{", field("$", "The request body is not valid JSON.")),
        ([], field("$", "The JSON value could not be converted to an object.")),
        ({"source": []}, field("$.source", "The JSON value could not be converted to an object.")),
        ({"source": {"type": "identifiers"}}, field("Destination", "The Destination field is required.")),
        (
            {"source": {"type": "all"}, "destination": {"type": "azureblob"}},
            field("$.source.type", "Expected value 'all' to be one of the following values: ['Identifiers']"),
        ),
        (
            {"destination": {"Type": "ftp"}},
            field("$.destination.Type", "Expected value 'ftp' to be one of the following values: ['AzureBlob']"),
        ),
        (
            {"destination": {}},
            field("$.destination.type", "Expected value '' to be one of the following values: ['AzureBlob']"),
        ),
        (
            {"destination": {"type": "localdirectory"}},
            field(
                "$.destination.type",
                "Expected value 'localdirectory' to be one of the following values: ['AzureBlob']",
            ),
        ),
        (
            identifiers("1.2", "1.2/3/4/5"),
            field(
                "$.source.settings.values[1]", "The string '1.2/3/4/5' was not recognized as a valid DICOM identifier."
            ),
        ),
        (
            identifiers("1.2/abc"),
            field(
                "$.source.settings.values[0]", "The string '1.2/abc' was not recognized as a valid DICOM identifier."
            ),
        ),
        (
            identifiers(""),
            field("$.source.settings.values[0]", "The string '' was not recognized as a valid DICOM identifier."),
        ),
        (
            identifiers(7),
            field("$.source.settings.values[0]", "The JSON value could not be converted to a string."),
        ),
        (
            {"destination": {"type": "azureblob", "settings": {"useManagedIdentity": "true"}}},
            field("$.destination.settings.useManagedIdentity", "The JSON value could not be converted to a boolean."),
        ),
        (
            {"destination": {"type": "azureblob", "settings": {"blobContainerUri": "export"}}},
            field(
                "$.destination.settings.blobContainerUri",
                "The JSON value could not be converted to the URI of a container.",
            ),
        ),
        (identifiers(), "Missing value for property 'Values'."),
        (
            {"source": {"type": "identifiers"}, "destination": {"type": "azureblob"}},
            "Missing value for property 'Values'.",
        ),
    ],
    ids=[
        "empty body",
        "null",
        "malformed",
        "array",
        "source no object",
        "no destination",
        "unknown source",
        "unknown destination",
        "destination without type",
        "folder where none is named",
        "four parts",
        "part no uid",
        "empty identifier",
        "identifier no text",
        "flag no boolean",
        "uri without container",
        "no values",
        "no settings",
    ],
)
def test_bad_requests_are_refused_with_the_text_of_the_service(shared_emulator: Emulator, body: Any, text: str) -> None:
    """Service source; the paths and the tails of the JSON layer are inferred (async §3.2)."""
    answer = post_export(shared_emulator, body)

    assert (answer.status, answer.content_type, answer.text) == (400, TEXT, text)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "Please specify both ConnectionString and BlobContainerName."),
        ({"useManagedIdentity": True}, "Please specify both ConnectionString and BlobContainerName."),
        (
            {"connectionString": "UseDevelopmentStorage=true"},
            "Please specify both ConnectionString and BlobContainerName.",
        ),
        ({"blobContainerName": "export"}, "Please specify both ConnectionString and BlobContainerName."),
        (
            {"connectionString": " ", "blobContainerName": "export"},
            "Please specify both ConnectionString and BlobContainerName.",
        ),
        (
            {"connectionString": KEY_OF_ANOTHER, "blobContainerName": "export"},
            "Account key authentication is not supported.",
        ),
        (
            {
                "connectionString": "UseDevelopmentStorage=true",
                "blobContainerName": "export",
                "useManagedIdentity": True,
            },
            "Managed identity cannot be used with a ConnectionString.",
        ),
        (
            {"blobContainerUri": NOWHERE, "connectionString": "UseDevelopmentStorage=true"},
            "ConnectionString and BlobContainerName cannot be specified along with BlobContainerUri.",
        ),
        (
            {"blobContainerUri": NOWHERE, "blobContainerName": "export"},
            "ConnectionString and BlobContainerName cannot be specified along with BlobContainerUri.",
        ),
        (
            {"blobContainerUri": f"{NOWHERE}?{SAS}", "useManagedIdentity": True},
            "UseManagedIdentity cannot be specified if the BlobContainerUri container query string parameters.",
        ),
        (IDENTITY, UNREACHABLE),
        ({"blobContainerUri": f"{NOWHERE}?{SAS}"}, UNREACHABLE),
        ({"blobContainerUri": NOWHERE}, UNREACHABLE),
        ({"connectionString": CONNECTION_SAS, "blobContainerName": "export"}, UNREACHABLE),
    ],
    ids=[
        "nothing",
        "identity alone",
        "connection string alone",
        "container alone",
        "blank connection string",
        "account key",
        "identity with connection string",
        "uri with connection string",
        "uri with container",
        "identity with sas",
        "unreachable by identity",
        "unreachable by sas",
        "unreachable without credentials",
        "unreachable by connection string with sas",
    ],
)
def test_settings_of_a_container_are_refused_with_the_text_of_the_service(
    shared_emulator: Emulator, settings: dict[str, Any], text: str
) -> None:
    """Service source (async §3.2)."""
    answer = post_export(shared_emulator, an_export(settings, "1.2.3"))

    assert (answer.status, answer.content_type, answer.text) == (400, TEXT, text)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"blobContainerUri": f"{NOWHERE}?{SAS}"}, "Shared Access Signatures (SAS) are not supported."),
        (
            {"connectionString": CONNECTION_SAS, "blobContainerName": "export"},
            "Shared Access Signatures (SAS) are not supported.",
        ),
        ({"blobContainerUri": NOWHERE}, "Public access to Azure Blob Storage containers is not supported."),
        (IDENTITY, UNREACHABLE),
    ],
    ids=["sas in the uri", "sas in the connection string", "no credentials", "identity"],
)
def test_quirk_takes_identities_only(emulator_with: EmulatorWith, settings: dict[str, Any], text: str) -> None:
    """Azure: Export DICOM files documents managed identity alone; the engine can be configured so (async §3.2)."""
    emulator = emulator_with(quirks={"export.credentials": "identity"})

    assert post_export(emulator, an_export(settings, "1.2.3")).text == text


def test_quirk_needs_a_source(emulator_with: EmulatorWith) -> None:
    """async §3.1: export.missing_source."""
    emulator = emulator_with(quirks={"export.missing_source": "400"})

    answer = post_export(emulator, an_export(IDENTITY, of_all=True))

    text = "The field 'Source' in request body is invalid: The Source field is required."
    assert (answer.status, answer.text) == (400, text)
    assert post_export(emulator, identifiers()).text == "Missing value for property 'Values'."


def test_names_and_types_have_any_case(shared_emulator: Emulator) -> None:
    """Service source: property names and types are compared without case (async §3.1)."""
    body = {
        "SOURCE": {"Type": "Identifiers", "Settings": {"VALUES": ["1.2"]}},
        "Destination": {"TYPE": "azureBlob", "settings": {"BlobContainerURI": NOWHERE, "usemanagedidentity": True}},
    }

    assert post_export(shared_emulator, body).text == UNREACHABLE


@pytest.mark.parametrize("content_type", [None, "text/plain"])
def test_another_content_type_is_415_without_a_body(shared_emulator: Emulator, content_type: str | None) -> None:
    """Service source (async §3)."""
    answer = post_export(shared_emulator, an_export(IDENTITY, "1.2"), content_type=content_type)

    assert (answer.status, answer.content) == (415, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_405(shared_emulator: Emulator, method: str) -> None:
    """async §3: `Allow: POST`."""
    answer = shared_emulator.request(method, f"/v2{EXPORT}")

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_both_versions_have_it(shared_emulator: Emulator) -> None:
    """async §3: `POST /v1/export` too."""
    assert post_export(shared_emulator.v1, an_export(IDENTITY, "1.2")).text == UNREACHABLE


def test_switched_off_it_is_404_when_type_and_body_are_good(emulator_with: EmulatorWith) -> None:
    """Service source: only after body and content type were found good (async §3)."""
    emulator = emulator_with(disable_export=True)

    answer = post_export(emulator, identifiers())

    assert (answer.status, answer.content) == (404, b"")
    assert post_export(emulator, b"{").status == 400
    assert post_export(emulator, identifiers(), content_type="text/plain").status == 415


def test_exporting_is_what_a_role_must_allow(emulator_with: EmulatorWith) -> None:
    """http §5.2: data action `export`; the role is looked at before the settings are."""
    emulator = emulator_with(auth=AuthMode.JWT)
    body = json.dumps(an_export({}, "1.2")).encode()
    reader, owner = (
        emulator.post(EXPORT, body, content_type="application/json", headers=bearer(token_for(emulator, role)))
        for role in ("reader", "owner")
    )

    assert (reader.status, reader.text) == (403, "Authorization failed.")
    assert owner.status == 400


def test_partitions_are_needed_where_they_are_on(emulator_with: EmulatorWith) -> None:
    """azure-apis §5.1."""
    emulator = emulator_with(partitions=True)

    missing = post_export(emulator, an_export(IDENTITY, "1.2"))
    unknown = post_export(in_partition(emulator, "nowhere"), an_export(IDENTITY, "1.2"))

    assert (missing.status, missing.text) == (400, "PartitionName value is missing in the route segment.")
    assert (unknown.status, unknown.text) == (400, "Specified PartitionName does not exist.")


class _Storage(BaseHTTPRequestHandler):
    """A storage that refuses everything, as Azure does when a signature is wrong."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.send_response(403)
        self.send_header("x-ms-error-code", "AuthenticationFailed")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
        """Nothing is logged."""


def test_who_is_not_authenticated_learns_it(shared_emulator: Emulator) -> None:
    """Service source: its own text beside that of other refusals (async §3.2)."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Storage) as storage:
        thread = threading.Thread(target=storage.serve_forever)
        thread.start()
        uri = f"http://127.0.0.1:{storage.server_port}/acct/export?{SAS}"
        answer = post_export(shared_emulator, an_export({"blobContainerUri": uri}, "1.2"))
        storage.shutdown()
        thread.join()

    text = "Unable to authenticate for Azure Blob Storage container 'export' in account 'acct'."
    assert (answer.status, answer.text) == (400, text)


def test_a_missing_package_is_named(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own design: azure-storage-blob comes with the extra `azure`; without it an export is 501, all else works."""
    monkeypatch.setitem(sys.modules, "azure.storage.blob", None)
    monkeypatch.delitem(sys.modules, "azdicom_emulator.management.export_blobs", raising=False)

    answer = post_export(emulator, an_export(IDENTITY, "1.2"))

    assert (answer.status, answer.content_type) == (501, TEXT)
    assert "azure-storage-blob" in answer.text
    assert "pip install 'azure-dicom-emulator[azure]'" in answer.text
    assert emulator.search_studies() == []


@pytest.mark.parametrize(
    ("text", "resource"), [("1.2", "study"), ("1.2/3", "series"), ("1.2/3/4", "instance")], ids=str
)
def test_the_depth_of_an_identifier_is_what_it_names(text: str, resource: str) -> None:
    """async §3.3."""
    identifier = Identifier.parse(text)

    assert identifier is not None
    assert (str(identifier), identifier.resource) == (text, resource)


@pytest.mark.parametrize("path", ["../elsewhere", "/tmp", "a/../../b"])
def test_a_folder_outside_is_refused(emulator_with: EmulatorWith, tmp_path: Path, path: str) -> None:
    """async §3.4: only below the folder that the operator names."""
    emulator = emulator_with(export_folder=tmp_path / "exports")

    answer = post_export(emulator, an_export({"path": path}, "1.2", to="localdirectory"))

    text = f"The path '{path}' is not inside the folder for exports."
    assert (answer.status, answer.text) == (400, text)


@pytest.mark.parametrize("settings", [{"strict": True}, {"extensions": {"export.local_directory": False}}], ids=str)
def test_folders_are_an_extension(emulator_with: EmulatorWith, tmp_path: Path, settings: dict[str, Any]) -> None:
    """async §3.4: off under --strict, whatever folder is named."""
    emulator = emulator_with(export_folder=tmp_path / "exports", **settings)

    answer = post_export(emulator, an_export({}, "1.2", to="localdirectory"))

    assert answer.status == 400
    assert answer.text.endswith("['AzureBlob']")
