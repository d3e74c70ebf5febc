"""The order in which exchanges reach the local side: writes as the upstream completed them, reads after them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azdicom_proxy.cassette.model import Interaction, RecordedRequest, RecordedResponse
from azdicom_proxy.cassette.naming import locate
from azdicom_proxy.matching.timeline import SAFE_METHODS, Resource, resources_of
from azdicom_proxy.parity.operations import has_ended

OF_ALL = frozenset({"tag"})
"""Kinds whose writes change what is answered about others: a new extended query tag makes studies searchable."""
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Lane:
    """What an exchange touches. resources: empty is everything; changes: others must see it before or after."""

    resources: frozenset[Resource]
    changes: bool

    def crosses(self, other: "Lane") -> bool:
        """Whether the order of the two matters."""
        if self.changes and other.changes and _same_kind(self.resources, other.resources):
            return True  # searches and the change feed tell the order in which studies came
        return (self.changes or other.changes) and _overlap(self.resources, other.resources)


def lane_of(request: RecordedRequest, response: RecordedResponse) -> Lane:
    """The lane of an exchange with the upstream."""
    if locate(request.method, request.uri).slug == "operation":
        # Who is told that an operation has ended asks for its results next.
        return Lane(frozenset(), changes=has_ended(response))
    resources = resources_of(Interaction(request=request, response=response))
    changes = request.method not in SAFE_METHODS
    if changes and any(kind in OF_ALL for kind, _ in resources):
        resources = frozenset()
    return Lane(resources, changes)


class Lanes:
    """Runs work in the order of its lanes, and side by side where that does not matter; on one event loop."""

    def __init__(self) -> None:
        self._under_way: dict[asyncio.Future[None], Lane] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def start(self, lane: Lane, work: Callable[[], Awaitable[None]]) -> None:
        """Begins `work` once all that was started before and crosses its lane has ended. It must not raise."""
        before = [task for task, other in self._under_way.items() if lane.crosses(other)]

        async def follow() -> None:
            if before:
                await asyncio.wait(before)
            async with self._turns:
                await work()

        task: asyncio.Future[None] = asyncio.ensure_future(follow())
        self._under_way[task] = lane
        task.add_done_callback(lambda done: self._under_way.pop(done, None))

    async def empty(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def cancel(self) -> None:
        """Breaks off what is under way."""
        for task in list(self._under_way):
            task.cancel()
        await self.empty()


def _same_kind(ours: frozenset[Resource], theirs: frozenset[Resource]) -> bool:
    return bool({kind for kind, _ in ours} & {kind for kind, _ in theirs})


def _overlap(ours: frozenset[Resource], theirs: frozenset[Resource]) -> bool:
    if not ours or not theirs:
        return True
    return any(
        kind == other_kind and (identifier is None or other is None or identifier == other)
        for kind, identifier in ours
        for other_kind, other in theirs
    )
