"""What each VR allows a value to be: the rules and words of the service's DICOM library (store §8.2; PS3.5 §6.2)."""

import re
from collections.abc import Callable
from typing import TypeAlias

Rule: TypeAlias = Callable[[str], str | None]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_EXCEPT_ESC = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f-\x9f]")
_BACKSLASH_OR_CONTROL = re.compile(r"[\\\x00-\x1f\x7f-\x9f]")
_BACKSLASH_OR_CONTROL_EXCEPT_ESC = re.compile(r"[\\\x00-\x1a\x1c-\x1f\x7f-\x9f]")

_AGE = re.compile(r"[0-9]{3}[DWMY]")
_CODE = re.compile(r"[A-Z0-9_ ]*")
_DATE = re.compile(r"[0-9]{8}")
_DECIMAL = re.compile(r"[+-]?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_TIME = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}(?:\.[0-9]{1,6})?")
_DATE_TIME = re.compile(r"[0-9]{4}|[0-9]{6}|[0-9]{8}|[0-9]{10}|[0-9]{12}|[0-9]{14}(?:\.[0-9]{1,6})?")
_OFFSET = re.compile(r"[0-9]{4}")
_UID_CHARACTERS = re.compile(r"[0-9.]*")
_UID_LEADING_ZERO = re.compile(r"^0|[.]0[0-9]")
_UID_EMPTY_COMPONENT = re.compile(r"^[.]|[.][.]|[.]$")

_MAX_INTEGER_DIGITS = 40  # beyond it, a number need not be worked out to be too large


def length_of(value: str) -> int:
    """Characters as .NET counts them: UTF-16 code units."""
    return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2


def has_control_except_esc(value: str) -> bool:
    return _CONTROL_EXCEPT_ESC.search(value) is not None


def has_backslash_or_control_except_esc(value: str) -> bool:
    return _BACKSLASH_OR_CONTROL_EXCEPT_ESC.search(value) is not None


def _too_long(maximum: int) -> str:
    return f"value exceeds maximum length of {maximum} characters"


def application_entity(value: str) -> str | None:
    if length_of(value) > 16:
        return _too_long(16)
    if not value.strip():
        return "value may not consist only of spaces"
    return "value contains invalid control character" if _BACKSLASH_OR_CONTROL.search(value) else None


def age_string(value: str) -> str | None:
    return None if _AGE.fullmatch(value) else "value does not have pattern 000[DWMY]"


def code_string(value: str) -> str | None:
    if length_of(value) > 16:
        return _too_long(16)
    if _CODE.fullmatch(value):
        return None
    return "value contains invalid character. Only uppercase character, digits, space and underscore alre allowed"


def date(value: str) -> str | None:
    """A date or a range of dates; the calendar is not looked at."""
    parts = value.split("-")
    if len(parts) > 2:
        return "value contains too many range separators '-'"
    for part in parts:
        digits = part.rstrip(" ")
        if not digits:
            continue
        if not _DATE.fullmatch(digits):
            return "one of the date values does not match the pattern YYYYMMDD"
        if digits[4:6] > "12":
            return "month component exceeds the value 12"
        if digits[6:8] > "31":
            return "day component exceeds the value 31"
    return None


def decimal_string(value: str) -> str | None:
    if length_of(value) > 16:
        return _too_long(16)
    return None if _DECIMAL.fullmatch(value.strip()) else "value is no decimal string"


def integer_string(value: str) -> str | None:
    stripped = value.strip(" ")
    if not _INTEGER.fullmatch(stripped):
        return "value is not an integer string"
    if len(stripped) <= _MAX_INTEGER_DIGITS and -(2**31) <= int(stripped) < 2**31:
        return None
    return "value too large to fit 32 bit integer"


def long_string(value: str) -> str | None:
    if length_of(value) > 64:
        return _too_long(64)
    return "value contains invalid character" if has_backslash_or_control_except_esc(value) else None


def short_string(value: str) -> str | None:
    if has_backslash_or_control_except_esc(value):
        return "value contains invalid character"
    return _too_long(16) if length_of(value) > 16 else None


def long_text(value: str) -> str | None:
    return _too_long(10240) if length_of(value) > 10240 else None


def short_text(value: str) -> str | None:
    return _too_long(1024) if length_of(value) > 1024 else None


def person_name(value: str) -> str | None:
    groups = value.split("=")
    if len(groups) > 3:
        return "value contains too many groups"
    for group in groups:
        if length_of(group) > 64:
            return _too_long(64)
        if has_control_except_esc(group):
            return "value contains invalid control character"
    return "value contains too many components" if any(group.count("^") > 4 for group in groups) else None


def time(value: str) -> str | None:
    """A time or a range of times."""
    parts = value.split("-")
    if len(parts) > 2:
        return "value contains too many range separators '-'"
    for part in parts:
        digits = part.rstrip(" ")
        if not digits:
            continue
        if not _TIME.fullmatch(digits):
            return "value does not mach pattern HH or HHMM or HHMMSS or HHMMSS.F{1-6}"
        if digits[:2] > "23":
            return "hour component exceeds 23"
        if digits[2:4] > "59":
            return "minutes component exceeds 59"
        if digits[4:6] > "60":
            return "seconds component exceeds 60"
    return None


def unique_identifier(value: str) -> str | None:
    uid = value.rstrip(" ")
    if not uid:
        return None
    if length_of(uid) > 64:
        return _too_long(64)
    if not _UID_CHARACTERS.fullmatch(uid):
        return "value contains invalid characters other than '0'-'9' and '.'"
    if _UID_LEADING_ZERO.search(uid):
        return "components must not have leading zeros"
    return "a component can not be empty" if _UID_EMPTY_COMPONENT.search(uid) else None


def date_time(value: str) -> str | None:
    """A date time or a range of them, each perhaps with an offset from UTC."""
    if "-0000" in value:
        return "negative UTC hours component with value -0000 is not allowed"
    if value.strip() == "-":
        return "both dateTime components in range cannot be empty"
    parts = value.split("-")
    if len(parts) > 4:
        return "value contains too many range separators '-'"
    moments = _moments(parts)
    if moments is None:
        return "value is in invalid range format"
    for moment in moments:
        trimmed = moment.rstrip(" ")
        failure = _moment(trimmed) if trimmed else None
        if failure:
            return failure
    return None


def _moments(parts: list[str]) -> list[str] | None:
    """What a range consists of, its `-` told from those of offsets; None if that cannot be told."""
    match parts:
        case [first, first_offset, second, second_offset]:
            return [f"{first}-{first_offset}", f"{second}-{second_offset}"]
        case [first, offset, second] if _is_offset(offset):
            return [f"{first}-{offset}", second]
        case [first, second, offset] if _is_offset(offset):
            return [first, f"{second}-{offset}"]
        case [_, _, _]:
            return None
        case [first, offset] if _is_offset(offset):
            return [f"{first}-{offset}"]
        case _:
            return parts


def _is_offset(part: str) -> bool:
    return _OFFSET.fullmatch(part) is not None and part <= "1200"


def _moment(moment: str) -> str | None:
    digits, *offsets = re.split(r"[+-]", moment)
    if len(offsets) > 1:
        return "value contains too many UTC separators '+' or '-'"
    if offsets and (failure := _offset(offsets[0], is_east="+" in moment)):
        return failure
    if not _DATE_TIME.fullmatch(digits):
        return "value does not mach pattern YYYY[MM[DD[HH[MM[SS[.F{1-6}]]]]]]"
    for start, highest, lowest, name in _COMPONENTS:
        component = digits[start : start + 2]
        if component > highest:
            return f"{name} component exceeds {highest}"
        if component and component < lowest:
            return f"{name} component cannot be 0"
    return None


# Where a component starts, its bounds, its name; in the order in which they are checked.
_COMPONENTS = (
    (12, "60", "00", "seconds"),
    (10, "59", "00", "minutes"),
    (8, "23", "00", "hours"),
    (6, "31", "01", "day"),
    (4, "12", "01", "month"),
)


def _offset(digits: str, *, is_east: bool) -> str | None:
    if not _OFFSET.fullmatch(digits):
        return "value does not match the UTC pattern &ZZXX"
    if is_east and digits[:2] > "14":
        return "positive UTC hours component exceeds 14 (allowed range is -1200 to +1400)"
    if not is_east and digits[:2] > "12":
        return "negative UTC hours component exceeds 12 (allowed range is -1200 to +1400)"
    return "UTC minutes component exceeds 59" if digits[2:] > "59" else None


# The VRs without a rule are those whose content the service does not look at.
RULES: dict[str, Rule] = {
    "AE": application_entity,
    "AS": age_string,
    "CS": code_string,
    "DA": date,
    "DS": decimal_string,
    "DT": date_time,
    "IS": integer_string,
    "LO": long_string,
    "LT": long_text,
    "PN": person_name,
    "SH": short_string,
    "ST": short_text,
    "TM": time,
    "UI": unique_identifier,
}
