"""One side of a comparison: a service that recorded requests are sent to, and whose answers are kept like recorded."""

import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from azdicom_proxy.cassette.bodies import chunks_of, header, size_of
from azdicom_proxy.cassette.model import Body, Empty, Inline, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import ROOTS, locate
from azdicom_proxy.cassette.side_files import files_of
from azdicom_proxy.codings import coding_of
from azdicom_proxy.headers import VIA, decoded, encoded, end_to_end, replaced, text_of, value_of, without
from azdicom_proxy.rewriting import Rewriter, is_json
from azdicom_proxy.settings import ProxySettings
from azdicom_proxy.taps import BodyTap, NewTap
from azdicom_proxy.upstream.address import Address, outgoing_proxy
from azdicom_proxy.upstream.client import Answer, Upload, UpstreamClient
from azdicom_proxy.upstream.connection import Receiver
from azdicom_proxy.upstream.dialing import Dialer
from azdicom_proxy.upstream.head import Head, request_head
from azdicom_proxy.upstream_auth import UpstreamAuthorization, authorization

DEFAULT_VERSION = "v2"
STARTS = ROOTS | {"partitions"}
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
NOT_SENT = (b"host", b"expect", b"content-length")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a side answered, and how long that took, in milliseconds."""

    response: RecordedResponse
    duration_ms: float


class FixedToken:
    """A token that stays the same."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    async def close(self) -> None:
        """Nothing is open."""


class Side:
    """Sends requests to the service at `address`, as the options of `settings` say; used on one event loop.

    Large bodies of answers are files in `spool`, of which `release` removes those that are no longer needed. A service
    without a path gets the API version in front of its resources, one below a path does not.
    granted: in place of the authorization that the settings say.
    Raises OSError when a file of the TLS options cannot be used, TokenUnavailableError when an extra is not installed.
    """

    def __init__(
        self,
        address: Address,
        settings: ProxySettings,
        *,
        spool: Path,
        executor: Executor,
        granted: UpstreamAuthorization | None = None,
    ) -> None:
        self.address = address
        self._settings = settings
        self._spool = spool
        self._executor = executor
        self._authorization = granted or authorization(settings)
        self._client = UpstreamClient(
            Dialer(
                address,
                tls=settings.trust.context() if address.scheme == "https" else None,
                proxy=outgoing_proxy(address),
                connect_timeout_s=settings.connect_timeout_s,
                idle_timeout_s=settings.idle_timeout_s,
            )
        )

    @property
    def base(self) -> str:
        """What stands in front of the version, or of the resources where the service has none."""
        return f"{self.address.origin}{self.address.path}"

    @property
    def service_url(self) -> str:
        """What stands in front of `/studies`."""
        return self.base if self.address.path else f"{self.base}/{DEFAULT_VERSION}"

    def addressed(self, request: RecordedRequest) -> RecordedRequest:
        """`request` as this side gets it: its URI, and URLs of the old base in a JSON body."""
        if request.uri.startswith(f"{self.base}/"):
            return request
        root, version, resource = split_uri(request.uri)
        prefix = "" if self.address.path else f"/{version or DEFAULT_VERSION}"
        body = request.body
        if isinstance(body, Inline) and is_json((header(request.headers, "content-type") or "").encode("latin-1")):
            body = Inline(Rewriter.between(Address.parse(root), self.address).json(body.content))
        return replace(request, uri=f"{self.base}{prefix}{resource}", body=body)

    async def send(self, request: RecordedRequest) -> Answered:
        """The answer to `request`, its body decoded and whole.

        Raises UpstreamError, TokenUnavailableError, BodyOmittedError (the request's body was not recorded), OSError.
        """
        addressed = self.addressed(request)
        chunks = None if isinstance(addressed.body, Empty) else _chunks(addressed.body)
        return await self._exchanged(addressed, chunks, size_of(addressed.body))

    async def send_stream(self, request: RecordedRequest, chunks: AsyncIterator[bytes]) -> Answered:
        """`send`, with a body of `chunks`, whose length is not known before, in place of the request's own."""
        return await self._exchanged(self.addressed(request), chunks, None)

    @asynccontextmanager
    async def opened(self, request: RecordedRequest) -> AsyncIterator[Answer]:
        """The answer to a request without a body, for a block that takes its body itself. Raises as `send`."""
        addressed = self.addressed(request)
        async with self._client.asking(request.method, await self._head(addressed, None, 0)) as answer:
            yield answer

    async def _exchanged(
        self, addressed: RecordedRequest, chunks: AsyncIterator[bytes] | None, size_bytes: int | None
    ) -> Answered:
        head = await self._head(addressed, chunks, size_bytes)
        upload = None if chunks is None else Upload(chunks, size_bytes is None, False, _nothing)
        taking = _Taking(self._tap)
        started = time.perf_counter()
        try:
            await self._client.ask(addressed.method, head, taking.begin, upload)
            duration_ms = (time.perf_counter() - started) * 1000
            return Answered(await taking.response(), duration_ms)
        except BaseException:
            await taking.abandon()
            raise

    def release(self, *bodies: Body) -> None:
        """Removes the files of bodies that this side, or another with the same folder, has kept."""
        release(self._spool, *bodies)

    async def check(self) -> None:
        """Gets a token and a connection. Raises TokenUnavailableError, UpstreamError."""
        await self._authorization.check()
        await self._client.check()

    async def close(self) -> None:
        await self._client.close()
        await self._authorization.close()

    async def _head(
        self, addressed: RecordedRequest, chunks: AsyncIterator[bytes] | None, size_bytes: int | None
    ) -> bytes:
        headers = without(end_to_end(encoded(addressed.headers)), *NOT_SENT)
        headers = ((b"Host", self.address.authority.encode()), *headers)
        if chunks is not None and size_bytes is None:
            headers = (*headers, (b"Transfer-Encoding", b"chunked"))
        elif chunks is not None or addressed.method in WITH_BODY:
            headers = (*headers, (b"Content-Length", b"%d" % (size_bytes or 0)))
        if value_of(headers, b"via") is None:
            headers = (*headers, VIA)
        headers = await self._authorization.applied_to(headers)
        return request_head(addressed.method, addressed.uri.removeprefix(self.address.origin) or "/", headers)

    def _tap(self, coding: str | None) -> BodyTap:
        return BodyTap(
            executor=self._executor,
            folder=self._spool,
            coding=coding,
            memory_bytes=self._settings.spool_memory_bytes,
            limit_bytes=self._settings.max_record_body_bytes,
        )


def release(folder: Path, *bodies: Body) -> None:
    """Removes the files in `folder` that the bodies are made of."""
    for path in {file.path for body in bodies for file in files_of(body)}:
        if path.parent == folder:
            path.unlink(missing_ok=True)


def split_uri(uri: str) -> tuple[str, str | None, str]:
    """Base without the version, API version, and the rest from the slash on, percent-encoded as it was."""
    parts = urlsplit(uri)
    segments = parts.path.split("/")
    query = f"?{parts.query}" if parts.query or uri.endswith("?") else ""
    origin = f"{parts.scheme}://{parts.netloc}"
    version = locate("GET", uri).version
    for at, segment in enumerate(segments):
        if version is not None and segment.lower() == version:
            return origin + "/".join(segments[:at]), segment, f"/{'/'.join(segments[at + 1 :])}{query}"
        if version is None and segment in STARTS:
            return origin + "/".join(segments[:at]), None, f"/{'/'.join(segments[at:])}{query}"
    return origin, None, f"{parts.path or '/'}{query}"


def resources_base(uri: str) -> str:
    """What stands in front of `/studies` in `uri`: base, version and partition."""
    root, version, _ = split_uri(uri)
    partition = locate("GET", uri).partition
    return f"{root}{f'/{version}' if version else ''}{f'/partitions/{quote(partition)}' if partition else ''}"


class _Taking(Receiver):
    """A receiver that only keeps. tap: makes a tap for a body with the given coding."""

    def __init__(self, tap: NewTap) -> None:
        self._new_tap = tap
        self._tap: BodyTap
        self._head: Head | None = None

    def begin(self, head: Head) -> Receiver:
        self._head = head
        self._tap = self._new_tap(_coding(head))
        return self

    def receive(self, chunk: memoryview) -> bool:
        self._tap.feed(chunk)
        return not self._tap.is_full

    async def ready(self) -> None:
        await self._tap.ready()

    async def response(self) -> RecordedResponse:
        """The whole answer, its body decoded. Raises OSError, zlib.error."""
        assert self._head is not None, "it has begun"
        headers = end_to_end(self._head.headers)
        body = await self._tap.finish(text_of(headers, b"content-type"))
        if _coding(self._head) is not None:
            headers = without(headers, b"content-encoding")
            if value_of(headers, b"content-length") is not None:
                headers = replaced(headers, b"Content-Length", b"%d" % size_of(body))
        return RecordedResponse(self._head.status, self._head.reason, decoded(headers), body)

    async def abandon(self) -> None:
        if self._head is not None:
            await self._tap.abandon()


def _coding(head: Head) -> str | None:
    return coding_of(value_of(head.headers, b"content-encoding"))


async def _chunks(body: Body) -> AsyncIterator[bytes]:
    for chunk in chunks_of(body):
        yield chunk


def _nothing() -> None:
    """Nobody waits for a 100."""
