"""Diff mode: the upstream's answer, sent as in passthrough; what flowed by is handed to the shadow behind it."""

import functools
from dataclasses import replace

from aiohttp import web

from azdicom_proxy.answer_relay import Forwarded
from azdicom_proxy.errors import ProxyError
from azdicom_proxy.exchanges import Exchange
from azdicom_proxy.forwarding import Forwarder
from azdicom_proxy.parity.keeping import kept_of
from azdicom_proxy.parity.shadow import Shadow
from azdicom_proxy.recorder import Recorder, settled
from azdicom_proxy.recordings import Recording
from azdicom_proxy.taps import Taps
from azdicom_proxy.upstream.client import SAFE_METHODS

COMPARED, BACKPRESSURE = "compared", "backpressure"


class DiffAnswerer:
    """shadow: what compares; recorder: records as well, where the recording has a writer."""

    def __init__(self, shadow: Shadow, upstream: Forwarder, recorder: Recorder) -> None:
        self._shadow = shadow
        self._upstream = upstream
        self._recorder = recorder

    async def answer(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        """Raises ProxyError, as long as nothing was sent."""
        shadow = self._shadow
        shadow.enter(exchange.method)
        try:
            if shadow.has_room or recording.writer is not None or exchange.method not in SAFE_METHODS:
                return await self._mirrored(exchange, recording)
            shadow.pass_by(exchange.method, exchange.target)
            exchange.verdict = BACKPRESSURE
            return (await self._upstream.forward(exchange)).response
        finally:
            shadow.leave(exchange.method)

    async def _mirrored(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        taps = self._recorder.taps()
        try:
            forwarded = await self._upstream.forward(exchange, taps=taps)
        except BaseException as error:
            await taps.abandon()
            why = "upstream-failed" if isinstance(error, ProxyError) else "aborted"
            self._shadow.offer(kept_of(self._upstream.upstream, exchange, None, Taps(taps.new), why))
            raise
        if not forwarded.is_whole:
            await taps.abandon()
            self._shadow.offer(
                kept_of(self._upstream.upstream, exchange, forwarded.head, Taps(taps.new), exchange.verdict)
            )
            return forwarded.response

        async def settle(is_kept: bool) -> None:
            if not is_kept:
                await taps.abandon()
                return
            # In order, and also if the client, which has its whole answer, hangs up now.
            offer = self._offer if recording.writer is None else self._record_and_offer
            await recording.kept(functools.partial(offer, exchange, recording, forwarded, taps), is_long=False)

        await settled(exchange, settle)
        return forwarded.response

    async def _offer(self, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps) -> None:
        await taps.rest()
        is_accepted = self._shadow.offer(kept_of(self._upstream.upstream, exchange, forwarded.head, taps))
        exchange.verdict = COMPARED if is_accepted else BACKPRESSURE

    async def _record_and_offer(
        self, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> None:
        """Records the interaction, and hands it to the shadow with the files of its bodies."""
        kept = kept_of(self._upstream.upstream, exchange, forwarded.head, taps)
        interaction = await self._recorder.append(self._upstream, exchange, recording, forwarded, taps)
        if interaction is None:
            self._shadow.offer(replace(kept, skipped="body-not-kept"))
            return
        response = replace(kept.response, body=interaction.response.body)
        request = replace(kept.request, body=interaction.request.body)
        self._shadow.offer(replace(kept, request=request, response=response, has_bodies=True))
