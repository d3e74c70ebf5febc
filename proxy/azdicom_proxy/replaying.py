"""A recorded response as the answer to a client: its URLs those of this proxy, its body from memory or files."""

from azdicom_proxy import codings
from azdicom_proxy.cassette.bodies import chunks_of, content_of, size_of
from azdicom_proxy.cassette.errors import BodyOmittedError
from azdicom_proxy.cassette.model import Inline, RecordedResponse
from azdicom_proxy.errors import ProxyError
from azdicom_proxy.exchanges import Exchange, Source, public_base
from azdicom_proxy.headers import encoded, value_of, without
from azdicom_proxy.relaying import relay_to
from azdicom_proxy.rewriting import Rewriter
from azdicom_proxy.scrub.secrets import PLACEHOLDER_ORIGIN
from azdicom_proxy.sending import DirectResponse
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.upstream.address import Address
from azdicom_proxy.upstream.head import RawHeaders

PLACEHOLDER = Address.parse(PLACEHOLDER_ORIGIN)


async def send_recorded(
    exchange: Exchange, recorded: RecordedResponse, settings: ProxySettings, *, coding: str | None = None
) -> DirectResponse:
    """Sends `recorded`. coding: what it was coded with on the wire, put on again where the client takes it.

    Raises ProxyError (502): the body was over the limit and only its length and hash were recorded.
    """
    exchange.source, exchange.status = Source.CASSETTE, recorded.status
    headers = without(encoded(recorded.headers), b"transfer-encoding")
    rewriter = None
    if settings.rewrites_urls:
        rewriter = Rewriter.between(
            PLACEHOLDER, public_base(settings.public_url or exchange.public_url, exchange.prefix)
        )
        headers = rewriter.headers(headers)
    body = recorded.body
    if coding is not None and settings.recode and _accepts(exchange, coding):
        body = Inline(codings.encode(coding, _rewritten(content_of(body), headers, rewriter)))
        headers, rewriter = (*headers, (b"Content-Encoding", coding.encode())), None
    lines = exchange.with_own_headers(headers, says_who=settings.proxy_headers)
    response = DirectResponse(exchange.request, recorded.status, recorded.reason, lines)
    relay = relay_to(response, headers, size_of(body), rewriter)
    try:
        for chunk in chunks_of(body):
            if not relay.receive(memoryview(chunk)):
                await relay.ready()
    except BodyOmittedError as error:
        raise ProxyError(502, "body-not-recorded", f"{error}; record it with a larger --max-record-body") from error
    await relay.end()
    exchange.is_whole = True
    exchange.sent_bytes = response.sent_bytes
    return response


def _rewritten(content: bytes, headers: RawHeaders, rewriter: Rewriter | None) -> bytes:
    return rewriter.json(content) if rewriter is not None else content


def _accepts(exchange: Exchange, coding: str) -> bool:
    """Whether the client's Accept-Encoding names the coding (RFC 9110 §12.5.3)."""
    value = (value_of(exchange.headers, b"accept-encoding") or b"").decode("latin-1").lower()
    for element in value.split(","):
        name, _, parameter = element.partition(";")
        if name.strip() in (coding, "*") and parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return coding in codings.ENCODERS
    return False
