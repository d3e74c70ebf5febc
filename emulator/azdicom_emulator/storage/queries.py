"""What is read from the index, apart from searches. Each function runs in a reader thread."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.partitions import Partitions
from azdicom_emulator.storage.records import Change, ChangeAction, ChangeWindow, InstanceKey, StoredInstance
from azdicom_emulator.storage.times import from_column, to_column
from azdicom_emulator.storage.versions import VERSION_COLUMNS, stored_instance

_MAX_BIGINT = 2**63 - 1

Place = tuple[str | None, str | None]
"""Study and series UID; None: all of them."""

_Row = tuple[Any, ...]

SELECT_INSTANCE = f"""
    SELECT {VERSION_COLUMNS}
    FROM instances
    WHERE partition_key = $partition AND study_uid = $study AND series_uid = $series AND sop_instance_uid = $instance
"""
SELECT_INSTANCES = f"""
    SELECT series_uid, sop_instance_uid, {VERSION_COLUMNS}
    FROM instances
    WHERE partition_key = $partition AND study_uid = $study AND series_uid = coalesce($series, series_uid)
    ORDER BY watermark
"""
# Only sequences are sorted: DuckDB sorts narrow rows several times as fast. The limit is no subquery here, since rows
# come in about this order, of which DuckDB then keeps the first.
_SELECT_SEQUENCES = "SELECT sequence FROM changes WHERE {conditions} ORDER BY {order} LIMIT ? OFFSET ?"
_SELECT_ENDS = "SELECT min(sequence), max(sequence) FROM changes WHERE {conditions}"
_SELECT_CHANGES = "SELECT * FROM changes"
_SELECT_CURRENT = f"SELECT {VERSION_COLUMNS} FROM instances"
_CLOSE = 1_000
_SELECT_VERSIONS = f"""
    SELECT partition_key, study_uid, series_uid, sop_instance_uid, {VERSION_COLUMNS}
    FROM instances
"""
SELECT_BY_UID = f"{_SELECT_VERSIONS} WHERE sop_instance_uid IN (SELECT unnest(?::VARCHAR[]))"
_FIRST_VERSION = "coalesce(original_watermark, watermark)"
_SELECT_FROM = f"""
    SELECT study_uid, series_uid, sop_instance_uid, {VERSION_COLUMNS}
    FROM instances
    WHERE partition_key = $partition AND {_FIRST_VERSION} > $after {{condition}}
    ORDER BY {_FIRST_VERSION} LIMIT $limit
"""
SELECT_FROM = _SELECT_FROM.format(condition="")
SELECT_FROM_STUDY = _SELECT_FROM.format(
    condition="AND study_uid = $study AND series_uid = coalesce($series, series_uid)"
)
SELECT_HIGHEST = f"SELECT coalesce(max({_FIRST_VERSION}), 0) FROM instances WHERE partition_key = ?"
SELECT_EXPIRED = "SELECT partition_key, study_uid FROM studies WHERE expires_at <= ? ORDER BY expires_at, study_key"


def find_instance(connection: DuckDBPyConnection, partitions: Partitions, key: InstanceKey) -> StoredInstance | None:
    partition = partitions.find(key.partition)
    if partition is None:
        return None
    row = connection.execute(
        SELECT_INSTANCE,
        {"partition": partition.key, "study": key.study, "series": key.series, "instance": key.instance},
    ).fetchone()
    return stored_instance(key, *row) if row else None


def find_instances(
    connection: DuckDBPyConnection, partitions: Partitions, partition: str, study: str, series: str | None
) -> list[StoredInstance]:
    found = partitions.find(partition)
    if found is None:
        return []
    rows = connection.execute(SELECT_INSTANCES, {"partition": found.key, "study": study, "series": series}).fetchall()
    return [stored_instance(InstanceKey(found.name, study, row[0], row[1]), *row[2:]) for row in rows]


def find_from(
    connection: DuckDBPyConnection, partitions: Partitions, partition: str, where: Place, after: int, limit: int
) -> list[StoredInstance]:
    """Instances of a partition, a study or a series by their first versions, which stay when they are updated."""
    study, series = where
    found = partitions.find(partition)
    if found is None:
        return []
    statement = SELECT_FROM if study is None else SELECT_FROM_STUDY
    parameters = {"partition": found.key, "after": after, "limit": limit}
    named = {} if study is None else {"study": study, "series": series}
    rows = connection.execute(statement, parameters | named).fetchall()
    return [stored_instance(InstanceKey(found.name, *row[:3]), *row[3:]) for row in rows]


def highest_first_version(connection: DuckDBPyConnection, partitions: Partitions, partition: str) -> int:
    """0: the partition is empty."""
    found = partitions.find(partition)
    row = connection.execute(SELECT_HIGHEST, [found.key if found else None]).fetchone()
    return int(row[0]) if row else 0


def find_changes(
    connection: DuckDBPyConnection, partitions: Partitions, window: ChangeWindow, *, is_in_order: bool
) -> list[Change]:
    """Ordered by sequence if the window is one of sequences, else by time (azure-apis §3.1).

    is_in_order: `FeedEnd.is_in_order`; the sequences of the page are then as good as known.
    """
    choose = _sequences_in_order if is_in_order else _sequences
    return _changes(connection, partitions, choose(connection, window))


def find_latest_change(connection: DuckDBPyConnection, partitions: Partitions) -> Change | None:
    """By time, then sequence."""
    statement = _SELECT_SEQUENCES.format(conditions="true", order="changed_at DESC, sequence DESC")
    found = connection.execute(statement, [1, 0]).fetchall()
    return next(iter(_changes(connection, partitions, [row[0] for row in found])), None)


def find_expired(connection: DuckDBPyConnection, partitions: Partitions, now: datetime) -> list[tuple[str, str]]:
    rows = connection.execute(SELECT_EXPIRED, [to_column(now)]).fetchall()
    return [(partitions.name_of(key), study) for key, study in rows]


def _sequences(connection: DuckDBPyConnection, window: ChangeWindow) -> Sequence[int]:
    """Of the changes in the window, in their order."""
    first, last = _range(window)
    conditions = {"sequence >= ?": min(first, _MAX_BIGINT), "sequence <= ?": last, **_time_conditions(window)}
    order = "changed_at, sequence" if window.up_to is None else "sequence"
    statement = _SELECT_SEQUENCES.format(conditions=" AND ".join(conditions), order=order)
    page = [window.limit, min(window.offset, _MAX_BIGINT)]
    return [row[0] for row in connection.execute(statement, [*conditions.values(), *page]).fetchall()]


def _sequences_in_order(connection: DuckDBPyConnection, window: ChangeWindow) -> Sequence[int]:
    """The same, where sequences count the changes and grow with the time; the last ones need not exist."""
    first, last = _range(window)
    if times := _time_conditions(window):
        statement = _SELECT_ENDS.format(conditions=" AND ".join(times))
        earliest, latest = connection.execute(statement, list(times.values())).fetchall()[0]
        if earliest is None:
            return ()
        first, last = max(first, earliest), min(last, latest)
    first += window.offset
    return range(first, min(last, first + window.limit - 1) + 1)


def _range(window: ChangeWindow) -> tuple[int, int]:
    """The lowest and the highest sequence that the window allows."""
    return window.after + 1, _MAX_BIGINT if window.up_to is None else min(window.up_to, _MAX_BIGINT)


def _time_conditions(window: ChangeWindow) -> dict[str, datetime]:
    bounds = {"changed_at >= ?": window.start, "changed_at < ?": window.end}
    return {condition: to_column(moment) for condition, moment in bounds.items() if moment is not None}


def _changes(connection: DuckDBPyConnection, partitions: Partitions, sequences: Sequence[int]) -> list[Change]:
    """Those of these changes that exist, in this order."""
    rows = {row[0]: row for row in _numbered(connection, _SELECT_CHANGES, "sequence", sequences)}
    page = [rows[sequence] for sequence in sequences if sequence in rows]
    versions = _current_versions(connection, page)
    changes = []
    for (sequence, at, action, *identity, watermark), version in zip(page, versions, strict=True):
        key = InstanceKey(partitions.name_of(identity[0]), *identity[1:])
        stored = None if version is None else stored_instance(key, *version)
        changes.append(Change(sequence, from_column(at), ChangeAction(action), key, watermark, stored))
    return changes


def _current_versions(connection: DuckDBPyConnection, changes: Sequence[_Row]) -> list[_Row | None]:
    """Of the instance of each change. Most changes made it: its watermark finds it without a scan."""
    watermarks = [row[-1] for row in changes]
    made = {version[0]: version for version in _numbered(connection, _SELECT_CURRENT, "watermark", watermarks)}
    others: dict[_Row, _Row] = {}
    if other_uids := [row[6] for row in changes if row[-1] not in made]:
        rows = connection.execute(SELECT_BY_UID, [other_uids]).fetchall()
        others = {version[:4]: version[4:] for version in rows}
    return [made.get(row[-1]) or others.get(row[3:7]) for row in changes]


def _numbered(connection: DuckDBPyConnection, select: str, column: str, numbers: Sequence[int]) -> list[_Row]:
    """The rows that have one of these numbers; when they lie close, also those in between.

    A range takes half the time of a list: DuckDB passes over what is outside of it in whole blocks.
    """
    if not numbers:
        return []
    first, last = min(numbers), max(numbers)
    if last - first < _CLOSE:
        return connection.execute(f"{select} WHERE {column} BETWEEN ? AND ?", [first, last]).fetchall()
    return connection.execute(f"{select} WHERE {column} IN (SELECT unnest(?::BIGINT[]))", [numbers]).fetchall()
