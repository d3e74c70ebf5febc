"""Where an export goes, as the request says it, and which combinations the service refuses (async §3.1, §3.2)."""

import ipaddress
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from azdicom_emulator.web.errors import BadRequestError

NO_CONNECTION = "Please specify both ConnectionString and BlobContainerName."
ACCOUNT_KEY = "Account key authentication is not supported."
NO_SAS = "Shared Access Signatures (SAS) are not supported."
NO_PUBLIC_ACCESS = "Public access to Azure Blob Storage containers is not supported."
IDENTITY_AND_CONNECTION = "Managed identity cannot be used with a ConnectionString."
URI_AND_CONNECTION = "ConnectionString and BlobContainerName cannot be specified along with BlobContainerUri."
IDENTITY_AND_SAS = "UseManagedIdentity cannot be specified if the BlobContainerUri container query string parameters."

DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of every storage emulator; no secret (Azure: Use the Azurite emulator, well-known storage account and key)."""
DEVELOPMENT_ENDPOINT = f"http://127.0.0.1:10000/{DEVELOPMENT_ACCOUNT}"


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """A folder below the one that `--export-folder` names; an extension."""

    path: str


@dataclass(frozen=True, slots=True, repr=False)
class BlobSettings:
    """A container of Azure Blob Storage or of Azurite. Texts that were not given are empty. Holds secrets."""

    uri: str = ""
    connection_string: str = ""
    container: str = ""
    uses_managed_identity: bool = False

    @property
    def names_container(self) -> bool:
        """Whether the URI is an absolute one with a path."""
        try:
            parts = urlsplit(self.uri)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname) and bool(self._path)

    @property
    def connection(self) -> Mapping[str, str]:
        """The connection string by lower-case names, that of the storage emulator in full."""
        pairs = (each.partition("=") for each in self.connection_string.split(";"))
        found = {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}
        if found.get("usedevelopmentstorage", "").lower() == "true":
            return {
                "accountname": DEVELOPMENT_ACCOUNT,
                "accountkey": DEVELOPMENT_KEY,
                "blobendpoint": found.get("blobendpoint", DEVELOPMENT_ENDPOINT),
            }
        return found

    @property
    def account_url(self) -> str:
        """The container's URL but for its last segment, without query."""
        if self.uri:
            return self.url.rpartition("/")[0]
        known = self.connection
        if "blobendpoint" in known:
            return known["blobendpoint"].rstrip("/")
        protocol, suffix = (
            known.get("defaultendpointsprotocol", "https"),
            known.get("endpointsuffix", "core.windows.net"),
        )
        return f"{protocol}://{known.get('accountname', '')}.blob.{suffix}"

    @property
    def url(self) -> str:
        """The container's URL without query: no secret."""
        if not self.uri:
            return f"{self.account_url}/{self.container}"
        parts = urlsplit(self.uri)
        return f"{parts.scheme}://{parts.netloc}/{'/'.join(self._path)}"

    @property
    def account(self) -> str:
        """The account's name: first in the path, as storage emulators have it, or else in the host name."""
        if name := self.connection.get("accountname"):
            return name
        account_url = urlsplit(self.account_url)
        return account_url.path.strip("/") or (account_url.hostname or "").partition(".")[0]

    @property
    def container_name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def sas(self) -> str:
        """The shared access signature, empty when there is none."""
        return urlsplit(self.uri).query if self.uri else self.connection.get("sharedaccesssignature", "")

    @property
    def key(self) -> str:
        """Of an account; the service takes none but the storage emulator's."""
        if self.uses_managed_identity and self.is_on_this_machine and self.account == DEVELOPMENT_ACCOUNT:
            return DEVELOPMENT_KEY
        return self.connection.get("accountkey", "")

    @property
    def is_on_this_machine(self) -> bool:
        """Where no identity is needed: a storage emulator has none to ask for."""
        host = urlsplit(self.account_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @property
    def _path(self) -> list[str]:
        return [segment for segment in urlsplit(self.uri).path.split("/") if segment]


DestinationSettings = BlobSettings | FolderSettings


def check_blob_settings(settings: BlobSettings, *, needs_identity: bool) -> None:
    """needs_identity: neither shared access signatures nor public containers are taken. Raises BadRequestError."""
    if text := _refusal(settings, needs_identity=needs_identity):
        raise BadRequestError(text)


def _refusal(settings: BlobSettings, *, needs_identity: bool) -> str | None:
    if not settings.uri:
        if not settings.connection_string or not settings.container:
            return NO_CONNECTION
        if settings.uses_managed_identity:
            return IDENTITY_AND_CONNECTION
    elif settings.connection_string or settings.container:
        return URI_AND_CONNECTION
    elif settings.uses_managed_identity:
        return IDENTITY_AND_SAS if settings.sas else None
    if settings.key:
        return None if settings.account == DEVELOPMENT_ACCOUNT else ACCOUNT_KEY
    if settings.sas:
        return NO_SAS if needs_identity else None
    return NO_PUBLIC_ACCESS if needs_identity else None


def settings_as_work(settings: DestinationSettings) -> Mapping[str, Any]:
    return {"type": type(settings).__name__, **asdict(settings)}


def settings_of_work(work: Mapping[str, Any]) -> DestinationSettings:
    """What `settings_as_work` gave."""
    fields = {name: value for name, value in work.items() if name != "type"}
    return FolderSettings(**fields) if work["type"] == FolderSettings.__name__ else BlobSettings(**fields)
