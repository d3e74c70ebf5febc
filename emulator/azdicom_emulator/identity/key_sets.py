"""Where the keys that tokens are checked with come from: the built-in issuer, a file, or an address."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from azdicom_emulator.identity.errors import KeySetUnavailableError, KeyUnusableError, TokenRefusedError

if TYPE_CHECKING:
    from jwt import PyJWK

KEY_NOT_FOUND = "The signature key was not found"
FETCH_TIMEOUT_S = 10


class KeySet(Protocol):
    def key(self, key_id: str | None) -> "PyJWK":
        """The key that a token names. Blocks; raises TokenRefusedError, KeySetUnavailableError."""
        ...


class FixedKeySet:
    """Keys that do not change while the server runs. Raises KeyUnusableError when they are none."""

    def __init__(self, document: Any) -> None:
        from jwt import PyJWKSet
        from jwt.exceptions import PyJWTError

        try:
            self._keys = PyJWKSet.from_dict(document).keys
        except (PyJWTError, AttributeError) as error:
            raise KeyUnusableError(f"not a JSON Web Key Set: {error}") from error

    @classmethod
    def of_file(cls, path: Path) -> "FixedKeySet":
        """Raises KeyUnusableError."""
        try:
            return cls(json.loads(path.read_bytes()))
        except OSError as error:
            raise KeyUnusableError(f"cannot read the key set {path}: {error.strerror or error}") from error
        except (ValueError, KeyUnusableError) as error:
            raise KeyUnusableError(f"{path}: {error}") from error

    def key(self, key_id: str | None) -> "PyJWK":
        """A token that names no key is checked with the only one there is."""
        if key_id is None and len(self._keys) == 1:
            return self._keys[0]
        for key in self._keys:
            if key_id is not None and key.key_id == key_id:
                return key
        raise TokenRefusedError(KEY_NOT_FOUND)


class RemoteKeySet:
    """Keys at an address: fetched when a token comes, kept for five minutes, fetched again for a key that is new."""

    def __init__(self, url: str) -> None:
        from jwt import PyJWKClient

        self._url = url
        self._client = PyJWKClient(url, timeout=FETCH_TIMEOUT_S)

    def key(self, key_id: str | None) -> "PyJWK":
        from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

        if key_id is None:
            raise TokenRefusedError(KEY_NOT_FOUND)
        try:
            return self._client.get_signing_key(key_id)
        except PyJWKClientConnectionError as error:
            raise KeySetUnavailableError(f"cannot read the key set {self._url}: {error}") from error
        except PyJWTError as error:
            raise TokenRefusedError(KEY_NOT_FOUND) from error


def key_set_at(location: str) -> KeySet:
    """The key set at an http(s) address or in a file. Raises KeyUnusableError."""
    if location.startswith(("http://", "https://")):
        return RemoteKeySet(location)
    return FixedKeySet.of_file(Path(location))
