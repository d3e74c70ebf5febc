"""The extended query tags and their values in the index (azure-apis §1)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from azdicom_emulator.dicom.dictionary import keyword_of
from azdicom_emulator.dicom.tag_paths import tag_path
from azdicom_emulator.dicom.tag_values import TagValue
from azdicom_emulator.storage.errors import QueryTagsExistError, TooManyQueryTagsError
from azdicom_emulator.storage.query_tags import Level, QueryStatus, QueryTag, TagStatus
from azdicom_emulator.storage.statements import insert_statement, rows_given, update_statement
from azdicom_emulator.storage.tag_readings import Columns, TagReadings, columns_of
from azdicom_emulator.storage.times import to_column

Identity = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class IndexedVersion:
    """The version of an instance that values come from."""

    watermark: int
    partition_key: int
    study: str
    series: str


@dataclass(frozen=True, slots=True)
class _Table:
    """The values of the tags of one level. The columns that name a row follow the key of its tag."""

    name: str
    identity: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns name a row."""
        return 1 + len(self.identity)

    @property
    def columns(self) -> tuple[str, ...]:
        return ("tag_key", *self.identity, *(() if "watermark" in self.identity else ("watermark",)), *_VALUES)

    @property
    def select_known(self) -> str:
        """The rows that are there already. A semi-join, since it alone leaves DuckDB no choice but one quick scan."""
        named = ", ".join(("tag_key", *self.identity))
        given = rows_given(("tag_key", *self.identity))
        return f"SELECT {named}, watermark FROM {self.name} SEMI JOIN ({given}) USING ({named})"

    @property
    def insert(self) -> str:
        return insert_statement(self.name, self.columns)

    @property
    def update(self) -> str:
        return update_statement(self.name, ("tag_key", *self.identity), ("watermark", *_VALUES))


_VALUES = ("text", "words", "number")
_TABLES: Mapping[Level, _Table] = {
    Level.STUDY: _Table("study_tag_values", ("partition_key", "study_uid")),
    Level.SERIES: _Table("series_tag_values", ("partition_key", "study_uid", "series_uid")),
    Level.INSTANCE: _Table("instance_tag_values", ("watermark",)),
}
_TAG_COLUMNS = "tag_key, path, vr, private_creator, level, status, query_status, error_count, operation_id"
_SELECT_TAGS = f"SELECT {_TAG_COLUMNS} FROM query_tags ORDER BY tag_key"
_INSERT_TAG = f"INSERT INTO query_tags ({_TAG_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE_TAG = "DELETE FROM query_tags WHERE tag_key = ?"
_DELETE_VALUES_OF_TAG = tuple(f"DELETE FROM {table.name} WHERE tag_key = ?" for table in _TABLES.values())
_DELETE_ERRORS_OF_TAG = "DELETE FROM tag_errors WHERE tag_key = ?"
_INSERT_ERRORS = insert_statement("tag_errors", ("tag_key", "watermark", "created_at", "code"))
_OF_VERSIONS = f"WHERE watermark IN ({rows_given(['watermark'])})"
_DELETE_VALUES_OF_VERSIONS = f"DELETE FROM instance_tag_values {_OF_VERSIONS}"
_DELETE_ERRORS_OF_VERSIONS = f"DELETE FROM tag_errors {_OF_VERSIONS} RETURNING tag_key"
_MOVED = f"FROM ({rows_given(['watermark', 'new_watermark'])}) AS moved WHERE {{table}}.watermark = moved.watermark"
_MOVE_VERSIONS = tuple(
    f"UPDATE {table} SET watermark = moved.new_watermark {_MOVED.format(table=table)}"
    for table in ("instance_tag_values", "tag_errors")
)
_SELECT_PRESENT = f"SELECT watermark FROM instances SEMI JOIN ({rows_given(['watermark'])}) USING (watermark)"
_DELETE_SERIES_VALUES = """
    DELETE FROM series_tag_values
    WHERE partition_key = $partition AND study_uid = $study AND series_uid NOT IN (
        SELECT series_uid FROM instances WHERE partition_key = $partition AND study_uid = $study
    )
"""
_DELETE_STUDY_VALUES = """
    DELETE FROM study_tag_values
    WHERE partition_key = $partition AND study_uid = $study AND NOT EXISTS (
        SELECT 1 FROM instances WHERE partition_key = $partition AND study_uid = $study
    )
"""


class TagIndex:
    """Only the writer thread calls it, inside a transaction, but for `all`, which any thread may call: it shows what is
    committed.

    A key is never given to a second tag while the process lives, and the journal is empty when the next one starts, so
    that values of a tag that is gone are told apart.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._tags: dict[int, QueryTag] = {}
        self._snapshot: tuple[QueryTag, ...] = ()
        self._last_key = 0
        self._is_changed = False
        self.reload()

    def all(self) -> tuple[QueryTag, ...]:
        """In the order of registration; another object after every change."""
        return self._snapshot

    def add(self, tags: Sequence[QueryTag], operation_id: str, limit: int) -> list[QueryTag]:
        """Registers tags that a re-index makes ready. Raises TooManyQueryTagsError, QueryTagsExistError."""
        known = {tag.tag for tag in self._tags.values()}
        wanted = {tag.tag for tag in tags}
        if len(known | wanted) > limit:
            raise TooManyQueryTagsError(limit)
        if known & wanted or len(wanted) < len(tags):
            raise QueryTagsExistError
        added = []
        for tag in tags:
            self._last_key += 1
            added.append(replace(tag, key=self._last_key, status=TagStatus.ADDING, operation=operation_id))
            self._write(added[-1])
        return added

    def set_query_status(self, key: int, query_status: QueryStatus) -> QueryTag | None:
        """None: there is no such tag any more."""
        tag = self._tags.get(key)
        return None if tag is None else self._write(replace(tag, query_status=query_status))

    def remove(self, key: int) -> bool:
        """Removes a tag, its values and its errors; whether it was there."""
        if self._tags.pop(key, None) is None:
            return False
        for statement in (*_DELETE_VALUES_OF_TAG, _DELETE_ERRORS_OF_TAG, _DELETE_TAG):
            self._connection.execute(statement, [key])
        self._is_changed = True
        return True

    def finish(self, operation_id: str) -> None:
        """The tags of a re-index become ready."""
        for tag in self._of(operation_id):
            self._write(replace(tag, status=TagStatus.READY, operation=None))

    def take(self, stores: Sequence[tuple[IndexedVersion, Sequence[tuple[int, TagValue]]]]) -> None:
        """The values of instances: of studies and series the highest version wins, and absence clears nothing."""
        rows: dict[Level, dict[Identity, tuple[int, Columns]]] = {level: {} for level in Level}
        for version, values in stores:
            for key, value in values:
                tag = self._tags.get(key)
                if tag is None:
                    continue
                identity = (key, *_identity(tag.level, version))
                newest = rows[tag.level].get(identity)
                if newest is None or newest[0] < version.watermark:
                    rows[tag.level][identity] = version.watermark, columns_of(tag.vr, value)
        for level, found in rows.items():
            if found:
                self._put(level, found)

    def take_existing(
        self, operation_id: str, found: Sequence[tuple[IndexedVersion, TagReadings]], at: datetime
    ) -> None:
        """What a re-index read: values, and an error for each tag and instance that failed, which disables the tag.

        Instances and tags that are gone meanwhile are passed over (azure-apis §1.9).
        """
        keys = {tag.key for tag in self._of(operation_id)}
        watermarks = [version.watermark for version, _ in found]
        present = {row[0] for row in self._connection.execute(_SELECT_PRESENT, [watermarks]).fetchall()}
        kept = [(version, readings) for version, readings in found if version.watermark in present]
        self.take([(version, [pair for pair in readings.values if pair[0] in keys]) for version, readings in kept])
        self._add_errors(
            [
                (key, version.watermark, to_column(at), code)
                for version, readings in kept
                for key, code in readings.errors
                if key in keys
            ]
        )

    def forget_versions(self, watermarks: Sequence[int]) -> None:
        """Versions that were replaced or deleted take their values and errors with them."""
        if not self._tags or not watermarks:
            return
        self._connection.execute(_DELETE_VALUES_OF_VERSIONS, [watermarks])
        for (key,) in self._connection.execute(_DELETE_ERRORS_OF_VERSIONS, [watermarks]).fetchall():
            tag = self._tags[key]
            self._write(replace(tag, error_count=tag.error_count - 1))

    def move_versions(self, moves: Sequence[tuple[int, int]]) -> None:
        """Values and errors of instances stay when a bulk update gives these new watermarks: (old, new)."""
        if self._tags and moves:
            for statement in _MOVE_VERSIONS:
                self._connection.execute(statement, _columns(moves))

    def forget_empty(self, partition_key: int, study: str) -> None:
        """A study without instances, and its series without, lose their values."""
        if self._tags:
            for statement in (_DELETE_SERIES_VALUES, _DELETE_STUDY_VALUES):
                self._connection.execute(statement, {"partition": partition_key, "study": study})

    def publish(self) -> None:
        """After a transaction is committed."""
        if self._is_changed:
            self._snapshot = tuple(self._tags[key] for key in sorted(self._tags))
            self._is_changed = False

    def reload(self) -> None:
        """As the index has it; after a transaction failed."""
        rows = self._connection.execute(_SELECT_TAGS).fetchall()
        self._tags = {row[0]: _tag(row) for row in rows}
        self._last_key = max((self._last_key, *self._tags))
        self._is_changed = True
        self.publish()

    def _of(self, operation_id: str) -> list[QueryTag]:
        return [tag for tag in self._tags.values() if tag.operation == operation_id]

    def _put(self, level: Level, found: Mapping[Identity, tuple[int, Columns]]) -> None:
        """A value of a higher version replaces the one that is there; the versions of instances have one each."""
        table = _TABLES[level]
        known: dict[Identity, int] = {
            tuple(identity): watermark
            for *identity, watermark in self._connection.execute(table.select_known, _columns(found)).fetchall()
        }
        rows = [
            (*identity, *(() if level is Level.INSTANCE else (watermark,)), *values)
            for identity, (watermark, values) in found.items()
            if known.get(identity, 0) < watermark
        ]
        for statement, chosen in (
            (table.insert, [row for row in rows if row[: table.width] not in known]),
            (table.update, [row for row in rows if row[: table.width] in known]),
        ):
            if chosen:
                self._connection.execute(statement, _columns(chosen))

    def _add_errors(self, rows: Sequence[tuple[int, int, datetime, int]]) -> None:
        if not rows:
            return
        self._connection.execute(_INSERT_ERRORS, _columns(rows))
        counts: dict[int, int] = {}
        for key, *_ in rows:
            counts[key] = counts.get(key, 0) + 1
        for key, count in counts.items():
            tag = self._tags[key]
            self._write(replace(tag, error_count=tag.error_count + count, query_status=QueryStatus.DISABLED))

    def _write(self, tag: QueryTag) -> QueryTag:
        assert tag.key is not None
        self._connection.execute(_DELETE_TAG, [tag.key])
        self._connection.execute(
            _INSERT_TAG,
            [
                tag.key,
                tag_path(tag.tag),
                tag.vr,
                tag.private_creator,
                int(tag.level),
                tag.status.value,
                tag.query_status.value,
                tag.error_count,
                tag.operation,
            ],
        )
        self._tags[tag.key] = tag
        self._is_changed = True
        return tag


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _identity(level: Level, version: IndexedVersion) -> Identity:
    match level:
        case Level.STUDY:
            return version.partition_key, version.study
        case Level.SERIES:
            return version.partition_key, version.study, version.series
        case Level.INSTANCE:
            return (version.watermark,)


def _tag(row: Iterable[Any]) -> QueryTag:
    key, path, vr, private_creator, level, status, query_status, error_count, operation = row
    return QueryTag(
        tag=int(path, 16),
        keyword=keyword_of(int(path, 16)),
        vr=vr,
        level=Level(level),
        key=key,
        status=TagStatus(status),
        query_status=QueryStatus(query_status),
        error_count=error_count,
        private_creator=private_creator,
        operation=operation,
    )
