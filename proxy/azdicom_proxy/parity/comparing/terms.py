"""Brings what the two sides say to the same terms: bases of URLs, and ids that each side makes for itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from azdicom_proxy.cassette.naming import ROOTS, locate
from azdicom_proxy.matching.identity import ID

BASE = "{base}"
DEFAULT_VERSION = "v2"
STARTS = ROOTS | {"partitions"}
OPERATION_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A GUID with or without dashes (conformance statement v2, Operations)."""
IN_PATH = re.compile(rf"(/operations/)(?:{OPERATION_ID.pattern})(?![0-9a-zA-Z-])")
WORKITEM_IN_PATH = re.compile(r"(/workitems/)([0-2](?:\.\d+)+)(?![\d.])")
URL = re.compile(r"https?://[^\s\"'<>\\]+")


@dataclass(frozen=True, slots=True)
class SideTerms:
    """What one side's own URLs begin with, and its ids.

    origins: scheme, host and port, and the path before the version; empty: any, where the URL names a resource.
    ids: this side's to the common ones. made_workitems: UIDs of workitems are made by the service, not the client.
    """

    origins: frozenset[str]
    version: str
    ids: Mapping[str, str] = field(default_factory=dict)
    makes_workitems: bool = False

    def url(self, text: str) -> str:
        """The URL from `{base}` on if it is one of the side's own, operation ids and the usual version taken out."""
        parts = split_url(text)
        if parts is None:
            return text
        base, version, resource = parts
        if self.origins and base.lower() not in self.origins:
            return text
        middle = "" if version.lower() in ("", self.version) else f"/{version}"
        return f"{BASE}{middle}{self._path(resource)}"

    def uid(self, text: str) -> str:
        return self.ids.get(text, text)

    def text(self, text: str) -> str:
        """Text that may hold URLs, hosts and ids."""
        text = URL.sub(lambda found: self.url(found[0]), text)
        return ID.sub(lambda found: self.ids.get(found[0], found[0]), text) if self.ids else text

    def _path(self, resource: str) -> str:
        path = IN_PATH.sub(r"\1{operation}", resource)
        path = WORKITEM_IN_PATH.sub(self._workitem, path)
        return ID.sub(lambda found: self.ids.get(found[0], found[0]), path) if self.ids else path

    def _workitem(self, found: re.Match[str]) -> str:
        return f"{found[1]}{{workitem}}" if self.makes_workitems else found[0]


@dataclass(frozen=True, slots=True)
class Terms:
    """Of both sides."""

    upstream: SideTerms
    local: SideTerms


def split_url(text: str) -> tuple[str, str, str] | None:
    """Origin with the path before the version, version or "", and the resource from its slash on.

    None: no absolute URL of a resource that a service has.
    """
    if not text[:8].lower().startswith(("http://", "https://")):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    segments = parts.path.split("/")
    version = locate("GET", text).version
    query = f"?{parts.query}" if parts.query else ""
    for at, segment in enumerate(segments):
        is_version = version is not None and segment.lower() == version
        if is_version or (version is None and segment in STARTS):
            rest = segments[at + 1 :] if is_version else segments[at:]
            if not rest or unquote(rest[0]) not in STARTS:
                return None
            before = "/".join(segments[:at])
            resource = f"/{'/'.join(rest)}{query}"
            return f"{parts.scheme}://{_authority(parts.netloc)}{before}", segment if is_version else "", resource
    return None


def base_of(uri: str, host: str | None = None) -> frozenset[str]:
    """What URLs of the service at `uri` begin with. host: another authority by which it was asked."""
    parts = urlsplit(uri)
    found = split_url(uri)
    if found is None:
        path = ""
        origin = f"{parts.scheme}://{_authority(parts.netloc)}"
    else:
        origin = found[0]
        path = origin.split("://", 1)[1].partition("/")[2]
        path = f"/{path}" if path else ""
    bases = {origin.lower()}
    if host:
        bases |= {f"{scheme}://{_authority(host)}{path}".lower() for scheme in ("http", "https")}
    return frozenset(bases)


def version_of(uri: str) -> str:
    return locate("GET", uri).version or DEFAULT_VERSION


def _authority(netloc: str) -> str:
    return netloc.removesuffix(":443").removesuffix(":80")
