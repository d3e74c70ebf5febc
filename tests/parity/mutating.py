"""An upstream that changes one thing: a front that forwards to a real emulator and alters what that answers."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from PIL import Image
from pydicom import FileDataset

from azdicom_emulator.hosting import Announce, hosted
from tests.support.instances import part10, read

HAS_TYPE = web.ResponseKey("has_type", bool)
HOP_BY_HOP = frozenset(("connection", "transfer-encoding", "content-length", "keep-alive"))


@dataclass(frozen=True, slots=True)
class Altered:
    """An answer on its way through the front."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Mutation = Callable[[Altered], Altered]


def unchanged(answer: Altered) -> Altered:
    return answer


class MutatingUpstream:
    """The front at `url`; `mutation` is applied to every answer of the server at `origin`."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.url = ""
        self.mutation: Mutation = unchanged

    async def serve(self, announce: Announce) -> None:
        stopping = asyncio.Event()
        async with aiohttp.ClientSession(auto_decompress=True) as session:

            async def handle(request: web.Request) -> web.Response:
                return await self._forward(session, request)

            app = web.Application(client_max_size=2**30)
            app.router.add_route("*", "/{path:.*}", handle)
            app.on_response_prepare.append(_without_default_type)
            runner = web.AppRunner(app, auto_decompress=False)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                host, port = runner.addresses[0][:2]
                announce(f"http://{host}:{port}", stopping)
                await stopping.wait()
            finally:
                await runner.cleanup()

    async def _forward(self, session: aiohttp.ClientSession, request: web.Request) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        async with session.request(
            request.method,
            f"{self.origin}{request.raw_path}",
            headers=headers,
            data=await request.read() or None,
            skip_auto_headers=("Accept", "Content-Type", "User-Agent", "Accept-Encoding"),
            allow_redirects=False,
        ) as answer:
            lines = tuple((name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP)
            altered = self.mutation(Altered(answer.status, lines, await answer.read()))
        response = web.Response(status=altered.status, body=altered.body or None)
        response[HAS_TYPE] = altered.header("Content-Type") is not None
        for name, value in altered.headers:
            response.headers.add(name, value)
        return response


@contextmanager
def mutating(origin: str) -> Iterator[MutatingUpstream]:
    """A front of the server at `origin` until the block ends."""
    front = MutatingUpstream(origin)
    with hosted("mutating upstream", front.serve) as server:
        front.url = server.url
        yield front


# Mutations of heads.


def with_status(status: int) -> Mutation:
    return lambda answer: replace(answer, status=status)


def set_header(name: str, value: str) -> Mutation:
    """Adds the header, or gives it another value."""
    return lambda answer: replace(answer, headers=((name, value), *_without(answer, name)))


def drop_header(name: str) -> Mutation:
    return lambda answer: replace(answer, headers=_without(answer, name))


def edit_header(name: str, edit: Callable[[str], str]) -> Mutation:
    def mutation(answer: Altered) -> Altered:
        value = answer.header(name)
        assert value is not None, f"no {name} to change"
        return set_header(name, edit(value))(answer)

    return mutation


def both(*mutations: Mutation) -> Mutation:
    """One after the other."""

    def mutation(answer: Altered) -> Altered:
        for each in mutations:
            answer = each(answer)
        return answer

    return mutation


# Mutations of bodies.


def set_body(body: bytes) -> Mutation:
    return lambda answer: replace(answer, body=body)


def edit_body(edit: Callable[[bytes], bytes]) -> Mutation:
    def mutation(answer: Altered) -> Altered:
        edited = edit(answer.body)
        assert edited != answer.body, "nothing to change"
        return replace(answer, body=edited)

    return mutation


def edit_json(edit: Callable[[Any], Any]) -> Mutation:
    """edit: changes the document, or returns another."""

    def mutation(answer: Altered) -> Altered:
        document = json.loads(answer.body)
        edited = edit(document)
        return replace(answer, body=json.dumps(document if edited is None else edited).encode())

    return mutation


def edit_file(edit: Callable[[FileDataset], Any]) -> Mutation:
    """Of a response that is one file. edit: changes the data set, or returns another."""
    return lambda answer: replace(answer, body=edited_file(answer.body, edit))


def edited_file(content: bytes, edit: Callable[[FileDataset], Any]) -> bytes:
    data_set = read(content)
    edited = edit(data_set)
    return part10(data_set if edited is None else edited)


def edit_parts(edit: Callable[[list[tuple[str, bytes]]], Any]) -> Mutation:
    """edit: changes the list of header lines and content of each part, or returns another."""

    def mutation(answer: Altered) -> Altered:
        content_type = answer.header("Content-Type") or ""
        boundary = content_type.partition("boundary=")[2].strip('"')
        parts = split(answer.body, boundary)
        edited = edit(parts)
        return replace(answer, body=joined(parts if edited is None else edited, boundary))

    return mutation


def edit_part(number: int, edit: Callable[[bytes], bytes]) -> Mutation:
    """number: from 0."""

    def change(parts: list[tuple[str, bytes]]) -> None:
        parts[number] = (parts[number][0], edit(parts[number][1]))

    return edit_parts(change)


def split(body: bytes, boundary: str) -> list[tuple[str, bytes]]:
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]
    heads = (piece.removeprefix(b"\r\n").split(b"\r\n\r\n", 1) for piece in pieces)
    return [(head.decode(), content) for head, content in heads]


def joined(parts: list[tuple[str, bytes]], boundary: str) -> bytes:
    pieces = (f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts)
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


def edit_image(edit: Callable[[Any], Any], kind: str, **options: Any) -> Mutation:
    """edit: gets and returns the samples, rows first. kind: as Pillow names formats."""

    def mutation(answer: Altered) -> Altered:
        samples = np.asarray(Image.open(BytesIO(answer.body))).copy()
        sink = BytesIO()
        Image.fromarray(edit(samples)).save(sink, kind, **options)
        return replace(answer, body=sink.getvalue())

    return mutation


async def _without_default_type(_request: web.Request, response: web.StreamResponse) -> None:
    if not response.get(HAS_TYPE):
        response.headers.pop("Content-Type", None)


def _without(answer: Altered, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(line for line in answer.headers if line[0].lower() != name.lower())
