"""Which texts the service takes for a UID."""

import re

MAX_UID_LENGTH = 64

# Leading zeros, empty components and a leading dot pass: the service checks no more than this (store §8.1, row UI).
_PATTERNS = {
    "digits": re.compile(r"[0-9.]*[0-9]"),
    "alphanumeric": re.compile(r"[0-9A-Za-z.-]*[0-9A-Za-z]"),
}


def validate_uid(value: str, *, alphabet: str = "digits") -> bool:
    """Whether `value`, its trailing spaces removed, is a UID to the service (store §8.1; PS3.5 §9.1 asks for more).

    alphabet: "digits", or "alphanumeric" as the managed service's documentation promises: letters and `-` as well.
    """
    stripped = value.rstrip(" ")
    return len(stripped) <= MAX_UID_LENGTH and _PATTERNS[alphabet].fullmatch(stripped) is not None
