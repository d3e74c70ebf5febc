"""URIs: UIDs in paths, attributes in queries."""

import re
from itertools import pairwise
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from azdicom_proxy.scrub.attributes import AttributeScrubber, FreeText

_UID = re.compile(r"\d[\d.]*")
_UID_PARENTS = frozenset(("studies", "series", "instances", "workitems"))
_UID_KEYS = frozenset(("transactionuid",))
_NO_ATTRIBUTES = frozenset(("limit", "offset", "includefield", "fuzzymatching", "api-version"))
_SAFE_IN_QUERY = "-._~!$'()*,;:@/?^="
_SAFE_IN_SEGMENT = "-._~!$'()*,;:@+&="
_STUDY_INSTANCE_UID = 0x0020000D


class UriScrubber:
    """Replaces what a URI says of patients; a part where nothing changes keeps its bytes."""

    def __init__(self, attributes: AttributeScrubber, free_text: FreeText, secrets: FreeText) -> None:
        self._attributes = attributes
        self._free_text = free_text
        self._secrets = secrets

    def __call__(self, uri: str) -> str:
        uri = self._secrets(uri)
        if not self._attributes.policy.scrubs_phi:
            return uri
        parts = urlsplit(uri)
        segments = parts.path.split("/")
        scrubbed = [self._segment(*pair) for pair in pairwise(["", *segments])]
        query = "&".join(map(self._pair, parts.query.split("&"))) if parts.query else parts.query
        return parts._replace(path="/".join(scrubbed), query=query).geturl()

    def _segment(self, parent: str, segment: str) -> str:
        if parent in _UID_PARENTS and _UID.fullmatch(segment):
            return self._uid(segment)
        text = unquote(segment)
        replaced = self._free_text(text)
        return segment if replaced == text else quote(replaced, safe=_SAFE_IN_SEGMENT)

    def _pair(self, pair: str) -> str:
        raw_key, separator, raw_value = pair.partition("=")
        value = unquote_plus(raw_value)
        replaced = self._value(unquote(raw_key), value)
        if replaced == value:
            return pair
        return raw_key + separator + quote(replaced, safe=_SAFE_IN_QUERY)

    def _value(self, key: str, value: str) -> str:
        if not value or key.lower() in _NO_ATTRIBUTES:
            return value
        if key.lower() in _UID_KEYS:
            return self._uid(value)
        tag = tag_of(key)
        return self._free_text(value) if tag is None else self._attributes.query_value(tag, value)

    def _uid(self, uid: str) -> str:
        action = self._attributes.action(_STUDY_INSTANCE_UID, "UI")
        return self._attributes.values(action, _STUDY_INSTANCE_UID, "UI", [uid])[0]


def tag_of(key: str) -> int | None:
    """The tag behind a query's key: keyword or hex, the last of a dotted path; None: not an attribute."""
    from azdicom_emulator.dicom.tag_paths import parse_tag_path

    return parse_tag_path(key.rpartition(".")[2])
