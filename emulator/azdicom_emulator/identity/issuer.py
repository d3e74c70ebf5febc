"""The built-in development issuer: access tokens as Microsoft Entra ID makes them for an application."""

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from azdicom_emulator.identity.signing_key import SigningKey

AUDIENCE = "https://dicom.healthcareapis.azure.com"
"""Of every DICOM service, whatever its address (http §5.1)."""
OWNER, READER = "DICOM Data Owner", "DICOM Data Reader"
ROLES_BY_NAME: Mapping[str, Sequence[str]] = {"owner": (OWNER,), "reader": (READER,), "none": ()}
"""What clients call themselves to get a role: `reader` as client id gets a token that may read."""
LIFETIME_S = 3600
CLOCK_TOLERANCE_S = 300
"""Tokens are valid from a while before they were made, so that clocks may differ, as those of Entra ID are."""


def roles_of_client(client_id: str) -> Sequence[str]:
    """The roles in the token of a client: those that its id names, else the owner's."""
    return ROLES_BY_NAME.get(client_id.lower(), ROLES_BY_NAME["owner"])


class Issuer:
    """Makes tokens in the name of `name`, signed with the key of `folder`, which is loaded, or made, on first use."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder

    @cached_property
    def _key(self) -> SigningKey:
        return SigningKey.kept_in(self._folder)

    def token(self, *, client_id: str, audience: str = AUDIENCE, lifetime_s: int = LIFETIME_S) -> str:
        """A token for `client_id`; a negative `lifetime_s` makes one that has expired. Raises KeyUnusableError."""
        now = int(time.time())
        return self._key.sign(
            {
                "aud": audience,
                "iss": self.name,
                "iat": now,
                "nbf": min(now, now + lifetime_s) - CLOCK_TOLERANCE_S,
                "exp": now + lifetime_s,
                "appid": client_id,
                "sub": client_id,
                "roles": list(roles_of_client(client_id)),
                "ver": "1.0",
            }
        )

    def key_set(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517 §5). Raises KeyUnusableError."""
        return {"keys": [self._key.public_jwk]}
