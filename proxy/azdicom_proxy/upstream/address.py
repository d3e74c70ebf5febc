"""Where the upstream is, how it is reached and trusted."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address. path: what stands behind host and port, without a slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError with a text for people."""
        split = urlsplit(url)
        if split.scheme not in DEFAULT_PORTS or not split.hostname:
            raise ValueError(f"'{url}' is no address such as https://workspace-dicom.dicom.azurehealthcareapis.com")
        if split.query or split.fragment or split.username:
            raise ValueError(f"'{url}' has more than scheme, host, port and path")
        try:
            port = split.port or DEFAULT_PORTS[split.scheme]
        except ValueError:
            raise ValueError(f"'{url}' has a port that is no number below 65536") from None
        return cls(split.scheme, split.hostname, port, split.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host, and the port unless it is the scheme's own: what the header Host carries."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK_HOSTS or self.host.startswith("127.")


def outgoing_proxy(upstream: Address) -> Address | None:
    """The HTTP proxy that HTTPS_PROXY or HTTP_PROXY names for `upstream`, unless NO_PROXY does; never for loopback.

    Raises ValueError when the variable holds no address.
    """
    if upstream.is_loopback or proxy_bypass(upstream.host):
        return None
    found = getproxies().get(upstream.scheme)
    return Address.parse(found if "://" in found else f"http://{found}") if found else None


@dataclass(frozen=True, slots=True)
class Trust:
    """TLS to the upstream. ca_file: in place of the system's store; client_cert, client_key: what we show."""

    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    is_insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Raises OSError (ssl.SSLError included) when a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.is_insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_cert is not None:
            context.load_cert_chain(self.client_cert, self.client_key)
        return context
