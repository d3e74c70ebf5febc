"""Minimum validation: what makes the service refuse an instance or an extended query tag's value (store §8.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from azdicom_emulator.dicom import content_rules
from azdicom_emulator.dicom.charset import decode_ascii
from azdicom_emulator.dicom.dates import is_date
from azdicom_emulator.dicom.dictionary import keyword_of
from azdicom_emulator.dicom.elements import NUMBER_SIZES_BYTES, Attribute
from azdicom_emulator.dicom.text import decoder_of, needs_character_set, values_of
from azdicom_emulator.dicom.uid import validate_uid


@dataclass(frozen=True, slots=True)
class MinimumFailure:
    """`code` is the number that an extended query tag's errors store; `detail` its text."""

    code: int
    detail: str


_Rule: TypeAlias = Callable[[str], MinimumFailure | None]

_UNEXPECTED_VR = 5
_INVALID_CHARACTER = MinimumFailure(4, "Value contains invalid character.")
_NOT_A_DATE = MinimumFailure(1100, "Value cannot be parsed as a valid date.")
_NOT_A_DATE_TIME = MinimumFailure(1300, "Value cannot be parsed as a valid DateTime.")
_NOT_A_TIME = MinimumFailure(1400, "Value cannot be parsed as a valid Time.")
_NOT_AN_INTEGER = MinimumFailure(1500, "Value cannot be parsed as a valid integer string.")
_TOO_MANY_COMPONENTS = MinimumFailure(1002, "Value contains more than 5 components.")
# The service has one text for both, so that a name of too many groups is told about components.
_TOO_MANY_GROUPS = MinimumFailure(1000, _TOO_MANY_COMPONENTS.detail)
_GROUP_TOO_LONG = MinimumFailure(1001, "One or more group of person name exceeds maxium length of 64.")
UID_MESSAGE = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)
_NOT_A_UID = MinimumFailure(1200, UID_MESSAGE)

# The numbers whose length the service looks at.
_MIN_LENGTHS_BYTES = {vr: NUMBER_SIZES_BYTES[vr] for vr in ("FD", "FL", "SL", "SS", "UL", "US")}


def _longer_than(value: str, maximum: int) -> MinimumFailure | None:
    if content_rules.length_of(value) <= maximum:
        return None
    return MinimumFailure(2, f"Value length exceeds maximum length of {maximum}.")


def _age_string(value: str) -> MinimumFailure | None:
    return None if content_rules.length_of(value) == 4 else MinimumFailure(3, "Value length is not 4.")


def _long_string(value: str) -> MinimumFailure | None:
    has_invalid = content_rules.has_backslash_or_control_except_esc(value)
    return _longer_than(value, 64) or (_INVALID_CHARACTER if has_invalid else None)


def _person_name(value: str) -> MinimumFailure | None:
    groups = value.split("=")
    if len(groups) > 3:
        return _TOO_MANY_GROUPS
    for group in groups:
        if content_rules.length_of(group) > 64:
            return _GROUP_TOO_LONG
        if content_rules.has_control_except_esc(group):
            return _INVALID_CHARACTER
    return _TOO_MANY_COMPONENTS if any(group.count("^") > 4 for group in groups) else None


def _at_most_16(value: str) -> MinimumFailure | None:
    return _longer_than(value, 16)


def _passes(rule: content_rules.Rule, failure: MinimumFailure) -> _Rule:
    return lambda value: failure if value and rule(value) else None


_RULES: dict[str, _Rule] = {
    "AE": _at_most_16,
    "AS": _age_string,
    "CS": _at_most_16,
    "DA": lambda value: None if not value or is_date(value) else _NOT_A_DATE,
    "DT": _passes(content_rules.date_time, _NOT_A_DATE_TIME),
    "IS": _passes(content_rules.integer_string, _NOT_AN_INTEGER),
    "LO": _long_string,
    "PN": _person_name,
    "SH": _at_most_16,
    "TM": _passes(content_rules.time, _NOT_A_TIME),
    "UI": lambda value: None if not value or validate_uid(value) else _NOT_A_UID,
}


def minimum_failure(
    attribute: Attribute, raw: bytes, *, expected_vr: str, character_set: str, strip_nuls: bool
) -> MinimumFailure | None:
    """What is wrong with the first value of an element, or with its VR.

    expected_vr: by the dictionary or the extended query tag. strip_nuls: whether trailing NULs are padding (version 2).
    """
    vr = attribute.vr
    if vr not in expected_vr.split(" or "):
        keyword = keyword_of(attribute.tag)
        detail = f"The extended query tag '{keyword}' is expected to have VR '{expected_vr}' but has '{vr}' in file."
        return MinimumFailure(_UNEXPECTED_VR, detail)
    shortest = _MIN_LENGTHS_BYTES.get(vr, 0)
    if len(raw) < shortest:
        return MinimumFailure(3, f"Value length is not {shortest}.")
    rule = _RULES.get(vr)
    if rule is None:
        return None
    decode = decoder_of(vr, character_set) if needs_character_set(vr, raw) else decode_ascii
    first = next(iter(values_of(vr, raw, decode)), "")
    return rule(first.rstrip("\0") if strip_nuls else first)


def text_failure(vr: str, value: str) -> MinimumFailure | None:
    """What is wrong with a text value of this VR, padding removed."""
    rule = _RULES.get(vr)
    return rule(value) if rule is not None else None


def minimum_message(tag: int, vr: str, failure: MinimumFailure) -> str:
    """The text of a failure as store responses have it."""
    return f"Dicom element '{keyword_of(tag)}' failed validation for VR '{vr}': {failure.detail}"
