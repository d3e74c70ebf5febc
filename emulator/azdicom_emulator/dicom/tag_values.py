"""The value by which an extended query tag indexes an instance, read from its metadata (azure-apis §1.8, §1.9)."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azdicom_emulator.dicom.comparable import comparable_date_time, comparable_time
from azdicom_emulator.dicom.dictionary import is_private
from azdicom_emulator.dicom.tag_paths import tag_path
from azdicom_emulator.dicom.validate_minimum import UID_MESSAGE, text_failure

TagValue = str | int | float
"""Text as stored; `yyyyMMdd` and the comparable forms of DT and TM; a number."""

NUMBER_VRS = frozenset(("FD", "FL", "IS", "SL", "SS", "UL", "US"))

UNEXPECTED_LENGTH = 3
UNEXPECTED_VR = 5

MESSAGES: Mapping[int, str] = {
    1: "Dicom element has multiple values. Indexing is only supported on single value element.",
    2: "Value length exceeds maximum length.",
    UNEXPECTED_LENGTH: "Value length is not expected.",
    4: "Value contains invalid character.",
    UNEXPECTED_VR: "The extended query tag VR is not expected.",
    6: "Implicit VR is not allowed.",
    1000: "Value contains more than 5 components.",
    1001: "One or more group of person name exceeds maxium length of 64.",
    1002: "Value contains more than 5 components.",
    1100: "Value cannot be parsed as a valid date.",
    1200: UID_MESSAGE,
    1300: "Value cannot be parsed as a valid DateTime.",
    1400: "Value cannot be parsed as a valid Time.",
    1500: "Value cannot be parsed as a valid integer string.",
}
"""What the errors of an extended query tag say, by the code that is kept (service source)."""

_UTC_OFFSET = re.compile(r"[+-]\d{4}$", re.ASCII)
_MIDNIGHT = "000000.000000"
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_SINGLE = struct.Struct("<f")


class TagValueError(Exception):
    """A value that cannot be indexed; `code` is one of MESSAGES."""

    def __init__(self, code: int) -> None:
        super().__init__(MESSAGES[code])
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRules:
    """Open questions about indexing, as quirks decide them.

    absent_numeric_is_zero: the service source indexes an absent number as 0 and leaves midnight out.
    has_private_tags: False: the VR of a private attribute is never the expected one.
    """

    absent_numeric_is_zero: bool = False
    has_private_tags: bool = True

    def expected_vr(self, tag: int, vr: str) -> str:
        """The VR that an element must have to be indexed by a tag of VR `vr`."""
        return "" if is_private(tag) and not self.has_private_tags else vr


def tag_value(data_set: Mapping[str, Any], tag: int, vr: str, rules: TagRules) -> TagValue | None:
    """The first value of `tag` in a DICOM JSON object; None: absent or empty. Raises TagValueError."""
    element = data_set.get(tag_path(tag))
    if element is None:
        return 0 if rules.absent_numeric_is_zero and vr in NUMBER_VRS else None
    if element["vr"] != rules.expected_vr(tag, vr):
        raise TagValueError(UNEXPECTED_VR)
    first = next(iter(element.get("Value", ())), None)
    if vr in NUMBER_VRS and vr != "IS":
        return _number(vr, first)
    if vr == "IS" and isinstance(first, int):
        return first
    text = _text(first)
    failure = text_failure(vr, text)
    if failure is not None:
        raise TagValueError(failure.code)
    return _comparable(vr, text, rules) if text else None


def _number(vr: str, value: object) -> TagValue | None:
    if value is None:
        raise TagValueError(UNEXPECTED_LENGTH)
    if not isinstance(value, int | float):
        return None  # not a number, which JSON has as text
    # The JSON number is the shortest that gives the same 32 bits; searches compare the double that these bits are.
    return float(_SINGLE.unpack(_SINGLE.pack(value))[0]) if vr == "FL" else value


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "=".join(value.get(group, "") for group in _NAME_GROUPS).rstrip("=")
    return "" if value is None else str(value).rstrip(" \0")


def _comparable(vr: str, text: str, rules: TagRules) -> TagValue | None:
    match vr:
        case "IS":
            return int(text)
        case "DT":
            return comparable_date_time(_UTC_OFFSET.sub("", text))
        case "TM":
            comparable = comparable_time(text)
            return None if rules.absent_numeric_is_zero and comparable == _MIDNIGHT else comparable
        case _:
            return text
