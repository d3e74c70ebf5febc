"""Full validation: what version 2 of the service warns about and leaves out of metadata (store §8.2)."""

from collections.abc import Iterator
from functools import lru_cache

from azdicom_emulator.dicom.charset import decode_ascii
from azdicom_emulator.dicom.content_rules import RULES
from azdicom_emulator.dicom.dictionary import is_private
from azdicom_emulator.dicom.elements import NUMBER_SIZES_BYTES, Attribute, DataSet
from azdicom_emulator.dicom.text import character_set_of, decoder_of, needs_character_set, values_of

PATIENT_NAME = 0x00100010

# Values up to this size repeat from instance to instance; what is wrong with them is remembered.
_MAX_REMEMBERED_BYTES = 128

# A value that ends in NUL is checked without it; dates, times and numbers are not spared (service end-to-end tests).
_NUL_PADDED_VRS = frozenset(("AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UI", "UR", "UT"))

_VRS_OF_ANY_MULTIPLICITY = frozenset(("UC",))


def failures(data_set: DataSet) -> Iterator[tuple[Attribute, str, DataSet]]:
    """Every attribute that fails, with the text that says why and the data set it is in.

    The top level comes first, then items, those met last before those met earlier. Sequences themselves do not fail.
    """
    waiting = [(data_set, "")]
    while waiting:
        current, inherited = waiting.pop()
        character_set = character_set_of(current, inherited)
        for attribute, value in current:
            if type(value) is bytes:
                remember = len(value) <= _MAX_REMEMBERED_BYTES
                failure = (_remembered_failure if remember else _failure)(attribute, value, character_set)
                if failure is not None:
                    yield attribute, failure, current
            elif type(value) is list:
                waiting.extend([(item, character_set) for item in value])


def _failure(attribute: Attribute, raw: bytes, character_set: str) -> str | None:
    """`Content "…" does not validate …`, None if the value passes."""
    vr = attribute.vr
    size = NUMBER_SIZES_BYTES.get(vr)
    if size is not None:
        return _wrong_count(attribute, len(raw) // size)
    decode = decoder_of(vr, character_set) if needs_character_set(vr, raw) else decode_ascii
    values = values_of(vr, raw, decode)
    rule = RULES.get(vr)
    if rule is not None:
        for value in values:
            checked = value.rstrip("\0") if vr in _NUL_PADDED_VRS else value
            detail = rule(checked) if checked else None
            if detail:
                return _message(checked, vr, detail)
    return _wrong_count(attribute, len(values))


_remembered_failure = lru_cache(maxsize=16_384)(_failure)


def _wrong_count(attribute: Attribute, count: int) -> str | None:
    """The service checks public attributes that have a value; of names, Patient's Name only."""
    entry = attribute.entry
    if entry is None or count == 0 or entry.minimum_values <= count <= entry.maximum_values:
        return None
    vr, tag = attribute.vr, attribute.tag
    if is_private(tag) or vr in _VRS_OF_ANY_MULTIPLICITY or (vr == "PN" and tag != PATIENT_NAME):
        return None
    element = f"({tag >> 16:04x},{tag & 0xFFFF:04x}) {vr} {entry.name}"
    return _message(element, vr, f"Number of items {count} does not match ValueMultiplicity {entry.multiplicity}")


def _message(content: str, vr: str, detail: str) -> str:
    return f'Content "{content}" does not validate VR {vr}: {detail}'
