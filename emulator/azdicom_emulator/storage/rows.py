"""The one row that each study and each series has in the index: the latest values win (search §5.7)."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

from duckdb import DuckDBPyConnection

from azdicom_emulator.storage.folding import fold_name, fold_text, name_words
from azdicom_emulator.storage.records import SeriesAttributes, StudyAttributes
from azdicom_emulator.storage.statements import insert_statement, select_statement, update_statement

Attributes = TypeVar("Attributes", bound=StudyAttributes | SeriesAttributes)
Fold = Callable[[str | None], str | None]
Identity = tuple[int | str, ...]
"""Partition key, study UID and, for a series, series UID."""

_ROWS_IN_MEMORY = 10_000


@dataclass(frozen=True, slots=True)
class Level(Generic[Attributes]):
    """The table of a level. Its columns: the key, the identity, the attributes by their names, the folded ones."""

    table: str
    key_column: str
    identity_columns: tuple[str, ...]
    attributes: type[Attributes]
    folds: Mapping[str, tuple[str, Fold]]

    @property
    def attribute_columns(self) -> tuple[str, ...]:
        return tuple(field.name for field in fields(self.attributes))


STUDIES = Level(
    "studies",
    "study_key",
    ("partition_key", "study_uid"),
    StudyAttributes,
    {
        "patient_id_folded": ("patient_id", fold_text),
        "patient_name_folded": ("patient_name", fold_name),
        "patient_name_words": ("patient_name", name_words),
        "accession_number_folded": ("accession_number", fold_text),
        "referring_physician_name_folded": ("referring_physician_name", fold_name),
        "referring_physician_name_words": ("referring_physician_name", name_words),
        "study_description_folded": ("study_description", fold_text),
    },
)
SERIES = Level(
    "series",
    "series_key",
    ("partition_key", "study_uid", "series_uid"),
    SeriesAttributes,
    {
        "modality_folded": ("modality", fold_text),
        "manufacturer_model_name_folded": ("manufacturer_model_name", fold_text),
    },
)


def latest(old: Attributes, new: Attributes) -> Attributes:
    """`old` with what `new` has. None never overwrites, nor does an empty PatientID (search §5.7)."""
    given = {field.name: value for field in fields(new) if (value := getattr(new, field.name)) is not None}
    if not given.get("patient_id") and getattr(old, "patient_id", None):
        given.pop("patient_id", None)
    return replace(old, **given)


@dataclass(slots=True)
class _Row(Generic[Attributes]):
    key: int
    attributes: Attributes


class LatestRows(Generic[Attributes]):
    """Keeps the rows of one level up to date, inside the transactions of the writer thread."""

    def __init__(self, level: Level[Attributes], connection: DuckDBPyConnection) -> None:
        self._level = level
        self._connection = connection
        self._known: OrderedDict[Identity, _Row[Attributes]] = OrderedDict()
        found = connection.execute(f"SELECT coalesce(max({level.key_column}), 0) FROM {level.table}").fetchone()
        self._last_key: int = found[0] if found else 0
        values = (*level.attribute_columns, *level.folds)
        named = (level.key_column, *level.identity_columns)
        self._select = select_statement(level.table, level.identity_columns, (*named, *level.attribute_columns))
        self._insert = insert_statement(level.table, (*named, *values))
        self._update = update_statement(level.table, [level.key_column], values)

    def take(self, stores: Sequence[tuple[Identity, Attributes]]) -> None:
        """Applies stores in their order. A row without change is not touched."""
        self._load({identity for identity, _ in stores if identity not in self._known})
        fresh: dict[Identity, _Row[Attributes]] = {}
        changed: dict[Identity, _Row[Attributes]] = {}
        for identity, attributes in stores:
            row = self._known.get(identity)
            if row is None:
                self._last_key += 1
                fresh[identity] = self._known[identity] = _Row(self._last_key, attributes)
            elif row.attributes != attributes and (merged := latest(row.attributes, attributes)) != row.attributes:
                row.attributes = merged
                changed[identity] = row
        updates = [row for identity, row in changed.items() if identity not in fresh]
        if fresh:
            keys = [row.key for row in fresh.values()]
            self._connection.execute(self._insert, [keys, *_columns(fresh), *self._values(fresh.values())])
        if updates:
            self._connection.execute(self._update, [[row.key for row in updates], *self._values(updates)])
        while len(self._known) > _ROWS_IN_MEMORY:
            self._known.popitem(last=False)

    def forget(self, identities: Iterable[Identity] | None = None) -> None:
        """Drops what is known of rows that were deleted, or of all after a transaction failed."""
        if identities is None:
            self._known.clear()
        else:
            for identity in identities:
                self._known.pop(identity, None)

    def _load(self, identities: set[Identity]) -> None:
        if not identities:
            return
        width = len(self._level.identity_columns)
        rows = self._connection.execute(self._select, _columns(identities)).fetchall()
        for key, *values in rows:
            named: dict[str, Any] = dict(zip(self._level.attribute_columns, values[width:], strict=True))
            self._known[tuple(values[:width])] = _Row(key, self._level.attributes(**named))

    def _values(self, rows: Iterable[_Row[Attributes]]) -> list[list[str | None]]:
        """One list a column."""
        attributes = [row.attributes for row in rows]
        columns = {name: [getattr(each, name) for each in attributes] for name in self._level.attribute_columns}
        for name, (source, fold) in self._level.folds.items():
            columns[name] = [fold(value) for value in columns[source]]
        return list(columns.values())


def _columns(identities: Iterable[Identity]) -> list[list[int | str]]:
    return [list(column) for column in zip(*identities, strict=True)]
