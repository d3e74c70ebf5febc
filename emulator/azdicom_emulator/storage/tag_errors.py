"""The instances that a re-index could not index by an extended query tag (azure-apis §1.8). Runs in a reader thread."""

from dataclasses import dataclass
from datetime import datetime

from duckdb import DuckDBPyConnection

from azdicom_emulator.dicom.tag_values import MESSAGES
from azdicom_emulator.storage.partitions import Partitions
from azdicom_emulator.storage.records import InstanceKey
from azdicom_emulator.storage.times import from_column

MAX_OFFSET = 2**62
"""DuckDB refuses larger ones."""
SELECT_ERRORS = """
    SELECT partition_key, study_uid, series_uid, sop_instance_uid, created_at, code
    FROM tag_errors JOIN instances USING (watermark)
    WHERE tag_key = $tag
    ORDER BY created_at, watermark
    LIMIT $limit OFFSET $offset
"""


@dataclass(frozen=True, slots=True)
class TagError:
    key: InstanceKey
    at: datetime
    message: str


def find_tag_errors(
    connection: DuckDBPyConnection, partitions: Partitions, tag: int, limit: int, offset: int
) -> list[TagError]:
    """tag: `QueryTag.key`. By time, then version."""
    parameters = {"tag": tag, "limit": limit, "offset": min(offset, MAX_OFFSET)}
    return [
        TagError(InstanceKey(partitions.name_of(partition), study, series, instance), from_column(at), MESSAGES[code])
        for partition, study, series, instance, at, code in connection.execute(SELECT_ERRORS, parameters).fetchall()
    ]
