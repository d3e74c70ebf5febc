"""The settings of a server: one frozen value, built once by the command line and passed down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

DEFAULT_PORT = 8080
GIB = 1024**3
DEVELOPMENT_ISSUER = "https://azdicom.localhost/development/v2.0"
"""A name, not an address: tokens stay valid when the server is reached by another name or port."""
ANY = "*"
"""Every origin, request header or method (docs/http.md, CORS)."""
LOOPBACK_ORIGINS = "loopback"
"""Pages that this machine serves: `http(s)://localhost`, `127.0.0.1` and `[::1]`, on every port."""


RESOURCE_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azdicom"
"""Of the workspace, in ids as Azure Resource Manager writes them."""


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class AuthMode(StrEnum):
    """How requests are authenticated (docs/authentication.md)."""

    NONE = "none"
    ANY = "any"
    JWT = "jwt"


@dataclass(frozen=True, slots=True)
class Extension:
    """Something the managed service does not do; every use is announced by `Warning: 299`."""

    name: str
    default: bool
    summary: str


@dataclass(frozen=True, slots=True)
class Quirk:
    """An open question about the managed service. The first value is the default."""

    name: str
    values: tuple[str, ...]
    summary: str

    @property
    def default(self) -> str:
        return self.values[0]


EXTENSIONS = {
    extension.name: extension
    for extension in (
        Extension("search.wildcards", True, "`*` and `?` in text filters, when the literal value matches nothing"),
        Extension("search.uid_lists", True, "UIDs separated by `,` or `\\`, when the literal value matches nothing"),
        Extension("store.form_upload", True, "curl form uploads (`-F`), and an unquoted `type=application/dicom`"),
        Extension(
            "worklist.seed_dialect", True, "relaxed workitem bodies and headers, as an earlier emulator took them"
        ),
        Extension("worklist.subscriptions", True, "worklist subscriptions and their event channel"),
        Extension("retrieve.bulkdata", True, "`…/instances/{instance}/bulkdata/{ggggeeee}`"),
        Extension("http.debug_routes", False, "`/debug/events`: events of an `in_memory` provider"),
        Extension(
            "export.local_directory", True, "exports to `localdirectory`, below the folder that `--export-folder` names"
        ),
    )
}

QUIRKS = {
    quirk.name: quirk
    for quirk in (
        Quirk("store.study_mismatch_code", ("43264", "43265"), "failure reason of an instance of another study"),
        Quirk("store.implicit_vr", ("warn", "reject"), "what happens to implicit VR little endian"),
        Quirk("store.missing_accept", ("406", "accept"), "a store without an Accept header"),
        Quirk("store.preamble", ("zero-at-store", "zero-at-retrieve", "keep"), "when the 128-byte preamble is zeroed"),
        Quirk("store.size_limit", ("4GB", "2GB"), "the largest request body"),
        Quirk("retrieve.bare_star_on_study", ("multipart", "406"), "a bare `*/*` on a study or series"),
        Quirk("retrieve.etag_quotes", ("off", "on"), "quotes around ETag values"),
        Quirk("retrieve.boundary_quotes", ("off", "on"), "quotes around the boundary of multipart answers"),
        Quirk("search.includefield_all_mixed", ("400", "all"), "`includefield=all` beside other fields"),
        Quirk("search.all_has_model_name", ("no", "yes"), "ManufacturerModelName in `includefield=all`"),
        Quirk("tags.absent_numeric_is_zero", ("no", "yes"), "an absent number under an extended query tag"),
        Quirk("tags.private_tags", ("supported", "rejected"), "values of private extended query tags"),
        Quirk("json.enum_casing", ("camel", "pascal"), "casing of enumerations in JSON"),
        Quirk("changefeed.property_casing", ("camel", "pascal"), "casing of change feed properties"),
        Quirk("uid.alphabet", ("digits", "alphanumeric"), "characters of UIDs in paths and identifiers"),
        Quirk("worklist.update_unknown", ("400", "404"), "update of a workitem that does not exist"),
        Quirk("worklist.update_canceled", ("409", "400"), "update of a canceled workitem"),
        Quirk("worklist.cancel_completed", ("400", "409"), "request to cancel a completed workitem"),
        Quirk("export.missing_source", ("all", "400"), "an export without a source"),
        Quirk("export.credentials", ("any", "identity"), "exports by shared access signature or to public containers"),
        Quirk("update.location_header", ("absent", "present"), "Location header of a bulk update"),
        Quirk("versions.unsupported", ("400", "404"), "answer to a well-formed version that is not supported"),
    )
}

SIZE_LIMITS = {"4GB": 4 * GIB, "2GB": 2 * GIB - 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a server can be told. Unknown extension and quirk names are refused by the command line."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    port_file: Path | None = None
    data_dir: Path = Path("data")
    ephemeral: bool = False
    durability: str = "process"
    strict: bool = False
    extensions: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    quirks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    auth: AuthMode = AuthMode.NONE
    auth_jwks: str | None = None
    auth_issuer: str = DEVELOPMENT_ISSUER
    tls_cert: Path | None = None
    tls_key: Path | None = None
    cors_origins: tuple[str, ...] | None = None
    """`*`, `loopback`, or origins as a browser sends them; empty: CORS is off; None: `allowed_origins` decides."""
    cors_headers: tuple[str, ...] = (ANY,)
    cors_methods: tuple[str, ...] = (ANY,)
    cors_max_age_s: int | None = None
    cors_credentials: bool = False
    request_ids: bool | None = None
    """Whether answers carry `x-ms-request-id`; None: unless strict."""
    faults: Path | None = None
    """File of fault rules (docs/faults.md)."""
    chaos: tuple[str, ...] = ()
    """Names of presets of fault rules, behind those of the file."""
    seed: int | None = None
    """Of the fault rules' chance; None: the file's, else a random one."""
    scenarios: tuple[Path, ...] = ()
    """Files whose fixtures are stored before the server is announced (docs/running-scenarios.md)."""
    no_admin: bool = False
    admin_token: str | None = None
    """None: the admin API is for this machine only (docs/admin.md)."""
    log_level: str = "info"
    log_format: LogFormat = LogFormat.TEXT
    partitions: bool = False
    disable_operations: bool = False
    operation_delay_s: float = 0.0
    """How long an operation waits before it works, so that clients see it in progress."""
    disable_export: bool = False
    export_folder: Path | None = None
    """What exports of type `localdirectory` may write to; None: they are refused."""
    export_retry_s: float = 60.0
    """Unit of the waits of 1, 3 and 9 after a destination refused something."""
    max_extended_query_tags: int = 128
    expiry_interval_s: float = 60.0
    workspace: str = "azdicom"
    service_name: str = "dicom"
    """With the workspace, the name of the service in events, in the audit log and in a data lake."""
    events: Path | None = None
    """File of event providers (docs/events.md)."""
    event_providers: str | None = None
    """Event providers as JSON; what is wrong is left out. `events` goes before it."""
    event_host: str | None = None
    """Host in the subjects of events; None: where the server listens."""
    import_folder: Path | None = None
    import_connection_string: str | None = None
    import_interval_s: float = 1.0
    data_lake_view: Path | None = None
    """Folder that has the stored files as a data lake of the managed service has them (docs/import.md)."""
    audit_log: Path | None = None
    worklist_events_kept: int = 10_000
    """How many events wait for each subscriber that has no channel open; the oldest go first."""
    spool_memory_bytes: int = 1024 * 1024
    worker_threads: int = 8
    worker_processes: int = 2

    def extension(self, name: str) -> bool:
        """Whether extension `name` may act; never under `strict`."""
        return not self.strict and self.extensions.get(name, EXTENSIONS[name].default)

    def quirk(self, name: str) -> str:
        """The value in force of quirk `name`."""
        return self.quirks.get(name, QUIRKS[name].default)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """As configured. By default pages of this machine; under `strict` none, as on a new managed service."""
        if self.cors_origins is not None:
            return self.cors_origins
        return () if self.strict else (LOOPBACK_ORIGINS,)

    @property
    def sends_request_ids(self) -> bool:
        return not self.strict if self.request_ids is None else self.request_ids

    @property
    def has_own_issuer(self) -> bool:
        """Whether tokens are the built-in issuer's, not those of another that `--auth-jwks` names."""
        return self.auth_jwks is None

    @property
    def workspace_resource_id(self) -> str:
        """ARM id, the topic of events."""
        return f"{RESOURCE_GROUP}/providers/Microsoft.HealthcareApis/workspaces/{self.workspace}"

    @property
    def service_resource_id(self) -> str:
        return f"{self.workspace_resource_id}/dicomservices/{self.service_name}"

    @property
    def local_export_folder(self) -> Path | None:
        """Below which exports may write, where the extension is on."""
        return self.export_folder if self.extension("export.local_directory") else None

    @property
    def max_request_bytes(self) -> int:
        return SIZE_LIMITS[self.quirk("store.size_limit")]
