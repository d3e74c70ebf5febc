"""The check of an access token: signature, issuer, audience and life time (http §5, RFC 7519)."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from azdicom_emulator.identity.errors import TokenRefusedError
from azdicom_emulator.identity.issuer import AUDIENCE
from azdicom_emulator.identity.key_sets import KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Public keys only: with HS256 among them, the published key would be a secret to sign with."""
AUDIENCES = (AUDIENCE, f"{AUDIENCE}/")
KEPT_S = 300
"""How long a decision holds at most, as the managed service's do (http §5.1)."""
KEPT_TOKENS = 1024
SIGNATURE_INVALID = "The signature is invalid"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token that passed says. `roles` are as written; after `until`, in Unix time, check it again."""

    roles: frozenset[str]
    until: float


class Verifier:
    """Checks tokens of `issuer` against the keys that `load_keys` returns; it is called once, on first use."""

    def __init__(self, load_keys: Callable[[], KeySet], issuer: str) -> None:
        self._load_keys = load_keys
        self._keys: KeySet | None = None
        self._issuer = issuer
        self._known: OrderedDict[str, Verified] = OrderedDict()

    def known(self, token: str) -> Verified | None:
        """The decision on a token that was checked a short while ago."""
        found = self._known.get(token)
        return found if found is not None and time.time() < found.until else None

    def load(self) -> KeySet:
        """Blocks. Raises KeyUnusableError."""
        if self._keys is None:
            self._keys = self._load_keys()
        return self._keys

    def verify(self, token: str) -> Verified:
        """Blocks: a signature is checked, a key may be fetched. Raises TokenRefusedError, IdentityError."""
        import jwt

        keys = self.load()
        try:
            key = keys.key(jwt.get_unverified_header(token).get("kid"))
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=AUDIENCES,
                issuer=self._issuer,
                options={"require": ["exp", "iss", "aud"], "verify_iat": False, "verify_sub": False},
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefusedError(_description(error, token)) from error
        verified = Verified(_roles(claims), min(claims["exp"], time.time() + KEPT_S))
        self._keep(token, verified)
        return verified

    def _keep(self, token: str, verified: Verified) -> None:
        self._known[token] = verified
        self._known.move_to_end(token)
        if len(self._known) > KEPT_TOKENS:
            self._known.popitem(last=False)


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    """Claim `roles`: a list, or one role as a string."""
    roles = claims.get("roles", [])
    return frozenset([roles] if isinstance(roles, str) else filter(_is_text, roles) if isinstance(roles, list) else [])


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _description(error: Exception, token: str) -> str:
    """What the service's framework writes as `error_description` (http §5.2); empty for what is no token."""
    import jwt

    match error:
        case jwt.InvalidSignatureError() | jwt.InvalidAlgorithmError() | jwt.InvalidKeyError():
            return SIGNATURE_INVALID
        case jwt.ExpiredSignatureError():
            return f"The token expired at '{_time(_claim(token, 'exp'))}'"
        case jwt.ImmatureSignatureError():
            return f"The token is not valid before '{_time(_claim(token, 'nbf'))}'"
        case jwt.InvalidAudienceError():
            return f"The audience '{_text(_claim(token, 'aud'))}' is invalid"
        case jwt.InvalidIssuerError():
            return f"The issuer '{_text(_claim(token, 'iss'))}' is invalid"
        case jwt.MissingRequiredClaimError(claim="exp"):
            return "The token has no expiration"
        case jwt.MissingRequiredClaimError(claim="iss"):
            return "The issuer '(null)' is invalid"
        case jwt.MissingRequiredClaimError(claim="aud"):
            return "The audience '(null)' is invalid"
    return ""


def _claim(token: str, name: str) -> Any:
    import jwt

    return jwt.decode(token, options={"verify_signature": False}).get(name)


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(value: object) -> str:
    """Unix seconds as the framework prints a time: `12/31/2024 23:59:59`; as written where there is no such year."""
    try:
        return f"{datetime.fromtimestamp(int(str(value)), UTC):%m/%d/%Y %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return str(value)
