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
# The page is chosen by its sequences alone, since DuckDB sorts narrow rows ten times as fast.
_CHANGES_IN_WINDOW = """
    SELECT * FROM changes
    WHERE sequence IN (
        SELECT sequence FROM changes
        WHERE sequence > $after AND sequence <= $up_to
            AND changed_at >= coalesce($start::TIMESTAMP, changed_at)
            AND changed_at < coalesce($end::TIMESTAMP, 'infinity'::TIMESTAMP)
        ORDER BY {order} LIMIT $limit OFFSET $offset
    )
    ORDER BY {order}
"""
_LATEST_CHANGE = "SELECT * FROM changes ORDER BY {order} LIMIT 1"
_SELECT_VERSIONS = f"""
    SELECT partition_key, study_uid, series_uid, sop_instance_uid, {VERSION_COLUMNS}
    FROM instances
"""
SELECT_BY_WATERMARK = f"{_SELECT_VERSIONS} WHERE watermark IN (SELECT unnest(?::BIGINT[]))"
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


def find_changes(connection: DuckDBPyConnection, partitions: Partitions, window: ChangeWindow) -> list[Change]:
    """Ordered by sequence if the window is one of sequences, else by time (azure-apis §3.1)."""
    order = "sequence" if window.up_to is not None else "changed_at, sequence"
    parameters = {
        "after": min(window.after, _MAX_BIGINT),
        "up_to": _MAX_BIGINT if window.up_to is None else min(window.up_to, _MAX_BIGINT),
        "start": None if window.start is None else to_column(window.start),
        "end": None if window.end is None else to_column(window.end),
        "limit": window.limit,
        "offset": min(window.offset, _MAX_BIGINT),
    }
    rows = connection.execute(_CHANGES_IN_WINDOW.format(order=order), parameters).fetchall()
    return _with_current_versions(connection, partitions, rows)


def find_latest_change(connection: DuckDBPyConnection, partitions: Partitions, *, by_time: bool) -> Change | None:
    order = "changed_at DESC, sequence DESC" if by_time else "sequence DESC"
    rows = connection.execute(_LATEST_CHANGE.format(order=order)).fetchall()
    return next(iter(_with_current_versions(connection, partitions, rows)), None)


def find_expired(connection: DuckDBPyConnection, partitions: Partitions, now: datetime) -> list[tuple[str, str]]:
    rows = connection.execute(SELECT_EXPIRED, [to_column(now)]).fetchall()
    return [(partitions.name_of(key), study) for key, study in rows]


def _with_current_versions(
    connection: DuckDBPyConnection, partitions: Partitions, rows: Sequence[tuple[Any, ...]]
) -> list[Change]:
    """The changes of these rows. Most are of the current version, which its watermark finds without a scan."""
    found = connection.execute(SELECT_BY_WATERMARK, [[row[-1] for row in rows]]).fetchall()
    current = {version[:4]: version[4:] for version in found}
    other = {row[3:7] for row in rows} - current.keys()
    if other:
        found = connection.execute(SELECT_BY_UID, [[identity[3] for identity in other]]).fetchall()
        current |= {version[:4]: version[4:] for version in found}
    changes = []
    for sequence, at, action, *identity, watermark in rows:
        key = InstanceKey(partitions.name_of(identity[0]), *identity[1:])
        version = current.get(tuple(identity))
        stored = None if version is None else stored_instance(key, *version)
        changes.append(Change(sequence, from_column(at), ChangeAction(action), key, watermark, stored))
    return changes
