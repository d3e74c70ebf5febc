"""What a client's exchange leaves behind for its comparison: heads, and the taps that have its bodies."""

import time
from dataclasses import dataclass

from azdicom_proxy.cassette.model import RecordedRequest, RecordedResponse
from azdicom_proxy.exchanges import Exchange, request_headers
from azdicom_proxy.headers import decoded, end_to_end, value_of, without
from azdicom_proxy.settings import MIB
from azdicom_proxy.taps import BodyTap, Taps
from azdicom_proxy.upstream.address import Address
from azdicom_proxy.upstream.head import Head

NOT_SENT = "refused before its body was sent"
BAD_GATEWAY = 502


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a client's exchange left: heads, and taps or bodies. started, ended: by `time.perf_counter`.

    request, response: their bodies are there already where there is no tap, or where `has_bodies` says so; then the
    taps only own the files.
    """

    id: str
    request: RecordedRequest
    response: RecordedResponse
    request_tap: BodyTap | None = None
    response_tap: BodyTap | None = None
    has_bodies: bool = False
    started: float
    ended: float
    duration_ms: float
    skipped: str = ""
    """Why it is not compared: there is no whole answer."""

    @property
    def held_bytes(self) -> int:
        """Of the bodies, as far as they are in memory."""
        taps = (self.request_tap, self.response_tap)
        return sum(min(tap.received_bytes, MIB) for tap in taps if tap is not None)

    def discard(self) -> None:
        """Removes what is in files."""
        for tap in (self.request_tap, self.response_tap):
            if tap is not None:
                tap.discard()


def kept_of(upstream: Address, exchange: Exchange, head: Head | None, taps: Taps, skipped: str = "") -> Kept:
    """What is left of an exchange that has just ended. head: of the upstream's answer, None where there was none."""
    ended = time.perf_counter()
    if not skipped and not _took_all(exchange, taps):
        skipped = NOT_SENT
    uri = f"{upstream.origin}{upstream.path}{exchange.target}"
    return Kept(
        id=exchange.id,
        request=RecordedRequest(exchange.method, uri, request_headers(exchange)),
        response=_response(head) if head is not None else RecordedResponse(BAD_GATEWAY),
        request_tap=taps.request,
        response_tap=taps.response,
        started=exchange.started,
        ended=ended,
        duration_ms=(ended - exchange.started) * 1000,
        skipped=skipped,
    )


def _response(head: Head) -> RecordedResponse:
    """Without its body, which the tap decodes."""
    return RecordedResponse(head.status, head.reason, decoded(without(end_to_end(head.headers), b"content-encoding")))


def _took_all(exchange: Exchange, taps: Taps) -> bool:
    """Whether the upstream took all of the request's body before it answered."""
    length = value_of(exchange.headers, b"content-length")
    received_bytes = taps.request.received_bytes if taps.request is not None else 0
    return length is None or not length.isdigit() or received_bytes >= int(length)
