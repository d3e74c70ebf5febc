"""One exchange with the upstream put to the local side, in its terms, and the two answers compared."""

import asyncio
import functools
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from azdicom_proxy.cassette.bodies import size_of
from azdicom_proxy.cassette.model import Headers, Omitted, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import locate, route_of
from azdicom_proxy.matching.timeline import SAFE_METHODS
from azdicom_proxy.parity.compare import IdentityPairs, compare
from azdicom_proxy.parity.hydrating import Hydrator
from azdicom_proxy.parity.lanes import Lane, lane_of
from azdicom_proxy.parity.learning import Learning
from azdicom_proxy.parity.model import Compared, Difference, Pair, Severity, Verdict
from azdicom_proxy.parity.operations import Operations, asking_for, ended, has_ended
from azdicom_proxy.parity.seeding import Resource, Seen, brought_by, names_any
from azdicom_proxy.parity.sides import Answered, Side
from azdicom_proxy.upstream.errors import UpstreamError
from azdicom_proxy.upstream_auth import TokenUnavailableError

log = logging.getLogger(__name__)

OPERATION_S = 600.0
"""How long an operation is followed."""
SECRET_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "ocp-apim-subscription-key")
)
"""Of no use for a comparison, and not to be in a report."""
EARLIER_WRITE = "an earlier write was skipped"
EMPTY_RESPONSE = RecordedResponse(0)


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """A request and what the upstream answered. id: names it in reports.

    raced: whether a write of the same resource was under way upstream at the same time: both answers may be right then.
    changed: whether one has been since: the upstream would answer otherwise now.
    """

    id: str
    request: RecordedRequest
    response: RecordedResponse
    duration_ms: float | None = None
    raced: Callable[[], bool] = _never
    changed: Callable[[], bool] = _never


class Mirror:
    """Compares exchanges in the order in which `examine` is called for resources that they share.

    upstream: asked for instances (hydrate_limit > 0), for operations, and again, to learn what is noise; None where
    there are only recorded answers.
    tell: gets every outcome. Used on one event loop.
    """

    def __init__(
        self,
        local: Side,
        *,
        tell: Callable[[Compared], object],
        executor: Executor,
        upstream: Side | None = None,
        learning: Learning | None = None,
        hydrate_limit: int = 0,
        operation_s: float = OPERATION_S,
    ) -> None:
        self._local = local
        self._upstream = upstream
        self._tell = tell
        self._executor = executor
        self._learning = learning
        self._operation_s = operation_s
        self._seen = Seen()
        self._identities = IdentityPairs()
        self._comparing = asyncio.Lock()
        self._operations = Operations()
        self._following: dict[asyncio.Future[None], Lane] = {}
        self._hydrator = (
            Hydrator(upstream, local, self._seen, hydrate_limit) if upstream is not None and hydrate_limit else None
        )

    @property
    def hydrated(self) -> list[Resource]:
        """The instances that were fetched from the upstream."""
        return self._hydrator.hydrated if self._hydrator is not None else []

    def skip(self, exchanged: Exchanged, reason: str) -> None:
        """Counts an exchange that is not compared. What it wrote upstream is no longer alike on both sides."""
        if exchanged.request.method not in SAFE_METHODS:
            self._seen.lose(brought_by(exchanged.request, exchanged.response))
        self._tell(_uncompared(_pair(exchanged, EMPTY_RESPONSE), Verdict.SKIPPED, reason))

    async def examine(self, exchanged: Exchanged) -> None:
        """Sends the request to the local side, compares and tells; a failing local side is a finding."""
        if exchanged.request.method not in SAFE_METHODS and exchanged.response.status >= 500:
            self.skip(exchanged, "upstream-failed")
            return
        if isinstance(exchanged.request.body, Omitted) or isinstance(exchanged.response.body, Omitted):
            self.skip(exchanged, "body-not-kept")
            return
        if locate(exchanged.request.method, exchanged.request.uri).slug == "operation":
            await self._examine_operation(exchanged)
            return
        unknown = self._seen.unknown_in(exchanged.request, exchanged.response)
        if unknown and self._hydrator is not None:
            await self._hydrator.fetch(unknown, exchanged.request)
            unknown = [resource for resource in unknown if not self._seen.knows(resource)]
        if exchanged.request.method in SAFE_METHODS and names_any(exchanged.request, unknown):
            # The local side has nothing to say about it.
            is_lost = self._seen.is_lost(exchanged.request, exchanged.response)
            reason = EARLIER_WRITE if is_lost else _never_passed_by(unknown)
            self._tell(_uncompared(_pair(exchanged, EMPTY_RESPONSE), Verdict.UNSEEDED, reason))
            return
        asked = self._local.addressed(self._identities.to_local(exchanged.request))
        try:
            answered = await self._local.send(asked)
        except (UpstreamError, OSError) as error:
            self._failed(exchanged, EMPTY_RESPONSE, str(error))
            return
        try:
            await self._judge(exchanged, asked, answered, unknown)
        finally:
            self._local.release(answered.response.body)

    async def settled(self, within_s: float) -> None:
        """Returns when all operations have ended, or were given up after `within_s` seconds."""
        if self._following:
            _, late = await asyncio.wait(list(self._following), timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    # The verdict.

    async def _judge(
        self, exchanged: Exchanged, asked: RecordedRequest, answered: Answered, unknown: list[Resource]
    ) -> None:
        local = answered.response
        pair = replace(_pair(exchanged, local), local_ms=answered.duration_ms, local_uri=asked.uri)
        if exchanged.request.method not in SAFE_METHODS:
            self._seen.learn(brought_by(exchanged.request, exchanged.response))
        if local.status >= 500 and exchanged.response.status < 500:
            self._failed(exchanged, local, f"it answered {local.status}")
            return
        compared = await self._compared(pair)
        self._follow(exchanged, local)
        if not unknown:
            await self._learn(exchanged, compared)
        if compared.verdict is Verdict.SAME:
            self._tell(compared)
        elif self._seen.is_lost(exchanged.request, exchanged.response, local):
            self._tell(_uncompared(pair, Verdict.UNSEEDED, EARLIER_WRITE))
        elif unknown:
            self._tell(_uncompared(pair, Verdict.UNSEEDED, _never_passed_by(unknown)))
        elif exchanged.raced():
            self._tell(_uncompared(pair, Verdict.SKIPPED, "raced with a write"))
        elif self._waits_for_operation(exchanged):
            self._tell(_uncompared(pair, Verdict.SKIPPED, "an operation is under way"))
        else:
            self._tell(compared)

    async def _compared(self, pair: Pair) -> Compared:
        loop = asyncio.get_running_loop()
        comparing = functools.partial(compare, pair, identities=self._identities)
        async with self._comparing:  # each pair is judged by what was learned from those before it
            compared = await loop.run_in_executor(self._executor, comparing)
            self._identities.learn(pair)
        return compared

    async def _learn(self, exchanged: Exchanged, compared: Compared) -> None:
        """Asks the upstream again now and then, and compares its two answers."""
        request, first = exchanged.request, exchanged.response
        if self._upstream is None or self._learning is None or exchanged.changed():
            return
        if not self._learning.should_ask_again(compared.pair.route, request.method, size_of(first.body)):
            return
        try:
            again = (await self._upstream.send(request)).response
        except (UpstreamError, TokenUnavailableError, OSError):
            return  # what the upstream fails to say again teaches nothing
        if not exchanged.changed():
            twice = replace(compared.pair, local=again, local_uri=request.uri)
            loop = asyncio.get_running_loop()
            self._learning.learn(await loop.run_in_executor(self._executor, compare, twice), compared)
        self._upstream.release(again.body)

    def _failed(self, exchanged: Exchanged, local: RecordedResponse, why: str) -> None:
        log.warning("the local side failed at %s: %s", exchanged.id, why)
        difference = Difference(
            severity=Severity.BREAKING,
            at="local-error",
            kind="local-error",
            text=f"the local side failed: {why.replace('the upstream', 'it')}",  # the client speaks of any service so
            upstream=str(exchanged.response.status),
            local=str(local.status or "none"),
        )
        if exchanged.request.method not in SAFE_METHODS:
            self._seen.lose(brought_by(exchanged.request, exchanged.response))
        self._tell(Compared(pair=_pair(exchanged, local), verdict=Verdict.BREAKING, differences=(difference,)))

    # Operations.

    async def _examine_operation(self, exchanged: Exchanged) -> None:
        """A client's look at an operation: only ends are compared, since each side takes its own time."""
        named = locate(exchanged.request.method, exchanged.request.uri).parameters["operation"]
        local_id = self._operations.local_of(named)
        if local_id is None and exchanged.response.status < 400:
            self._tell(_uncompared(_pair(exchanged, EMPTY_RESPONSE), Verdict.UNSEEDED, "unmapped-id"))
        elif not has_ended(exchanged.response):
            self._tell(_uncompared(_pair(exchanged, EMPTY_RESPONSE), Verdict.SKIPPED, "an operation is under way"))
        else:
            await self._compare_ends(exchanged, local_id or named)

    async def _compare_ends(self, exchanged: Exchanged, local_id: str) -> None:
        asked = replace(asking_for(local_id, exchanged.request), headers=exchanged.request.headers)
        asked = self._local.addressed(asked)
        try:
            answered = await ended(self._local, asked, self._operation_s)
        except (UpstreamError, OSError) as error:
            self._failed(exchanged, EMPTY_RESPONSE, str(error))
            return
        if answered is None:
            self._failed(exchanged, EMPTY_RESPONSE, f"its operation did not end within {self._operation_s:g} s")
            return
        pair = _pair(exchanged, answered.response)
        self._tell(await self._compared(replace(pair, local_ms=answered.duration_ms, local_uri=asked.uri)))
        self._local.release(answered.response.body)

    def _follow(self, exchanged: Exchanged, local: RecordedResponse) -> None:
        """Polls a started operation on both sides, on a schedule of its own, and compares how it ended."""
        ids = self._operations.pair(exchanged.response, local)
        if ids is None or self._upstream is None:
            return
        task: asyncio.Future[None] = asyncio.ensure_future(self._followed(self._upstream, exchanged, *ids))
        self._following[task] = lane_of(exchanged.request, exchanged.response)
        task.add_done_callback(lambda done: self._following.pop(done, None))

    async def _followed(self, upstream: Side, exchanged: Exchanged, upstream_id: str, local_id: str) -> None:
        asked = asking_for(upstream_id, exchanged.request)
        exchanged = replace(exchanged, id=f"{exchanged.id}-operation", request=asked, response=EMPTY_RESPONSE)
        try:
            answered = await ended(upstream, asked, self._operation_s)
        except (UpstreamError, OSError):
            self.skip(exchanged, "upstream-failed")
            return
        except asyncio.CancelledError:
            self.skip(exchanged, "stopped before the operation ended")
            raise
        if answered is None:
            self.skip(exchanged, f"the upstream's operation did not end within {self._operation_s:g} s")
            return
        await self._compare_ends(
            replace(exchanged, response=answered.response, duration_ms=answered.duration_ms), local_id
        )
        upstream.release(answered.response.body)

    def _waits_for_operation(self, exchanged: Exchanged) -> bool:
        lane = lane_of(exchanged.request, exchanged.response)
        return any(lane.crosses(other) for other in self._following.values())


def _pair(exchanged: Exchanged, local: RecordedResponse) -> Pair:
    request = replace(exchanged.request, headers=_without_secrets(exchanged.request.headers))
    return Pair(
        id=exchanged.id,
        route=route_of(request.method, request.uri),
        request=request,
        upstream=exchanged.response,
        local=local,
        upstream_ms=exchanged.duration_ms,
    )


def _without_secrets(headers: Headers) -> Headers:
    return tuple(line for line in headers if line[0].lower() not in SECRET_HEADERS)


def _uncompared(pair: Pair, verdict: Verdict, reason: str) -> Compared:
    return Compared(pair=pair, verdict=verdict, reason=reason)


def _never_passed_by(unknown: list[Resource]) -> str:
    """The same words for all exchanges of a kind, since reasons are counted."""
    return f"{' and '.join(sorted({resource.kind for resource in unknown}))} never passed by"
