"""Empties the index: every table but the schema's version and the default partition."""

import re

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.partitions import Partitions
from azdicom_emulator.storage.records import DEFAULT_PARTITION, InstanceKey, StoredInstance
from azdicom_emulator.storage.schema import STEPS
from azdicom_emulator.storage.versions import VERSION_COLUMNS, stored_instance

# From the schema: asking DuckDB takes as long as all the deletes.
TABLES = tuple(name for step in STEPS for name in re.findall(r"CREATE TABLE (\w+)", step) if name != "partitions")
DELETE_ROWS = "; ".join(f"DELETE FROM {table}" for table in TABLES)
DELETE_PARTITIONS = "DELETE FROM partitions WHERE partition_key <> ?"
SELECT_INSTANCES = f"""
    SELECT partition_key, study_uid, series_uid, sop_instance_uid, {VERSION_COLUMNS}
    FROM instances
"""


def delete_everything(connection: DuckDBPyConnection, partitions: Partitions) -> list[StoredInstance]:
    """Inside a transaction of the writer. Returns the instances that there were."""
    gone = [
        stored_instance(InstanceKey(partitions.name_of(key), study, series, instance), *version)
        for key, study, series, instance, *version in connection.execute(SELECT_INSTANCES).fetchall()
    ]
    connection.execute(DELETE_ROWS)
    connection.execute(DELETE_PARTITIONS, [partitions.key_of(DEFAULT_PARTITION)])
    return gone
