"""Enumerations in JSON (azure-apis §0): camelCase, or PascalCase under the quirk json.enum_casing."""

from enum import StrEnum

from aiohttp import web

from azdicom_emulator.web.keys import SETTINGS


def wire_word(request: web.Request, word: StrEnum | str) -> str:
    """`notStarted` or `NotStarted`. word: in camelCase."""
    if request.app[SETTINGS].quirk("json.enum_casing") == "pascal":
        return word[:1].upper() + word[1:]
    return str(word)
