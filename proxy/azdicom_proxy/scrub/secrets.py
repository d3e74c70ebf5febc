"""Secrets: credentials in headers, URIs and bodies. These rules are always on."""

import re
from collections.abc import Callable, Iterable
from re import Match, Pattern

from azdicom_proxy.scrub.pseudonyms import Pseudonyms

REDACTED = "REDACTED"
PLACEHOLDER_HOST = "workspace-dicom.dicom.azurehealthcareapis.com"
PLACEHOLDER_ORIGIN = f"https://{PLACEHOLDER_HOST}"
FAKE_JWT = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJmYWtlIn0.ZmFrZXNpZ25hdHVyZQ"

SECRET_HEADERS = frozenset(
    (
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "ocp-apim-subscription-key",
        "x-functions-key",
    )
)
SECRET_HEADER_PREFIX = "x-ms-encryption-key"
DROPPED_RESPONSE_HEADERS = frozenset(("set-cookie",))

_SECRET_MEMBERS = (
    "access_token|refresh_token|id_token|client_secret|clientSecret|password|accountKey|connectionString|sasToken"
)
_SECRET_PARAMETERS = "access_token|refresh_token|id_token|client_secret|client_assertion|password"
_SEPARATOR = r"(?:[?&;]|\\u0026|&amp;|(?<![\w.%-]))"
_VALUE = r"[^&\"'\s\\<>;,]+"
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}")
_SIGNATURE = re.compile(rf"({_SEPARATOR}sig=)({_VALUE})", re.IGNORECASE)
_SAS_PARAMETER = re.compile(rf"({_SEPARATOR}(?:se|sp|sv|skoid|sktid|skt|ske)=)({_VALUE})")
_PARAMETER = re.compile(rf"({_SEPARATOR}(?:{_SECRET_PARAMETERS})=)({_VALUE})")
_CODE = re.compile(rf"((?:[?&]|\\\\u0026|&amp;)code=)({_VALUE})")
_MEMBER = re.compile(rf'("(?:{_SECRET_MEMBERS})"\s*:\s*")((?:[^"\\]|\\.)*)(")')
_BLOB_CONTAINER = re.compile(r'("blobContainerUri"\s*:\s*"[^"?]*\?)((?:[^"\\]|\\.)*)(")')
_KEY_VALUE = re.compile(r"((?:AccountKey|SharedAccessKey|SharedAccessSignature)=)([^;\"'\s]+)", re.IGNORECASE)
_BEARER = re.compile(r"(\bBearer\s+)(?!realm=|authorization_uri=|error=|resource_id=)([A-Za-z0-9._~+/-]{8,}=*)")
_CREDENTIALS: tuple[Pattern[str], ...] = (_SIGNATURE, _PARAMETER, _CODE, _MEMBER, _BLOB_CONTAINER, _KEY_VALUE, _BEARER)
"""Group 1 stays, group 2 goes, a third stays."""

_SERVICE_HOST = re.compile(r"\b[a-z0-9][a-z0-9-]*\.dicom\.azurehealthcareapis\.com\b", re.IGNORECASE)
_STORAGE_HOST = re.compile(r"\b([a-z0-9]{3,24})(?=\.(?:blob|dfs|queue|table|file)\.core\.windows\.net\b)")
_IDENTITIES: tuple[Pattern[str], ...] = (
    re.compile(rf"((?:login\.microsoftonline\.com|login\.windows\.net|sts\.windows\.net)/)({_GUID})", re.IGNORECASE),
    re.compile(rf"(/subscriptions/)({_GUID})", re.IGNORECASE),
    re.compile(
        rf"((?:tenant(?:[ _-]?id)?|tid|subscription(?:[ _-]?id)?)[\"']?\s*[:=]?\s*[\"']?)({_GUID})", re.IGNORECASE
    ),
)
_TOKEN_ENDPOINT = re.compile(r"/oauth2/(?:[^/]+/)?token$|/msi/token$|/metadata/identity/oauth2/token$")

_BINARY_SECRETS: tuple[tuple[bytes, Pattern[bytes]], ...] = (
    (b"eyJ", re.compile(JWT.pattern.encode())),
    (b"sig=", re.compile(rb"(?<=[?&;]sig=)[A-Za-z0-9%+/=_-]{12,}")),
    (b"AccountKey=", re.compile(rb"(?<=AccountKey=)[^;\"'\s\0]{8,}")),
    (b"SharedAccessKey=", re.compile(rb"(?<=SharedAccessKey=)[^;\"'\s\0]{8,}")),
    (b"client_secret=", re.compile(rb"(?<=client_secret=)[^&;\"'\s\0\\^]{8,}")),
    (b"access_token=", re.compile(rb"(?<=access_token=)[^&;\"'\s\0\\^]{8,}")),
    (b"Bearer ", re.compile(rb"(?<=Bearer )[A-Za-z0-9._~+/-]{16,}=*")),
)
"""Shapes that do not turn up in pixel data by chance, each with bytes that it cannot do without."""

_SUSPICIOUS = re.compile(
    r"(?:key|secret|token|credential|signature|passwd|pwd)[\w-]{0,20}[\"']?\s*[:=]\s*[\"']?"
    r"([A-Za-z0-9+/_-]{32,}={0,2})(?![A-Za-z0-9+/_.-])",
    re.IGNORECASE,
)
_MIN_LITERAL = 8


class Secrets:
    """The rules of one recording. hosts: `host` or `host:port` of the real upstream.

    Remembers each secret that it took away, so that an echo of it, in an error text say, goes as well.
    """

    def __init__(self, pseudonyms: Pseudonyms, hosts: Iterable[str] = ()) -> None:
        self._pseudonyms = pseudonyms
        self._literals: set[str] = set()
        self._literal_pattern: Pattern[str] | None = None
        names = sorted({host.lower() for host in hosts} - {""}, key=len, reverse=True)
        self._hosts = (
            re.compile(
                rf"(https?://)?(?<![\w.-])(?:{'|'.join(map(re.escape, names))})(?::443)?(?![\w-])", re.IGNORECASE
            )
            if names
            else None
        )

    def header(self, name: str, value: str) -> str:
        """A request header's value, or a response's."""
        if is_secret_header(name):
            self._remember(value)
            self._remember(value.partition(" ")[2])
            return REDACTED
        return self.text(value)

    def text(self, text: str) -> str:
        """Any text: a URI, a header value, a text body. What it returns is returned as it is the next time."""
        if "sig=" in text.lower():
            text = _SAS_PARAMETER.sub(lambda found: found[1] + "0", text)
        for pattern in _CREDENTIALS:
            text = pattern.sub(self._redact, text)
        text = JWT.sub(self._fake_jwt, text)
        if self._literal_pattern is not None:
            text = self._literal_pattern.sub(REDACTED, text)
        return self._identities(text)

    def binary(self, content: bytes) -> bytes:
        """Bytes that are no text: credentials overwritten in place, since lengths stand elsewhere in the data."""
        for marker, pattern in _BINARY_SECRETS:
            if marker in content:
                content = pattern.sub(lambda found: _filler(len(found[0])), content)
        for literal in self._literals:
            encoded = literal.encode("utf-8", "replace")
            content = content.replace(encoded, _filler(len(encoded)))
        return content

    def _identities(self, text: str) -> str:
        text = _SERVICE_HOST.sub(PLACEHOLDER_HOST, text)
        if self._hosts is not None:
            text = self._hosts.sub(lambda found: PLACEHOLDER_ORIGIN if found[1] else PLACEHOLDER_HOST, text)
        text = _STORAGE_HOST.sub(lambda found: self._pseudonyms.account(found[1]), text)
        for pattern in _IDENTITIES:
            text = pattern.sub(lambda found: found[1] + self._pseudonyms.guid(found[2]), text)
        return text

    def _redact(self, found: Match[str]) -> str:
        self._remember(found[2])
        return found[1] + REDACTED + (found[3] if (found.re.groups or 0) > 2 else "")

    def _fake_jwt(self, found: Match[str]) -> str:
        if found[0] != FAKE_JWT:
            self._remember(found[0])
        return FAKE_JWT

    def _remember(self, secret: str) -> None:
        if len(secret) < _MIN_LITERAL or secret in self._literals or secret in (REDACTED, FAKE_JWT):
            return
        self._literals.add(secret)
        longest_first = sorted(self._literals, key=len, reverse=True)
        self._literal_pattern = re.compile("|".join(map(re.escape, longest_first)))


def credentials_in(text: str) -> list[str]:
    """What of `text` is a credential to the rules, each as its beginning only; [] for text that was scrubbed."""
    found = [match[1] for pattern in _CREDENTIALS for match in pattern.finditer(text) if not _is_taken(match[2])]
    found += ["JWT" for token in JWT.findall(text) if token != FAKE_JWT]
    found += [f"host {host}" for host in _SERVICE_HOST.findall(text) if host.lower() != PLACEHOLDER_HOST]
    return found


def is_secret_header(name: str) -> bool:
    """Whether a header's whole value is a secret."""
    return name.lower() in SECRET_HEADERS or name.lower().startswith(SECRET_HEADER_PREFIX)


def _is_taken(value: str) -> bool:
    return value.startswith(REDACTED) or not value


def is_token_endpoint(path: str) -> bool:
    """Whether an exchange at this path hands out tokens; it is never recorded."""
    return _TOKEN_ENDPOINT.search(path) is not None


def suspicious(text: str) -> list[str]:
    """What looks like a credential beside a word that says so: a second line behind the named rules."""
    return [found[1] for found in _SUSPICIOUS.finditer(text) if _is_random(found[1])]


def _is_random(text: str) -> bool:
    classes: tuple[Callable[[str], bool], ...] = (str.isdigit, str.islower, str.isupper)
    return len(set(text)) >= 12 and sum(any(map(is_class, text)) for is_class in classes) >= 2


def _filler(length: int) -> bytes:
    return (REDACTED.encode() + b"0" * length)[:length]
