"""A running proxy: its parts, started and stopped in order, and the one handler in front of them."""

import asyncio
import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from azdicom_emulator.admin.api import AdminApi
from azdicom_emulator.faults.keys import FAULT
from azdicom_emulator.faults.switch import FaultSwitch, switch_of
from azdicom_emulator.web.limits import PARSER_LIMITS, connection_log
from azdicom_proxy.admin import create_admin
from azdicom_proxy.answering import Answerer, Answering
from azdicom_proxy.cassette.errors import CassetteError
from azdicom_proxy.cors import cors_headers, preflight
from azdicom_proxy.errors import ProxyError, problem
from azdicom_proxy.exchanges import DEFAULT_RECORDING, Exchange, Source, open_exchange
from azdicom_proxy.forwarding import Forwarder
from azdicom_proxy.headers import SOURCE_HEADER, encoded
from azdicom_proxy.local import LocalEmulator
from azdicom_proxy.observing import Observer
from azdicom_proxy.recorder import Recorder
from azdicom_proxy.recording_faults import RecordingFaults
from azdicom_proxy.recordings import Recording, Recordings
from azdicom_proxy.settings import Fallback, Mode, OfflineFallback, ProxySettings, UpstreamAuth
from azdicom_proxy.tls import server_context
from azdicom_proxy.upstream.address import Address, Trust, outgoing_proxy
from azdicom_proxy.upstream.client import UpstreamClient
from azdicom_proxy.upstream.dialing import Dialer
from azdicom_proxy.upstream.errors import UpstreamError
from azdicom_proxy.upstream_auth import UpstreamAuthorization, authorization

if TYPE_CHECKING:
    from azdicom_emulator.faults.engine import FaultEngine
    from azdicom_proxy.parity.diff_run import DiffRun

log = logging.getLogger(__name__)

READ_BUFFER_BYTES = 256 * 1024
THREADS = 4
LOOPBACK_NAMES = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class ProxyServer:
    """One proxy. `await start()`, then wait for `stopping`, then `await close()`."""

    def __init__(self, settings: ProxySettings) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.url = ""
        self.upstream: Forwarder | None = None
        self.faults = RecordingFaults(FaultSwitch(is_service=False))
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="proxy")
        self.recordings = Recordings(settings, self._executor)
        self._spool = tempfile.TemporaryDirectory(prefix="azdicom-proxy-")
        self.diff = _diff_run(settings, Path(self._spool.name)) if settings.mode is Mode.DIFF else None
        """What a proxy in diff mode has found."""
        self._observer = Observer(
            with_personal=settings.log_phi, gauges=self.diff.gauges() if self.diff is not None else ()
        )
        self._local: LocalEmulator | None = None
        self._local_side: Forwarder | None = None
        self._answerer: Answerer
        self._admin: AdminApi | None = None
        self._runner: web.ServerRunner | None = None
        self._busy = 0
        self._idle_since = time.monotonic()
        self._watch: asyncio.Future[None] | None = None

    async def start(self) -> str:
        """The URL it listens on.

        Raises FaultsError, UnknownPresetError, CassetteError, TokenUnavailableError, OSError.
        """
        settings = self.settings
        self.faults = RecordingFaults(switch_of(settings.faults, settings.chaos, settings.seed, is_service=False))
        tls = server_context(settings.tls_cert, settings.tls_key)
        if settings.mode is not Mode.PASSTHROUGH:
            await self.recordings.get(DEFAULT_RECORDING)
        if settings.upstream is not None:
            self.upstream = forwarder_to(settings.upstream, settings, authorization(settings))
        local = await self._start_local() if self._needs_local else None
        if self.diff is not None:
            self.diff.shadow.start()
        recorder = Recorder(settings, executor=self._executor, spool=Path(self._spool.name))
        self._answerer = Answerer(
            settings,
            upstream=self.upstream,
            local=local,
            recorder=recorder,
            executor=self._executor,
            diff=self._diff_answers(recorder),
            mirrored_to=self._mirrored_to,
        )
        if settings.admin:
            has_local = self.diff is not None or local is not None
            self._admin = create_admin(
                settings,
                self.recordings,
                self._observer,
                self.faults,
                self.stopping,
                self.diff,
                self._local_url if has_local else None,
            )
        await self._listen(tls)
        if settings.auto_shutdown_s is not None:
            self._watch = asyncio.ensure_future(self._shut_down_when_idle(settings.auto_shutdown_s))
        return self.url

    async def check_upstream(self, *, is_required: bool) -> None:
        """Gets a token and a connection now; is_required: that there is no connection is an error, not a warning.

        Raises TokenUnavailableError, UpstreamError.
        """
        if self.upstream is None:
            return
        try:
            await self.upstream.check()
        except UpstreamError as error:
            if is_required:
                raise
            log.warning("the upstream does not answer yet: %s", error)

    async def close(self) -> list[Recording]:
        """Stops listening, finishes what is under way and writes the cassettes. Raises CassetteError."""
        try:
            if self._watch is not None:
                self._watch.cancel()
            self.faults.close()  # also lets go of the requests that hang
            if self._runner is not None:
                await self._runner.cleanup()
            if self.diff is not None:
                await self.diff.close()
            return await self.recordings.close()
        finally:
            if self.upstream is not None:
                await self.upstream.close()
            if self._local_side is not None:
                await self._local_side.close()
            if self._local is not None:
                await self._local.close()
            self._executor.shutdown()
            self._spool.cleanup()

    @property
    def _needs_local(self) -> bool:
        settings = self.settings
        if settings.mode is Mode.DIFF:  # its own local side is the better one
            return False
        is_spying = settings.mode is Mode.SPY and settings.fallback is Fallback.LOCAL
        return is_spying or settings.offline_fallback is OfflineFallback.LOCAL

    def _diff_answers(self, recorder: Recorder) -> Answering | None:
        if self.diff is None:
            return None
        from azdicom_proxy.diffing import DiffAnswerer  # the other modes do without it

        assert self.upstream is not None, "the command line sees to it"
        return DiffAnswerer(self.diff.shadow, self.upstream, recorder).answer

    async def _start_local(self) -> Forwarder:
        address = self.settings.local
        if address is None:
            self._local = LocalEmulator()
            address = await self._local.start()
        # The emulator never sees the live token.
        plain = replace(self.settings, auth=UpstreamAuth.NONE, trust=Trust())
        self._local_side = forwarder_to(address, plain, UpstreamAuthorization(UpstreamAuth.NONE, None), Source.LOCAL)
        return self._local_side

    async def _local_url(self) -> str:
        if self.diff is not None:
            address = await self.diff.shadow.open_local()
        else:
            assert self._local_side is not None, "it has started"
            address = self._local_side.upstream
        return f"{address.origin}{address.path}"

    def _mirrored_to(self) -> Forwarder | None:
        """The local side of diff mode as one that answers; None until it has started."""
        address = self.diff.shadow.local_address if self.diff is not None else None
        if self._local_side is None and address is not None:
            from azdicom_proxy.parity.fresh_local import granted_locally, local_settings

            plain = local_settings(self.settings)
            self._local_side = forwarder_to(address, plain, granted_locally(), Source.LOCAL)
        return self._local_side

    async def _listen(self, tls: "object") -> None:
        server = web.Server(
            self._handle,
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            logger=connection_log(),
            read_bufsize=READ_BUFFER_BYTES,
            **PARSER_LIMITS,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=10)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.settings.host, self.settings.port, ssl_context=tls).start()  # type: ignore[arg-type]
        host, port = self._runner.addresses[0][:2]
        named = LOOPBACK_NAMES.get(host, f"[{host}]" if ":" in host else host)
        self.url = f"{'http' if tls is None else 'https'}://{named}:{port}"

    # Exchanges.

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._busy += 1
        try:
            if self._admin is not None and AdminApi.covers(request.raw_path):
                return await self._admin.answer(request)
            return await self._exchange(request)
        finally:
            self._busy -= 1
            self._idle_since = time.monotonic()

    async def _exchange(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            exchange = open_exchange(request)
        except ProxyError as error:
            return problem(error)
        exchange.cors = cors_headers(request, self.settings.cors)
        engine = self.faults.engine(exchange.recording)
        try:
            return await (self._answered(exchange) if engine is None else self._under_rules(engine, exchange))
        except asyncio.CancelledError:
            if not exchange.is_whole:
                exchange.verdict = "aborted"
            raise
        except Exception:
            log.exception("unhandled: exchange %s", exchange.id)
            return self._failed(exchange)
        finally:
            self._finish(exchange)

    async def _under_rules(self, engine: "FaultEngine", exchange: Exchange) -> web.StreamResponse:
        """The answer as the fault rules have it. What a rule acted on is not recorded."""
        from azdicom_emulator.faults.exchange import SentAnswer, run  # a proxy without rules starts without it

        request = exchange.request
        is_answered = False
        try:
            response = await run(engine, request, lambda: self._answered(exchange), path=exchange.target)
            is_answered = True
        except ConnectionError:
            exchange.verdict = exchange.verdict or "aborted"
            response = SentAnswer(0, keeps_alive=False)
        finally:
            exchange.fault = request.get(FAULT, "")
            if exchange.settle is not None:
                await exchange.settle(is_answered and not exchange.fault)
        if exchange.fault:
            exchange.source, exchange.status = Source.FAULT, response.status
            exchange.sent_bytes = response.body_length
            if isinstance(response, web.Response) and not response.prepared:
                self._complete_refusal(exchange, response)
        return response

    def _complete_refusal(self, exchange: Exchange, response: web.Response) -> None:
        """Headers for the answer of a rule that kept a request from the upstream."""
        if self.settings.proxy_headers:
            del response.headers[SOURCE_HEADER]
        _with_headers(response, exchange.with_own_headers((), says_who=self.settings.proxy_headers))
        exchange.response_headers = encoded(response.headers.items())
        exchange.sent_bytes = response.content_length or 0

    async def _answered(self, exchange: Exchange) -> web.StreamResponse:
        try:
            return await self._answer(exchange)
        except ProxyError as error:
            return self._refusal(exchange, error)
        except CassetteError as error:
            return self._refusal(exchange, ProxyError(502, "cassette-unavailable", str(error)))

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        response = preflight(exchange.request, self.settings.cors)
        if response is not None:
            exchange.status = response.status
            return _with_headers(response, exchange.cors)
        recording = self.recordings.opened(exchange.recording) or await self.recordings.get(exchange.recording)
        return await self._answerer.answer(exchange, recording)

    def _refusal(self, exchange: Exchange, error: ProxyError) -> web.StreamResponse:
        exchange.status = error.status
        exchange.verdict = exchange.verdict or error.code
        response = problem(error)
        if exchange.method != "HEAD":
            exchange.sent_bytes = response.body_length
        return _with_headers(response, exchange.with_own_headers((), says_who=self.settings.proxy_headers))

    def _failed(self, exchange: Exchange) -> web.StreamResponse:
        """Nothing of an answer may have been sent, or some: only in the first case the client can be told."""
        if exchange.status and exchange.request.transport is not None:
            exchange.request.transport.close()
        return self._refusal(
            exchange, ProxyError(500, "internal-error", f"the proxy failed; see its log, {exchange.id}")
        )

    def _finish(self, exchange: Exchange) -> None:
        exchange.duration_s = time.perf_counter() - exchange.started
        self._observer.add(exchange)

    async def _shut_down_when_idle(self, seconds: float) -> None:
        while not self.stopping.is_set():
            left = self._idle_since + seconds - time.monotonic()
            if left <= 0 and not self._busy:
                log.info("stopping: idle for %g s", seconds)
                self.stopping.set()
                return
            await asyncio.sleep(max(left, 0.05))


def forwarder_to(
    address: Address, settings: ProxySettings, granted: UpstreamAuthorization, source: Source = Source.UPSTREAM
) -> Forwarder:
    """Raises OSError when a file of the TLS options cannot be used, ValueError when HTTPS_PROXY is no address."""
    dialer = Dialer(
        address,
        tls=settings.trust.context() if address.scheme == "https" else None,
        proxy=outgoing_proxy(address),
        connect_timeout_s=settings.connect_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
    )
    return Forwarder(settings, address, UpstreamClient(dialer), granted, source)


def _diff_run(settings: ProxySettings, spool: Path) -> "DiffRun":
    from azdicom_proxy.parity.diff_run import DiffRun  # the other modes do without it

    return DiffRun(settings, spool=spool)


def _with_headers(response: web.Response, headers: tuple[tuple[bytes, bytes], ...]) -> web.Response:
    for name, value in headers:
        response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    return response
