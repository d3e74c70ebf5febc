"""Values of a cassette that are replacements already: a client that read them there sends them back."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from azdicom_proxy.cassette.bodies import media_type_of
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Body, Cassette, Headers, Inline
from azdicom_proxy.scrub.confidentiality import table

_UID = re.compile(r"(?<![\w.])\d+(?:\.\d+)+(?!\d)")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RANGE = re.compile(r"[-,\\]")


def known_values(cassette: Cassette) -> set[str]:
    """UIDs and GUIDs, values of queries, and those of attributes that the profile replaces."""
    known = known_uids(cassette)
    for interaction in cassette.interactions:
        request, response = interaction.request, interaction.response
        for _, value in parse_qsl(urlsplit(request.uri).query):
            known |= {value, *_RANGE.split(value)}
        for headers, body in ((request.headers, request.body), (response.headers, response.body)):
            if "json" in media_type_of(headers):
                known.update(_replaced(_json(_text(headers, body)), is_replaced=False))
    return known


def known_uids(cassette: Cassette) -> set[str]:
    """UIDs and GUIDs only: what a recorder may leave as it is, since no original looks like them."""
    known: set[str] = set()
    for interaction in cassette.interactions:
        request, response = interaction.request, interaction.response
        texts = [request.uri, _text(request.headers, request.body), _text(response.headers, response.body)]
        texts += [value for _, value in response.headers]
        for text in texts:
            known.update(_UID.findall(text))
            known.update(guid.lower() for guid in _GUID.findall(text))
    return known


def _replaced(value: Any, *, is_replaced: bool) -> Iterator[str]:
    """The strings below attributes that are in the profile's table, and in names of people."""
    if isinstance(value, str) and is_replaced:
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _replaced(item, is_replaced=is_replaced)
    elif isinstance(value, dict):
        for key, item in value.items():
            is_name = isinstance(item, dict) and item.get("vr") == "PN"
            yield from _replaced(item, is_replaced=is_replaced or is_name or key.upper() in table())


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(headers: Headers, body: Body) -> str:
    if not isinstance(body, Inline) or not is_text(media_type_of(headers)):
        return ""
    return body.content.decode("utf-8", "replace")
