"""Statements that write many rows at once: one list a column, since DuckDB's `executemany` costs 0.8 ms a row."""

from collections.abc import Sequence

# All other columns are texts. A list that is all None has no type of its own, hence the casts.
_TYPES = {
    "partition_key": "INTEGER",
    "watermark": "BIGINT",
    "new_watermark": "BIGINT",
    "sequence": "BIGINT",
    "size_bytes": "BIGINT",
    "original_watermark": "BIGINT",
    "original_size_bytes": "BIGINT",
    "study_key": "BIGINT",
    "series_key": "BIGINT",
    "changed_at": "TIMESTAMP",
    "expires_at": "TIMESTAMP",
    "created_at": "TIMESTAMP",
    "tag_key": "INTEGER",
    "number": "DOUBLE",
    "code": "INTEGER",
}


def insert_statement(table: str, columns: Sequence[str]) -> str:
    """INSERT of rows given as one list a column."""
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(map(_unnested, columns))}"


def update_statement(table: str, keys: Sequence[str], columns: Sequence[str]) -> str:
    """UPDATE of the rows that `keys` name. Parameters: a list a key, then a list a column."""
    new = rows_given((*keys, *columns))
    assignments = ", ".join(f"{column} = new.{column}" for column in columns)
    return f"UPDATE {table} SET {assignments} FROM ({new}) AS new WHERE {_same(table, 'new', keys)}"


def select_statement(table: str, keys: Sequence[str], columns: Sequence[str]) -> str:
    """SELECT of the rows that `keys` name. Parameters: a list a key."""
    chosen = ", ".join(f"{table}.{column}" for column in columns)
    return f"SELECT {chosen} FROM {table}, ({rows_given(keys)}) AS given WHERE {_same(table, 'given', keys)}"


def rows_given(columns: Sequence[str]) -> str:
    """SELECT of rows that are given as one list a column."""
    return "SELECT " + ", ".join(f"{_unnested(column)} AS {column}" for column in columns)


def _same(left: str, right: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{column} = {right}.{column}" for column in columns)


def _unnested(column: str) -> str:
    return f"unnest(?::{_TYPES.get(column, 'VARCHAR')}[])"
