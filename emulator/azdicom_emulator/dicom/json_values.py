"""The `Value` array of one attribute in DICOM JSON, VR by VR (retrieve §8.3; PS3.18 §F.2.3)."""

import re
import struct
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from math import isfinite, isinf, isnan

import orjson

from azdicom_emulator.dicom.charset import Decode, decode_ascii
from azdicom_emulator.dicom.elements import NUMBER_SIZES_BYTES, TEXT_VRS
from azdicom_emulator.dicom.text import decoder_of, needs_character_set, values_of

_NUMBER_FORMATS = {"SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}

_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")

_PADDING = " \t\r\n\0"  # what .NET overlooks around a number

_INTEGER = re.compile(r"[+-]?[0-9]+")

_PLAIN_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,9})?")
_MAX_DECIMAL_STRING = 16
_TEN_DIGITS = Context(prec=10, rounding=ROUND_HALF_UP)
_MAX_DECIMAL_EXPONENT = 28  # of a .NET decimal; what is larger is a double there, what is smaller zero


_SINGLE = struct.Struct("<f")


class UnrepresentableError(Exception):
    """A value that JSON cannot hold, so that the service cannot store the instance (store §8.2: reason 272)."""


def json_values(vr: str, raw: bytes, character_set: str) -> bytes:
    """The JSON array of an element's values, empty if it gets no `Value`; `vr` is neither binary nor SQ.

    character_set: (0008,0005) as text. Raises UnrepresentableError for numbers that are not finite.
    """
    decode = decoder_of(vr, character_set) if needs_character_set(vr, raw) else decode_ascii
    return _ENCODERS[vr](vr, raw, decode)


def _text(vr: str, raw: bytes, decode: Decode) -> bytes:
    """LT, ST, UT and UR have a value even when empty: the service writes `[null]`."""
    values = values_of(vr, raw, decode)
    return orjson.dumps([value or None for value in values]) if values else b""


def _person_names(vr: str, raw: bytes, decode: Decode) -> bytes:
    names = values_of(vr, raw, decode)
    return orjson.dumps([_person_name(name) if name else None for name in names]) if names else b""


def _person_name(name: str) -> dict[str, str]:
    """Blank groups are left out; a fourth one has no name to go by, so it stays with the third."""
    groups = name.split("=", 2)
    return {label: group for label, group in zip(_NAME_GROUPS, groups, strict=False) if group.strip()}


def _integer_strings(vr: str, raw: bytes, decode: Decode) -> bytes:
    """Numbers; all values as strings if one is none of 32 bits."""
    values = values_of(vr, raw, decode)
    numbers = [_integer(value) for value in values]
    if any(value and number is None for value, number in zip(values, numbers, strict=True)):
        return _text(vr, raw, decode)
    return orjson.dumps(numbers) if numbers else b""


def _integer(value: str) -> int | None:
    stripped = value.strip(_PADDING)
    if len(stripped) > _MAX_DECIMAL_STRING or not _INTEGER.fullmatch(stripped):
        return None
    number = int(stripped)
    return number if -(2**31) <= number < 2**31 else None


def _decimal_strings(vr: str, raw: bytes, decode: Decode) -> bytes:
    """Numbers, digits as written; all values as strings if one is no number."""
    values = values_of(vr, raw, decode)
    numbers = [_decimal(value.strip(_PADDING)) if value else "null" for value in values]
    if None in numbers:
        return _text(vr, raw, decode)
    return f"[{','.join(filter(None, numbers))}]".encode() if numbers else b""


def _decimal(value: str) -> str | None:
    """The JSON number, None for what is no number."""
    if _PLAIN_DECIMAL.fullmatch(value) and len(value) <= _MAX_DECIMAL_STRING:
        return value
    if not _DECIMAL.fullmatch(value):
        return None
    number = Decimal(value)
    if len(value) > _MAX_DECIMAL_STRING:
        number = _TEN_DIGITS.plus(number).normalize(_TEN_DIGITS)
    if number.adjusted() > _MAX_DECIMAL_EXPONENT:
        double = float(number)
        return repr(double) if isfinite(double) else None
    return f"{number:f}" if number.adjusted() >= -_MAX_DECIMAL_EXPONENT else "0"


def _tags(_vr: str, raw: bytes, _decode: Decode) -> bytes:
    count = len(raw) // 4
    numbers = struct.unpack_from(f"<{2 * count}H", raw)
    tags = [f"{group:04X}{element:04X}" for group, element in zip(numbers[::2], numbers[1::2], strict=True)]
    return orjson.dumps(tags) if tags else b""


def _integers(vr: str, raw: bytes, _decode: Decode) -> bytes:
    count = len(raw) // NUMBER_SIZES_BYTES[vr]
    return orjson.dumps(struct.unpack_from(f"<{count}{_NUMBER_FORMATS[vr]}", raw)) if count else b""


def _doubles(_vr: str, raw: bytes, _decode: Decode) -> bytes:
    numbers = struct.unpack_from(f"<{len(raw) // 8}d", raw)
    if not all(map(isfinite, numbers)):
        raise UnrepresentableError("an FD value is not finite")
    return _number_array([repr(number) for number in numbers])


def _singles(_vr: str, raw: bytes, _decode: Decode) -> bytes:
    numbers = struct.unpack_from(f"<{len(raw) // 4}f", raw)
    if any(map(isinf, numbers)):
        raise UnrepresentableError("an FL value is not finite")
    return _number_array(['"NaN"' if isnan(number) else _shortest_single(number) for number in numbers])


def _shortest_single(number: float) -> str:
    """The fewest digits that give the same 32-bit number again, as .NET writes it: `0.1`, not `0.10000000149011612`."""
    for digits in range(6, 9):
        text = f"{number:.{digits}g}"
        if _SINGLE.unpack(_SINGLE.pack(float(text)))[0] == number:
            return text
    return f"{number:.9g}"


def _number_array(numbers: list[str]) -> bytes:
    return f"[{','.join(number.removesuffix('.0') for number in numbers)}]".encode() if numbers else b""


_ENCODERS: dict[str, Callable[[str, bytes, Decode], bytes]] = {
    **dict.fromkeys(TEXT_VRS, _text),
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), _integers),
    "AT": _tags,
    "DS": _decimal_strings,
    "FD": _doubles,
    "FL": _singles,
    "IS": _integer_strings,
    "PN": _person_names,
}
