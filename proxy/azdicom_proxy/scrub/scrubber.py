"""Scrubbing of whole interactions: every place of a request and of a response, by one policy and one key."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from azdicom_proxy.cassette.bodies import (
    chunks_of,
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
    Empty,
    Headers,
    Inline,
    Interaction,
    Multipart,
    Omitted,
    Part,
    RecordedRequest,
    RecordedResponse,
    SpooledFile,
)
from azdicom_proxy.cassette.scratch import Scratch
from azdicom_proxy.cassette.side_files import files_of
from azdicom_proxy.cassette.sources import Source, source_of, zeros
from azdicom_proxy.dicom_files import UnreadableError
from azdicom_proxy.scrub.attributes import AttributeScrubber
from azdicom_proxy.scrub.datasets import DataSetScrubber, RefusedError, is_synthetic
from azdicom_proxy.scrub.free_text import FreeText
from azdicom_proxy.scrub.json_bodies import JsonScrubber
from azdicom_proxy.scrub.policy import Phi, ScrubPolicy
from azdicom_proxy.scrub.pseudonyms import Pseudonyms
from azdicom_proxy.scrub.secrets import DROPPED_RESPONSE_HEADERS, Secrets, is_token_endpoint
from azdicom_proxy.scrub.thinning import THIN_PIXELS, PixelThinner
from azdicom_proxy.scrub.uris import UriScrubber

TextScrub = Callable[[str], str]
_LONGEST_SECRET_BYTES = 8 * 1024
_PIXEL_DATA = ("7FE00010", "PIXELDATA")

__all__ = ["RefusedError", "Scrubber"]


class Scrubber:
    """Scrubs the interactions of one recording, consistently. Not safe for threads.

    hosts: `host` or `host:port` of the real upstream. known: values that are replacements already (`known_values`).
    """

    def __init__(
        self, policy: ScrubPolicy, key: bytes, *, hosts: Iterable[str] = (), known: Collection[str] = ()
    ) -> None:
        self.policy = policy
        self.counts: Counter[str] = Counter()
        self.warnings: list[str] = []
        pseudonyms = Pseudonyms(key, known)
        secrets = Secrets(pseudonyms, hosts)
        free_text = FreeText(policy, pseudonyms, secrets)
        attributes = AttributeScrubber(policy, pseudonyms, free_text)
        free_text.identifiers = attributes.identifiers
        self._secrets = secrets
        self._free_text = free_text
        self._json = JsonScrubber(attributes, free_text, secrets.text, policy.rules.json)
        self._data_sets = DataSetScrubber(attributes)
        self._uri = UriScrubber(attributes, free_text, secrets.text)
        keeping = AttributeScrubber(ScrubPolicy(phi=Phi.KEEP), pseudonyms, free_text)
        self._second_json = JsonScrubber(keeping, free_text, secrets.text, ())
        self._thinner = PixelThinner()
        self._scratch = Scratch("azdicom-scrub-")

    def interaction(self, interaction: Interaction) -> Interaction | None:
        """The scrubbed interaction; None: it hands out tokens and is never recorded. Raises RefusedError."""
        if is_token_endpoint(interaction.request.uri.partition("?")[0]):
            return None
        is_thin = THIN_PIXELS in interaction.scrubbed
        request = self._request(interaction.request, is_thin=is_thin)
        self._thinner.begin("response", is_on=self.policy.thin_pixels and not is_thin and _has_pixels(interaction))
        response = self._response(interaction.response)
        rules = tuple(sorted(set(interaction.scrubbed) | self._changes(interaction, request, response)))
        self.counts.update(rules)
        thinned = (*interaction.thinned, *self._thinner.found)
        return replace(interaction, request=request, response=response, scrubbed=rules, thinned=thinned)

    def request(self, request: RecordedRequest) -> RecordedRequest:
        """The scrubbed request, at replay, so that like is matched with like. Raises RefusedError."""
        return self._request(request)

    def _request(self, request: RecordedRequest, *, is_thin: bool = False) -> RecordedRequest:
        self._thinner.found.clear()
        self._thinner.begin("request", is_on=self.policy.thin_pixels and not is_thin)
        headers = tuple((name, self._header(name, value)) for name, value in request.headers)
        uri = self._with_regexes(self._uri(request.uri), "uri")
        return RecordedRequest(request.method, uri, *self._body(headers, request.body))

    def with_thin_pixels(self, request: RecordedRequest) -> RecordedRequest:
        """A recorded request with its pixels thinned, and nothing else of it changed. Raises RefusedError."""
        scrubbed = self._request(request)
        return replace(request, body=scrubbed.body) if self._thinner.found else request

    def second_pass(self, interaction: Interaction) -> Interaction:
        """The interaction once all data sets were seen: free text of earlier ones may name later ones' patients."""
        request, response = interaction.request, interaction.response
        request_headers, request_body = self._again(request.headers, request.body)
        response_headers, response_body = self._again(response.headers, response.body)
        return replace(
            interaction,
            request=RecordedRequest(request.method, self._free_text(request.uri), request_headers, request_body),
            response=replace(response, headers=response_headers, body=response_body),
        )

    def discard(self, request: RecordedRequest) -> None:
        """Removes the files that a scrubbed request's body is kept in. Safe for threads."""
        for file in files_of(request.body):
            self._scratch.discard(file)

    def close(self) -> None:
        """Removes the files that scrubbed bodies were kept in."""
        self._scratch.close()

    def _response(self, response: RecordedResponse) -> RecordedResponse:
        headers = tuple(
            (name, self._header(name, value))
            for name, value in response.headers
            if name.lower() not in DROPPED_RESPONSE_HEADERS
        )
        headers, body = self._body(headers, response.body)
        return RecordedResponse(response.status, self._free_text(response.reason), headers, body)

    def _header(self, name: str, value: str) -> str:
        replacement = self.policy.rules.headers.get(name.lower())
        if replacement is not None:
            return replacement
        scrubbed = self._secrets.header(name, value)
        return self._with_regexes(self._free_text(scrubbed), "header")

    def _again(self, headers: Headers, body: Body) -> tuple[Headers, Body]:
        headers = tuple((name, self._free_text(value)) for name, value in headers)
        media_type = media_type_of(headers)
        if isinstance(body, Inline) and (is_text(media_type) or not media_type):
            scrub = self._second_json.text if "json" in media_type else self._free_text
            body = _with_text(body, scrub)
            if header(headers, "content-length") is not None:
                headers = with_header(headers, "content-length", str(size_of(body)))
        return headers, body

    def _body(self, headers: Headers, body: Body) -> tuple[Headers, Body]:
        if isinstance(body, Empty | Omitted):
            return headers, body
        scrubbed = self._scrubbed_body(headers, body)
        if scrubbed is not body and header(headers, "content-length") is not None:
            headers = with_header(headers, "content-length", str(size_of(scrubbed)))
        return headers, scrubbed

    def _scrubbed_body(self, headers: Headers, body: Body) -> Body:
        media_type = media_type_of(headers)
        recipe = body if isinstance(body, Multipart) else None
        if isinstance(body, Inline | SpooledFile) and media_type.startswith("multipart/"):
            recipe = split_multipart(header(headers, "content-type") or "", body)
        if recipe is not None:
            parts = tuple(itertools.starmap(self._part, enumerate(recipe.parts, 1)))
            pairs = zip(parts, recipe.parts, strict=True)
            is_same = all(new.body is old.body and new.headers == old.headers for new, old in pairs)
            return body if is_same else replace(recipe, parts=parts)
        return self._content(media_type, body)[0] if isinstance(body, Inline | SpooledFile) else body

    def _part(self, number: int, part: Part) -> Part:
        self._thinner.part = number
        headers = tuple((name, self._header(name, value)) for name, value in part.headers)
        body, instance = self._content(media_type_of(headers), part.body)
        if header(headers, "content-length") is not None:
            headers = with_header(headers, "content-length", str(size_of(body)))
        return Part(headers, body, instance or part.sop)

    def _content(self, media_type: str, body: Inline | SpooledFile) -> tuple[Inline | SpooledFile, str | None]:
        """The scrubbed content and, of a DICOM file, its SOP Instance UID."""
        if is_text(media_type):
            return _with_text(body, self._text_of(media_type)), None
        is_dicom = media_type == "application/dicom" or _begins_as_dicom(body)
        is_untyped_text = not media_type and isinstance(body, Inline) and _is_printable(body.content)
        if not is_untyped_text:
            thinned = self._thinner.thinned(media_type, body, is_dicom=is_dicom)
            body = body if thinned is None else self._scratch.kept(thinned.chunks(), thinned.content_bytes)
        if is_dicom:
            return self._dicom(body)
        if self.policy.blanks_pixels:
            return self._blanked(media_type, body), None
        if is_untyped_text:
            return _with_text(body, self._text_of("text/plain")), None
        return self._binary(body), None

    def _text_of(self, media_type: str) -> TextScrub:
        is_json = "json" in media_type
        walks = is_json and (self.policy.scrubs_phi or bool(self.policy.rules.json or self.policy.rules.dicom))
        scrub: TextScrub = self._json.text if walks else self._free_text
        return lambda text: self._with_regexes(scrub(text), "body")

    def _dicom(self, body: Inline | SpooledFile) -> tuple[Inline | SpooledFile, str | None]:
        with source_of(body) as source:
            self._require_synthetic(source)
            if not self.policy.scrubs_phi and not self.policy.rules.dicom:
                return self._binary(body), None
            try:
                scrubbed = self._data_sets.file(source)
            except UnreadableError:
                return self._binary(body, may_name=self.policy.scrubs_phi), None
            if scrubbed.warning:
                self.warnings.append(f"{scrubbed.instance}: {scrubbed.warning}")
            if scrubbed.file is not None:
                body = self._scratch.kept(scrubbed.file.chunks(source), scrubbed.file.size_bytes)
        return self._binary(body), scrubbed.instance

    def _blanked(self, media_type: str, body: Inline | SpooledFile) -> Inline | SpooledFile:
        """Frames as zeros; pictures of them cannot be blanked and stay what they are."""
        if media_type.startswith(("image/", "video/")):
            raise RefusedError(f"clean-pixel-data: {media_type} cannot be blanked")
        return self._scratch.kept(zeros(size_of(body)), size_of(body))

    def _require_synthetic(self, source: Source) -> None:
        if self.policy.phi is not Phi.SYNTHETIC_ONLY:
            return
        try:
            if is_synthetic(source):
                return
        except UnreadableError:
            pass
        raise RefusedError("--phi synthetic-only: a data set was not generated by this tool")

    def _binary(self, body: Inline | SpooledFile, *, may_name: bool = False) -> Inline | SpooledFile:
        """Without secrets; may_name: and without names, of a data set that cannot be read otherwise."""
        if not may_name and isinstance(body, SpooledFile) and not self._has_secret(body):
            return body
        content = content_of(body)
        scrubbed = self._free_text.binary(content) if may_name else self._secrets.binary(content)
        return body if scrubbed == content else self._scratch.kept(iter((scrubbed,)), len(scrubbed))

    def _has_secret(self, body: SpooledFile) -> bool:
        tail = b""
        for chunk in chunks_of(body):
            window = tail + chunk
            if self._secrets.binary(window) != window:
                return True
            tail = window[-_LONGEST_SECRET_BYTES:]
        return False

    def _with_regexes(self, text: str, place: str) -> str:
        for rule in self.policy.rules.regex:
            if place in rule.places:
                text = rule.pattern.sub(rule.replacement, text)
        return text

    def _changes(self, before: Interaction, request: RecordedRequest, response: RecordedResponse) -> set[str]:
        """Names of what changed, for the record: `uri`, `request-body`, a header's name."""
        changes = set()
        for old, new in ((before.request.headers, request.headers), (before.response.headers, response.headers)):
            kept = set(new)
            changes |= {name.lower() for name, value in old if (name, value) not in kept}
        if before.request.uri != request.uri:
            changes.add("uri")
        if before.request.body != request.body:
            changes.add("request-body")
        if before.response.body != response.body:
            changes.add("response-body")
        if self.policy.scrubs_phi:
            changes.add("phi-basic")
        if self.policy.thin_pixels:
            changes.add(THIN_PIXELS)
        return changes - {"content-length", "content-type"}


def _has_pixels(interaction: Interaction) -> bool:
    """Not what was asked for as the value of another element than Pixel Data (PS3.18 §10.4, bulk data)."""
    path = interaction.request.uri.partition("?")[0]
    _, separator, attribute = path.partition("/bulkdata/")
    return not separator or attribute.upper().startswith(_PIXEL_DATA)


def _with_text(body: Inline | SpooledFile, scrub: TextScrub) -> Inline | SpooledFile:
    content = content_of(body)
    text = content.decode("utf-8", "surrogateescape")
    scrubbed = scrub(text)
    return body if scrubbed == text else Inline(scrubbed.encode("utf-8", "surrogateescape"))


def _is_printable(content: bytes) -> bool:
    return content.isascii() and content.decode("ascii").replace("\r", "").replace("\n", "").isprintable()


def _begins_as_dicom(body: Inline | SpooledFile) -> bool:
    with source_of(body) as source:
        return source[128:132] == b"DICM"
