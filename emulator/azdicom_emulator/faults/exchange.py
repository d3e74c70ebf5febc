"""One exchange under the rules: who answers, and what the client gets of it (record-replay §14).

For any aiohttp server: `run` is called in place of the handler, with the handler as its last argument.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from azdicom_emulator.faults import edits
from azdicom_emulator.faults.actions import Actions, Refusal
from azdicom_emulator.faults.engine import FaultEngine, RuleState
from azdicom_emulator.faults.http_message import FAULT_HEADER, SOURCE, SOURCE_HEADER, Head, Message
from azdicom_emulator.faults.keys import FAULT, PARTIAL_STORE
from azdicom_emulator.faults.rules import Asked, Where, decoded_path
from azdicom_emulator.faults.shaping import Cutting, Pacing
from azdicom_emulator.faults.transports import Holding, Marking, Swallowing, in_place, reset_connection

Answer = Callable[[], Awaitable[web.StreamResponse]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HELD_BYTES = 64 * 1024 * 1024
"""Longer answers are not changed by actions that need the whole of them."""
DRAIN_TIMEOUT_S = 1.0
KEPT_OF_REAL_ANSWER = ("access-control-", "vary", "x-azdicom-id")
"""Without these no page in a browser could see the refusal in place of its answer, and nobody find it in a log."""


class SentAnswer(web.StreamResponse):
    """An answer that is on the wire already, or a connection that has ended: aiohttp has nothing to do."""

    def __init__(self, status: int, *, keeps_alive: bool, sent_bytes: int = 0) -> None:
        super().__init__(status=status)
        self._keeps_alive = keeps_alive
        self._sent_bytes = sent_bytes

    @property
    def keep_alive(self) -> bool:
        return self._keeps_alive

    @property
    def body_length(self) -> int:
        return self._sent_bytes

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Nothing: aiohttp calls it for every answer."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: aiohttp calls it for every answer."""


async def run(engine: FaultEngine, request: web.BaseRequest, answer: Answer, path: str = "") -> web.StreamResponse:
    """The answer to `request`, by `answer` or as a rule has it. path: undecoded, when it is not the request's own.

    Of the rules' doing the request carries FAULT, and the answer `x-azdicom-source: fault` and `x-azdicom-fault: RULE`.
    """
    state = engine.choose(_asked(request, path))
    try:
        return await (answer() if state is None else _Exchange(engine, state, request, answer).run())
    finally:
        # Also when the client is not told: the request may have been carried out.
        if engine.earlier is not None and request.method not in SAFE_METHODS:
            engine.earlier.wrote()


def _asked(request: web.BaseRequest, path: str) -> Asked:
    target = path or request.rel_url.raw_path
    length = request.content_length
    return Asked(request.method, decoded_path(target), request.headers, request.query, length)


class _Exchange:
    """One request on which one rule acts."""

    def __init__(self, engine: FaultEngine, state: RuleState, request: web.BaseRequest, answer: Answer) -> None:
        self._engine = engine
        self._state = state
        self._rule = state.rule
        self._request = request
        self._answer = answer

    async def run(self) -> web.StreamResponse:
        actions = self._rule.actions
        self._request[FAULT] = self._rule.name
        if actions.stale_read is not None:
            return await self._stale_read(actions.stale_read)
        if actions.slow_operation is not None:
            return await self._changed(actions)
        if self._rule.where is Where.BEFORE:
            await self._delay()
            if actions.is_ending:
                return await self._ended(None)
        elif actions.is_ending:
            dropped = await self._swallowed()
            await self._delay()
            return await self._ended(dropped)
        if actions.partial_store is not None and self._rule.where is Where.BEFORE:
            self._request[PARTIAL_STORE] = actions.partial_store
        if actions.corrupt is not None or self._rule.where is Where.AFTER:
            return await self._changed(actions)
        async with self._shaped(actions) as transport:
            return await self._sent_through(Marking(transport, self._rule.name))

    # The real answer, changed.

    async def _stale_read(self, seconds: float) -> web.StreamResponse:
        """An answer from before the last write, if the same was asked then; else the real one, which is remembered."""
        earlier = self._engine.earlier
        assert earlier is not None
        key = (self._request.method, str(self._request.rel_url), self._request.headers.get("Accept"))
        is_stale = earlier.is_stale(seconds)
        if is_stale and (known := earlier.find(key)) is not None:
            await self._delay()
            return await self._send(known, self._transport())
        self._withdraw()
        if is_stale or self._request.method not in SAFE_METHODS:
            return await self._answer()
        response, held = await self._held(self._transport())
        if held is None:
            return response
        earlier.remember(key, held)
        return await self._send(held, self._transport(), is_marked=False)

    async def _changed(self, actions: Actions) -> web.StreamResponse:
        """The real answer, whole, edited, and then sent as the shaping actions have it."""
        if actions.slow_operation is not None:
            await self._delay()
        async with self._shaped(actions) as transport:
            response, held = await self._held(transport)
            if self._rule.where is Where.AFTER:
                await self._delay()
            if held is None:
                if not self._is_acting_without_edit(actions):
                    self._withdraw()
                return response
            edited = self._edited(held, actions)
            if edited is None and not self._is_acting_without_edit(actions):
                self._withdraw()
                return await self._send(held, transport, is_marked=False)
            return await self._send(edited or held, transport)

    def _is_acting_without_edit(self, actions: Actions) -> bool:
        return actions.is_shaping or actions.delay is not None

    def _edited(self, held: Message, actions: Actions) -> Message | None:
        if (slow := actions.slow_operation) is not None:
            url = self._request.url
            running = edits.still_running(held, str(url.with_query(None)))
            if running is None or not self._state.views.looks_running(url.path, slow):
                return None
            return running
        changed: Message | None = None
        if actions.partial_store is not None and self._rule.where is Where.AFTER:
            changed = edits.partly_stored(held, actions.partial_store)
        if actions.corrupt is not None:
            changed = edits.corrupted(changed or held, actions.corrupt) or changed
        return changed

    async def _held(self, transport: asyncio.Transport) -> tuple[web.StreamResponse, Message | None]:
        """The real answer, held back; None: it was too long, and is sent."""
        holding = Holding(transport, HELD_BYTES)
        response = await self._sent_through(holding)
        if holding.has_let_go:
            return response, None
        if transport.is_closing():
            raise ConnectionResetError("the handler broke its answer off, or the client is gone")
        return response, Message.parse(holding.held)

    async def _sent_through(self, stand_in: asyncio.Transport) -> web.StreamResponse:
        with in_place(self._request.protocol, stand_in):
            response = await self._answer()
            await response.prepare(self._request)
            await response.write_eof()
        return response

    async def _send(
        self, message: Message, transport: asyncio.Transport, *, is_marked: bool = True
    ) -> web.StreamResponse:
        marked = Message(message.head.marked(self._rule.name), message.body) if is_marked else message
        if transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(marked.encoded())
        await self._request.writer.drain()
        closes = (marked.head.get(b"connection") or b"").lower() == b"close"
        return SentAnswer(
            marked.head.status, keeps_alive=self._request.keep_alive and not closes, sent_bytes=len(marked.body)
        )

    @contextlib.asynccontextmanager
    async def _shaped(self, actions: Actions) -> AsyncIterator[asyncio.Transport]:
        """The transport that an answer has to go through; when the block ends, all of it is sent."""
        real = transport = self._transport()
        pace = actions.rate if actions.rate is not None else actions.dribble
        pacing = Pacing(real, self._request.protocol, pace) if pace is not None else None
        transport = pacing or transport
        cutting = Cutting(transport, actions.truncate) if actions.truncate is not None else None
        try:
            yield cutting or transport
            if cutting is not None:
                await cutting.finish()
            if pacing is not None:
                await pacing.finish()
            if cutting is not None:
                real.close()
        finally:
            if pacing is not None:
                pacing.stop()

    # No real answer.

    async def _swallowed(self) -> Head | None:
        """Carries the request out; the head of what it would have sent, where the handler sends by itself."""
        swallowing = Swallowing(self._transport())
        await self._sent_through(swallowing)
        return swallowing.dropped

    async def _ended(self, dropped: Head | None) -> web.StreamResponse:
        """dropped: of the real answer, None: the request was not carried out."""
        actions = self._rule.actions
        if actions.status is not None:
            return await self._refused(actions.status, dropped)
        if actions.hang:
            await self._engine.closed.wait()
        elif actions.empty:
            await self._drain_request()
        transport = self._request.transport
        if transport is not None and actions.reset:
            reset_connection(transport)
        elif transport is not None:
            transport.close()
        return SentAnswer(0, keeps_alive=False)

    async def _refused(self, refusal: Refusal, dropped: Head | None) -> web.StreamResponse:
        headers = [*refusal.headers, (SOURCE_HEADER, SOURCE), (FAULT_HEADER, self._rule.name)]
        if refusal.retry_after is not None:
            headers.append(("Retry-After", refusal.retry_after.value()))
        if refusal.body:
            headers.append(("Content-Type", refusal.content_type))
        if dropped is None:
            response = web.Response(status=refusal.status, body=refusal.body, headers=headers)
            if self._request.headers.get("Expect") and self._request.can_read_body:
                response.force_close()  # the client may send its body or not
            return response
        kept = [
            (name.decode(), value.decode("latin-1"))
            for name, value in dropped.headers
            if name.lower().decode().startswith(KEPT_OF_REAL_ANSWER)
        ]
        head = Head(dropped.status, b"", tuple((name.encode(), value.encode()) for name, value in [*headers, *kept]))
        message = Message(head, b"").with_body(refusal.body).with_status(refusal.status)
        return await self._send(message, self._transport())

    async def _drain_request(self) -> None:
        """Unread bytes of a request would make a closing connection a reset one."""
        with contextlib.suppress(TimeoutError, web.RequestPayloadError):
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                async for _ in self._request.content.iter_any():
                    pass

    async def _delay(self) -> None:
        if self._rule.actions.delay is not None:
            await asyncio.sleep(self._rule.actions.delay.sample(self._state.random))

    def _transport(self) -> asyncio.Transport:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        return transport

    def _withdraw(self) -> None:
        """Nothing was changed: the exchange is none of the rule's."""
        self._state.withdraw()
        del self._request[FAULT]
