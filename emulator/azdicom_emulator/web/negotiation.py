"""Accept negotiation of WADO-RS (retrieve §4): parse each header line leniently, choose by offers, priority and `*`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from azdicom_emulator.web.errors import NotAcceptableError
from azdicom_emulator.web.mediatypes import MediaType, scan_media_type

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
AS_STORED = "*"
NOT_ACCEPTABLE = "The request headers are not acceptable"

DICOM = "application/dicom"
OCTET_STREAM = "application/octet-stream"
JPEG_2000 = "image/jp2"
ANY = "*/*"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an Accept header. `media_type` is empty for multipart without `type`, which matches nothing."""

    media_type: str
    is_multipart: bool
    transfer_syntax: str | None
    quality: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What a resource can be sent as; `default_transfer_syntax` holds when the entry names none."""

    media_type: str
    payloads: frozenset[str]
    transfer_syntaxes: tuple[str, ...]
    default_transfer_syntax: str

    def accepts(self, entry: Entry) -> bool:
        payload = "multipart" if entry.is_multipart else "single"
        return (
            payload in self.payloads
            and entry.media_type.lower() == self.media_type
            and (entry.transfer_syntax is None or entry.transfer_syntax in self.transfer_syntaxes)
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """How to answer: `media_type` as the client spelled it, `transfer_syntax` a UID or `*`."""

    media_type: str
    is_multipart: bool
    transfer_syntax: str


MULTIPART = frozenset({"multipart"})
EITHER = frozenset({"single", "multipart"})
_FILES = (AS_STORED, EXPLICIT_LITTLE_ENDIAN, JPEG_2000_LOSSLESS)

STUDY_OFFERS = (
    Offer(DICOM, MULTIPART, _FILES, EXPLICIT_LITTLE_ENDIAN),
    Offer(ANY, MULTIPART, _FILES, AS_STORED),
)
INSTANCE_OFFERS = (
    Offer(DICOM, EITHER, _FILES, EXPLICIT_LITTLE_ENDIAN),
    Offer(ANY, EITHER, _FILES, AS_STORED),
)
FRAME_OFFERS = (
    Offer(OCTET_STREAM, EITHER, (AS_STORED, EXPLICIT_LITTLE_ENDIAN), EXPLICIT_LITTLE_ENDIAN),
    Offer(JPEG_2000, MULTIPART, (JPEG_2000_LOSSLESS,), JPEG_2000_LOSSLESS),
    Offer(ANY, EITHER, (AS_STORED, EXPLICIT_LITTLE_ENDIAN), AS_STORED),
)
BARE_STAR_OFFER = Offer(ANY, frozenset({"single"}), _FILES, AS_STORED)
"""The managed docs' reading of a bare `*/*` on a study or series (quirk `retrieve.bare_star_on_study`)."""


def parse_accept(lines: Iterable[str]) -> list[Entry]:
    """The entries of all Accept header lines; what does not parse is skipped (retrieve §4.1)."""
    return [entry for line in lines for entry in _parse_line(line)]


def choose(entries: Sequence[Entry], offers: Sequence[Offer], *, star_means: str) -> Choice:
    """The answer's form (retrieve §4.3). star_means: the media type behind an accepted `*/*`.

    Raises NotAcceptableError with a hint that names what failed and what would work.
    """
    selected: tuple[Entry, Offer] | None = None
    for entry in sorted(entries, key=lambda entry: -entry.quality):
        offer = next((offer for offer in offers if offer.accepts(entry)), None)
        if offer is None:
            continue
        if selected is None or (entry.transfer_syntax == AS_STORED and entry.quality >= selected[0].quality):
            selected = entry, offer
    if selected is None:
        raise NotAcceptableError(NOT_ACCEPTABLE, hint=_hint(entries, offers))
    entry, offer = selected
    transfer_syntax = entry.transfer_syntax or offer.default_transfer_syntax
    if entry.media_type == ANY:
        return Choice(star_means, True, transfer_syntax)
    return Choice(entry.media_type, entry.is_multipart, transfer_syntax)


def _parse_line(line: str) -> Iterable[Entry]:
    is_multipart = line.strip().lower().startswith("multipart/related")
    position = 0
    while position < len(line):
        found = scan_media_type(line, position)
        if found is None or not _ends_an_element(line, found[1]):
            position = _skip(line, position)
            continue
        yield _entry(found[0], is_multipart)
        position = found[1] + 1


def _ends_an_element(line: str, position: int) -> bool:
    return position >= len(line) or line[position] == ","


def _skip(line: str, position: int) -> int:
    """Past one character: an unquoted `type=application/dicom` is found this way, as the service's parser finds it."""
    return position + 1


def _entry(media_type: MediaType, is_multipart: bool) -> Entry:
    name = media_type.written
    if media_type.essence == "multipart/related":
        name = media_type.parameter("type") or ""
    return Entry(name, is_multipart, media_type.parameter("transfer-syntax"), _quality(media_type))


def _quality(media_type: MediaType) -> float:
    try:
        return float(media_type.parameter("q") or 1)
    except ValueError:
        return 1.0


def _hint(entries: Sequence[Entry], offers: Sequence[Offer]) -> str:
    asked = ", ".join(_written(entry.media_type, entry.is_multipart, entry.transfer_syntax) for entry in entries)
    would_work = " | ".join(
        _written(offer.media_type, "single" not in offer.payloads, transfer_syntax)
        for offer in offers
        for transfer_syntax in offer.transfer_syntaxes
    )
    return f"none of [{asked or 'no usable Accept entry'}] is offered; Accept one of: {would_work}"


def _written(media_type: str, is_multipart: bool, transfer_syntax: str | None) -> str:
    name = f'multipart/related; type="{media_type}"' if is_multipart else media_type
    return f"{name}; transfer-syntax={transfer_syntax}" if transfer_syntax else name
