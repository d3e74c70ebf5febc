"""Who answers a request, by the mode of its recording: the upstream, the cassette, or one after the other."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiohttp import web

from azdicom_proxy.cassette.bodies import size_of
from azdicom_proxy.cassette.model import Body, Empty, Inline, Interaction, RecordedRequest
from azdicom_proxy.errors import ProxyError
from azdicom_proxy.exchanges import Exchange, Source, public_base, request_headers
from azdicom_proxy.forwarding import Forwarder, send_continue_if_expected
from azdicom_proxy.headers import text_of, value_of
from azdicom_proxy.masking import masked_miss
from azdicom_proxy.recorder import Recorder
from azdicom_proxy.recordings import Recording
from azdicom_proxy.replaying import PLACEHOLDER, send_recorded
from azdicom_proxy.rewriting import Rewriter, is_json
from azdicom_proxy.settings import Fallback, Mode, OfflineFallback, ProxySettings
from azdicom_proxy.taps import BodyTap
from azdicom_proxy.upstream.client import SAFE_METHODS
from azdicom_proxy.upstream.errors import UnreachableError, UpstreamTimeoutError

if TYPE_CHECKING:
    from azdicom_proxy.matching.player import Miss, Player

log = logging.getLogger(__name__)

UNLIMITED = 1 << 62
PLAYED_AT_ONCE_BYTES = 64 * 1024
"""Larger bodies are matched in a thread: the digest of a data set takes its time."""

Answering = Callable[[Exchange, Recording], Awaitable[web.StreamResponse]]


class Answerer:
    """Answers exchanges. upstream: None where nothing is forwarded; local: the emulator for `--fallback local`.

    diff: what answers in diff mode, where the mode is that; mirrored_to: its local side, once it has one.
    A mode is one row of `_by_mode`.
    """

    def __init__(
        self,
        settings: ProxySettings,
        *,
        upstream: Forwarder | None,
        local: Forwarder | None,
        recorder: Recorder,
        executor: Executor,
        diff: Answering | None = None,
        mirrored_to: Callable[[], Forwarder | None] | None = None,
    ) -> None:
        self._settings = settings
        self._upstream = upstream
        self._local = local
        self._recorder = recorder
        self._mirrored_to = mirrored_to
        self._executor = executor
        self._by_mode: dict[Mode, Answering] = {
            Mode.PASSTHROUGH: self._pass_through,
            Mode.RECORD: self._record,
            Mode.REPLAY: self._replay,
            Mode.SPY: self._spy,
            **({Mode.DIFF: diff} if diff is not None else {}),
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
            return await self._recorder.forward(self._forwarder(), exchange, recording)
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

    # Replaying.

    async def _read(self, exchange: Exchange) -> "Asked":
        """The whole body of the request. Raises ProxyError (400) when it breaks off."""
        if not exchange.request.body_exists:
            return Asked(Empty(), None)
        send_continue_if_expected(exchange)
        tap = self._recorder.tap(None, limit_bytes=UNLIMITED)
        try:
            async for chunk in exchange.request.content.iter_any():
                exchange.received_bytes += len(chunk)
                tap.feed(chunk)
                if tap.is_full:
                    await tap.ready()
            return Asked(await tap.finish(text_of(exchange.headers, b"content-type")), tap)
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
            return await self._recorder.forward(forwarder, exchange, recording, asked.body)
        finally:
            asked.discard()

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
