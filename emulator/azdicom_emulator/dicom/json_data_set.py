"""Data sets as DICOM JSON objects: read from a request, asked for values, written (PS3.18 §F.2)."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import orjson

from azdicom_emulator.dicom.elements import BINARY_VRS, NUMBER_SIZES_BYTES, SINGLE_VALUE_VRS, TEXT_VRS, VRS
from azdicom_emulator.dicom.json_values import json_values

Element = Mapping[str, Any]
"""`{"vr": …, "Value": […]}`; an element without values has no `Value`."""
DataSet = Mapping[str, Element]
"""By tag, `GGGGEEEE` in upper case."""

MAX_DEPTH = 64
"""Of JSON, as the service's parser has it: nothing deeper is read."""
TAG = re.compile(r"[0-9A-Fa-f]{8}")
NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
INTEGER = re.compile(r"\s*[+-]?\d{1,20}\s*", re.ASCII)
INT64_OR_UINT64 = range(-(2**63), 2**64)
DECIMAL = re.compile(r"\s*[+-]?(?:\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)


class JsonDataSetError(ValueError):
    """What was read is no data set."""


def parse_data_set(value: object, depth: int = 2) -> DataSet:
    """The data set that a JSON value stands for, as the service would write it again. Raises JsonDataSetError.

    Values need not be valid for their VR; they only must be of a kind that the VR can hold.
    """
    if not isinstance(value, dict):
        _refuse("an object is expected")
    if depth >= MAX_DEPTH:
        _refuse(f"the depth is over {MAX_DEPTH}")
    elements = {}
    for key, element in value.items():
        if not TAG.fullmatch(key):
            _refuse("a key is no tag")
        elements[key.upper()] = _element(element, depth)
    return dict(sorted(elements.items()))


def data_set_bytes(data_set: DataSet) -> bytes:
    """JSON, by ascending tag; items as they are."""
    return orjson.dumps(dict(sorted(data_set.items())))


def element(vr: str, *values: object) -> Element:
    """An element with these values, sequence items among them; without any it is empty."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def values_of(data_set: DataSet, tag: str) -> list[Any]:
    """The values or items; none when the element is absent or empty."""
    found: list[Any] = data_set.get(tag, {}).get("Value", [])
    return found


def text_of(data_set: DataSet, tag: str) -> str | None:
    """The first value as text, of a name all its groups with `=` between; None: there is none."""
    for value in values_of(data_set, tag)[:1]:
        if isinstance(value, dict):
            return "=".join(value.get(group, "") for group in NAME_GROUPS).rstrip("=")
        return None if value is None else str(value)
    return None


def value_text(written: Element) -> str:
    """All values of an element of a text VR as a file has them, a backslash between two."""
    return "\\".join(map(_file_text, written.get("Value", ())))


def _file_text(value: object) -> str:
    if isinstance(value, Mapping):
        return "=".join(value.get(group, "") for group in NAME_GROUPS).rstrip("=")
    return "" if value is None else str(value)


def items_of(data_set: DataSet, tag: str) -> list[DataSet]:
    """The items of a sequence; none when the element is absent, empty or no sequence."""
    return values_of(data_set, tag) if data_set.get(tag, {}).get("vr") == "SQ" else []


def _refuse(reason: str) -> NoReturn:
    raise JsonDataSetError(reason)


def _element(value: object, depth: int) -> Element:
    if not isinstance(value, dict):
        _refuse("an element is no object")
    vr = value.get("vr")
    if not isinstance(vr, str) or vr not in VRS:
        _refuse("an element has no known vr")
    if vr in BINARY_VRS:
        return _binary(vr, value)
    given = value.get("Value")
    if given is None:
        given = []
    if not isinstance(given, list):
        _refuse("a Value is no array")
    if vr == "SQ":
        return element(vr, *(parse_data_set({} if item is None else item, depth + 3) for item in given))
    return element(vr, *_READERS[vr](vr, given))


def _binary(vr: str, value: Mapping[str, Any]) -> Element:
    kept = {name: value[name] for name in ("InlineBinary", "BulkDataURI") if value.get(name)}
    if "Value" in value or not all(isinstance(each, str) for each in kept.values()):
        _refuse("a binary value is expected as InlineBinary or BulkDataURI")
    return {"vr": vr, **kept}


def _strings(_vr: str, given: list[Any]) -> list[Any]:
    """A backslash in a value parts it; a single empty value is none."""
    parts = [part or None for text in given for part in _string(text).split("\\")]
    return [] if parts == [None] else parts


def _single_string(_vr: str, given: list[Any]) -> list[Any]:
    """There is always one value, if only an empty one, which is written as `null` (retrieve §8.3)."""
    return ["\\".join(map(_string, given)) or None]


def _string(text: object) -> str:
    if text is None:
        return ""
    return text if isinstance(text, str) else _refuse("a text is expected")


def _names(_vr: str, given: list[Any]) -> list[Any]:
    names = [_name(name) for name in given]
    return [] if names == [None] else names


def _name(name: object) -> object:
    if name is None:
        return None
    if not isinstance(name, dict):
        _refuse("a person name is an object")
    groups = {group: _string(name.get(group)) for group in NAME_GROUPS}
    return {group: text for group, text in groups.items() if text.strip()} or None


def _number_strings(vr: str, given: list[Any]) -> list[Any]:
    """DS and IS: numbers; all values as texts if one is no number."""
    if all(_is_number(each) for each in given):
        return given
    texts = ["" if each is None else each if isinstance(each, str) else _number_text(each) for each in given]
    read: list[Any] = orjson.loads(json_values(vr, "\\".join(texts).encode(), "") or b"[]")
    return read


def _number_text(value: object) -> str:
    return str(value) if _is_number(value) else _refuse("a number is expected")


def _numbers(_vr: str, given: list[Any]) -> list[Any]:
    numbers = [_number(each) for each in given]
    return [] if numbers == [None] else numbers


def _number(value: object) -> object:
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        return int(value) if INTEGER.fullmatch(value) and int(value) in INT64_OR_UINT64 else float(value)
    return value if value is None or _is_number(value) else _refuse("a number is expected")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _by_vr(*rows: tuple[Iterable[str], Callable[[str, list[Any]], list[Any]]]) -> Mapping[str, Any]:
    return {vr: reader for vrs, reader in rows for vr in vrs}


_READERS = _by_vr(
    (TEXT_VRS, _strings),
    (SINGLE_VALUE_VRS, _single_string),
    (NUMBER_SIZES_BYTES, _numbers),
    (("AT",), _strings),
    (("DS", "IS"), _number_strings),
    (("PN",), _names),
)
"""A later row wins."""
