"""A second look for data of people, by other means than the scrubbing: names in a list, births, phones, e-mail."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from azdicom_emulator.dicom.dictionary import keyword_of
from azdicom_proxy.cassette.bodies import content_of, media_type_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Body, Headers, Inline, SpooledFile
from azdicom_proxy.cassette.sources import source_of
from azdicom_proxy.dicom_files import UnreadableError, lenient, open_file
from azdicom_proxy.matching.bodies import DICOM, parts_of

if TYPE_CHECKING:
    from pydicom import Dataset

NAMES = "common_names.txt"

_WORD = re.compile(r"[^\W\d_]{3,}")
_EMAIL = re.compile(r"[\w.+-]+@(?!example\.|[\w-]+\.(?:invalid|example|test)\b)[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.])(?:\+\d[\d ()/-]{7,}\d|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w.-])")
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_BIRTH_DATE = "PatientBirthDate"
_CHECKED_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))


@cache
def common_names() -> frozenset[str]:
    """Given names and surnames that are common in several countries; our replacements are no words."""
    return frozenset(resources.files("azdicom_proxy.scrub").joinpath(NAMES).read_text("ascii").split())


def leftovers(headers: Headers, body: Body, *, is_scrubbed: bool) -> Iterator[tuple[str, str]]:
    """Where (a path of attributes) and what is left in a body.

    is_scrubbed: replacements are expected, so that only names of the list count; else every name of a person does.
    """
    parts = parts_of(headers, body)
    if parts is not None:
        for number, part in enumerate(parts, 1):
            if media_type_of(part.headers) in (DICOM, ""):
                for where, what in _in_file(part.body, is_scrubbed):
                    yield f"part {number} {where}", what
            elif is_text(media_type_of(part.headers)):
                yield from _in_text(content_of(part.body).decode("utf-8", "replace"), is_scrubbed)
    elif isinstance(body, Inline | SpooledFile) and is_text(media_type_of(headers)):
        yield from _in_text(content_of(body).decode("utf-8", "replace"), is_scrubbed)


def contacts(text: str) -> Iterator[str]:
    """Kinds of contact data in a text."""
    if _EMAIL.search(text):
        yield "an e-mail address"
    if _PHONE.search(text):
        yield "a telephone number"


def _in_text(text: str, is_scrubbed: bool) -> Iterator[tuple[str, str]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield from (("text", what) for what in contacts(text))
        return
    yield from _in_json(document, "", is_scrubbed)


def _in_json(value: Any, path: str, is_scrubbed: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _in_json(item, path, is_scrubbed)
    elif isinstance(value, str):
        yield from ((path or "text", what) for what in contacts(value))
    elif isinstance(value, dict):
        for key, item in value.items():
            is_attribute = _TAG.fullmatch(key) and isinstance(item, dict)
            name = keyword_of(int(key, 16)) if is_attribute else key
            inner = f"{path}.{name}" if path else name
            if is_attribute and item.get("vr") in _CHECKED_VRS | {"DA"}:
                for text in _json_texts(item.get("Value")):
                    yield from _in_value(name, inner, str(item["vr"]), text, is_scrubbed)
            elif is_attribute:
                yield from _in_json(item.get("Value"), inner, is_scrubbed)
            else:
                yield from _in_json(item, inner, is_scrubbed)


def _json_texts(values: Any) -> Iterator[str]:
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict):
            yield from (text for text in value.values() if isinstance(text, str))
        elif isinstance(value, str):
            yield value


def _in_file(body: Inline | SpooledFile, is_scrubbed: bool) -> Iterator[tuple[str, str]]:
    with source_of(body) as source, lenient():
        try:
            data_set = open_file(source).data_set
        except UnreadableError:
            return
        yield from list(_in_data_set(data_set, "", is_scrubbed))


def _in_data_set(data_set: "Dataset", path: str, is_scrubbed: bool) -> Iterator[tuple[str, str]]:
    for element in data_set:
        name = element.keyword or f"{int(element.tag):08X}"
        if element.VR == "SQ":
            for item in element.value or ():
                yield from _in_data_set(item, f"{path}{name}.", is_scrubbed)
        elif element.VR in _CHECKED_VRS or name == _BIRTH_DATE:
            values = [element.value] if element.VM <= 1 else list(element.value)
            for value in values:
                yield from _in_value(name, path + name, element.VR, str(value or ""), is_scrubbed)


def _in_value(name: str, path: str, vr: str, text: str, is_scrubbed: bool) -> Iterator[tuple[str, str]]:
    if name == _BIRTH_DATE:
        if text:
            yield path, "a date of birth"
        return
    if vr not in _CHECKED_VRS:
        return
    words = {word.lower() for word in _WORD.findall(text)}
    if vr == "PN" and words and (not is_scrubbed or words & common_names()):
        yield path, "the name of a person"
    yield from ((path, what) for what in contacts(text))
