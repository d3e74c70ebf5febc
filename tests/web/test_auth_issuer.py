"""The built-in development issuer: OpenID configuration, key set, token endpoint, managed identity endpoint."""

import json
import os
import stat
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest

from azdicom_emulator.settings import DEVELOPMENT_ISSUER, AuthMode, Settings
from tests.conftest import EmulatorWith
from tests.support.client import Emulator, Response
from tests.support.server import running
from tests.support.tokens import AUDIENCE, token_for, token_response

IDENTITY = {"X-IDENTITY-HEADER": "any secret"}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The issuer's endpoints are there under --strict too, and need no token."""
    folder = tmp_path_factory.mktemp("issuer") / "data"
    with running(Settings(data_dir=folder, auth=AuthMode.JWT, strict=True)) as started:
        yield started


def verified_claims(emulator: Emulator, token: str, audience: str = AUDIENCE) -> dict[str, Any]:
    """What a stranger who knows only the OpenID configuration reads in `token`."""
    configuration = emulator.request("GET", "/.well-known/openid-configuration").json()
    keys = jwt.PyJWKSet.from_dict(emulator.request("GET", urlsplit(configuration["jwks_uri"]).path).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256"], audience=audience, issuer=configuration["issuer"]
    )
    return claims


def managed_identity(emulator: Emulator, headers: dict[str, str] | None = None, **query: str) -> Response:
    given = {"resource": AUDIENCE, "api-version": "2019-08-01"} | query
    sent = urlencode({name: value for name, value in given.items() if value})
    return emulator.request("GET", f"/msi/token?{sent}", headers=IDENTITY if headers is None else headers)


@pytest.mark.parametrize(
    ("path", "tenant"),
    [
        ("/.well-known/openid-configuration", "development"),
        ("/contoso/v2.0/.well-known/openid-configuration", "contoso"),
    ],
)
def test_openid_configuration_names_the_endpoints(emulator: Emulator, path: str, tenant: str) -> None:
    """OpenID Connect Discovery 1.0 §3; the paths are those of Microsoft Entra ID."""
    answer = emulator.request("GET", path)

    document = answer.json()
    assert answer.status == 200
    assert document["issuer"] == DEVELOPMENT_ISSUER
    assert document["token_endpoint"] == f"{emulator.base_url}/{tenant}/oauth2/v2.0/token"
    assert document["jwks_uri"] == f"{emulator.base_url}/{tenant}/discovery/v2.0/keys"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]


def test_key_set_holds_the_public_key_alone(emulator: Emulator) -> None:
    """RFC 7517 §4, RFC 7518 §6.3.2: `d` and the primes are private."""
    [key] = emulator.request("GET", "/development/discovery/v2.0/keys").json()["keys"]

    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}


@pytest.mark.parametrize(
    ("client_id", "roles"),
    [
        ("reader", ["DICOM Data Reader"]),
        ("READER", ["DICOM Data Reader"]),
        ("owner", ["DICOM Data Owner"]),
        ("none", []),
        ("6f3b1f0e-6f3a-4f0e-9d3c-0d7f3d1c2b4a", ["DICOM Data Owner"]),
    ],
)
def test_client_id_chooses_the_role(emulator: Emulator, client_id: str, roles: list[str]) -> None:
    """RFC 6749 §4.4; docs/authentication.md: `reader` reads, `none` has no role, every other client is an owner."""
    answer = token_response(emulator, client_id=client_id)

    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    claims = verified_claims(emulator, answer.json()["access_token"])
    assert (claims["roles"], claims["appid"]) == (roles, client_id)


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (f"{AUDIENCE}/.default", AUDIENCE),
        (f"{AUDIENCE}//.default", f"{AUDIENCE}/"),
        ("https://example.org/.default", "https://example.org"),
    ],
)
def test_scope_is_the_audience(emulator: Emulator, scope: str, audience: str) -> None:
    """Microsoft identity platform, "The .default scope": a trailing slash of the resource is kept."""
    token = token_response(emulator, scope=scope).json()["access_token"]

    assert verified_claims(emulator, token, audience)["aud"] == audience


@pytest.mark.parametrize("wanted", [60, -60])
def test_life_time_can_be_chosen(emulator: Emulator, wanted: int) -> None:
    """docs/authentication.md: `expires_in` of the request, below 0 for a token that has expired."""
    token = token_for(emulator, expires_in=str(wanted))

    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == wanted
    assert claims["nbf"] < claims["exp"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"client_id": ""}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": AUDIENCE}, "invalid_scope"),
        ({"scope": "/.default"}, "invalid_scope"),
        ({"scope": "https://a/.default https://b/.default"}, "invalid_scope"),
        ({"expires_in": "soon"}, "invalid_request"),
        ({"expires_in": "1" * 30}, "invalid_request"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_token_request_is_answered_400(emulator: Emulator, form: dict[str, str], error: str) -> None:
    """RFC 6749 §5.2."""
    answer = token_response(emulator, **form)

    assert (answer.status, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_a_token_request_that_is_no_form_is_answered_400(emulator: Emulator) -> None:
    """RFC 6749 §5.2: multipart/form-data without a boundary cannot be read."""
    answer = emulator.request(
        "POST", "/any/oauth2/v2.0/token", headers={"Content-Type": "multipart/form-data"}, body=b"x"
    )

    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


def test_managed_identity_answers_as_app_service_does(emulator: Emulator) -> None:
    """Azure App Service, "REST endpoint reference" of managed identities: `expires_on` is text, in Unix seconds."""
    before = int(time.time())

    answer = managed_identity(emulator)

    document = answer.json()
    assert answer.status == 200
    assert set(document) == {"access_token", "expires_on", "resource", "token_type", "client_id"}
    assert (document["resource"], document["token_type"]) == (AUDIENCE, "Bearer")
    assert before + 3600 <= int(document["expires_on"]) <= int(time.time()) + 3600
    assert verified_claims(emulator, document["access_token"])["roles"] == ["DICOM Data Owner"]


@pytest.mark.parametrize(
    ("secret", "client_id", "roles"),
    [
        ("reader", "", ["DICOM Data Reader"]),
        ("none", "", []),
        ("secret", "reader", ["DICOM Data Reader"]),
        ("reader", "6f3b1f0e-6f3a-4f0e-9d3c-0d7f3d1c2b4a", ["DICOM Data Owner"]),
    ],
)
def test_managed_identity_role_is_the_client_ids_else_the_secrets(
    emulator: Emulator, secret: str, client_id: str, roles: list[str]
) -> None:
    """docs/authentication.md: a user-assigned identity names itself; the system-assigned one has only its secret."""
    answer = managed_identity(emulator, {"X-IDENTITY-HEADER": secret}, client_id=client_id)

    assert verified_claims(emulator, answer.json()["access_token"])["roles"] == roles


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [({}, {}, 401), (IDENTITY, {"resource": ""}, 400), (IDENTITY, {"api-version": ""}, 400)],
    ids=["no secret", "no resource", "no version"],
)
def test_wrong_managed_identity_request_is_refused(
    emulator: Emulator, headers: dict[str, str], query: dict[str, str], status: int
) -> None:
    """Azure App Service, "REST endpoint reference": the header and both query parameters are required."""
    answer = managed_identity(emulator, headers, **query)

    assert (answer.status, answer.json()["statusCode"]) == (status, status)


@pytest.mark.parametrize("mode", list(AuthMode))
def test_issuer_is_there_in_every_mode(emulator_with: EmulatorWith, mode: AuthMode) -> None:
    """docs/authentication.md: a client that insists on a token gets one, whether it is looked at or not."""
    assert managed_identity(emulator_with(auth=mode)).status == 200


def test_issuer_is_absent_where_another_one_is_trusted(emulator_with: EmulatorWith) -> None:
    """docs/authentication.md: `--auth-jwks` names the issuer whose tokens are taken; ours would be refused."""
    emulator = emulator_with(auth_jwks="http://127.0.0.1:1/keys")

    assert emulator.request("GET", "/.well-known/openid-configuration").status == 404
    assert token_response(emulator).status == 404
    assert managed_identity(emulator).status == 404


def test_configured_issuer_is_in_the_tokens(emulator_with: EmulatorWith) -> None:
    """docs/authentication.md: `--auth-issuer` alone renames the built-in issuer."""
    emulator = emulator_with(auth_issuer="http://localhost:8080/development/v2.0")

    token = token_for(emulator)

    assert verified_claims(emulator, token)["iss"] == "http://localhost:8080/development/v2.0"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_private_key_is_the_owners_alone(emulator: Emulator) -> None:
    """docs/authentication.md: whoever reads the key can sign tokens."""
    token_for(emulator)

    assert stat.S_IMODE((emulator.data_dir / "issuer-key.pem").stat().st_mode) == 0o600


def test_servers_have_keys_of_their_own(emulator: Emulator, emulator_with: EmulatorWith) -> None:
    """docs/authentication.md: a token of one server is nothing to another."""
    other = emulator_with(auth=AuthMode.JWT)

    answer = other.get("/studies", headers={"Authorization": f"Bearer {token_for(emulator)}"})

    assert answer.status == 401
    assert "The signature key was not found" in answer.headers["WWW-Authenticate"]


def test_no_key_is_made_before_it_is_needed(emulator_with: EmulatorWith) -> None:
    """A server whose issuer nobody asks starts without it."""
    emulator = emulator_with()
    assert emulator.get("/studies").status == 204

    assert not (emulator.data_dir / "issuer-key.pem").exists()
    assert json.loads(managed_identity(emulator).content)["access_token"]
    assert (emulator.data_dir / "issuer-key.pem").exists()
