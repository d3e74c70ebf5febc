"""Who may do what: the bearer token of a request, and the action that its route needs (http §5, §11)."""

import asyncio
import logging
import re
from collections.abc import Mapping

from aiohttp import web

from azdicom_emulator.identity.errors import IdentityError, TokenRefusedError
from azdicom_emulator.identity.issuer import AUDIENCE, OWNER, READER, Issuer
from azdicom_emulator.identity.key_sets import FixedKeySet, KeySet, key_set_at
from azdicom_emulator.identity.verification import Verified, Verifier
from azdicom_emulator.settings import AuthMode, Settings
from azdicom_emulator.web.errors import BusyError, ForbiddenError, UnauthorizedError
from azdicom_emulator.web.keys import MATCH, SETTINGS, WORKERS
from azdicom_emulator.web.routing import Action

log = logging.getLogger(__name__)

TENANT = "development"
"""Of the built-in issuer's own addresses; its endpoints answer for every tenant."""
EVERYTHING = frozenset(Action)
READING = frozenset({Action.READ})
ROLES: Mapping[str, frozenset[Action]] = {
    OWNER: EVERYTHING,
    READER: READING,
    "globalAdmin": EVERYTHING,  # the role names of the engine's own configuration
    "globalReader": READING,
}
TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
"""RFC 6750 §2.1."""

ALLOWED = web.RequestKey("allowed", frozenset[Action])
ISSUER = web.AppKey("issuer", Issuer)
VERIFIER = web.AppKey("verifier", Verifier)


def add_identity(application: web.Application) -> None:
    """Hangs the built-in issuer and the check of tokens on the application; keys are loaded when they are needed."""
    settings = application[SETTINGS]
    issuer = application[ISSUER] = Issuer(settings.data_dir, settings.auth_issuer)
    application[VERIFIER] = Verifier(lambda: _keys(settings, issuer), settings.auth_issuer)


def _keys(settings: Settings, issuer: Issuer) -> KeySet:
    return key_set_at(settings.auth_jwks) if settings.auth_jwks else FixedKeySet(issuer.key_set())


async def load_keys(application: web.Application) -> None:
    """Under `--auth jwt`, when the server starts: a key that is unusable is found now. Raises KeyUnusableError."""
    if application[SETTINGS].auth is AuthMode.JWT:
        await asyncio.to_thread(application[VERIFIER].load)


async def authenticate(request: web.Request, action: Action) -> None:
    """Right after routing: a token that the mode accepts, unless the route is public.

    Raises UnauthorizedError (401); BusyError (503) when the key set is out of reach.
    """
    mode = request.app[SETTINGS].auth
    if mode is AuthMode.NONE or action is Action.PUBLIC:
        return
    token = _bearer_token(request)
    if mode is AuthMode.JWT:
        verified = await _verified(request, token)
        request[ALLOWED] = frozenset[Action]().union(*(ROLES.get(role, ()) for role in verified.roles))


def authorize(request: web.Request) -> None:
    """Where the service checks roles: after content type, partition and Accept, before UIDs. Raises ForbiddenError."""
    allowed = request.get(ALLOWED)
    if allowed is not None and request[MATCH].route.action not in allowed:
        raise ForbiddenError


def _bearer_token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise UnauthorizedError(_challenge(request))
    if not TOKEN.fullmatch(token):
        raise _invalid_token(request, "")
    return token


async def _verified(request: web.Request, token: str) -> Verified:
    verifier = request.app[VERIFIER]
    known = verifier.known(token)
    if known is not None:
        return known
    try:
        return await request.app[WORKERS].in_thread(verifier.verify, token)
    except TokenRefusedError as error:
        raise _invalid_token(request, error.description) from error
    except IdentityError as error:
        log.warning("cannot check a token: %s", error)
        raise BusyError from error


def _challenge(request: web.Request) -> str:
    settings = request.app[SETTINGS]
    authority = f"{origin(request)}/{TENANT}" if settings.has_own_issuer else settings.auth_issuer
    return f"Bearer authorization_uri={_quoted(authority)}, resource_id={_quoted(AUDIENCE)}, realm={_quoted(AUDIENCE)}"


def _invalid_token(request: web.Request, description: str) -> UnauthorizedError:
    challenge = f'{_challenge(request)}, error="invalid_token"'
    if description:
        challenge += f", error_description={_quoted(description)}"
    return UnauthorizedError(challenge)


def origin(request: web.Request) -> str:
    """Scheme and host as the client used them, `http://127.0.0.1:8080`."""
    return f"{request.scheme}://{request.host}"


def _quoted(value: str) -> str:
    """A quoted string (RFC 9110 §5.6.4). What a client wrote, as its audience, must not end the header line."""
    visible = re.sub(r"[^ -~]", "?", value)
    return '"' + re.sub(r'(["\\])', r"\\\1", visible) + '"'
