"""The rules around handlers of another server: low level, writing to the transport themselves, chunked answers."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from aiohttp import web

from azdicom_emulator.faults.engine import FaultEngine
from azdicom_emulator.faults.exchange import run
from azdicom_emulator.faults.loading import load_rules
from tests.faults.wire import End, Seen, seen
from tests.support.client import Emulator

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
PIECES = (b"a" * 1000, b"b" * 1000, b"c" * 2000)
BODY = b"".join(PIECES)


async def in_chunks(request: web.BaseRequest) -> web.StreamResponse:
    """An answer whose length nobody knows before it ends."""
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for piece in PIECES:
        await response.write(piece)
    await response.write_eof()
    return response


class Written(web.StreamResponse):
    """An answer that went to the transport past aiohttp, as a relaying proxy writes it."""

    @property
    def keep_alive(self) -> bool:
        return False

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing is left to do."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to do."""


async def past_aiohttp(request: web.BaseRequest) -> web.StreamResponse:
    """With an interim answer before the final one."""
    transport = request.transport
    assert transport is not None
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    transport.write(b"HTTP/1.1 200 OK\r\nx-azdicom-source: upstream\r\nContent-Length: %d\r\n" % len(BODY))
    transport.write(b"\r\n" + PIECES[0])
    for piece in PIECES[1:]:
        transport.write(piece)
        await request.writer.drain()
    return Written()


@contextmanager
def serving(handler: Handler, rules: str) -> Iterator[Emulator]:
    """`handler` under `rules`, on a free port until the block ends."""
    ready: Queue[tuple[int, Callable[[], object]]] = Queue()

    async def main() -> None:
        engine = FaultEngine(load_rules(f"faults:\n  - {rules}", "f").rules, 1)
        stopping = asyncio.Event()
        server = web.Server(lambda request: run(engine, request, lambda: handler(request)), access_log=None)
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        loop = asyncio.get_running_loop()
        ready.put((int(runner.addresses[0][1]), lambda: loop.call_soon_threadsafe(stopping.set)))
        await stopping.wait()
        engine.close()
        await runner.cleanup()

    thread = Thread(target=lambda: asyncio.run(main()))
    thread.start()
    port, stop = ready.get(timeout=10)
    try:
        yield Emulator(f"http://127.0.0.1:{port}", Path())
    finally:
        stop()
        thread.join(10)


def asked(handler: Handler, rules: str) -> Seen:
    with serving(handler, rules) as server:
        return seen(server, "GET", "/anything")


def dechunked(content: bytes) -> bytes:
    found = b""
    while content:
        size, _, rest = content.partition(b"\r\n")
        found += rest[: int(size, 16)]
        content = rest[int(size, 16) + 2 :]
    return found


@pytest.mark.parametrize("rules", ["do: {delay: 1ms}", "do: {rate: 10MB}", "do: {dribble: {chunks: 3, over: 9ms}}"])
def test_a_chunked_answer_stays_whole_when_it_is_slow(rules: str) -> None:
    """§14."""
    answer = asked(in_chunks, rules)

    assert dechunked(answer.body) == BODY
    assert (answer.header("x-azdicom-fault"), answer.header("Transfer-Encoding")) == ("rule-1", "chunked")


@pytest.mark.parametrize(("amount", "least", "most"), [("50%", 1900, 2100), ("100", 100, 100)])
def test_a_chunked_answer_is_cut_before_its_last_chunk(amount: str, least: int, most: int) -> None:
    """§14; own design: a percentage is of what comes, since nothing declares a length."""
    answer = asked(in_chunks, f"do: {{truncate: {amount}}}")

    assert least <= len(answer.body) <= most
    assert not answer.body.endswith(b"0\r\n\r\n")
    assert answer.end is End.CLOSED


def test_a_chunked_answer_is_corrupted_in_its_content() -> None:
    """§14: never in its framing; the whole answer gets a length."""
    answer = asked(in_chunks, "do: {corrupt: {at: 1000, bytes: 2}}")

    assert answer.declared_length == len(answer.body) == len(BODY)
    assert answer.body == BODY[:1000] + bytes([ord("b") ^ 0xFF] * 2) + BODY[1002:]


def test_what_is_written_past_aiohttp_does_not_get_past_the_rule() -> None:
    """Own design: handlers need not know of the rules. An interim answer is not held up."""
    answer = asked(past_aiohttp, "do: {truncate: 25%}")

    assert answer.content.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert b"x-azdicom-source: upstream" not in answer.content
    assert answer.content.endswith(BODY[:1000])
    assert not answer.content.endswith(BODY[:1001])


@pytest.mark.parametrize("handler", [in_chunks, past_aiohttp])
@pytest.mark.parametrize(("action", "end"), [("reset", End.RESET), ("empty", End.CLOSED)], ids=["reset", "empty"])
def test_an_answer_that_was_sent_can_still_be_lost(handler: Handler, action: str, end: End) -> None:
    """§14, `where: after`. Interim answers are no answer."""
    answer = asked(handler, f"{{where: after, do: {{{action}: true}}}}")

    assert answer.content in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer.end is end


def test_a_refusal_takes_the_place_of_an_answer_that_was_sent() -> None:
    """§14, `where: after`."""
    answer = asked(in_chunks, "{where: after, do: {status: 503, body: busy}}")

    assert (answer.status, answer.body) == (503, b"busy")
