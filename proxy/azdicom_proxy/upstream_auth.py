"""Whose access token the upstream sees, and what to do when it refuses one. Tokens never reach a log."""

import asyncio
import base64
import contextlib
import json
import logging
import os
import time
from pathlib import Path
from typing import Any, Protocol

from azdicom_proxy.headers import value_of, without
from azdicom_proxy.settings import ProxySettings, UpstreamAuth
from azdicom_proxy.upstream.head import RawHeaders

log = logging.getLogger(__name__)

SCOPE = "https://dicom.healthcareapis.azure.com/.default"
REFRESH_BEFORE_S = 300
ROLES = "DICOM Data Owner or DICOM Data Reader"
EXTRA = "pip install 'azure-dicom-emulator[azure]'"


class TokenUnavailableError(Exception):
    """No token. The text says why and holds none."""


class TokenSource(Protocol):
    async def token(self) -> str:
        """Raises TokenUnavailableError."""

    async def close(self) -> None: ...


class UpstreamAuthorization:
    """Puts the right `Authorization` into the headers of a request. source: None for `passthrough` and `none`."""

    def __init__(self, auth: UpstreamAuth, source: TokenSource | None) -> None:
        self._auth = auth
        self._source = source

    async def applied_to(self, headers: RawHeaders) -> RawHeaders:
        """Raises TokenUnavailableError."""
        if self._auth is UpstreamAuth.PASSTHROUGH:
            return headers
        cleared = without(headers, b"authorization")
        if self._source is None:
            return cleared
        token = await self._source.token()
        return (*cleared, (b"Authorization", f"Bearer {token}".encode("latin-1")))

    async def check(self) -> None:
        """Gets a token now, if any is to be got. Raises TokenUnavailableError."""
        if self._source is not None:
            await self._source.token()

    async def close(self) -> None:
        if self._source is not None:
            await self._source.close()


def authorization(settings: ProxySettings) -> UpstreamAuthorization:
    """Raises TokenUnavailableError: the extra for `azure` is not installed."""
    match settings.auth:
        case UpstreamAuth.AZURE:
            return UpstreamAuthorization(settings.auth, AzureToken())
        case UpstreamAuth.TOKEN_FILE:
            assert settings.token_file is not None
            return UpstreamAuthorization(settings.auth, FileToken(settings.token_file))
        case UpstreamAuth.TOKEN_ENV:
            assert settings.token_env is not None
            return UpstreamAuthorization(settings.auth, VariableToken(settings.token_env))
    return UpstreamAuthorization(settings.auth, None)


class FileToken:
    """The content of a file, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._token = ""

    async def token(self) -> str:
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._read_at:
                self._token = _checked(self._path.read_text("utf-8"), str(self._path))
                self._read_at = (stat.st_mtime_ns, stat.st_size)
        except (OSError, UnicodeDecodeError) as error:
            raise TokenUnavailableError(f"cannot read the token file {self._path}: {error}") from None
        return self._token

    async def close(self) -> None:
        """Nothing is open."""


class VariableToken:
    """The value of an environment variable."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def token(self) -> str:
        return _checked(os.environ.get(self._name, ""), f"the environment variable {self._name}")

    async def close(self) -> None:
        """Nothing is open."""


class AzureToken:
    """The token of `DefaultAzureCredential`, kept until five minutes before its expiry, asked for once at a time.

    credential: an azure-identity credential in place of the default one.
    """

    def __init__(self, credential: Any = None) -> None:
        self._credential = credential if credential is not None else _default_credential()
        self._lock = asyncio.Lock()
        self._token = ""
        self._refresh_at = 0.0

    async def token(self) -> str:
        if time.time() < self._refresh_at:
            return self._token
        async with self._lock:
            if time.time() >= self._refresh_at:
                await self._refresh()
        return self._token

    async def close(self) -> None:
        await asyncio.to_thread(self._credential.close)

    async def _refresh(self) -> None:
        try:
            got = await asyncio.to_thread(self._credential.get_token, SCOPE)
        except Exception as error:  # azure-core's hierarchy is wide; the credential chain's text says what to do
            raise TokenUnavailableError(f"no token from the Azure credential chain: {error}") from error
        self._token, self._refresh_at = got.token, got.expires_on - REFRESH_BEFORE_S


def _default_credential() -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise TokenUnavailableError(f"--auth azure needs the package azure-identity: {EXTRA}") from None
    return DefaultAzureCredential()


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if not token:
        raise TokenUnavailableError(f"{where} holds no token")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TokenUnavailableError(f"{where} holds something that is no bearer token")
    return token


def log_hint(status: int, sent: RawHeaders) -> None:
    """One line for a 401 or 403 of the upstream: what to look at. sent: the headers of the request it refused."""
    if status == 401:
        log.warning("upstream answered 401: check audience and expiry of the token (%s)", _described(sent))
    elif status == 403:
        log.warning("upstream answered 403: does the principal of the token have the role %s?", ROLES)


def _described(sent: RawHeaders) -> str:
    value = (value_of(sent, b"authorization") or b"").decode("latin-1")
    if not value:
        return "none was sent"
    claims = _claims(value.rpartition(" ")[2])
    if claims is None:
        return "it is no JWT"
    expected = SCOPE.removesuffix("/.default")
    return f"aud {claims.get('aud')!r}, exp {_when(claims.get('exp'))}; expected audience {expected}"


def _claims(token: str) -> dict[str, Any] | None:
    """The claims of a JWT, unverified."""
    pieces = token.split(".")
    if len(pieces) != 3:
        return None
    with contextlib.suppress(ValueError):
        claims = json.loads(base64.urlsafe_b64decode(pieces[1] + "=" * (-len(pieces[1]) % 4)))
        return claims if isinstance(claims, dict) else None
    return None


def _when(expires: object) -> str:
    if not isinstance(expires, int | float):
        return "unknown"
    left = expires - time.time()
    return f"{abs(left):.0f} s {'from now' if left >= 0 else 'ago'}"
