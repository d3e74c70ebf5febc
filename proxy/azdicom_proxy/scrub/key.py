"""The project key: the same key gives the same replacements, in every cassette and on every machine."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

DEFAULT_PATH = Path(".azdicom/key")
ENVIRONMENT_VARIABLE = "AZDICOM_SCRUB_KEY"
KEY_BYTES = 32


class BadKeyError(ValueError):
    """The key is no 64 hexadecimal digits; the text says where it came from."""


def project_key(path: Path = DEFAULT_PATH, environment: Mapping[str, str] = os.environ) -> bytes:
    """32 bytes: from the environment, else from the file, which is made (readable by its owner only) if absent.

    Raises BadKeyError.
    """
    from_environment = environment.get(ENVIRONMENT_VARIABLE)
    if from_environment:
        return _parsed(from_environment, f"${ENVIRONMENT_VARIABLE}")
    try:
        return _parsed(path.read_text("ascii", "replace"), str(path))
    except FileNotFoundError:
        return _created(path)


def _created(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was quicker
        return _parsed(path.read_text("ascii", "replace"), str(path))
    with os.fdopen(handle, "w") as file:
        file.write(key.hex() + "\n")
    return key


def _parsed(text: str, source: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKeyError(f"{source} holds no key: {2 * KEY_BYTES} hexadecimal digits are expected")
    return key
