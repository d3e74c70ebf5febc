"""Runs searches in the index, in the reader thread that owns the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from azdicom_emulator.storage.records import InstanceKey, Partition
from azdicom_emulator.storage.search_conditions import ExtendedCondition, conditions_of
from azdicom_emulator.storage.search_sql import NEWEST_COLUMNS, existence_statement, page_statement
from azdicom_emulator.storage.selection import Selection

# DuckDB refuses larger ones.
MAX_OFFSET = 2**62

IndexValue = str | int | list[str] | None
"""Text as it was stored, dates as `yyyyMMdd`; a count; modalities; None: the index has no value."""


@dataclass(frozen=True, slots=True)
class NewestInstance:
    """The instance whose metadata stand for a result (search §8)."""

    key: InstanceKey
    watermark: int


@dataclass(frozen=True, slots=True)
class Found:
    """One result. `values`: of the attributes that were asked for, in their order."""

    newest: NewestInstance | None
    values: tuple[IndexValue, ...]


def find(
    cursor: duckdb.DuckDBPyConnection,
    partition: Partition,
    selection: Selection,
    *,
    attributes: Sequence[int] = (),
    newest: bool = False,
    extended: ExtendedCondition | None = None,
) -> list[Found]:
    """The page of `selection`, newest first, with these attributes of the index and, with `newest`, that instance."""
    conditions = conditions_of(selection.filters, selection.level, extended)
    sql = page_statement(selection.level, conditions, attributes, newest=newest)
    page = {"partition": partition.key, "limit": selection.limit, "offset": min(selection.offset, MAX_OFFSET)}
    rows = cursor.execute(sql, {**conditions.parameters, **page}).fetchall()
    return [_found(partition.name, row, newest=newest) for row in rows]


def anything_matches(
    cursor: duckdb.DuckDBPyConnection,
    partition: Partition,
    selection: Selection,
    *,
    extended: ExtendedCondition | None = None,
) -> bool:
    """Whether there is a result on any page."""
    conditions = conditions_of(selection.filters, selection.level, extended)
    sql = existence_statement(selection.level, conditions)
    row = cursor.execute(sql, {**conditions.parameters, "partition": partition.key}).fetchone()
    return row is not None and bool(row[0])


def _found(partition: str, row: tuple[IndexValue, ...], *, newest: bool) -> Found:
    if not newest:
        return Found(None, row)
    study, series, instance, watermark = row[: len(NEWEST_COLUMNS)]
    key = InstanceKey(partition, str(study), str(series), str(instance))
    return Found(NewestInstance(key, int(watermark)), row[len(NEWEST_COLUMNS) :])  # type: ignore[arg-type]
