"""Ids that each side makes for itself, paired over a run: operations, workitems, ETags, sequence numbers."""

import json
import re
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

from azdicom_proxy.cassette.bodies import content_of, header, media_type_of, size_of, with_header
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import Body, Headers, Inline, RecordedRequest, RecordedResponse, SpooledFile
from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.matching.identity import ID
from azdicom_proxy.parity.comparing.headers import etag_shape
from azdicom_proxy.parity.model import Pair

READ_BYTES = 8 * 1024 * 1024
"""Of JSON; ids in longer bodies are not looked at."""
AUTHORITY = re.compile(r"https?://[^/]*", re.IGNORECASE)
ETAGS_OF_A_PATH = 32
NO_ETAG = "0"
"""Watermarks begin at 1, so no resource has it."""
ETAG_SHAPES = frozenset(("N", "N-N"))


class IdentityPairs:
    """Learns from pairs of answers, in the order of the run; translates requests of the upstream for the local side."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._sequences: dict[int, int] = {}
        self._etags: dict[str, OrderedDict[str, str]] = {}

    @property
    def ids(self) -> dict[str, str]:
        """The upstream's ids to the local ones, where they differ."""
        return self._ids

    def local_of(self, identifier: str) -> str | None:
        """The local side's id for one of the upstream; None: none is known."""
        return self._ids.get(identifier)

    def etags_of(self, uri: str) -> tuple[str, str] | None:
        """The last ETags of the two sides for a URI."""
        known = self._etags.get(_resource(uri))
        return next(reversed(known.items())) if known else None

    def learn(self, pair: Pair) -> None:
        """Takes the ids of two answers of one status that belong together."""
        if pair.upstream.status != pair.local.status:
            return
        self._learn_etags(pair)
        sent = _ids_sent(pair.request)
        for name in ("location", "content-location"):
            ours, theirs = header(pair.upstream.headers, name), header(pair.local.headers, name)
            if ours is not None and theirs is not None:
                self._learn_texts(_path_of(ours), _path_of(theirs), sent)
        upstream, local = _document(pair.upstream), _document(pair.local)
        if upstream is not None and local is not None:
            self._learn_documents(upstream, local, sent)

    def to_local(self, request: RecordedRequest) -> RecordedRequest:
        """The request with the local side's ids in URI, headers and text body."""
        uri = self._uri(self._text(request.uri), request)
        headers = tuple((name, self._text(value)) for name, value in request.headers)
        return RecordedRequest(request.method, uri, self._conditional(request, headers), self._body(request))

    def _learn_etags(self, pair: Pair) -> None:
        ours, theirs = header(pair.upstream.headers, "etag"), header(pair.local.headers, "etag")
        if ours is None or theirs is None:
            return
        known = self._etags.setdefault(_resource(pair.request.uri), OrderedDict())
        known[ours] = theirs
        known.move_to_end(ours)
        if len(known) > ETAGS_OF_A_PATH:
            known.popitem(last=False)

    def _learn_texts(self, ours: str, theirs: str, sent: set[str]) -> None:
        """Pairs ids position by position; those that the client has sent are its own."""
        one, other = ID.findall(ours), ID.findall(theirs)
        if len(one) != len(other):
            return
        for identifier, local in zip(one, other, strict=True):
            if identifier != local and identifier not in sent and local not in sent:
                self._ids[identifier] = local

    def _learn_documents(self, upstream: Any, local: Any, sent: set[str]) -> None:
        if isinstance(upstream, dict) and isinstance(local, dict):
            for key in upstream.keys() & local.keys():
                if (
                    key in ("id", "operationId", "href")
                    and isinstance(upstream[key], str)
                    and isinstance(local[key], str)
                ):
                    self._learn_texts(_path_of(upstream[key]), _path_of(local[key]), sent)
                elif isinstance(upstream[key], dict | list):
                    self._learn_documents(upstream[key], local[key], sent)
            self._learn_sequence(upstream, local)
        elif isinstance(upstream, list) and isinstance(local, list) and len(upstream) == len(local):
            for ours, theirs in zip(upstream, local, strict=True):
                self._learn_documents(ours, theirs, sent)

    def _learn_sequence(self, upstream: dict[str, Any], local: dict[str, Any]) -> None:
        """Of two entries of the change feed that are about the same instance and action."""
        ours, theirs = upstream.get("sequence"), local.get("sequence")
        members = ("studyInstanceUid", "seriesInstanceUid", "sopInstanceUid", "action")
        is_same = all(upstream.get(member) == local.get(member) for member in members)
        if is_same and isinstance(ours, int) and isinstance(theirs, int) and ours != theirs:
            self._sequences[ours] = theirs

    def _text(self, text: str) -> str:
        return ID.sub(lambda found: self._ids.get(found[0], found[0]), text) if self._ids else text

    def _uri(self, uri: str, request: RecordedRequest) -> str:
        """`offset` of the change feed of version 1 is a sequence number (conformance statement v1)."""
        location = locate(request.method, request.uri)
        if not self._sequences or location.slug != "changefeed" or location.version not in ("v1", "v1.0-prerelease"):
            return uri
        parts = urlsplit(uri)
        pairs = []
        for pair in parts.query.split("&"):
            name, _, value = pair.partition("=")
            is_known = name.lower() == "offset" and value.isdecimal() and int(value) in self._sequences
            pairs.append(f"{name}={self._sequences[int(value)]}" if is_known else pair)
        return parts._replace(query="&".join(pairs)).geturl()

    def _conditional(self, request: RecordedRequest, headers: Headers) -> Headers:
        asked = header(request.headers, "if-none-match")
        known = self._etags.get(_resource(request.uri))
        if asked is None or not known or etag_shape(asked) not in ETAG_SHAPES:
            return headers
        return with_header(headers, "if-none-match", known.get(asked.strip(), NO_ETAG))

    def _body(self, request: RecordedRequest) -> Body:
        body = request.body
        if not self._ids or not isinstance(body, Inline | SpooledFile) or not is_text(media_type_of(request.headers)):
            return body
        if size_of(body) > READ_BYTES:
            return body
        text = content_of(body).decode("utf-8", "surrogateescape")
        translated = self._text(text)
        return body if translated == text else Inline(translated.encode("utf-8", "surrogateescape"))


def _path_of(url: str) -> str:
    """What stands behind the host; of any text, since an answer may hold what is no URL."""
    return AUTHORITY.sub("", url).partition("?")[0]


def _ids_sent(request: RecordedRequest) -> set[str]:
    parts = urlsplit(request.uri)
    sent = set(ID.findall(f"{parts.path}?{parts.query}"))
    if is_text(media_type_of(request.headers)) and 0 < size_of(request.body) <= READ_BYTES:
        sent |= set(ID.findall(content_of(request.body).decode("utf-8", "replace")))
    return sent


def _document(response: RecordedResponse) -> Any | None:
    if "json" not in media_type_of(response.headers) or not 0 < size_of(response.body) <= READ_BYTES:
        return None
    try:
        return json.loads(content_of(response.body))
    except (ValueError, RecursionError):
        return None


def _resource(uri: str) -> str:
    location = locate("GET", uri)
    return "/".join((location.version or "", location.partition or "", *location.segments))
