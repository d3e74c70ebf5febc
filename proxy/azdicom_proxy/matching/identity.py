"""Identity map: ids that differ from run to run, of the client's side and of the recording's."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from azdicom_proxy.cassette.bodies import (
    content_of,
    header,
    media_type_of,
    size_of,
    split_multipart,
    with_header,
)
from azdicom_proxy.cassette.layout import is_text
from azdicom_proxy.cassette.model import (
    Body,
    Headers,
    Inline,
    Interaction,
    Multipart,
    Part,
    RecordedRequest,
    RecordedResponse,
    SpooledFile,
)
from azdicom_proxy.cassette.scratch import MAX_IN_MEMORY_BYTES, Scratch
from azdicom_proxy.cassette.sources import source_of
from azdicom_proxy.matching.bodies import DICOM, parts_of
from azdicom_proxy.matching.digest import uids_of

if TYPE_CHECKING:
    from pydicom import Dataset

_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ID = re.compile(rf"(?<![\w.-])(?:{_GUID}|[0-9a-fA-F]{{32}}|[0-2](?:\.\d+){{2,}})(?![\w-])(?!\.\d)")
"""A GUID, an operation id of 32 hex digits, or a UID."""

_STANDARD_ROOT = "1.2.840.10008."


class IdentityMap:
    """Pairs of ids, one-to-one: the client's (or the one side's) and the recording's (or the other's)."""

    def __init__(self) -> None:
        self._to_recorded: dict[str, str] = {}
        self._to_client: dict[str, str] = {}
        self._large = _LargeDataSets()

    def __bool__(self) -> bool:
        return bool(self._to_recorded)

    def learn(self, client: Sequence[str], recorded: Sequence[str]) -> bool:
        """Pairs two lists of ids position by position; False, and nothing learned, if their patterns differ."""
        if len(client) != len(recorded):
            return False
        to_recorded, to_client = dict(self._to_recorded), dict(self._to_client)
        for ours, theirs in zip(client, recorded, strict=True):
            if to_recorded.setdefault(ours, theirs) != theirs or to_client.setdefault(theirs, ours) != ours:
                return False
        self._to_recorded = {key: value for key, value in to_recorded.items() if key != value}
        self._to_client = {key: value for key, value in to_client.items() if key != value}
        return True

    def to_recorded(self, identifier: str) -> str:
        return self._to_recorded.get(identifier, identifier)

    def to_client(self, identifier: str) -> str:
        return self._to_client.get(identifier, identifier)

    def pairs(self) -> list[tuple[str, str]]:
        """The client's and the recording's, in the order in which they were learned."""
        return list(self._to_recorded.items())

    def request_as_recorded(self, request: RecordedRequest) -> RecordedRequest:
        """The client's request with the recording's ids in URI, headers and text body."""
        if not self:
            return request
        translate = _Translation(self._to_recorded, self._large)
        return RecordedRequest(
            request.method,
            translate.text(request.uri),
            translate.headers(request.headers),
            translate.body(request.headers, request.body, data_sets=False),
        )

    def response_for_client(self, interaction: Interaction) -> Interaction:
        """The interaction with the client's ids in the response: headers, text, and UI elements of data sets."""
        if not self:
            return interaction
        translate = _Translation(self._to_client, self._large)
        response = interaction.response
        body = translate.body(response.headers, response.body, data_sets=True)
        headers = translate.headers(response.headers)
        if body is not response.body and header(headers, "content-length") is not None:
            headers = with_header(headers, "content-length", str(size_of(body)))
        return replace(interaction, response=RecordedResponse(response.status, response.reason, headers, body))


def ids_of(request: RecordedRequest) -> list[str]:
    """All ids of a request in their order: path, query, text body, data sets."""
    parts = urlsplit(request.uri)
    found = ID.findall(f"{parts.path}?{parts.query}")
    dicom_parts = parts_of(request.headers, request.body)
    if dicom_parts is not None:
        for part in dicom_parts:
            found += uids_of(part.body)
    elif is_text(media_type_of(request.headers)):
        found += ID.findall(content_of(request.body).decode("utf-8", "replace"))
    return [identifier for identifier in found if identifier and not identifier.startswith(_STANDARD_ROOT)]


def shape_of(request: RecordedRequest) -> RecordedRequest:
    """The request with its ids numbered by their first occurrence, for looking up what is equal but for them."""
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        if found[0].startswith(_STANDARD_ROOT):
            return found[0]
        return numbers.setdefault(found[0], f"id{len(numbers)}")

    parts = urlsplit(request.uri)
    uri = parts._replace(path=ID.sub(number, parts.path), query=ID.sub(number, parts.query)).geturl()
    return RecordedRequest(request.method, uri, request.headers, request.body)


class _LargeDataSets:
    """Files in which ids were replaced, as long as their map lives: each is written once. Safe for threads."""

    def __init__(self) -> None:
        self._scratch = Scratch("azdicom-replay-")
        self._files: dict[tuple[str, frozenset[str]], SpooledFile] = {}
        self._lock = Lock()

    def replaced(self, body: SpooledFile, ids: frozenset[str], chunks: Iterator[bytes]) -> SpooledFile:
        """The file of `chunks`, which are those of `body` with other `ids`; what these become never changes."""
        with self._lock:
            key = (body.sha256, ids)
            if key not in self._files:
                self._files[key] = self._scratch.written(chunks)
            return self._files[key]


class _Translation:
    """Replaces ids everywhere by one mapping."""

    def __init__(self, mapping: dict[str, str], large: _LargeDataSets) -> None:
        self._mapping = mapping
        self._large = large

    def text(self, text: str) -> str:
        return ID.sub(lambda found: self._mapping.get(found[0], found[0]), text)

    def headers(self, headers: Headers) -> Headers:
        return tuple((name, self.text(value)) for name, value in headers)

    def body(self, headers: Headers, body: Body, *, data_sets: bool) -> Body:
        media_type = media_type_of(headers)
        if isinstance(body, Inline | SpooledFile) and is_text(media_type):
            return self._text_body(body)
        if not data_sets:
            return body
        if isinstance(body, Inline | SpooledFile) and media_type.startswith("multipart/"):
            body = split_multipart(header(headers, "content-type") or "", body) or body
        if isinstance(body, Multipart):
            return Multipart(body.boundary, tuple(map(self._part, body.parts)), body.preamble, body.epilogue)
        if isinstance(body, Inline | SpooledFile) and media_type == DICOM:
            return self._data_set(body)
        return body

    def _text_body(self, body: Inline | SpooledFile) -> Inline | SpooledFile:
        text = content_of(body).decode("utf-8", "surrogateescape")
        translated = self.text(text)
        return body if translated == text else Inline(translated.encode("utf-8", "surrogateescape"))

    def _part(self, part: Part) -> Part:
        media_type = media_type_of(part.headers)
        body = part.body
        if is_text(media_type):
            body = self._text_body(body)
        elif media_type == DICOM:
            body = self._data_set(body)
        return Part(self.headers(part.headers), body, part.sop and self._mapping.get(part.sop, part.sop))

    def _data_set(self, body: Inline | SpooledFile) -> Inline | SpooledFile:
        from azdicom_proxy.dicom_files import UnreadableError, for_each_data_set, lenient, open_file, rewritten

        ids = frozenset(self._mapping.keys() & set(uids_of(body)))
        if not ids:
            return body
        with source_of(body) as source, lenient():
            try:
                opened = open_file(source)
            except UnreadableError:
                return body
            for_each_data_set(opened.data_set, self._ui_elements)
            chunks = rewritten(opened).chunks(source)
            if isinstance(body, SpooledFile) and body.size_bytes > MAX_IN_MEMORY_BYTES:
                return self._large.replaced(body, ids, chunks)
            return Inline(b"".join(chunks))

    def _ui_elements(self, data_set: "Dataset") -> None:
        for element in data_set:
            if element.VR == "UI" and element.value:
                texts = [element.value] if isinstance(element.value, str) else list(element.value)
                translated = [self._mapping.get(str(text), str(text)) for text in texts]
                if translated != texts:
                    element.value = translated[0] if len(translated) == 1 else translated
