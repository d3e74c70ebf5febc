"""What the writer thread does to DuckDB, each in one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

import duckdb
from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.clearing import delete_everything
from azdicom_emulator.storage.feed import ChangeFeed
from azdicom_emulator.storage.journal import JournalEntry
from azdicom_emulator.storage.operations import Operations
from azdicom_emulator.storage.partitions import Partitions
from azdicom_emulator.storage.records import (
    DEFAULT_PARTITION,
    ChangeAction,
    InstanceKey,
    Partition,
    StoredInstance,
    StudyAttributes,
    TagValues,
    UpdatedInstance,
)
from azdicom_emulator.storage.rows import SERIES, STUDIES, LatestRows
from azdicom_emulator.storage.statements import insert_statement, rows_given, update_statement
from azdicom_emulator.storage.tag_index import IndexedVersion, TagIndex
from azdicom_emulator.storage.times import from_column, to_column
from azdicom_emulator.storage.tree import Version
from azdicom_emulator.storage.versions import VERSION_COLUMNS, stored_instance
from azdicom_emulator.storage.worklist import Workitems
from azdicom_emulator.storage.worklist_events import WorklistEvents
from azdicom_emulator.storage.worklist_subscriptions import Subscriptions

_INSTANCE_COLUMNS = (
    "watermark",
    "partition_key",
    "study_uid",
    "series_uid",
    "sop_instance_uid",
    "transfer_syntax_uid",
    "size_bytes",
    "original_watermark",
    "original_size_bytes",
)
INSERT_INSTANCES = insert_statement("instances", _INSTANCE_COLUMNS)
DELETE_VERSIONS = f"DELETE FROM instances WHERE watermark IN ({rows_given(['watermark'])})"
UPDATE_EXPIRY = update_statement("studies", ("partition_key", "study_uid"), ["expires_at"])
STORED_ALREADY = f"SELECT watermark FROM changes SEMI JOIN ({rows_given(['watermark'])}) USING (watermark)"
SELECT_VERSIONS = f"""
    SELECT watermark, study_uid, series_uid, sop_instance_uid
    FROM (
        SELECT watermark, study_uid, series_uid, sop_instance_uid FROM instances
        UNION ALL
        SELECT original_watermark, study_uid, series_uid, sop_instance_uid FROM instances
        WHERE original_watermark IS NOT NULL
    ) SEMI JOIN ({rows_given(["watermark"])}) USING (watermark)
"""
SELECT_CURRENT = f"SELECT watermark FROM instances SEMI JOIN ({rows_given(['watermark'])}) USING (watermark)"
DELETE_INSTANCES = f"""
    DELETE FROM instances
    WHERE partition_key = $partition AND study_uid = $study
        AND series_uid = coalesce($series, series_uid) AND sop_instance_uid = coalesce($instance, sop_instance_uid)
    RETURNING series_uid, sop_instance_uid, {VERSION_COLUMNS}
"""
DELETE_EMPTY_SERIES = """
    DELETE FROM series
    WHERE partition_key = $partition AND study_uid = $study AND series_uid NOT IN (
        SELECT series_uid FROM instances WHERE partition_key = $partition AND study_uid = $study
    )
"""
DELETE_EMPTY_STUDY = """
    DELETE FROM studies
    WHERE partition_key = $partition AND study_uid = $study AND NOT EXISTS (
        SELECT 1 FROM instances WHERE partition_key = $partition AND study_uid = $study
    )
"""
SELECT_EXPIRING = "SELECT partition_key, study_uid, expires_at FROM studies WHERE expires_at IS NOT NULL"
INSERT_PARTITION = "INSERT INTO partitions (partition_key, name, created_at) VALUES (?, ?, ?)"


class Mutations:
    """Owns the writer's connection. Only one thread may call it, but for `partitions`."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self.partitions = Partitions(connection)
        self.feed = ChangeFeed(connection, self.partitions)
        self.tags = TagIndex(connection)
        self.operations = Operations(connection)
        self.workitems = Workitems(connection)
        self.subscriptions = Subscriptions(connection)
        self.worklist_events = WorklistEvents(connection)
        self._studies = LatestRows(STUDIES, connection)
        self._series = LatestRows(SERIES, connection)
        self._expiring: dict[tuple[int, str], datetime] = {}
        self._load_expiring()
        last = connection.execute("SELECT max(watermark) FROM changes").fetchone()
        self.last_watermark: int = (last and last[0]) or 0

    def apply(self, entries: Sequence[JournalEntry]) -> None:
        """Brings stores into the index, in their order."""
        new_versions: dict[int, StoredInstance] = {}
        ended: list[int] = []
        for entry in entries:
            # A version that was stored and replaced within this group never gets a row.
            if entry.replaces is not None and new_versions.pop(entry.replaces.watermark, None) is None:
                ended.append(entry.replaces.watermark)
            new_versions[entry.new.stored.watermark] = entry.new.stored
        for entry in entries:
            # Cleared away since the store began.
            self.add_partition(entry.new.stored.key.partition, entry.at)
        with self.transaction():
            if ended:
                self._connection.execute(DELETE_VERSIONS, [ended])
            self._insert_instances(list(new_versions.values()))
            self._take_attributes(entries)
            self._take_tag_values(entries)
            self._take_expiries(entries)
            self.feed.append(ChangeAction.CREATE, [(entry.at, entry.new.stored) for entry in entries])

    def replay(self, entries: Sequence[JournalEntry]) -> None:
        """As `apply`, for the entries of a previous process, which may have applied some of them."""
        watermarks = [entry.new.stored.watermark for entry in entries]
        known = {row[0] for row in self._connection.execute(STORED_ALREADY, [watermarks]).fetchall()}
        missing = [entry for entry in entries if entry.new.stored.watermark not in known]
        for entry in missing:
            self.last_watermark = max(self.last_watermark, entry.new.stored.watermark)
        if missing:
            self.apply(missing)

    def delete(
        self, partition: str, study: str, series: str | None, instance: str | None, at: datetime
    ) -> list[StoredInstance]:
        """Removes rows, and those of series and studies that are empty then; returns the instances by watermark."""
        key = self.partitions.key_of(partition)
        parent = {"partition": key, "study": study}
        with self.transaction():
            found = self._connection.execute(
                DELETE_INSTANCES, parent | {"series": series, "instance": instance}
            ).fetchall()
            deleted = sorted(
                (
                    stored_instance(InstanceKey(partition, study, series_uid, uid), *version)
                    for series_uid, uid, *version in found
                ),
                key=lambda stored: stored.watermark,
            )
            if deleted:
                self._connection.execute(DELETE_EMPTY_SERIES, parent)
                self._connection.execute(DELETE_EMPTY_STUDY, parent)
                self.tags.forget_versions([stored.watermark for stored in deleted])
                self.tags.forget_empty(key, study)
                self.feed.append(ChangeAction.DELETE, [(at, stored) for stored in deleted])
        self._series.forget({(key, study, stored.key.series) for stored in deleted})
        self._studies.forget([(key, study)])
        self._load_expiring()
        return deleted

    def update(
        self, updated: Sequence[UpdatedInstance], attributes: StudyAttributes, tag_values: TagValues, at: datetime
    ) -> list[UpdatedInstance]:
        """Makes new versions of instances of one study current; returns those whose old version still was it.

        Inside a transaction. attributes, tag_values: what changes of the study's index; what is not in them stays.
        """
        old = [each.old.watermark for each in updated]
        current = {row[0] for row in self._connection.execute(SELECT_CURRENT, [old]).fetchall()}
        switched = [each for each in updated if each.old.watermark in current]
        if not switched:
            return []
        new = [each.new for each in switched]
        self._connection.execute(DELETE_VERSIONS, [[each.old.watermark for each in switched]])
        self._insert_instances(new)
        self._studies.take([(self.partitions.identity(new[0].key)[:2], attributes)])
        self.tags.move_versions([(each.old.watermark, each.new.watermark) for each in switched])
        if tag_values:
            self.tags.take([(self._version(max(new, key=lambda stored: stored.watermark)), tag_values)])
        self.feed.append(ChangeAction.UPDATE, [(at, stored) for stored in new])
        return switched

    def clear(self) -> list[StoredInstance]:
        """Deletes all that there is but the default partition; returns the instances. Watermarks go on rising."""
        with self.transaction():
            gone = delete_everything(self._connection, self.partitions)
            self.feed.clear()
        self.partitions.forget_others(DEFAULT_PARTITION)
        self._read_again()
        return gone

    def set_expiry(self, partition: str, study: str, expires_at: datetime | None) -> None:
        """Of a study that does not exist: nothing happens."""
        with self.transaction():
            self._update_expiries({(self.partitions.key_of(partition), study): expires_at})
        self._load_expiring()

    def add_partition(self, name: str, at: datetime) -> Partition:
        """The partition of this name, made if it does not exist."""
        found = self.partitions.find(name)
        if found is not None:
            return found
        partition = Partition(len(self.partitions.all()) + 1, name, at)
        with self.transaction():
            self._connection.execute(INSERT_PARTITION, [partition.key, name, to_column(at)])
        self.partitions.add(partition)
        return partition

    def unknown(self, versions: Sequence[Version]) -> list[Version]:
        """Those of the versions that the index does not have."""
        rows = self._connection.execute(SELECT_VERSIONS, [[version.watermark for version in versions]]).fetchall()
        # Without case, since some file systems have none: a folder can then hold the files of two identities.
        known = {(watermark, *map(str.casefold, uids)) for watermark, *uids in rows}
        return [
            version
            for version in versions
            if (version.watermark, *map(str.casefold, (version.key.study, version.key.series, version.key.instance)))
            not in known
        ]

    def checkpoint(self) -> None:
        self._connection.execute("CHECKPOINT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing. What is held in memory is read again when it fails."""
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
            self.tags.publish()
            self.operations.publish()
            self.feed.publish()
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.execute("ROLLBACK")
            self._read_again()
            raise

    def _read_again(self) -> None:
        """What is held in memory, as the index has it."""
        self.feed.withdraw()
        self._studies.forget()
        self._series.forget()
        self._load_expiring()
        self.tags.reload()
        self.operations.reload()

    def _insert_instances(self, instances: Sequence[StoredInstance]) -> None:
        self._connection.execute(
            INSERT_INSTANCES,
            [
                [stored.watermark for stored in instances],
                *map(list, zip(*(self.partitions.identity(stored.key) for stored in instances), strict=True)),
                [stored.transfer_syntax_uid for stored in instances],
                [stored.size_bytes for stored in instances],
                [stored.original and stored.original.watermark for stored in instances],
                [stored.original and stored.original.size_bytes for stored in instances],
            ],
        )

    def _take_attributes(self, entries: Sequence[JournalEntry]) -> None:
        identities = [self.partitions.identity(entry.new.stored.key) for entry in entries]
        stores = list(zip(identities, entries, strict=True))
        self._studies.take([(identity[:2], entry.new.study) for identity, entry in stores])
        self._series.take([(identity[:3], entry.new.series) for identity, entry in stores])

    def _take_tag_values(self, entries: Sequence[JournalEntry]) -> None:
        with_values = [entry.new for entry in entries if entry.new.tag_values]
        if with_values:
            self.tags.take([(self._version(new.stored), new.tag_values) for new in with_values])
        self.tags.forget_versions([entry.replaces.watermark for entry in entries if entry.replaces is not None])

    def _take_expiries(self, entries: Sequence[JournalEntry]) -> None:
        """The last store of a study decides (store §9, Expiry)."""
        wanted = {self.partitions.identity(entry.new.stored.key)[:2]: entry.new.expires_at for entry in entries}
        changed = {study: at for study, at in wanted.items() if self._expiring.get(study) != at}
        if changed:
            self._update_expiries(changed)

    def _update_expiries(self, expiries: dict[tuple[int, str], datetime | None]) -> None:
        for study, at in expiries.items():
            if at is None:
                self._expiring.pop(study, None)
            else:
                self._expiring[study] = at
        moments = [None if at is None else to_column(at) for at in expiries.values()]
        self._connection.execute(UPDATE_EXPIRY, [*map(list, zip(*expiries, strict=True)), moments])

    def _version(self, stored: StoredInstance) -> IndexedVersion:
        partition_key, study, series, _ = self.partitions.identity(stored.key)
        return IndexedVersion(stored.watermark, partition_key, study, series)

    def _load_expiring(self) -> None:
        found = self._connection.execute(SELECT_EXPIRING).fetchall()
        self._expiring = {(key, study): from_column(at) for key, study, at in found}
