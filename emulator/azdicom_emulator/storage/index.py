"""The index of what is stored: the one door to the journal, DuckDB and the files for all handlers."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage import queries
from azdicom_emulator.storage.cache import InstanceCache
from azdicom_emulator.storage.claims import Claim, Claims
from azdicom_emulator.storage.errors import InstanceExistsError, OperationActiveError
from azdicom_emulator.storage.files import Durability
from azdicom_emulator.storage.folder import DataFolder
from azdicom_emulator.storage.journal import Journal
from azdicom_emulator.storage.mutations import Mutations
from azdicom_emulator.storage.operations import Operations, OperationType
from azdicom_emulator.storage.query_tags import QueryTag
from azdicom_emulator.storage.readers import Readers
from azdicom_emulator.storage.records import (
    Change,
    ChangeWindow,
    InstanceKey,
    NewInstance,
    Partition,
    StoredInstance,
    StudyAttributes,
    TagValues,
    UpdatedInstance,
)
from azdicom_emulator.storage.sweep import Sweep
from azdicom_emulator.storage.tag_errors import TagError, find_tag_errors
from azdicom_emulator.storage.writer import Mutation, Writer

__all__ = ["Durability", "Index"]

Result = TypeVar("Result")


class Index:
    """All coroutines belong to the event loop; `claim` and `files` to worker threads.

    Every method may raise OverloadedError: a queue is full, and the client should come again.
    """

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        durability: Durability = Durability.PROCESS,
        memory_limit_mb: int = 256,
        reader_threads: int = 4,
        cache_entries: int = 100_000,
    ) -> "Index":
        """Opens or makes the data folder, and brings into the index what was acknowledged before.

        Raises DataFolderInUseError, DataFolderNotWritableError, IndexNewerError, IndexUnreadableError. Blocking.
        """
        opened = DataFolder.open(folder, durability, memory_limit_mb)
        return cls(opened, durability, reader_threads, cache_entries)

    def __init__(self, folder: DataFolder, durability: Durability, reader_threads: int, cache_entries: int) -> None:
        self.files = folder.files
        self._folder = folder
        self._syncs = durability is Durability.FULL
        self._sync_turn = asyncio.Lock()
        self._synced_to = 0
        self._partitions = folder.mutations.partitions
        self._cache = InstanceCache(cache_entries)
        self._claims = Claims(folder.mutations.last_watermark)
        self._journal = Journal(folder.journal)
        self._readers = Readers(folder.connection, reader_threads)
        self._remover = ThreadPoolExecutor(1, thread_name_prefix="file-remover")
        self._listeners: list[Callable[[], object]] = []
        self._writer = Writer(folder.mutations, self._journal, self._remove_files, self._tell_listeners)
        self._sweep: Sweep | None = None
        if folder.crashed_since is not None:
            self._sweep = Sweep(self.files, self._claims, self._writer, folder.crashed_since)

    async def close(self) -> None:
        """Brings everything into DuckDB and leaves the folder to others."""
        await asyncio.to_thread(self._close)

    def claim(self, key: InstanceKey, *, replace: bool = False) -> Claim:
        """The right to store a new version of an instance. What is not committed must be released: use `with`.

        Raises InstanceExistsError unless `replace`, InstancePendingError. Blocking: for worker threads.
        """
        self._writer.refuse_when_full()
        self._partitions.key_of(key.partition)
        if not replace and (known := self._known(key)) is not None:
            raise InstanceExistsError(known)
        claim = self._claims.acquire(key, self._abandon)
        try:
            # A stored version implies files, and those a folder: where none was, DuckDB need not be asked.
            present = None
            if not self.files.claim_folder(key):
                present = self._known(key) or self._look_up(key).result()
            if present is not None and not replace:
                raise InstanceExistsError(present)
        except BaseException:
            self._claims.forget(claim)
            raise
        self._claims.settle(claim, present)
        return claim

    async def commit(self, *stores: tuple[Claim, NewInstance]) -> None:
        """Acknowledges stores whose files are written: from here on they are visible and survive a crash.

        Releases the claims, also when it fails; nothing is stored then.
        """
        for claim, new in stores:
            self._cache.put(new.stored, replaces=claim.replaced is not None)
        try:
            self._journal.append((new, claim.replaced) for claim, new in stores)
        except BaseException:
            self._cache.drop([new.stored for _, new in stores])
            for claim, _ in stores:
                claim.release()
            raise
        for claim, _ in stores:
            claim.committed()
            self._claims.forget(claim)
        self._writer.appended()
        if self._syncs:
            await self._synced()

    async def instance(self, key: InstanceKey) -> StoredInstance | None:
        known = self._known(key)
        if known is not None:
            return known
        generation = self._cache.generation
        found = await asyncio.wrap_future(self._look_up(key))
        if found is not None:
            self._cache.remember([found], generation)
        return found

    async def instances(self, partition: str, study: str, series: str | None = None) -> list[StoredInstance]:
        """The instances of a study or series by watermark."""
        generation = self._cache.generation
        found = await self._query(queries.find_instances, partition, study, series)
        self._cache.remember(found, generation)
        return found

    async def instances_from(
        self, partition: str, place: queries.Place, after: int, limit: int
    ) -> list[StoredInstance]:
        """The next of a partition's instances, or of those of a study or series, by `StoredInstance.first`."""
        return await self._query(queries.find_from, partition, place, after, limit)

    async def highest_first_version(self, partition: str) -> int:
        """Where a walk by `instances_from` over what there is now ends; 0: there is nothing."""
        return await self._query(queries.highest_first_version, partition)

    async def delete(
        self, partition: str, study: str, series: str | None = None, instance: str | None = None
    ) -> list[StoredInstance]:
        """Deletes a study, a series or an instance; returns what was deleted by watermark, [] when nothing matched.

        Atomic and visible at once. What is being stored meanwhile comes after it.
        """

        def mutation(mutations: Mutations, at: datetime) -> list[StoredInstance]:
            deleted = mutations.delete(partition, study, series, instance, at)
            self._cache.drop(deleted)
            self._remove_files(deleted)
            return deleted

        if self._partitions.find(partition) is None:
            return []
        return await asyncio.wrap_future(self._writer.submit(mutation))

    async def update(
        self,
        written: Sequence[tuple[Claim, StoredInstance]],
        attributes: StudyAttributes,
        tag_values: TagValues,
        record: Callable[[Mutations, datetime, int], None],
    ) -> int:
        """Makes new versions of instances of one study current, all at once; returns how many (async §2.5).

        written: claims, made with `replace`, and the versions whose files are written under them. Those that became
        current have their claims released; claims of instances deleted meanwhile, and all of them when it fails, stay
        with the caller. attributes, tag_values: as `Mutations.update` takes them. record: called with the number in
        the same transaction.
        Raises OperationActiveError: a re-index walks through the versions, which must not change under it.
        """

        def mutation(mutations: Mutations, at: datetime) -> int:
            if active := mutations.operations.active(OperationType.REINDEX):
                raise OperationActiveError(active[0].id)
            updated = [UpdatedInstance(claim.replaced, new) for claim, new in written if claim.replaced is not None]
            with mutations.transaction():
                switched = mutations.update(updated, attributes, tag_values, at)
                record(mutations, at, len(switched))
            self._cache.switch(each.new for each in switched)
            current = {each.new.watermark for each in switched}
            for claim, _ in written:
                if claim.watermark in current:
                    claim.committed()
                    self._claims.forget(claim)
            # Between the original version and the new one, none is kept.
            self._remove_files(replace(each.old, original=None) for each in switched if each.old.original is not None)
            return len(switched)

        result = asyncio.wrap_future(self._writer.submit(mutation))
        try:
            return await asyncio.shield(result)
        except asyncio.CancelledError:
            # Whoever releases the claims must know first whether it was made.
            await asyncio.wait([result])
            raise

    async def clear(self) -> None:
        """Deletes everything: instances, change feed, extended query tags, operations and partitions.

        Atomic and visible at once. What is being stored meanwhile comes after it.
        """

        def mutation(mutations: Mutations, _: datetime) -> None:
            gone = mutations.clear()
            self._cache.drop(gone)
            self._remove_files(gone)

        await asyncio.wrap_future(self._writer.submit(mutation))

    async def changes(self, window: ChangeWindow) -> list[Change]:
        """The change feed of all partitions (azure-apis §3.1)."""
        return await self.read_changes(window, list)

    async def read_changes(self, window: ChangeWindow, make: Callable[[Sequence[Change]], Result]) -> Result:
        """What `make` makes of the changes, in the reader thread: it may read files."""
        return await self.read(lambda connection: make(self._find_changes(connection, window)))

    def on_changes(self, listener: Callable[[], object]) -> None:
        """Calls `listener` when `applied_changes` may find more; in the writer thread, so it must return at once."""
        self._listeners.append(listener)

    @property
    def last_sequence(self) -> int:
        """Of the changes that DuckDB has."""
        return self._folder.mutations.feed.end.sequence

    async def applied_changes(self, after: int, limit: int) -> list[Change]:
        """The next changes by sequence, of those that DuckDB has: who follows the feed must not hurry the writer."""
        window = ChangeWindow(after=after, up_to=sys.maxsize, limit=limit)
        return await asyncio.wrap_future(
            self._readers.submit(lambda connection: self._find_changes(connection, window))
        )

    async def latest_change(self, *, by_time: bool) -> Change | None:
        """The change of the latest time, or of the highest sequence."""
        await self._flushed()
        end = self._folder.mutations.feed.end
        if by_time and not end.is_in_order:
            return await self._query(queries.find_latest_change)
        return end.newest

    async def read(self, query: Callable[[DuckDBPyConnection], Result]) -> Result:
        """Runs `query` in a reader thread, on a cursor that sees all that is acknowledged."""
        await self._flushed()
        return await asyncio.wrap_future(self._readers.submit(query))

    async def write(self, mutation: Mutation[Result]) -> Result:
        """Makes `mutation` in the writer thread, after all that is acknowledged is in DuckDB."""
        return await asyncio.wrap_future(self._writer.submit(mutation))

    async def tag_errors(self, tag: int, limit: int, offset: int) -> list[TagError]:
        """A page of the errors of an extended query tag, `QueryTag.key`."""
        return await self._query(find_tag_errors, tag, limit, offset)

    @property
    def unapplied_stores(self) -> int:
        """How many acknowledged stores are not yet in DuckDB."""
        return len(self._journal)

    @property
    def query_tags(self) -> tuple[QueryTag, ...]:
        """The extended query tags in the order of registration; another object after every change."""
        return self._folder.mutations.tags.all()

    @property
    def operations(self) -> Operations:
        """To look operations up; they change by `write`."""
        return self._folder.mutations.operations

    async def partitions(self) -> list[Partition]:
        """By key; the default partition always exists."""
        return self._partitions.all()

    async def partition(self, name: str, *, create: bool) -> Partition | None:
        """The partition of this name in any case (azure-apis §5.1)."""
        found = self._partitions.find(name)
        if found is not None or not create:
            return found
        return await asyncio.wrap_future(self._writer.submit(lambda mutations, at: mutations.add_partition(name, at)))

    async def set_expiry(self, partition: str, study: str, expires_at: datetime | None) -> None:
        """When a stored study is to be deleted. Each store decides this anew (`NewInstance.expires_at`)."""
        await asyncio.wrap_future(
            self._writer.submit(lambda mutations, _: mutations.set_expiry(partition, study, expires_at))
        )

    async def expired(self, now: datetime) -> list[tuple[str, str]]:
        """(partition, study) of the studies to delete, longest overdue first."""
        return await self._query(queries.find_expired, now)

    async def swept(self) -> None:
        """Returns when the sweep that follows an unclean stop is done."""
        if self._sweep is not None:
            await asyncio.to_thread(self._sweep.wait)

    async def _query(self, find: Callable[..., Result], *arguments: object) -> Result:
        return await self.read(lambda connection: find(connection, self._partitions, *arguments))

    async def _flushed(self) -> None:
        if len(self._journal):
            await asyncio.wrap_future(self._writer.submit(lambda _, __: None))

    async def _synced(self) -> None:
        """Returns when the journal as it is now is on the disk; whoever waits for its turn finds it done by another."""
        wanted = self._journal.appended
        async with self._sync_turn:
            if self._synced_to < wanted:
                reached = self._journal.appended
                await asyncio.to_thread(self._journal.sync)
                self._synced_to = reached

    def _find_changes(self, connection: DuckDBPyConnection, window: ChangeWindow) -> list[Change]:
        is_in_order = self._folder.mutations.feed.end.is_in_order
        return queries.find_changes(connection, self._partitions, window, is_in_order=is_in_order)

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()

    def _known(self, key: InstanceKey) -> StoredInstance | None:
        return self._cache.get(key) or self._journal.find(key)

    def _look_up(self, key: InstanceKey) -> Future[StoredInstance | None]:
        return self._readers.submit(lambda connection: queries.find_instance(connection, self._partitions, key))

    def _abandon(self, claim: Claim) -> None:
        self.files.remove(claim.key, claim.watermark)
        self._claims.forget(claim)

    def _remove_files(self, gone: Iterable[StoredInstance]) -> None:
        for stored in gone:
            for watermark in stored.watermarks:
                self._remover.submit(self.files.remove, stored.key, watermark)

    def _close(self) -> None:
        if self._sweep is not None:
            self._sweep.close()
        self._writer.close()
        self._readers.close()
        self._remover.shutdown()
        self._folder.close(is_swept=self._sweep is None or self._sweep.is_done)
