"""The settings of a proxy: one frozen value, built once by the command line and passed down."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from azdicom_proxy.upstream.address import Address, Trust

if TYPE_CHECKING:
    from azdicom_proxy.parity.report_options import ReportSettings

DEFAULT_PORT = 8081
MIB = 1024 * 1024


class Mode(StrEnum):
    """Who answers (docs/proxy.md, Modes)."""

    PASSTHROUGH = "passthrough"
    RECORD = "record"
    REPLAY = "replay"
    SPY = "spy"
    DIFF = "diff"


class UpstreamAuth(StrEnum):
    """Whose token the upstream sees (docs/proxy.md, Authentication)."""

    PASSTHROUGH = "passthrough"
    AZURE = "azure"
    TOKEN_FILE = "token-file"
    TOKEN_ENV = "token-env"
    NONE = "none"


class Fallback(StrEnum):
    """Who answers in spy mode what the cassette does not."""

    UPSTREAM = "upstream"
    LOCAL = "local"


class OfflineFallback(StrEnum):
    """Who answers safe requests while the upstream cannot be reached."""

    REPLAY = "replay"
    LOCAL = "local"


class Latency(StrEnum):
    """How long a replayed answer takes: no longer than it must, or as long as when it was recorded."""

    NONE = "none"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """How a recorded interaction is chosen; the words are those of `azdicom_proxy.matching`."""

    match_on: tuple[str, ...] = ()
    """Empty: the default list. `+name` and `-name` edit it."""
    match_headers: tuple[str, ...] = ()
    order: str = "timeline"
    repeat: str = "safe"
    body_level: str = "dataset"
    ignore_version: bool = False
    map_uids: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How cassettes are written; the words are those of `azdicom_proxy.cassette.layout`."""

    raw_json: bool = False
    keep_boundary: bool = False
    keep_headers: bool = False
    inline_all: bool = False
    phi: str | None = None
    """None: basic, or keep when the upstream is on this machine."""
    phi_options: tuple[str, ...] = ()
    scrub_rules: Path | None = None
    thin_pixels: bool = False
    """A pattern takes the place of pixel data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """Everything that a proxy can be told. upstream: None only where nothing is ever forwarded."""

    mode: Mode = Mode.PASSTHROUGH
    upstream: Address | None = None
    upstream_alias: str = "azure-v2"
    """What the cassette calls the upstream."""
    cassette: Path | None = None
    cassette_dir: Path | None = None
    """Of the named recordings; None: the folder of `cassette`, else `cassettes`."""
    record_mode: str = "once"
    fallback: Fallback = Fallback.UPSTREAM
    record_misses: bool = False
    offline_fallback: OfflineFallback | None = None
    """None: the client is told that the upstream does not answer."""
    strict: bool = False
    miss_status: int = 502
    recode: bool = False
    latency: Latency = Latency.NONE
    matching: Matching = field(default_factory=Matching)
    writing: Writing = field(default_factory=Writing)

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    port_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    public_url: str | None = None
    cors: tuple[str, ...] = ()
    """Origins, or `*`; empty: CORS is the upstream's business."""
    admin: bool = True
    admin_token: str | None = None
    auto_shutdown_s: float | None = None

    auth: UpstreamAuth = UpstreamAuth.PASSTHROUGH
    token_file: Path | None = None
    token_env: str | None = None
    trust: Trust = field(default_factory=Trust)
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 100.0
    preserve_host: bool = False
    forwarded: bool = False
    rewrites_urls: bool = True
    proxy_headers: bool = True
    max_record_body_bytes: int = 256 * MIB
    spool_memory_bytes: int = MIB

    hydrate: bool = False
    """Diff mode fetches instances from the upstream that never passed by."""
    hydrate_limit: int = 200
    local: Address | None = None
    """What the upstream is compared with, and who answers for it with `offline_fallback`; None: a fresh emulator."""
    report: "ReportSettings | None" = None
    """How diff mode judges and reports; None: by default, without reports."""

    faults: Path | None = None
    """File of fault rules (docs/faults.md)."""
    chaos: tuple[str, ...] = ()
    """Names of presets of fault rules, behind those of the file."""
    seed: int | None = None
    """Of the fault rules' chance; None: the file's, else a random one."""

    log_phi: bool = False
    quiet: bool = False
    """No line for each exchange."""
