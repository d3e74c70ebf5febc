"""Metadata, one DICOM JSON object, with some elements added or replaced; the others stay to the byte (async §2.5)."""

import json

import orjson

from azdicom_emulator.dicom.json_data_set import DataSet

_DECODER = json.JSONDecoder()
_KEY_CHARACTERS = 8


def updated_metadata(metadata: bytes, changes: DataSet) -> bytes:
    """metadata: as `data_set_json` writes it, without white space."""
    members = _members(metadata.decode())
    members.update((tag, orjson.dumps(element).decode()) for tag, element in changes.items())
    written = ",".join([f'"{tag}":{members[tag]}' for tag in sorted(members)])
    return f"{{{written}}}".encode()


def _members(text: str) -> dict[str, str]:
    """The JSON of each element by its tag. Reading and writing it anew would change how numbers are spelled."""
    members = {}
    position = 1
    while text[position] == '"':
        tag = text[position + 1 : position + 1 + _KEY_CHARACTERS]
        start = position + _KEY_CHARACTERS + 3  # two quotes and a colon
        _, end = _DECODER.raw_decode(text, start)
        members[tag] = text[start:end]
        position = end + 1  # a comma; behind the last one, the brace
        if position >= len(text):
            break
    return members
