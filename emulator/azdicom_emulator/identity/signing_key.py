"""The RSA key of the built-in issuer: made once, kept in the data folder, readable by its owner alone."""

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from azdicom_emulator.identity.errors import KeyUnusableError

KEY_FILE = "issuer-key.pem"
KEY_BITS = 2048
ALGORITHM = "RS256"


class SigningKey:
    """One RSA key pair. `pem` is the private key, PKCS#8 without a password. Raises KeyUnusableError."""

    def __init__(self, pem: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise KeyUnusableError(f"not a private key in PEM form: {error}") from error
        if not isinstance(private, RSAPrivateKey):
            raise KeyUnusableError("not an RSA key")
        self._private = private

    @classmethod
    def kept_in(cls, folder: Path) -> Self:
        """The key of a data folder, made on first use. Of two processes that make it at once, both get the same.

        Raises KeyUnusableError.
        """
        path = folder / KEY_FILE
        try:
            if not path.exists():
                _write_once(path, new_private_key())
            return cls(path.read_bytes())
        except OSError as error:
            raise KeyUnusableError(f"cannot use {path}: {error.strerror or error}") from error
        except KeyUnusableError as error:
            raise KeyUnusableError(f"cannot use {path}: {error}") from error

    @cached_property
    def public_jwk(self) -> dict[str, Any]:
        """The public half as a JSON Web Key (RFC 7517); `kid` is its thumbprint (RFC 7638)."""
        from jwt.algorithms import RSAAlgorithm

        members = RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        required = json.dumps({name: members[name] for name in ("e", "kty", "n")}, separators=(",", ":"))
        digest = hashlib.sha256(required.encode()).digest()
        key_id = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": key_id, "n": members["n"], "e": members["e"]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JSON Web Token with `claims`, as a string of three parts (RFC 7519)."""
        import jwt

        headers = {"kid": self.public_jwk["kid"]}
        return jwt.encode(dict(claims), self._private, algorithm=ALGORITHM, headers=headers)


def new_private_key() -> bytes:
    """A fresh RSA key as PEM. Takes some 100 ms."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_once(path: Path, content: bytes) -> None:
    """Makes the file whole or not at all, and leaves one alone that another process made in the meantime."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        Path(temporary).unlink()
