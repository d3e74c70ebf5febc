"""The endpoints of the built-in issuer: OpenID configuration, keys, tokens by client credentials and managed identity.

They take any secret: they are for tests of clients, and whoever reaches them gets a token.
"""

import logging
import time

from aiohttp import web

from azdicom_emulator.identity.issuer import LIFETIME_S
from azdicom_emulator.identity.signing_key import ALGORITHM
from azdicom_emulator.web import responses
from azdicom_emulator.web.authentication import ISSUER, TENANT, origin
from azdicom_emulator.web.keys import MATCH, WORKERS

log = logging.getLogger(__name__)

DEFAULT_SCOPE = "/.default"
MAX_LIFETIME_S = 10 * 365 * 24 * 3600
NOT_STORED = {"Cache-Control": "no-store"}
"""RFC 6749 §5.1."""


async def openid_configuration(request: web.Request) -> web.StreamResponse:
    """OpenID Connect Discovery 1.0 §3, with the names that Microsoft Entra ID's own document has.

    There is no sign-in page: the document must name an authorization endpoint, and that address answers 404.
    """
    tenant = f"{origin(request)}/{request[MATCH].parameters.get('tenant', TENANT)}"
    return responses.json_value(
        {
            "issuer": request.app[ISSUER].name,
            "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{tenant}/oauth2/v2.0/token",
            "jwks_uri": f"{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["token"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }
    )


async def key_set(request: web.Request) -> web.StreamResponse:
    return responses.json_value(await request.app[WORKERS].in_thread(request.app[ISSUER].key_set))


async def client_credentials_token(request: web.Request) -> web.StreamResponse:
    """RFC 6749 §4.4: any client id and secret; `scope` is the audience and `/.default`.

    The client id chooses the role. `expires_in`, which is this issuer's own, asks for a life time in seconds.
    """
    try:
        form = await request.post()
    except ValueError:
        return _oauth_error("invalid_request", "the body is no form")
    grant, client_id, scope, wanted = (
        str(form.get(name, "")) for name in ("grant_type", "client_id", "scope", "expires_in")
    )
    if grant != "client_credentials":
        return _oauth_error("unsupported_grant_type", "grant_type must be client_credentials")
    if not client_id:
        return _oauth_error("invalid_request", "client_id is missing")
    audience = scope.removesuffix(DEFAULT_SCOPE)
    if not audience or audience == scope or " " in scope:
        return _oauth_error("invalid_scope", f"scope must be one audience and {DEFAULT_SCOPE}")
    lifetime_s = _lifetime_s(wanted)
    if lifetime_s is None:
        return _oauth_error("invalid_request", "expires_in must be a number of seconds")
    token = await _issue(request, client_id, audience, lifetime_s)
    return responses.json_value(
        {"token_type": "Bearer", "expires_in": lifetime_s, "ext_expires_in": lifetime_s, "access_token": token},
        headers=NOT_STORED,
    )


async def managed_identity_token(request: web.Request) -> web.StreamResponse:
    """The endpoint that `IDENTITY_ENDPOINT` names on Azure App Service, api-version 2019-08-01.

    The role is chosen by `client_id`, that of a user-assigned identity, else by the value of `IDENTITY_HEADER`.
    """
    secret = request.headers.get("X-IDENTITY-HEADER", "")
    if not secret:
        return _identity_error(401, "The header X-IDENTITY-HEADER is missing: set IDENTITY_HEADER to any value.")
    if "api-version" not in request.query:
        return _identity_error(400, "The query parameter api-version is missing: 2019-08-01.")
    resource = request.query.get("resource", "")
    if not resource:
        return _identity_error(400, "The query parameter resource is missing.")
    client_id = request.query.get("client_id") or secret
    token = await _issue(request, client_id, resource, LIFETIME_S)
    return responses.json_value(
        {
            "access_token": token,
            "expires_on": str(int(time.time()) + LIFETIME_S),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": client_id,
        },
        headers=NOT_STORED,
    )


async def _issue(request: web.Request, client_id: str, audience: str, lifetime_s: int) -> str:
    issuer = request.app[ISSUER]
    token = await request.app[WORKERS].in_thread(
        lambda: issuer.token(client_id=client_id, audience=audience, lifetime_s=lifetime_s)
    )
    log.info("issued a token for %s, valid for %d s", audience, lifetime_s)
    return token


def _lifetime_s(wanted: str) -> int | None:
    """Seconds, negative for a token that has expired; None: not a number, or out of all proportion."""
    if not wanted:
        return LIFETIME_S
    try:
        lifetime_s = int(wanted)
    except ValueError:
        return None
    return lifetime_s if abs(lifetime_s) <= MAX_LIFETIME_S else None


def _oauth_error(error: str, description: str) -> web.Response:
    """RFC 6749 §5.2."""
    return responses.json_value({"error": error, "error_description": description}, status=400, headers=NOT_STORED)


def _identity_error(status: int, message: str) -> web.Response:
    return responses.json_value({"statusCode": status, "message": message}, status=status)
