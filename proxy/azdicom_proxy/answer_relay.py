"""The upstream's answer to one exchange on its way to the client: its head, its body, and how it ended."""

import time
from dataclasses import dataclass

from azdicom_proxy.cors import without_upstreams_own
from azdicom_proxy.exchanges import Exchange, Source
from azdicom_proxy.headers import end_to_end, is_continue_expected, text_of
from azdicom_proxy.relaying import relay_to
from azdicom_proxy.rewriting import Rewriter
from azdicom_proxy.sending import DirectResponse
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.taps import TappedReceiver, Taps
from azdicom_proxy.upstream.connection import Receiver
from azdicom_proxy.upstream.head import Head, RawHeaders
from azdicom_proxy.upstream_auth import log_hint


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What was relayed. head: as the upstream sent it; is_whole: the client got all of it."""

    response: DirectResponse
    head: Head
    is_whole: bool


class AnswerRelay:
    """Call `begin` when the head arrives, then `whole`, or `broken_off` when the upstream does not send all of it.

    source: who answers. sent: the request's headers as they went to the upstream. to_client: what makes the upstream's
    URLs the proxy's own; None: they stay. taps: what keeps a copy.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: ProxySettings,
        *,
        source: Source,
        sent: RawHeaders,
        to_client: Rewriter | None,
        taps: Taps | None,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._source = source
        self._sent = sent
        self._to_client = to_client
        self._taps = taps
        self._head: Head
        self._response: DirectResponse | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the head has arrived."""
        return self._response is not None

    @property
    def has_sent(self) -> bool:
        """Whether the client has got a part of the answer."""
        return self._response is not None and self._response.is_begun

    def begin(self, head: Head) -> Receiver:
        """What takes the body. Raises ConnectionResetError when the client is gone."""
        exchange = self._exchange
        exchange.first_byte_s = time.perf_counter() - exchange.started
        exchange.source, exchange.status = self._source, head.status
        log_hint(head.status, self._sent)
        headers = end_to_end(head.headers)
        response = DirectResponse(exchange.request, head.status, head.reason, self._to_be_sent(headers))
        if is_continue_expected(self._sent) and exchange.request.can_read_body and not exchange.received_bytes:
            response.force_close()  # refused before its body: the client may send it or not
        self._head, self._response = head, response
        relay = relay_to(response, headers, head.length, self._to_client)
        if self._taps is None or head.length == 0:
            return relay
        self._taps.response = self._taps.new(text_of(headers, b"content-encoding"))
        return TappedReceiver(relay, self._taps.response)

    def whole(self) -> Forwarded:
        """The client has all of it."""
        self._exchange.is_whole = True
        self._exchange.duration_s = time.perf_counter() - self._exchange.started
        return self._forwarded(is_whole=True)

    def broken_off(self) -> Forwarded:
        """The upstream broke off: so does the answer."""
        assert self._response is not None, "it has begun"
        self._response.break_off()
        self._exchange.verdict = "broken-off"
        return self._forwarded(is_whole=False)

    def aborted(self) -> Forwarded:
        """The client is gone."""
        self._exchange.verdict = "aborted"
        return self._forwarded(is_whole=False)

    def count(self) -> None:
        """Notes how much of the body was sent."""
        if self._response is not None:
            self._exchange.sent_bytes = self._response.sent_bytes

    def _forwarded(self, *, is_whole: bool) -> Forwarded:
        assert self._response is not None, "it has begun"
        return Forwarded(self._response, self._head, is_whole)

    def _to_be_sent(self, headers: RawHeaders) -> RawHeaders:
        if self._to_client is not None:
            headers = self._to_client.headers(headers)
        if self._settings.cors:
            headers = without_upstreams_own(headers)
        return self._exchange.with_own_headers(headers, says_who=self._settings.proxy_headers)
