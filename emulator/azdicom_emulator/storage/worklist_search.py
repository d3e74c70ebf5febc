"""Runs worklist searches in a reader thread, and asks which workitems a filter matches in the writer's."""

from collections.abc import Iterable
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.search import MAX_OFFSET
from azdicom_emulator.storage.search_conditions import Condition, match_condition
from azdicom_emulator.storage.selection import Exact, Match, NameWords
from azdicom_emulator.storage.worklist_attributes import NAME_WORDS, SearchAttribute


@dataclass(frozen=True, slots=True)
class WorkitemFilter:
    """One attribute and how it must match; of an attribute in a sequence the value of any item."""

    attribute: SearchAttribute
    match: Match


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkitemSelection:
    """All filters must match. Newest first; `offset` results are skipped, at most `limit` are given."""

    filters: tuple[WorkitemFilter, ...] = ()
    offset: int = 0
    limit: int = 100


SELECT_PAGE = """
    SELECT data_set FROM workitems
    WHERE {where}
    ORDER BY workitem_key DESC LIMIT $limit OFFSET $offset
"""
SELECT_MATCHING_KEYS = "SELECT workitem_key FROM workitems WHERE {where} ORDER BY workitem_key"


def find_workitems(connection: DuckDBPyConnection, partition_key: int, selection: WorkitemSelection) -> list[bytes]:
    """The data sets of the page as JSON."""
    where = _where(partition_key, selection.filters)
    page = {"limit": selection.limit, "offset": min(selection.offset, MAX_OFFSET)}
    rows = connection.execute(SELECT_PAGE.format(where=where.sql), {**where.parameters, **page}).fetchall()
    return [str(row[0]).encode() for row in rows]


def matching_keys(
    connection: DuckDBPyConnection, partition_key: int, filters: Iterable[WorkitemFilter], only: int | None = None
) -> list[int]:
    """The keys of the workitems that match, oldest first; only: of this one, if it does."""
    where = _where(partition_key, filters)
    sql, parameters = where.sql, where.parameters
    if only is not None:
        sql, parameters = f"workitem_key = $only AND {sql}", {**parameters, "only": only}
    rows = connection.execute(SELECT_MATCHING_KEYS.format(where=sql), parameters).fetchall()
    return [row[0] for row in rows]


def _where(partition_key: int, filters: Iterable[WorkitemFilter]) -> Condition:
    conditions = [Condition("partition_key = $partition", {"partition": partition_key})]
    conditions += [_condition(each, f"value_{number}") for number, each in enumerate(filters)]
    parameters = {name: value for each in conditions for name, value in each.parameters.items()}
    return Condition(" AND ".join(each.sql for each in conditions), parameters)


def _condition(each: WorkitemFilter, name: str) -> Condition:
    match each.match:
        case Exact(value) if each.attribute.is_in_sequence:
            return Condition(f"list_contains({each.attribute.column}, ${name})", {name: value})
        case NameWords():
            return match_condition(NAME_WORDS, each.match, name)
        case _:
            return match_condition(each.attribute.column, each.match, name)
