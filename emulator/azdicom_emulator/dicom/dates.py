"""Whether a text is a date of the calendar."""

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=4096)
def is_date(value: str) -> bool:
    """Whether `value` is `yyyyMMdd`, 0001 to 9999, nothing around it (PS3.5 §6.2, DA without a range)."""
    if len(value) != 8 or not (value.isascii() and value.isdigit()):
        return False
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return False
    return True
