"""Changes of a worklist, made in the writer thread: each with the events that it causes, in one transaction."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from aiohttp import web

from azdicom_emulator.dicom.json_data_set import DataSet
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.worklist import Workitem
from azdicom_emulator.storage.worklist_events import Frame
from azdicom_emulator.storage.worklist_subscriptions import StandingSubscription, Subscriptions
from azdicom_emulator.web.keys import INDEX, SETTINGS
from azdicom_emulator.worklist.channels import CHANNELS
from azdicom_emulator.worklist.events import Event, assigned, state_report
from azdicom_emulator.worklist.search_query import parse_filter

Result = TypeVar("Result")
SUBSCRIPTIONS = "worklist.subscriptions"


@dataclass(slots=True)
class Worklist:
    """The worklist of one partition, as the writer thread has it for one change.

    Nobody else changes it meanwhile, so that of two clients that want the same workitem the second finds what the
    first made of it. kept: how many events wait for each subscriber; None: the extension is off.
    """

    mutations: Mutations
    at: datetime
    partition_key: int
    kept: int | None
    told: set[str] = field(default_factory=set)
    """AE titles that have new events."""

    @property
    def subscriptions(self) -> Subscriptions:
        return self.mutations.subscriptions

    @property
    def now(self) -> str:
        """The time of the change as the service writes it: UTC, whole seconds, no offset (worklist §3.1)."""
        return self.at.strftime("%Y%m%d%H%M%S")

    def find(self, uid: str) -> Workitem | None:
        return self.mutations.workitems.find(self.partition_key, uid)

    def add(self, uid: str, data_set: DataSet) -> None:
        """A new workitem, with its standing subscribers subscribed."""
        with self._transaction() as events:
            workitem = self.mutations.workitems.add(self.partition_key, uid, data_set)
            if self.kept is not None:
                self._subscribe_standing(workitem)
                events += self._to_subscribers(workitem, [state_report(workitem), *assigned(workitem)])

    def replace(self, workitem: Workitem, events: Iterable[Event]) -> None:
        """events: what the subscribers of the workitem are told."""
        with self._transaction() as told:
            self.mutations.workitems.replace(workitem)
            told += self._to_subscribers(workitem, events)

    def tell(self, workitem: Workitem, event: Event) -> bool:
        """Whether anybody is subscribed."""
        with self._transaction() as told:
            told += self._to_subscribers(workitem, [event])
        return bool(told)

    @contextmanager
    def telling(self, ae_title: str) -> Iterator[list[Workitem]]:
        """For changes of one AE's subscriptions: it gets a state report of each workitem that is put in the list."""
        with self._transaction() as events:
            reported: list[Workitem] = []
            yield reported
            # Of the older ones over the bound nothing would be kept.
            newest = reported[-self.kept :] if self.kept else []
            events += [(ae_title, state_report(workitem).frame) for workitem in newest]

    @contextmanager
    def _transaction(self) -> Iterator[list[tuple[str, Frame]]]:
        """Events that are put in the list are kept with the change."""
        events: list[tuple[str, Frame]] = []
        with self.mutations.transaction():
            yield events
            if events and self.kept is not None:
                self.mutations.worklist_events.add(events, self.kept)
        self.told.update(ae_title for ae_title, _ in events)

    def _to_subscribers(self, workitem: Workitem, events: Iterable[Event]) -> list[tuple[str, Frame]]:
        if self.kept is None:
            return []
        subscribers = self.subscriptions.subscribers(workitem.key)
        return [(ae_title, event.frame) for event in events for ae_title in subscribers] if subscribers else []

    def _subscribe_standing(self, workitem: Workitem) -> None:
        for standing in self.subscriptions.standing(self.partition_key):
            if self.matching(standing, only=workitem.key):
                self.subscriptions.take(standing, [workitem.key])

    def matching(self, standing: StandingSubscription, *, only: int | None = None) -> list[int]:
        """Keys of the workitems that a standing subscription takes, oldest first; only: of this one."""
        filters = parse_filter(standing.filter) if standing.filter is not None else ()
        return self.mutations.workitems.matching(self.partition_key, filters, only=only)


async def change(request: web.Request, partition: str, make: Callable[[Worklist], Result]) -> Result:
    """Calls `make` in the writer thread, then wakes the channels of those who have new events.

    Raises what `make` raises; what it raises outside of a transaction has changed nothing.
    """
    settings = request.app[SETTINGS]
    kept = settings.worklist_events_kept if settings.extension(SUBSCRIPTIONS) else None
    channels, loop = request.app[CHANNELS], asyncio.get_running_loop()

    def mutation(mutations: Mutations, at: datetime) -> Result:
        worklist = Worklist(mutations, at, mutations.partitions.key_of(partition), kept)
        try:
            return make(worklist)
        finally:
            # From here, since the client may be gone before the answer.
            if worklist.told:
                loop.call_soon_threadsafe(channels.wake, worklist.told)

    return await request.app[INDEX].write(mutation)
