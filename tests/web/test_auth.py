"""Authentication: which requests each mode takes, and what the others are answered (http §5, §11)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from azdicom_emulator.identity.errors import KeyUnusableError
from azdicom_emulator.identity.signing_key import SigningKey, new_private_key
from azdicom_emulator.settings import AuthMode, Settings
from tests.conftest import EmulatorWith
from tests.support.client import Emulator, Response
from tests.support.instances import an_instance
from tests.support.server import running
from tests.support.tokens import AUDIENCE, bearer, claims, signing_key, token_for
from tests.support.waiting import eventually

PROTECTED = (AuthMode.ANY, AuthMode.JWT)
EmulatorOf = Callable[[AuthMode], Emulator]


@pytest.fixture(scope="module")
def emulator_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorOf]:
    """A server for each mode, empty and shared by the tests that store nothing."""
    with ExitStack() as stack:

        @cache
        def start(mode: AuthMode) -> Emulator:
            return stack.enter_context(running(Settings(data_dir=tmp_path_factory.mktemp(mode) / "data", auth=mode)))

        yield start


def assert_challenged(answer: Response, emulator: Emulator, description: str | None = None) -> None:
    """401 with an empty body; description: None without a token, "" for one that is malformed."""
    expected = (
        f'Bearer authorization_uri="{emulator.base_url}/development", resource_id="{AUDIENCE}", realm="{AUDIENCE}"'
    )
    if description is not None:
        expected += ', error="invalid_token"'
    if description:
        expected += f', error_description="{description}"'
    assert (answer.status, answer.content) == (401, b"")
    assert answer.content_type is None
    assert answer.headers["WWW-Authenticate"] == expected


def search(emulator: Emulator, token: str | None = None) -> Response:
    return emulator.get("/studies", headers=bearer(token) if token is not None else None)


@pytest.mark.parametrize("header", [None, "Bearer x", "Basic eDp5", "nonsense"])
def test_without_authentication_the_header_is_ignored(emulator_of: EmulatorOf, header: str | None) -> None:
    """http §5.2: security is off by default, then everything is allowed; §5.3: header ignored."""
    headers = {"Authorization": header} if header else None

    assert emulator_of(AuthMode.NONE).get("/studies", headers=headers).status == 204


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer  "},
        {"Authorization": "Basic eA=="},
    ],
    ids=["absent", "empty", "bearer alone", "bearer and spaces", "basic"],
)
def test_request_without_a_token_is_answered_401(
    emulator_of: EmulatorOf, mode: AuthMode, headers: dict[str, str]
) -> None:
    """http §5.2: 401, empty body, `WWW-Authenticate: Bearer authorization_uri=…, resource_id=…, realm=…`."""
    emulator = emulator_of(mode)

    assert_challenged(emulator.get("/studies", headers=headers), emulator)


@pytest.mark.parametrize("header", ["Bearer x", "bearer a.b.c", "BEARER dGVzdA=="])
def test_any_takes_every_well_formed_bearer_token(emulator_of: EmulatorOf, header: str) -> None:
    """http §5.3, `any`: a non-empty bearer token is required, its content not checked; RFC 9110 §11.1: any case."""
    emulator = emulator_of(AuthMode.ANY)

    assert emulator.get("/studies", headers={"Authorization": header}).status == 204


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize("token", ["a b", 'a"b', "a,b", "=", "{}"])
def test_token_of_other_characters_is_malformed(emulator_of: EmulatorOf, mode: AuthMode, token: str) -> None:
    """RFC 6750 §2.1: the characters of a bearer token; http §5.2: error="invalid_token"."""
    emulator = emulator_of(mode)

    assert_challenged(search(emulator, token), emulator, "")


@pytest.mark.parametrize("role", ["owner", "reader"])
def test_jwt_takes_the_tokens_of_the_built_in_issuer(emulator_of: EmulatorOf, role: str) -> None:
    """http §5.1: both data-plane roles may read and search."""
    emulator = emulator_of(AuthMode.JWT)

    assert search(emulator, token_for(emulator, role)).status == 204


@pytest.mark.parametrize("audience", [AUDIENCE, f"{AUDIENCE}/", ["https://example.org", AUDIENCE]])
def test_audience_is_taken_with_and_without_slash(emulator_of: EmulatorOf, audience: str | list[str]) -> None:
    """http §5.3: audience with or without trailing `/`; RFC 7519 §4.1.3: one of a list."""
    emulator = emulator_of(AuthMode.JWT)

    assert search(emulator, signing_key(emulator).sign(claims(aud=audience))).status == 204


REFUSED_CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": 1704067199}, "The token expired at '12/31/2023 23:59:59'"),
    "no expiry": ({"exp": None}, "The token has no expiration"),
    "not yet valid": ({"nbf": 4102444800}, "The token is not valid before '01/01/2100 00:00:00'"),
    "other audience": ({"aud": "https://example.org"}, "The audience 'https://example.org' is invalid"),
    "the service's address": ({"aud": "http://127.0.0.1"}, "The audience 'http://127.0.0.1' is invalid"),
    "no audience": ({"aud": None}, "The audience '(null)' is invalid"),
    "other issuer": ({"iss": "https://example.org/"}, "The issuer 'https://example.org/' is invalid"),
    "no issuer": ({"iss": None}, "The issuer '(null)' is invalid"),
    "line break in a claim": ({"aud": 'a"\r\nb: \u00e9'}, "The audience 'a\\\"??b: ?' is invalid"),
    "a year that no clock shows": ({"exp": -(10**18)}, f"The token expired at '{-(10**18)}'"),
}


@pytest.mark.parametrize(("changes", "description"), REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS)
def test_token_with_a_wrong_claim_is_answered_401_with_the_reason(
    emulator_of: EmulatorOf, changes: dict[str, Any], description: str
) -> None:
    """http §5.2: for a bad token error="invalid_token" and a description; texts of the service's framework."""
    emulator = emulator_of(AuthMode.JWT)

    token = signing_key(emulator).sign(claims(**changes))

    assert_challenged(search(emulator, token), emulator, description)


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unsigned(emulator: Emulator) -> str:
    return jwt.encode(claims(), "", algorithm="none", headers={"kid": signing_key(emulator).public_jwk["kid"]})


def _signed_with_the_public_key(emulator: Emulator) -> str:
    """The published key taken as an HMAC secret: what a server falls for that lets the token choose the algorithm."""
    key = signing_key(emulator)
    public = jwt.PyJWK(key.public_jwk).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    content = f"{_segment({'alg': 'HS256', 'kid': key.public_jwk['kid']})}.{_segment(claims())}"
    digest = hmac.new(public, content.encode(), hashlib.sha256).digest()
    return f"{content}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _changed(emulator: Emulator) -> str:
    """A reader's token whose claims were made an owner's."""
    head, _, signature = signing_key(emulator).sign(claims(roles=["DICOM Data Reader"])).split(".")
    return f"{head}.{_segment(claims())}.{signature}"


def _of_another_key(emulator: Emulator) -> str:
    kid = signing_key(emulator).public_jwk["kid"]
    return jwt.encode(claims(), new_private_key(), algorithm="RS256", headers={"kid": kid})


def _of_an_unknown_key(emulator: Emulator) -> str:
    return SigningKey(new_private_key()).sign(claims())


FORGED = {
    "alg none": (_unsigned, "The signature is invalid"),
    "HS256 with the public key": (_signed_with_the_public_key, "The signature is invalid"),
    "changed claims": (_changed, "The signature is invalid"),
    "another key under the same id": (_of_another_key, "The signature is invalid"),
    "an unknown key": (_of_an_unknown_key, "The signature key was not found"),
    "no JSON Web Token": (lambda _: "abc", ""),
    "three parts of nothing": (lambda _: "a.b.c", ""),
}


@pytest.mark.parametrize(("forge", "description"), FORGED.values(), ids=FORGED)
def test_forged_token_is_answered_401(emulator_of: EmulatorOf, forge: Any, description: str) -> None:
    """RFC 8725 §2.1, §3.1: algorithms and keys are the server's choice, never the token's; http §5.2."""
    emulator = emulator_of(AuthMode.JWT)

    assert_challenged(search(emulator, forge(emulator)), emulator, description)


def test_token_that_names_no_key_is_checked_with_the_only_one(emulator_of: EmulatorOf) -> None:
    """RFC 7515 §4.1.4: `kid` is a hint and optional."""
    emulator = emulator_of(AuthMode.JWT)
    pem = (emulator.data_dir / "issuer-key.pem").read_bytes()

    assert search(emulator, jwt.encode(claims(), pem, algorithm="RS256")).status == 204


def test_token_that_was_taken_is_refused_when_it_expires(emulator_of: EmulatorOf) -> None:
    """http §5.1: decisions are kept up to five minutes; §5.3: `exp` is honoured."""
    emulator = emulator_of(AuthMode.JWT)
    token = token_for(emulator, expires_in="2")
    assert search(emulator, token).status == 204

    refused = eventually(lambda: search(emulator, token).status == 401, what="401 for the expired token")

    assert refused


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/unknown", 404),
        ("GET", "/studies", 404),
        ("PATCH", "/v2/studies", 405),
        ("GET", "/v3/studies", 400),
        ("GET", "/v2/studies?PatientID=<", 400),
    ],
    ids=["unknown path", "no version", "wrong method", "unsupported version", "forbidden character"],
)
def test_routing_comes_before_the_token(
    emulator_of: EmulatorOf, mode: AuthMode, method: str, path: str, status: int
) -> None:
    """http §5.2: the check runs after routing: 404 and 405 even without a token; §11 steps 7, 10, 11."""
    answer = emulator_of(mode).request(method, path)

    assert answer.status == status
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/v2/studies", {"Content-Type": "text/plain"}),
        ("GET", "/v2/studies", {}),
        ("GET", "/v2/studies/abc", {"Accept": "application/dicom+json"}),
        ("GET", "/v2/studies?limit=x", {"Accept": "application/dicom+json"}),
        ("GET", "/v2/partitions/x/studies", {"Accept": "application/dicom+json"}),
    ],
    ids=["content type", "accept", "uid", "query", "partition"],
)
def test_token_comes_before_all_other_checks(
    emulator_of: EmulatorOf, mode: AuthMode, method: str, path: str, headers: dict[str, str]
) -> None:
    """http §11: step 11 is 401; content type, model, partition, Accept and UID checks follow."""
    assert emulator_of(mode).request(method, path, headers=headers).status == 401


def test_401_names_no_supported_versions(emulator_of: EmulatorOf) -> None:
    """http §2: `api-supported-versions` is not on 401."""
    emulator = emulator_of(AuthMode.JWT)

    assert "api-supported-versions" not in search(emulator).headers
    assert "api-supported-versions" in search(emulator, token_for(emulator)).headers


@pytest.mark.parametrize("mode", PROTECTED)
@pytest.mark.parametrize("path", ["/health", "/health/check"])
def test_health_needs_no_token(emulator_of: EmulatorOf, mode: AuthMode, path: str) -> None:
    """http §5.2: not authenticated: `/health/check`; §9."""
    assert emulator_of(mode).request("GET", path).status == 200


def test_refused_store_keeps_nothing(emulator_with: EmulatorWith) -> None:
    """http §11: the body is not looked at before 401."""
    emulator = emulator_with(auth=AuthMode.JWT)

    assert emulator.store_response(an_instance()).status == 401
    assert search(emulator, token_for(emulator)).status == 204


def _jwks_file(folder: Path, key: SigningKey) -> str:
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": [key.public_jwk]}))
    return str(path)


def test_keys_of_another_issuer_come_from_a_file(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """RFC 7517 §5: a key set; http §5.1: the issuer is the organisation's own."""
    key, issuer = SigningKey(new_private_key()), "https://login.example.org/v2.0"
    emulator = emulator_with(auth=AuthMode.JWT, auth_jwks=_jwks_file(tmp_path, key), auth_issuer=issuer)

    assert search(emulator, key.sign(claims(iss=issuer))).status == 204
    refused = search(emulator, signing_key(emulator).sign(claims(iss=issuer)))
    assert refused.status == 401
    assert f'authorization_uri="{issuer}"' in refused.headers["WWW-Authenticate"]


def test_keys_of_another_issuer_come_from_an_address(emulator_with: EmulatorWith, tmp_path: Path) -> None:
    """RFC 7517 §5; the address is the `jwks_uri` of the issuer, here another server."""
    issuing = emulator_with(data_dir=tmp_path / "issuing")
    emulator = emulator_with(auth=AuthMode.JWT, auth_jwks=f"{issuing.base_url}/any/discovery/v2.0/keys")

    assert search(emulator, token_for(issuing)).status == 204
    assert search(emulator, signing_key(emulator).sign(claims())).status == 401


def test_token_cannot_be_checked_while_the_keys_are_out_of_reach(emulator_with: EmulatorWith) -> None:
    """http §3.1: a service that cannot answer at the moment says 503; it lets nobody in."""
    emulator = emulator_with(auth=AuthMode.JWT, auth_jwks="http://127.0.0.1:1/keys")

    assert search(emulator, signing_key(emulator).sign(claims())).status == 503


@pytest.mark.parametrize("content", [None, "{", "[]", '{"keys": []}'], ids=["missing", "no JSON", "list", "empty"])
def test_unusable_key_file_stops_the_start(tmp_path: Path, content: str | None) -> None:
    """A server that could check no token does not start."""
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content)
    settings = Settings(data_dir=tmp_path / "data", auth=AuthMode.JWT, auth_jwks=str(path))

    with pytest.raises(KeyUnusableError, match=r"keys\.json"), running(settings):
        pass


def test_token_outlives_the_server_that_gave_it(tmp_path: Path) -> None:
    """The key is kept in the data folder, so that clients go on working after a restart."""
    settings = Settings(data_dir=tmp_path / "data", auth=AuthMode.JWT)
    with running(settings) as first:
        token = token_for(first)

    with running(settings) as second:
        assert search(second, token).status == 204
