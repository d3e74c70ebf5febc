"""Copies instances from one DICOMweb service to another: what the target has is not fetched, the rest streams."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from azdicom_proxy.cassette.bodies import content_of, header
from azdicom_proxy.cassette.model import RecordedRequest, RecordedResponse
from azdicom_proxy.media_types import DICOM_JSON
from azdicom_proxy.parity.sides import Side
from azdicom_proxy.storable import storable_chunks, store_content_type
from azdicom_proxy.upstream.client import Answer
from azdicom_proxy.upstream.connection import Receiver
from azdicom_proxy.upstream.errors import UpstreamError
from azdicom_proxy.upstream_auth import TokenUnavailableError

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
PAGE = 200
"""The most results that a search gives at once (conformance statement v2, Search)."""
HELD_BYTES = 1024 * 1024
"""Of a stream, between the two services."""
ALREADY_EXISTS = "45070"
BUSY = (429, 503)
TRIES = 5
FAILURES_SHOWN = 100


class RefusedError(Exception):
    """The source does not list or give what was asked for; the text says what and why."""


@dataclass(frozen=True, slots=True)
class Instance:
    study: str
    series: str
    instance: str

    @property
    def path(self) -> str:
        return f"{self.series_path}/instances/{quote(self.instance)}"

    @property
    def series_path(self) -> str:
        return f"/studies/{quote(self.study)}/series/{quote(self.series)}"


@dataclass(slots=True)
class Pulled:
    """How many instances were copied, were there already, or failed; why the first of those failed."""

    copied: int = 0
    skipped: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, count: int, why: str) -> None:
        self.failed += count
        if len(self.failures) < FAILURES_SHOWN:
            self.failures.append(why)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is copied: studies by their UIDs, those that a query finds, what the change feed names, or everything.

    since: a date and time of the change feed, as the service takes it.
    """

    studies: tuple[str, ...] = ()
    query: str = ""
    changefeed: bool = False
    since: str | None = None


class Puller:
    """Copies from `source` to `target`. found, done: called with a number of instances, for a progress bar."""

    def __init__(
        self,
        source: Side,
        target: Side,
        *,
        parallel: int = 4,
        found: Callable[[int], None] = lambda _: None,
        done: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._target = target
        self._parallel = parallel
        self._found = found
        self._done = done
        self.pulled = Pulled()
        self.latest = ""
        """The timestamp of the last change that was looked at."""

    async def pull(self, selection: Selection) -> Pulled:
        """Raises UpstreamError, TokenUnavailableError, RefusedError when the source cannot be listed at all."""
        queue: asyncio.Queue[list[Instance] | None] = asyncio.Queue(self._parallel)

        async def work() -> None:
            while (unit := await queue.get()) is not None:
                await self._copy(unit)
                self._done(len(unit))

        workers = [asyncio.ensure_future(work()) for _ in range(self._parallel)]
        try:
            async for instances in self._selected(selection):
                for unit in await self._units(instances):
                    await queue.put(unit)
            for _ in workers:
                await queue.put(None)
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
        return self.pulled

    # What there is to copy.

    async def _selected(self, selection: Selection) -> AsyncIterator[list[Instance]]:
        """The chosen instances, those of a study together."""
        if selection.changefeed:
            async for instances in self._changed(selection.since):
                yield instances
            return
        chosen = _given(selection.studies) if selection.studies else self._studies(selection.query)
        async for study in chosen:
            try:
                instances = await self._instances(self._source, study)
            except (UpstreamError, RefusedError) as error:
                self.pulled.fail(1, f"study {study}: {error}")
                continue
            if not instances:
                self.pulled.fail(1, f"study {study}: the source does not have it")
            yield instances

    async def _studies(self, query: str) -> AsyncIterator[str]:
        filters = urlencode(parse_qsl(query, keep_blank_values=True))
        async for item in self._found_in(self._source, "/studies", filters):
            yield _first(item, "0020000D")

    async def _instances(self, side: Side, study: str) -> list[Instance]:
        found = self._found_in(side, f"/studies/{quote(study)}/instances", "")
        return [Instance(study, _first(item, "0020000E"), _first(item, "00080018")) async for item in found]

    async def _found_in(self, side: Side, path: str, filters: str) -> AsyncIterator[dict[str, Any]]:
        """All results of a search, page by page. Raises RefusedError."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = await self._page(side, f"{path}?{filters}{'&' if filters else ''}limit={PAGE}&offset={offset}")
            known = len(seen)
            for item in page:
                key = json.dumps(item, sort_keys=True)
                if key not in seen:
                    seen.add(key)
                    yield item
            if len(page) < PAGE or len(seen) == known:  # a service that ignores `offset` gives one page for ever
                return
            offset += len(page)

    async def _changed(self, since: str | None) -> AsyncIterator[list[Instance]]:
        """The current versions that the change feed names, a page at a time."""
        offset = 0
        start = f"&startTime={quote(since)}" if since else ""
        seen: set[Instance] = set()
        while True:
            page = await self._page(
                self._source,
                f"/changefeed?offset={offset}&limit={PAGE}&includeMetadata=false{start}",
                "application/json",
            )
            changed = []
            for item in page:
                self.latest = str(item.get("timestamp", self.latest))
                named = (str(item.get(f"{level}InstanceUid", "")) for level in ("study", "series", "sop"))
                instance = Instance(*named)
                if str(item.get("state", "")).lower() == "current" and instance not in seen:
                    seen.add(instance)
                    changed.append(instance)
            yield changed
            if len(page) < PAGE:
                return
            offset += len(page)

    async def _page(self, side: Side, path: str, accept: str = DICOM_JSON) -> list[dict[str, Any]]:
        answered = await side.send(_get(side, path, accept))
        response = answered.response
        try:
            if response.status in (204, 404):
                return []
            if response.status != 200:
                raise RefusedError(f"GET {path}: {_said(response)}")
            document = json.loads(content_of(response.body) or b"[]")
        except ValueError as error:
            raise RefusedError(f"GET {path}: the answer is no JSON: {error}") from None
        finally:
            side.release(response.body)
        return [item for item in document if isinstance(item, dict)] if isinstance(document, list) else []

    async def _units(self, instances: list[Instance]) -> list[list[Instance]]:
        """What is fetched by one request each: series that the target does not have at all, else single instances."""
        self._found(len(instances))
        there: set[str] = set()
        began: set[str] = set()
        for study in dict.fromkeys(instance.study for instance in instances):
            try:
                existing = await self._instances(self._target, study)
            except RefusedError:
                existing = []  # a target that cannot search refuses what it has when it is stored
            there |= {instance.instance for instance in existing}
            began |= {instance.series for instance in existing}
        missing = [instance for instance in instances if instance.instance not in there]
        self.pulled.skipped += len(instances) - len(missing)
        self._done(len(instances) - len(missing))
        series: dict[str, list[Instance]] = {}
        for instance in missing:
            series.setdefault(instance.series_path, []).append(instance)
        units: list[list[Instance]] = []
        for wanted in series.values():
            is_whole = wanted[0].series not in began
            units += [wanted] if is_whole else [[instance] for instance in wanted]
        return units

    # Copying.

    async def _copy(self, unit: list[Instance]) -> None:
        path = unit[0].path if len(unit) == 1 else unit[0].series_path
        try:
            stored = await self._streamed(path)
        except (UpstreamError, TokenUnavailableError, RefusedError, OSError) as error:
            if len(unit) > 1:
                await self._copy_each(unit)
            else:
                self.pulled.fail(1, f"{path}: {error}")
            return
        self._count(unit, path, stored)

    async def _copy_each(self, unit: Iterable[Instance]) -> None:
        """One by one, so that a series that breaks off brings what there is of it."""
        for instance in unit:
            await self._copy([instance])

    async def _streamed(self, path: str) -> dict[str, Any]:
        """The target's answer to what the source gives at `path`. Raises RefusedError, UpstreamError, OSError."""
        for tries_left in reversed(range(TRIES)):
            busy, stored = await self._streamed_once(path)
            if busy is None:
                return stored
            if not tries_left:
                raise RefusedError(_said(busy))
            await asyncio.sleep(_seconds(header(busy.headers, "retry-after")))
        raise AssertionError("the last try returns or raises")

    async def _streamed_once(self, path: str) -> tuple[RecordedResponse | None, dict[str, Any]]:
        """The target's answer; or the refusal of the one that is busy."""
        async with self._source.opened(_get(self._source, path, AS_STORED)) as answer:
            head = RecordedResponse(answer.head.status, answer.head.reason, _text(answer))
            if head.status != 200:
                if head.status in BUSY:
                    return head, {}
                raise RefusedError(f"the source answered {head.status} {head.reason}")
            content_type = store_content_type(head.headers)
            if content_type is None:
                raise RefusedError("the source answered with something that is not multipart")
            headers = (("Content-Type", content_type), ("Accept", DICOM_JSON))
            store = RecordedRequest("POST", f"{self._target.service_url}/studies", headers)
            pipe = Pipe()
            filling = asyncio.ensure_future(pipe.fill(answer))
            try:
                response = (
                    await self._target.send_stream(store, storable_chunks(pipe.chunks(), content_type))
                ).response
            finally:
                filling.cancel()
                with suppress(asyncio.CancelledError):
                    await filling
        if response.status in BUSY:
            return response, {}
        if response.status not in (200, 202, 409):
            raise RefusedError(f"the target answered {_said(response)}")
        try:
            document = json.loads(content_of(response.body) or b"{}")
        except ValueError:
            raise RefusedError(f"the target answered {_said(response)}") from None
        return None, document if isinstance(document, dict) else {}

    def _count(self, unit: list[Instance], path: str, stored: dict[str, Any]) -> None:
        copied = len(_items(stored, "00081199"))
        refused = _items(stored, "00081198")
        there = [item for item in refused if _first(item, "00081197") == ALREADY_EXISTS]
        self.pulled.copied += copied
        self.pulled.skipped += len(there)
        for item in refused:
            if item not in there:
                reason = _first(item, "00081197")
                self.pulled.fail(1, f"instance {_first(item, '00081155')}: refused with failure reason {reason}")
        lost = len(unit) - copied - len(refused)
        if lost > 0:
            self.pulled.fail(lost, f"{path}: {lost} instances were listed and not given")


class Pipe(Receiver):
    """A body on its way from one service to the other, a little of it held in between."""

    def __init__(self) -> None:
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._has_more = asyncio.Event()
        self._has_room = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    async def fill(self, answer: Answer) -> None:
        """Takes the whole body of `answer`; that it breaks off is told to the one who reads `chunks`."""
        try:
            await answer.deliver(self)
        except UpstreamError as error:
            self._error = error
        finally:
            self._ended = True
            self._has_more.set()

    def receive(self, chunk: memoryview) -> bool:
        self._held.append(bytes(chunk))
        self._held_bytes += len(chunk)
        self._has_room.clear()
        self._has_more.set()
        return self._held_bytes < HELD_BYTES

    async def ready(self) -> None:
        while self._held_bytes >= HELD_BYTES:
            await self._has_room.wait()
            self._has_room.clear()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises ConnectionError when it broke off: what has no end must not be stored."""
        while True:
            while self._held:
                chunk = self._held.popleft()
                self._held_bytes -= len(chunk)
                yield chunk
            self._has_room.set()
            if self._ended:
                break
            self._has_more.clear()
            await self._has_more.wait()
        if self._error is not None:
            raise ConnectionError(f"the source broke off: {self._error}")


async def _given(studies: Iterable[str]) -> AsyncIterator[str]:
    for study in studies:
        yield study


def _get(side: Side, path: str, accept: str) -> RecordedRequest:
    return RecordedRequest("GET", f"{side.service_url}{path}", (("Accept", accept),))


def _text(answer: Answer) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.head.headers)


def _said(response: RecordedResponse) -> str:
    """Status and the beginning of what else was said."""
    with suppress(OSError):
        text = content_of(response.body)[:200].decode("utf-8", "replace").strip()
        return f"{response.status} {response.reason} {text}".strip()
    return f"{response.status} {response.reason}"


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else 1.0


def _items(data_set: dict[str, Any], sequence: str) -> list[dict[str, Any]]:
    found = data_set.get(sequence)
    return list(found.get("Value", ())) if isinstance(found, dict) else []


def _first(data_set: dict[str, Any], tag: str) -> str:
    """The first value of an attribute of DICOM JSON, "" without one."""
    attribute = data_set.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""
