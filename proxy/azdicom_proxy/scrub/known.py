"""Values of a cassette that are replacements already: a client that read them there sends them back."""

import re
from urllib.parse import parse_qsl, urlsplit

from azdicom_proxy.cassette.bodies import content_of, media_type_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Body, Cassette, Headers, Inline

_UID = re.compile(r"(?<![\w.])\d+(?:\.\d+)+(?![\w.]*\w)")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TEXT_VALUE = re.compile(r'"((?:[^"\\]|\\.){1,64})"')
_RANGE = re.compile(r"[-,\\]")


def known_values(cassette: Cassette) -> set[str]:
    """UIDs, GUIDs, and all short strings of queries and JSON bodies."""
    known: set[str] = set()
    for interaction in cassette.interactions:
        request, response = interaction.request, interaction.response
        known |= known_uids_in(request.uri)
        for _, value in parse_qsl(urlsplit(request.uri).query):
            known |= {value, *_RANGE.split(value)}
        for headers, body in ((request.headers, request.body), (response.headers, response.body)):
            text = _text(headers, body)
            known |= known_uids_in(text)
            known |= set(_TEXT_VALUE.findall(text))
            for _, value in headers:
                known |= known_uids_in(value)
    return known


def known_uids(cassette: Cassette) -> set[str]:
    """UIDs and GUIDs only: what a recorder may leave as it is, since no original looks like them."""
    return {value for value in known_values(cassette) if _UID.fullmatch(value) or _GUID.fullmatch(value)}


def known_uids_in(text: str) -> set[str]:
    return set(_UID.findall(text)) | {guid.lower() for guid in _GUID.findall(text)}


def _text(headers: Headers, body: Body) -> str:
    if not isinstance(body, Inline) or not is_text(media_type_of(headers)):
        return ""
    return content_of(body).decode("utf-8", "replace")
