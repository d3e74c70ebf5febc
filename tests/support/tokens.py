"""Access tokens: those of a server's own issuer, and hand-made ones that a server must refuse."""

import time
from typing import Any
from urllib.parse import urlencode

from azdicom_emulator.identity.signing_key import SigningKey
from azdicom_emulator.settings import DEVELOPMENT_ISSUER
from tests.support.client import Emulator, Response

AUDIENCE = "https://dicom.healthcareapis.azure.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GRANT = {
    "grant_type": "client_credentials",
    "client_id": "owner",
    "client_secret": "x",
    "scope": f"{AUDIENCE}/.default",
}


def bearer(token: str) -> dict[str, str]:
    """The header that carries `token`."""
    return {"Authorization": f"Bearer {token}"}


def token_response(emulator: Emulator, *, tenant: str = "development", **form: str) -> Response:
    """The answer of the token endpoint to a client credentials grant with `form` in place of its own fields."""
    body = urlencode(GRANT | form).encode()
    return emulator.request("POST", f"/{tenant}/oauth2/v2.0/token", headers=FORM, body=body)


def token_for(emulator: Emulator, role: str = "owner", **form: str) -> str:
    """A token of the built-in issuer; role: owner, reader or none."""
    answer = token_response(emulator, client_id=role, **form)
    assert answer.status == 200, f"{answer.status}: {answer.text}"
    token: str = answer.json()["access_token"]
    return token


def signing_key(emulator: Emulator) -> SigningKey:
    """The key that the server signs with."""
    return SigningKey.kept_in(emulator.data_dir)


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that a server takes, an owner's; None removes one."""
    now = int(time.time())
    valid = {
        "aud": AUDIENCE,
        "iss": DEVELOPMENT_ISSUER,
        "nbf": now - 60,
        "exp": now + 600,
        "roles": ["DICOM Data Owner"],
    }
    return {name: value for name, value in (valid | changes).items() if value is not None}
