"""Empties the index: every table but the schema's version and the default partition."""

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.partitions import Partitions
from azdicom_emulator.storage.records import DEFAULT_PARTITION, InstanceKey, StoredInstance

SELECT_TABLES = """
    SELECT table_name FROM duckdb_tables()
    WHERE NOT internal AND NOT temporary AND table_name NOT IN ('schema_version', 'partitions')
"""
SELECT_INSTANCES = """
    SELECT partition_key, study_uid, series_uid, sop_instance_uid, watermark, transfer_syntax_uid, size_bytes
    FROM instances
"""
DELETE_PARTITIONS = "DELETE FROM partitions WHERE partition_key <> ?"


def delete_everything(connection: DuckDBPyConnection, partitions: Partitions) -> list[StoredInstance]:
    """Inside a transaction of the writer. Returns the instances that there were."""
    gone = [
        StoredInstance(InstanceKey(partitions.name_of(key), study, series, instance), watermark, syntax, size)
        for key, study, series, instance, watermark, syntax, size in connection.execute(SELECT_INSTANCES).fetchall()
    ]
    for (table,) in connection.execute(SELECT_TABLES).fetchall():
        connection.execute(f'DELETE FROM "{table}"')
    connection.execute(DELETE_PARTITIONS, [partitions.key_of(DEFAULT_PARTITION)])
    return gone
