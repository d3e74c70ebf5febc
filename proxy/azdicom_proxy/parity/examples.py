"""What a report keeps of an exchange in which something differed."""

from dataclasses import dataclass, field
from typing import Any

from azdicom_proxy.cassette.bodies import header, size_of
from azdicom_proxy.cassette.model import RecordedResponse
from azdicom_proxy.parity.curl import curl_of
from azdicom_proxy.parity.model import Compared, Difference, Pair, Severity
from azdicom_proxy.parity.pictures import pictures_of
from azdicom_proxy.parity.redaction import Redaction, is_personal, tags_in
from azdicom_proxy.parity.tables import tables_of


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange that shows a difference: where, and the two values."""

    exchange: str
    where: str
    text: str
    upstream: str | None
    local: str | None
    curl: str

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Details:
    """An exchange from near: its request and the answers' heads, data sets and pictures side by side."""

    route: str
    method: str
    uri: str
    curl: str
    upstream: dict[str, Any]
    local: dict[str, Any]
    tables: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def example_of(pair: Pair, difference: Difference, redaction: Redaction) -> Example:
    return Example(
        exchange=pair.id,
        where=redaction.text(difference.where or difference.at),
        text=text_of(difference, redaction),
        upstream=redaction.value(difference.upstream, place_of(difference)),
        local=redaction.value(difference.local, place_of(difference)),
        curl=curl_of(pair.request, redaction),
    )


def text_of(difference: Difference, redaction: Redaction) -> str:
    """The difference's line, without the two values where they are personal."""
    if not redaction.phi_shown and any(is_personal(tag) for tag in tags_in(place_of(difference))):
        redaction.remember(value for value in (difference.upstream, difference.local) if value is not None)
    return " ".join(redaction.text(difference.text).split())


def place_of(difference: Difference) -> str:
    """The place with the tag that is concerned, which need not be in it."""
    return f"{difference.at} {difference.tag or ''}"


def details_of(compared: Compared, redaction: Redaction) -> Details:
    pair = compared.pair
    places = [place_of(each) for each in compared.differences if each.severity is not Severity.NOISE]
    changed = {tag.upper() for place in places for tag in tags_in(place)}
    has_tables = any("dicom:" in place for place in places)
    return Details(
        route=pair.route,
        method=pair.request.method,
        uri=redaction.uri(pair.request.uri),
        curl=curl_of(pair.request, redaction),
        upstream=_head(pair.upstream, redaction),
        local=_head(pair.local, redaction),
        tables=tables_of(pair.upstream, pair.local, changed, redaction) if has_tables else [],
        pictures=pictures_of(pair.upstream, pair.local),
    )


def _head(response: RecordedResponse, redaction: Redaction) -> dict[str, Any]:
    return {
        "status": response.status,
        "content_type": redaction.text(header(response.headers, "content-type") or ""),
        "size_bytes": size_of(response.body),
    }
