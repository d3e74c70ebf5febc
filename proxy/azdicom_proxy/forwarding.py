"""A request on its way to the upstream and the answer on its way back, streamed both ways."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from azdicom_proxy.answer_relay import AnswerRelay, Forwarded
from azdicom_proxy.errors import ProxyError
from azdicom_proxy.exchanges import Exchange, Source, public_base
from azdicom_proxy.headers import VIA, is_continue_expected, replaced, value_of, without
from azdicom_proxy.relaying import REWRITTEN_WHOLE_BYTES
from azdicom_proxy.rewriting import Rewriter, is_json
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.taps import Taps, tapped
from azdicom_proxy.upstream.address import Address
from azdicom_proxy.upstream.client import Upload, UpstreamClient
from azdicom_proxy.upstream.errors import UpstreamError
from azdicom_proxy.upstream.head import RawHeaders, request_head
from azdicom_proxy.upstream_auth import TokenUnavailableError, UpstreamAuthorization

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Forwarder:
    """Forwards to one upstream. source: what answers of it are called."""

    def __init__(
        self,
        settings: ProxySettings,
        upstream: Address,
        client: UpstreamClient,
        authorization: UpstreamAuthorization,
        source: Source = Source.UPSTREAM,
    ) -> None:
        self.upstream = upstream
        self._settings = settings
        self._client = client
        self._authorization = authorization
        self._source = source

    async def forward(
        self, exchange: Exchange, *, taps: Taps | None = None, body: AsyncIterator[bytes] | None = None
    ) -> Forwarded:
        """The upstream's answer, sent to the client. body: in place of what the client sends, which was read already.

        Raises ProxyError, as long as nothing was sent.
        """
        rewriters = self._rewriters(exchange)
        headers = await self._request_headers(exchange)
        headers, upload = await self._upload(exchange, headers, rewriters, taps, body)
        head = request_head(exchange.method, self.upstream.path + exchange.target, headers)
        relay = AnswerRelay(
            exchange,
            self._settings,
            source=self._source,
            sent=headers,
            to_client=rewriters.to_client if rewriters is not None else None,
            taps=taps,
        )
        try:
            await self._client.ask(exchange.method, head, relay.begin, upload)
            return relay.whole()
        except UpstreamError as error:
            if not relay.has_sent:
                raise ProxyError.of_upstream(error) from error
            return relay.broken_off()
        except ConnectionError:
            if not relay.has_begun:
                raise
            return relay.aborted()
        finally:
            relay.count()

    async def check(self) -> None:
        """Raises TokenUnavailableError, UpstreamError."""
        await self._authorization.check()
        await self._client.check()

    async def close(self) -> None:
        await self._client.close()
        await self._authorization.close()

    # The request.

    async def _request_headers(self, exchange: Exchange) -> RawHeaders:
        headers = exchange.headers
        if not self._settings.preserve_host:
            headers = replaced(headers, b"Host", self.upstream.authority.encode())
        if self._settings.forwarded:
            headers = (*headers, *_forwarded(exchange))
        try:
            return await self._authorization.applied_to((*headers, VIA))
        except TokenUnavailableError as error:
            raise ProxyError(502, "token-unavailable", str(error)) from error

    async def _upload(
        self,
        exchange: Exchange,
        headers: RawHeaders,
        rewriters: "Rewriters | None",
        taps: Taps | None,
        body: AsyncIterator[bytes] | None,
    ) -> tuple[RawHeaders, Upload | None]:
        request = exchange.request
        if not request.body_exists:
            return headers, None
        expects_continue = body is None and is_continue_expected(headers)
        if body is None:
            body = _counted(exchange)
        if rewriters is not None and is_json(value_of(headers, b"content-type")):
            if expects_continue:
                send_continue(exchange)
                headers, expects_continue = without(headers, b"expect"), False
            headers, body = await _rewritten_json(headers, body, rewriters.to_upstream)
        if taps is not None and taps.request is None:
            taps.request = taps.new(None)
            body = tapped(body, taps.request)
        is_chunked = value_of(headers, b"content-length") is None
        if is_chunked:
            headers = (*headers, (b"Transfer-Encoding", b"chunked"))
        return headers, Upload(body, is_chunked, expects_continue, lambda: send_continue(exchange))

    def _rewriters(self, exchange: Exchange) -> "Rewriters | None":
        if not self._settings.rewrites_urls:
            return None
        public_url = self._settings.public_url or exchange.public_url
        return _rewriters(self.upstream, public_url, exchange.prefix)


@dataclass(frozen=True, slots=True)
class Rewriters:
    """Both directions."""

    to_client: Rewriter
    to_upstream: Rewriter


@lru_cache(maxsize=256)
def _rewriters(upstream: Address, public_url: str, prefix: str) -> "Rewriters":
    public = public_base(public_url, prefix)
    return Rewriters(Rewriter.between(upstream, public), Rewriter.between(public, upstream))


def send_continue(exchange: Exchange) -> None:
    """Asks the client for the body that it holds back."""
    transport = exchange.request.transport
    if transport is not None and not transport.is_closing():
        transport.write(CONTINUE)


def send_continue_if_expected(exchange: Exchange) -> None:
    if is_continue_expected(exchange.headers):
        send_continue(exchange)


async def _counted(exchange: Exchange) -> AsyncIterator[bytes]:
    """The body as the client sends it. Raises ProxyError (400) when it is no HTTP."""
    try:
        async for chunk in exchange.request.content.iter_any():
            exchange.received_bytes += len(chunk)
            yield chunk
    except web.RequestPayloadError as error:
        raise ProxyError.bad_request(f"the request's body is no HTTP: {error}") from None


async def _rewritten_json(
    headers: RawHeaders, body: AsyncIterator[bytes], rewriter: Rewriter
) -> tuple[RawHeaders, AsyncIterator[bytes]]:
    """The body with the client's URLs made the upstream's; one that is too long to be held goes on as it is."""
    held = bytearray()
    async for chunk in body:
        held += chunk
        if len(held) > REWRITTEN_WHOLE_BYTES:
            return headers, _chain(bytes(held), body)
    content = rewriter.json(bytes(held))
    if value_of(headers, b"content-length") is not None:
        headers = replaced(headers, b"Content-Length", b"%d" % len(content))
    return headers, _chain(content, None)


async def _chain(first: bytes, rest: AsyncIterator[bytes] | None) -> AsyncIterator[bytes]:
    if first:
        yield first
    if rest is not None:
        async for chunk in rest:
            yield chunk


def _forwarded(exchange: Exchange) -> RawHeaders:
    request = exchange.request
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return (
        (b"X-Forwarded-For", (peer[0] if peer else "unknown").encode()),
        (b"X-Forwarded-Host", value_of(exchange.headers, b"host") or b""),
        (b"X-Forwarded-Proto", request.scheme.encode()),
    )
