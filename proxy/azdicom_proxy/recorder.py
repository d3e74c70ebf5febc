"""Exchanges that are recorded: forwarded while a copy of their bodies is taken, then appended to the cassette."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path

from aiohttp import web

from azdicom_emulator.faults.keys import FAULT
from azdicom_proxy.answer_relay import Forwarded
from azdicom_proxy.cassette.bodies import chunks_of, size_of
from azdicom_proxy.cassette.model import Body, Empty, Interaction, RecordedRequest, RecordedResponse, Timing
from azdicom_proxy.codings import coding_of
from azdicom_proxy.exchanges import Exchange, request_headers
from azdicom_proxy.forwarding import Forwarder
from azdicom_proxy.headers import decoded, end_to_end, replaced, text_of, value_of, without
from azdicom_proxy.recordings import Recording
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.taps import BodyTap, Taps
from azdicom_proxy.upstream.head import RawHeaders

log = logging.getLogger(__name__)


class Recorder:
    """Takes copies by the limits of `settings`; large ones are files in `spool` until they are in a cassette."""

    def __init__(self, settings: ProxySettings, *, executor: Executor, spool: Path) -> None:
        self._settings = settings
        self._executor = executor
        self._spool = spool

    def tap(self, content_encoding: str | None, *, limit_bytes: int) -> BodyTap:
        return BodyTap(
            executor=self._executor,
            folder=self._spool,
            coding=coding_of(content_encoding.encode("latin-1")) if content_encoding else None,
            memory_bytes=self._settings.spool_memory_bytes,
            limit_bytes=limit_bytes,
        )

    def taps(self) -> Taps:
        """For both bodies of one exchange."""
        return Taps(functools.partial(self.tap, limit_bytes=self._settings.max_record_body_bytes))

    async def forward(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, body: Body | None = None
    ) -> web.StreamResponse:
        """The forwarder's answer, recorded where the recording has a writer.

        body: of the request, if it was read already; else it is kept while it flows by.
        """
        chunks = _as_stream(body) if body is not None else None
        if recording.writer is None:
            return (await forwarder.forward(exchange, body=chunks)).response
        taps = self.taps()
        try:
            forwarded = await forwarder.forward(exchange, taps=taps, body=chunks)
        except BaseException:
            await taps.abandon()
            raise
        if not forwarded.is_whole:
            await taps.abandon()
            return forwarded.response

        async def settle(is_kept: bool) -> None:
            if not is_kept:
                await taps.abandon()
                return
            exchange.verdict = "recorded"
            # Begun before anything else may run, so that interactions are kept in the order of their ends; and done
            # even if the client, which has its whole answer, hangs up now.
            keep = functools.partial(self._keep, forwarder, exchange, recording, forwarded, taps)
            await recording.kept(keep, is_long=taps.are_large)

        await settled(exchange, settle)
        return forwarded.response

    async def append(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> Interaction | None:
        """The interaction as it was on the wire, once it is recorded; None: it could not be."""
        try:
            interaction = await _interaction(forwarder, exchange, recording, forwarded, taps)
            if recording.writer is None:
                return interaction
            loop = asyncio.get_running_loop()
            kept = await loop.run_in_executor(self._executor, recording.writer.append, interaction)
        except Exception as error:
            # The client has its answer; what is lost is the interaction, and that must be said.
            exchange.verdict = "not-recorded"
            recording.refusal = f"{exchange.method} {exchange.target.partition('?')[0]}: {error}"
            log.error("not recorded: %s", recording.refusal)
            return None
        if kept is None:
            exchange.verdict = "never-recorded"
            return interaction
        exchange.verdict = kept.id
        recording.recorded += 1
        if recording.player is not None:
            recording.player.add(kept, played=True)
        if recording.known is not None:
            recording.known.add(kept, played=True)
        return interaction

    async def _keep(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> None:
        try:
            await self.append(forwarder, exchange, recording, forwarded, taps)
        finally:
            await taps.abandon()


async def settled(exchange: Exchange, settle: Callable[[bool], Awaitable[None]]) -> None:
    """Keeps what was exchanged; under a fault rule only later, since that may still find nothing to change."""
    if FAULT in exchange.request:
        exchange.settle = settle
    else:
        await settle(True)


async def _interaction(
    forwarder: Forwarder, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
) -> Interaction:
    head = forwarded.head
    request_body = await _body_of(taps.request, exchange.headers)
    response_body = await _body_of(taps.response, head.headers)
    coding = coding_of(value_of(head.headers, b"content-encoding"))
    headers = without(end_to_end(head.headers), b"content-encoding") if coding else end_to_end(head.headers)
    if exchange.method != "HEAD" and value_of(headers, b"content-length") is not None:
        headers = replaced(headers, b"Content-Length", b"%d" % size_of(response_body))
    base = f"{forwarder.upstream.origin}{forwarder.upstream.path}"
    return Interaction(
        request=RecordedRequest(exchange.method, f"{base}{exchange.target}", request_headers(exchange), request_body),
        response=RecordedResponse(head.status, head.reason, decoded(headers), response_body),
        response_coding=coding,
        timing=Timing(
            start_ms=round((exchange.started - recording.started) * 1000),
            duration_ms=round(exchange.duration_s * 1000),
            first_byte_ms=round(exchange.first_byte_s * 1000),
        ),
    )


async def _body_of(tap: BodyTap | None, headers: RawHeaders) -> Body:
    return Empty() if tap is None else await tap.finish(text_of(headers, b"content-type"))


async def _as_stream(body: Body) -> AsyncIterator[bytes]:
    for chunk in chunks_of(body):
        yield chunk
