"""The one thread that changes DuckDB: it applies journal entries in groups, and makes all other mutations."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from threading import Condition, Thread
from typing import Any, TypeVar

from azdicom_emulator.storage.errors import OverloadedError
from azdicom_emulator.storage.journal import Journal
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.records import StoredInstance

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Mutation = Callable[[Mutations, datetime], Result]
"""Called in the writer thread with the moment of the mutation; changes made after it was asked for come later."""

APPLY_AFTER_S = 0.2
RETRY_AFTER_S = 1.0
APPLY_ENTRIES = 2_000
MAX_ENTRIES = 50_000
MAX_MUTATIONS = 1_000


class Writer:
    """All methods but `close` return at once and may be called in any thread."""

    def __init__(
        self,
        mutations: Mutations,
        journal: Journal,
        ended: Callable[[list[StoredInstance]], None],
        changed: Callable[[], None],
    ) -> None:
        """ended: told of the versions that were replaced, when the index does not have them any more.

        changed: told when DuckDB has new changes of the feed. Both are called in the writer thread.
        """
        self._mutations = mutations
        self._journal = journal
        self._ended = ended
        self._changed = changed
        self._told_sequence = mutations.feed.end.sequence
        self._wake = Condition()
        self._asked: deque[tuple[Mutation[Any], Future[Any]]] = deque()
        self._due: float | None = None
        self._closing = False
        self._thread = Thread(target=self._run, name="index-writer", daemon=True)
        self._thread.start()

    def submit(self, mutation: Mutation[Result]) -> Future[Result]:
        """Makes `mutation` after the journal as it is now is applied. Raises OverloadedError."""
        future: Future[Result] = Future()
        with self._wake:
            if len(self._asked) >= MAX_MUTATIONS:
                raise OverloadedError
            if self._closing:
                raise RuntimeError("the index is closed")
            self._asked.append((mutation, future))
            self._wake.notify()
        return future

    def appended(self) -> None:
        """To be called when the journal got entries: they are applied soon, at once when they are many."""
        many = len(self._journal) >= APPLY_ENTRIES
        if self._due is not None and not many:
            return
        with self._wake:
            self._due = 0.0 if many else time.monotonic() + APPLY_AFTER_S
            self._wake.notify()

    def refuse_when_full(self) -> None:
        """Raises OverloadedError when so many entries wait that the writer does not keep up."""
        if len(self._journal) >= MAX_ENTRIES:
            raise OverloadedError

    def close(self) -> None:
        """Returns when all that was asked for is done and the journal is empty. Blocking."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._asked and not self._closing and not self._is_due():
                    self._wake.wait(None if self._due is None else max(0.0, self._due - time.monotonic()))
                asked = list(self._asked)
                self._asked.clear()
                self._due = None
                closing = self._closing
            self._work(asked)
            if self._mutations.feed.end.sequence != self._told_sequence:
                self._told_sequence = self._mutations.feed.end.sequence
                self._changed()
            if closing and not self._asked:
                return

    def _is_due(self) -> bool:
        return self._due is not None and time.monotonic() >= self._due

    def _work(self, asked: Sequence[tuple[Mutation[Any], Future[Any]]]) -> None:
        try:
            moment = self._apply_journal()
        except Exception as error:
            log.exception("the index could not be written; acknowledged stores stay in the journal")
            with self._wake:
                self._due = time.monotonic() + RETRY_AFTER_S
            for _, future in asked:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)
            return
        for mutation, future in asked:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(mutation(self._mutations, moment))
            except Exception as error:
                future.set_exception(error)

    def _apply_journal(self) -> datetime:
        moment, segments = self._journal.take()
        entries = [entry for segment in segments for entry in segment.entries]
        if entries:
            self._mutations.apply(entries)
        for segment in segments:
            self._journal.applied(segment)
        ended = [entry.replaces for entry in entries if entry.replaces is not None]
        if ended:
            self._ended(ended)
        return moment
