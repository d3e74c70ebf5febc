"""Whole numbers in what clients send, as the service's framework reads them."""

import re

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)

# Python refuses to convert thousands of digits; more than 19 that count are beyond every range here.
_WHOLE_NUMBER = re.compile(r"\s*([+-]?)0*(\d{1,19})\s*", re.ASCII)


def whole_number(text: str, representable: range) -> int | None:
    """The number; spaces around it, a sign and leading zeros are allowed. None: it is none, or not `representable`."""
    matched = _WHOLE_NUMBER.fullmatch(text)
    if matched is None:
        return None
    number = int(matched[1] + matched[2])
    return number if number in representable else None
