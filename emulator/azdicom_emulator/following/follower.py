"""One follower: hands changes to a consumer in order of their lanes, and notes durably how far it has come."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from azdicom_emulator.following.bookmark import Bookmark, Position
from azdicom_emulator.storage.index import Index
from azdicom_emulator.storage.records import Change, ChangeWindow

log = logging.getLogger(__name__)

WINDOW = 1_000
"""How many changes may be under way. One that is not dealt with holds up those that are so far behind it."""
PAGE = 200
RETRY_AFTER_S = 1.0


class Consumer(Protocol):
    """What a follower serves. Belongs to the event loop.

    name: also that of the bookmark's file.
    """

    name: str

    def lane(self, change: Change) -> str:
        """Changes of one lane are dealt with one after the other, those of different lanes at the same time."""

    async def take(self, change: Change) -> None:
        """Returns when `change` needs nothing more; it may come again after a crash. What it raises is tried again."""

    async def reset(self) -> None:
        """All data is gone, and the feed begins anew."""


@dataclass(slots=True)
class Progress:
    """What the admin API tells of a follower. pending: changes in the feed that are not dealt with."""

    position: int = 0
    pending: int = 0


class Follower:
    """`await open()`, `start()`, `await close()`; it can be opened and started again. Belongs to the event loop."""

    def __init__(self, index: Index, consumer: Consumer, bookmark: Bookmark) -> None:
        self.consumer = consumer
        self._index = index
        self._bookmark = bookmark
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._read = 0
        self._reached = Position()
        self._handed_out: deque[Change] = deque()
        self._dealt_with: set[int] = set()
        self._lanes: dict[str, deque[Change]] = {}

    @property
    def progress(self) -> Progress:
        return Progress(self._reached.sequence, max(self._index.last_sequence - self._reached.sequence, 0))

    async def open(self) -> None:
        """Finds the position: the noted one; on the first start, or in another feed, the end of the feed."""
        noted = await asyncio.to_thread(self._bookmark.read)
        if noted is not None and await self._is_of_this_feed(noted):
            self._begin(noted)
            return
        if noted is not None:
            log.warning("%s: the change feed is not the one that was followed before", self.consumer.name)
        await self._begin_at(Position.at(await self._index.latest_change(by_time=False)))

    async def rewind(self) -> None:
        """To the beginning of a feed that is empty or was until just now. The follower must not run."""
        await self._begin_at(Position())
        await self.consumer.reset()

    def start(self) -> None:
        self._wake.set()
        self._task = asyncio.ensure_future(self._run())

    def wake(self) -> None:
        """There may be new changes."""
        self._wake.set()

    async def close(self) -> None:
        """Breaks off what is under way: it comes again after the next start."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        with suppress(OSError):  # what was noted last holds
            await asyncio.to_thread(self._bookmark.write, self._reached)

    async def _is_of_this_feed(self, noted: Position) -> bool:
        if noted.sequence == 0:
            return True
        window = ChangeWindow(after=noted.sequence - 1, up_to=noted.sequence, limit=1)
        return noted in [Position.at(change) for change in await self._index.changes(window)]

    async def _begin_at(self, position: Position) -> None:
        self._begin(position)
        await asyncio.to_thread(self._bookmark.write, position)

    def _begin(self, position: Position) -> None:
        self._reached, self._read = position, position.sequence
        self._handed_out.clear()
        self._dealt_with.clear()
        self._lanes.clear()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._note_progress())
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    await self._hand_out_all(tasks)
                except Exception:
                    log.exception("%s could not read the change feed", self.consumer.name)
                    await asyncio.sleep(RETRY_AFTER_S)
                    self._wake.set()

    async def _hand_out_all(self, tasks: asyncio.TaskGroup) -> None:
        while room := WINDOW - len(self._handed_out):
            changes = await self._index.applied_changes(self._read, min(room, PAGE))
            if not changes:
                return
            for change in changes:
                self._hand_out(tasks, change)

    def _hand_out(self, tasks: asyncio.TaskGroup, change: Change) -> None:
        self._read = change.sequence
        self._handed_out.append(change)
        name = self.consumer.lane(change)
        if lane := self._lanes.get(name):
            lane.append(change)
        else:
            lane = self._lanes[name] = deque([change])
            tasks.create_task(self._work(name, lane))

    async def _work(self, name: str, lane: deque[Change]) -> None:
        while lane:
            await self._take(lane[0])
            self._advance(lane.popleft())
        del self._lanes[name]

    async def _take(self, change: Change) -> None:
        while True:
            try:
                await self.consumer.take(change)
            except Exception:
                log.exception("%s could not deal with change %d", self.consumer.name, change.sequence)
                await asyncio.sleep(RETRY_AFTER_S)
            else:
                return

    def _advance(self, change: Change) -> None:
        was_full = len(self._handed_out) >= WINDOW
        self._dealt_with.add(change.sequence)
        while self._handed_out and self._handed_out[0].sequence in self._dealt_with:
            first = self._handed_out.popleft()
            self._dealt_with.discard(first.sequence)
            self._reached = Position.at(first)
            self._moved.set()
        if was_full:
            self._wake.set()

    async def _note_progress(self) -> None:
        """Writes the bookmark as often as the disk takes it: a position that is behind costs a second delivery only."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                await asyncio.to_thread(self._bookmark.write, self._reached)
            except OSError as error:
                log.warning("%s: cannot note the position: %s", self.consumer.name, error)
                await asyncio.sleep(RETRY_AFTER_S)
                self._moved.set()
