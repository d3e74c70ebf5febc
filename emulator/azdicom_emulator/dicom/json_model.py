"""DICOM JSON of a data set, as the service writes its metadata (PS3.18 Annex F, retrieve §8.2–8.3)."""

from collections.abc import Collection
from functools import lru_cache

from azdicom_emulator.dicom.elements import Attribute, DataSet
from azdicom_emulator.dicom.json_values import UnrepresentableError, json_values
from azdicom_emulator.dicom.text import character_set_of

__all__ = ["UnrepresentableError", "data_set_json"]

# Values up to this size repeat from instance to instance; their JSON is remembered.
_MAX_REMEMBERED_BYTES = 128


def data_set_json(data_set: DataSet, *, without: Collection[int] = (), character_set: str = "") -> bytes:
    """One JSON object. Binary VRs are left out at every level, the tags in `without` at the top.

    character_set: (0008,0005) of the data set around this one. Raises UnrepresentableError.
    """
    character_set = character_set_of(data_set, character_set)
    members = []
    for attribute, value in data_set:
        if without and attribute.tag in without:
            continue
        if type(value) is bytes:
            if len(value) <= _MAX_REMEMBERED_BYTES:
                members.append(_remembered_member(attribute, value, character_set))
            else:
                members.append(_member(attribute, value, character_set))
        elif type(value) is list:
            members.append(_sequence_member(attribute, value, character_set))
    return b"{" + b",".join(members) + b"}"


def _member(attribute: Attribute, raw: bytes, character_set: str) -> bytes:
    values = json_values(attribute.vr, raw, character_set)
    return attribute.json_key + b',"Value":' + values + b"}" if values else attribute.json_key + b"}"


_remembered_member = lru_cache(maxsize=16_384)(_member)


def _sequence_member(attribute: Attribute, items: list[DataSet], character_set: str) -> bytes:
    """Recurses once a level; scanning has bounded the depth."""
    if not items:
        return attribute.json_key + b"}"
    objects = b",".join([data_set_json(item, character_set=character_set) for item in items])
    return attribute.json_key + b',"Value":[' + objects + b"]}"
