"""Dates and times as text that sorts as time does: what the index keeps and what filters are compared with."""

import re
from datetime import datetime, time

_DATE = re.compile(r"\d{8}", re.ASCII)
_DATE_TIME = re.compile(r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?", re.ASCII)
_TIME = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?|(\d\d):(\d\d):(\d\d)", re.ASCII)


def comparable_date(text: str) -> str | None:
    """`yyyyMMdd` as it is; None: no date of the calendar."""
    if not _DATE.fullmatch(text):
        return None
    return text if comparable_date_time(text) else None


def comparable_date_time(text: str) -> str | None:
    """`yyyyMMddHHmmss.ffffff`, missing parts made 01 or 00, which sorts as time does; None: not valid."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction = match.groups()
    parts = (year, month or "01", day or "01", hour or "00", minute or "00", second or "00")
    try:
        datetime(*map(int, parts))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    return f"{''.join(parts)}.{(fraction or '').ljust(6, '0')}"


def comparable_time(text: str) -> str | None:
    """`HHmmss.ffffff`, missing parts made 00, which sorts as time does; None: not valid."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second, fraction, *with_colons = match.groups()
    parts = with_colons if hour is None else (hour, minute or "00", second or "00")
    try:
        time(*map(int, parts))  # type: ignore[arg-type]
    except ValueError:
        return None
    return f"{''.join(parts)}.{(fraction or '').ljust(6, '0')}"
