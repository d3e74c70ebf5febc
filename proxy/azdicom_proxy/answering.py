"""Who answers a request, by the mode of its recording: the upstream, the cassette, or one after the other."""

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from azdicom_emulator.faults.keys import FAULT
from azdicom_proxy.answer_relay import Forwarded
from azdicom_proxy.cassette.bodies import chunks_of, size_of
from azdicom_proxy.cassette.model import (
    Body,
    Empty,
    Inline,
    Interaction,
    RecordedRequest,
    RecordedResponse,
    Timing,
)
from azdicom_proxy.codings import coding_of
from azdicom_proxy.errors import ProxyError
from azdicom_proxy.exchanges import Exchange, Source, public_base, request_headers
from azdicom_proxy.forwarding import Forwarder, send_continue_if_expected
from azdicom_proxy.headers import decoded, end_to_end, replaced, value_of, without
from azdicom_proxy.masking import masked_miss
from azdicom_proxy.recordings import Recording
from azdicom_proxy.replaying import PLACEHOLDER, send_recorded
from azdicom_proxy.rewriting import Rewriter, is_json
from azdicom_proxy.settings import Fallback, Mode, OfflineFallback, ProxySettings
from azdicom_proxy.taps import BodyTap, Taps
from azdicom_proxy.upstream.client import SAFE_METHODS
from azdicom_proxy.upstream.errors import UnreachableError, UpstreamTimeoutError

if TYPE_CHECKING:
    from azdicom_proxy.matching.player import Miss, Player
    from azdicom_proxy.parity.shadow import Shadow

log = logging.getLogger(__name__)

UNLIMITED = 1 << 62
PLAYED_AT_ONCE_BYTES = 64 * 1024
"""Larger bodies are matched in a thread: the digest of a data set takes its time."""

COMPARED, BACKPRESSURE = "compared", "backpressure"

Answering = Callable[[Exchange, Recording], Awaitable[web.StreamResponse]]


class Answerer:
    """Answers exchanges. upstream: None where nothing is forwarded; local: the emulator for `--fallback local`.

    shadow: what diff mode hands its exchanges to; mirrored_to: its local side, once it has one.
    A mode is one row of `_by_mode`.
    """

    def __init__(
        self,
        settings: ProxySettings,
        *,
        upstream: Forwarder | None,
        local: Forwarder | None,
        executor: Executor,
        spool: Path,
        shadow: "Shadow | None" = None,
        mirrored_to: Callable[[], Forwarder | None] | None = None,
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._local = local
        self._shadow = shadow
        self._mirrored_to = mirrored_to
        self._executor = executor
        self._spool = spool
        self._by_mode: dict[Mode, Answering] = {
            Mode.PASSTHROUGH: self._pass_through,
            Mode.RECORD: self._record,
            Mode.REPLAY: self._replay,
            Mode.SPY: self._spy,
            Mode.DIFF: self._diff,
        }

    async def answer(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        """Raises ProxyError, as long as nothing was sent."""
        try:
            return await self._by_mode[recording.mode](exchange, recording)
        except ProxyError as error:
            if not self._may_fall_back(exchange, error):
                raise
            if recording.writer is not None:
                recording.writer.keep_rest()
            answered = await self._answered_offline(exchange, recording)
            if answered is None:
                raise
            return answered

    # While the upstream cannot be reached.

    def _may_fall_back(self, exchange: Exchange, error: ProxyError) -> bool:
        is_offline = isinstance(error.__cause__, UnreachableError | UpstreamTimeoutError)
        is_known_kind = exchange.method in SAFE_METHODS and not exchange.request.body_exists
        return self._settings.offline_fallback is not None and is_offline and is_known_kind

    async def _answered_offline(self, exchange: Exchange, recording: Recording) -> web.StreamResponse | None:
        """What the cassette or the local side answers; None: neither knows anything."""
        if self._settings.offline_fallback is OfflineFallback.LOCAL:
            local = self._local or (self._mirrored_to() if self._mirrored_to is not None else None)
            return (await local.forward(exchange)).response if local is not None else None
        if recording.known is None:
            return None
        played = await self._play(exchange, recording.known, Empty())
        return await self._send_played(exchange, recording, played) if isinstance(played, Interaction) else None

    async def _pass_through(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        return (await self._forwarder().forward(exchange)).response

    async def _record(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        if recording.player is None:
            return await self._forward_and_keep(self._forwarder(), exchange, recording, None)
        if recording.writer is None:
            return await self._replay(exchange, recording)
        return await self._play_or_forward(self._forwarder(), exchange, recording)

    async def _replay(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        asked = await self._read(exchange)
        try:
            played = await self._play(exchange, recording.player, asked.body)
            if isinstance(played, Interaction):
                return await self._send_played(exchange, recording, played)
            raise self._missed(exchange, recording, played)
        finally:
            asked.discard()

    async def _spy(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        is_local = self._settings.fallback is Fallback.LOCAL
        forwarder = self._local if is_local else self._upstream
        assert forwarder is not None, "the command line sees to it"
        return await self._play_or_forward(forwarder, exchange, recording)

    # Diff mode.

    async def _diff(self, exchange: Exchange, recording: Recording) -> web.StreamResponse:
        """The upstream's answer, sent as in passthrough; what flowed by is handed to the shadow behind it."""
        shadow = self._shadow
        assert shadow is not None, "the command line sees to it"
        shadow.enter(exchange.method)
        try:
            if shadow.has_room or recording.writer is not None or exchange.method not in SAFE_METHODS:
                return await self._mirrored(shadow, exchange, recording)
            shadow.pass_by(exchange.method, exchange.target)
            exchange.verdict = BACKPRESSURE
            return await self._pass_through(exchange, recording)
        finally:
            shadow.leave(exchange.method)

    async def _mirrored(self, shadow: "Shadow", exchange: Exchange, recording: Recording) -> web.StreamResponse:
        from azdicom_proxy.parity.keeping import kept_of  # the other modes do without it

        upstream = self._forwarder().upstream
        taps = Taps(functools.partial(self._tap, limit_bytes=self._settings.max_record_body_bytes))
        try:
            forwarded = await self._forwarder().forward(exchange, taps=taps)
            await taps.rest()
        except BaseException as error:
            await taps.abandon()
            shadow.offer(kept_of(upstream, exchange, None, Taps(taps.new), _why_unanswered(error)))
            raise
        if not forwarded.is_whole:
            await taps.abandon()
            shadow.offer(kept_of(upstream, exchange, forwarded.head, Taps(taps.new), exchange.verdict))
            return forwarded.response

        async def settle(is_kept: bool) -> None:
            if not is_kept:
                await taps.abandon()
            elif recording.writer is None:
                is_accepted = shadow.offer(kept_of(upstream, exchange, forwarded.head, taps))
                exchange.verdict = COMPARED if is_accepted else BACKPRESSURE
            else:
                keep = functools.partial(self._keep_and_offer, shadow, exchange, recording, forwarded, taps)
                await recording.kept(keep, is_long=taps.are_large)

        if FAULT in exchange.request:  # the rule may still find that there is nothing to change
            exchange.settle = settle
        else:
            await settle(True)
        return forwarded.response

    async def _keep_and_offer(
        self, shadow: "Shadow", exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> None:
        """Records the interaction, and hands it to the shadow with the files of its bodies."""
        from azdicom_proxy.parity.keeping import kept_of

        kept = kept_of(self._forwarder().upstream, exchange, forwarded.head, taps)
        interaction = await self._append(self._forwarder(), exchange, recording, forwarded, taps)
        if interaction is None:
            shadow.offer(replace(kept, skipped="body-not-kept"))
            return
        response = replace(kept.response, body=interaction.response.body)
        request = replace(kept.request, body=interaction.request.body)
        shadow.offer(replace(kept, request=request, response=response, has_bodies=True))

    # Replaying.

    async def _read(self, exchange: Exchange) -> "Asked":
        """The whole body of the request. Raises ProxyError (400) when it breaks off."""
        if not exchange.request.body_exists:
            return Asked(Empty(), None)
        send_continue_if_expected(exchange)
        tap = self._tap(None, limit_bytes=UNLIMITED)
        try:
            async for chunk in exchange.request.content.iter_any():
                exchange.received_bytes += len(chunk)
                tap.feed(chunk)
                if tap.is_full:
                    await tap.ready()
            return Asked(await tap.finish(_text(value_of(exchange.headers, b"content-type"))), tap)
        except web.RequestPayloadError as error:
            await tap.abandon()
            raise ProxyError.bad_request(f"the request's body is no HTTP: {error}") from None
        except BaseException:
            await tap.abandon()
            raise

    async def _play(self, exchange: Exchange, player: "Player | None", body: Body) -> "Interaction | Miss":
        assert player is not None
        request = RecordedRequest(
            exchange.method, f"{PLACEHOLDER.origin}{exchange.target}", request_headers(exchange), body
        )
        if isinstance(body, Inline) and is_json(value_of(exchange.headers, b"content-type")):
            to_placeholder = Rewriter.between(
                public_base(self._settings.public_url or exchange.public_url, exchange.prefix), PLACEHOLDER
            )
            request = replace(request, body=Inline(to_placeholder.json(body.content)))
        if size_of(body) <= PLAYED_AT_ONCE_BYTES:
            return player.play(request)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, player.play, request)

    async def _send_played(self, exchange: Exchange, recording: Recording, played: Interaction) -> web.StreamResponse:
        exchange.verdict = played.id
        waits_s = recording.delays_s.get(played.id, 0.0) - (time.perf_counter() - exchange.started)
        if waits_s > 0:
            await asyncio.sleep(waits_s)
        return await send_recorded(exchange, played.response, self._settings, coding=played.response_coding)

    def _missed(self, exchange: Exchange, recording: Recording, miss: "Miss") -> ProxyError:
        text = miss.text()
        recording.note_miss(text)
        exchange.verdict = "cassette-miss"
        exchange.source = Source.CASSETTE
        log.warning("%s", text if self._settings.log_phi else masked_miss(text))
        return ProxyError(self._settings.miss_status, "cassette-miss", text)

    async def _play_or_forward(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording
    ) -> web.StreamResponse:
        """The cassette's answer; on a miss the forwarder's, recorded where the recording has a writer."""
        asked = await self._read(exchange)
        try:
            await recording.caught_up()  # a client that has its answer may ask again before that is recorded
            played = await self._play(exchange, recording.player, asked.body)
            if isinstance(played, Interaction):
                return await self._send_played(exchange, recording, played)
            if recording.mode is Mode.SPY:
                recording.note_miss(played.text())
            return await self._forward_and_keep(forwarder, exchange, recording, asked)
        finally:
            asked.discard()

    # Recording.

    async def _forward_and_keep(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, asked: "Asked | None"
    ) -> web.StreamResponse:
        """asked: the request's body, if it was read already; else it is kept while it flows by."""
        chunks = _as_stream(asked.body) if asked is not None else None
        if recording.writer is None:
            return (await forwarder.forward(exchange, body=chunks)).response
        taps = Taps(functools.partial(self._tap, limit_bytes=self._settings.max_record_body_bytes))
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

        if FAULT in exchange.request:  # the rule may still find that there is nothing to change
            exchange.settle = settle
        else:
            await settle(True)
        return forwarded.response

    async def _keep(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> None:
        try:
            await self._append(forwarder, exchange, recording, forwarded, taps)
        finally:
            await taps.abandon()

    async def _append(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> Interaction | None:
        """The interaction as it was on the wire, once it is recorded; None: it could not be."""
        try:
            interaction = await self._interaction(forwarder, exchange, recording, forwarded, taps)
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

    async def _interaction(
        self, forwarder: Forwarder, exchange: Exchange, recording: Recording, forwarded: Forwarded, taps: Taps
    ) -> Interaction:
        head = forwarded.head
        request_body = await _body_of(taps.request, value_of(exchange.headers, b"content-type"))
        response_body = await _body_of(taps.response, value_of(head.headers, b"content-type"))
        coding = coding_of(value_of(head.headers, b"content-encoding"))
        headers = without(end_to_end(head.headers), b"content-encoding") if coding else end_to_end(head.headers)
        if exchange.method != "HEAD" and value_of(headers, b"content-length") is not None:
            headers = replaced(headers, b"Content-Length", b"%d" % size_of(response_body))
        base = f"{forwarder.upstream.origin}{forwarder.upstream.path}"
        return Interaction(
            request=RecordedRequest(
                exchange.method, f"{base}{exchange.target}", request_headers(exchange), request_body
            ),
            response=RecordedResponse(head.status, head.reason, decoded(headers), response_body),
            response_coding=coding,
            timing=Timing(
                start_ms=round((exchange.started - recording.started) * 1000),
                duration_ms=round(exchange.duration_s * 1000),
                first_byte_ms=round(exchange.first_byte_s * 1000),
            ),
        )

    def _tap(self, content_encoding: str | None, *, limit_bytes: int) -> BodyTap:
        return BodyTap(
            executor=self._executor,
            folder=self._spool,
            coding=coding_of(content_encoding.encode("latin-1")) if content_encoding else None,
            memory_bytes=self._settings.spool_memory_bytes,
            limit_bytes=limit_bytes,
        )

    def _forwarder(self) -> Forwarder:
        assert self._upstream is not None, "the command line sees to it"
        return self._upstream


@dataclass(frozen=True, slots=True)
class Asked:
    """The body of a request that was read whole, and the tap whose file it may be in."""

    body: Body
    tap: BodyTap | None

    def discard(self) -> None:
        if self.tap is not None:
            self.tap.discard()


def _why_unanswered(error: BaseException) -> str:
    return "upstream-failed" if isinstance(error, ProxyError) else "aborted"


async def _body_of(tap: BodyTap | None, content_type: bytes | None) -> Body:
    return Empty() if tap is None else await tap.finish(_text(content_type))


async def _as_stream(body: Body) -> AsyncIterator[bytes]:
    for chunk in chunks_of(body):
        yield chunk


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value is not None else None
