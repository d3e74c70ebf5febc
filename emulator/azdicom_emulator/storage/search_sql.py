"""The SQL of a search: a page of rows, and beside each row what its result is made of. Pure text."""

from collections.abc import Iterable, Mapping

from azdicom_emulator.storage.query_tags import MODALITIES_IN_STUDY, SERIES_INSTANCE_UID, STUDY_INSTANCE_UID, Level
from azdicom_emulator.storage.search_conditions import COLUMNS, IN_PARTITION, Conditions

NUMBER_OF_STUDY_RELATED_INSTANCES = 0x00201208
NUMBER_OF_SERIES_RELATED_INSTANCES = 0x00201209

# The table of each level, what its rows are called in a statement, and their order: when a study or series was first
# stored, when an instance was last written (search §10). Newest first, and no two rows have the same key.
TABLES: Mapping[Level, str] = {Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
ROWS: Mapping[Level, str] = {Level.STUDY: "study_row", Level.SERIES: "series_row", Level.INSTANCE: "newest"}
ORDER: Mapping[Level, str] = {Level.STUDY: "study_key", Level.SERIES: "series_key", Level.INSTANCE: "watermark"}

# The attributes that the index has (search §8): the row that holds each, and its column there.
STUDY_ATTRIBUTES: Mapping[int, tuple[str, str]] = {
    STUDY_INSTANCE_UID: ("study_row", "study_uid"),
    **{
        tag: ("study_row", COLUMNS[tag])
        for tag in (0x00080020, 0x00080050, 0x00080090, 0x00081030, 0x00100010, 0x00100020, 0x00100030)
    },
    MODALITIES_IN_STUDY: ("modalities", "modalities"),
    NUMBER_OF_STUDY_RELATED_INSTANCES: ("study_count", "instances"),
}
SERIES_ATTRIBUTES: Mapping[int, tuple[str, str]] = {
    **{tag: ("series_row", COLUMNS[tag]) for tag in (SERIES_INSTANCE_UID, 0x00080060, 0x00081090, 0x00400244)},
    NUMBER_OF_SERIES_RELATED_INSTANCES: ("series_count", "instances"),
}
ATTRIBUTES: Mapping[int, tuple[str, str]] = {**STUDY_ATTRIBUTES, **SERIES_ATTRIBUTES}

NEWEST_COLUMNS = ("study_uid", "series_uid", "sop_instance_uid", "watermark")

IN_STUDIES_OF_PAGE = f"{IN_PARTITION} AND study_uid IN (SELECT study_uid FROM page)"
NEWEST_OF_STUDY = f"""
    JOIN (
        SELECT study_uid, arg_max(series_uid, watermark) AS series_uid,
            arg_max(sop_instance_uid, watermark) AS sop_instance_uid, max(watermark) AS watermark
        FROM instances
        WHERE {IN_STUDIES_OF_PAGE}
        GROUP BY study_uid
    ) AS newest ON newest.study_uid = study_row.study_uid"""
NEWEST_OF_SERIES = f"""
    JOIN (
        SELECT study_uid, series_uid,
            arg_max(sop_instance_uid, watermark) AS sop_instance_uid, max(watermark) AS watermark
        FROM instances
        WHERE {IN_STUDIES_OF_PAGE}
        GROUP BY study_uid, series_uid
    ) AS newest ON newest.study_uid = series_row.study_uid AND newest.series_uid = series_row.series_uid"""
# The rows are found by their UID alone, then read: to read the wide rows of the whole table costs three times as much.
STUDY_OF_SERIES = f"""
    JOIN (
        SELECT *
        FROM studies
        WHERE rowid IN (SELECT rowid FROM studies WHERE {IN_STUDIES_OF_PAGE})
    ) AS study_row ON study_row.study_uid = series_row.study_uid"""
SERIES_OF_NEWEST = f"""
    JOIN (
        SELECT *
        FROM series
        WHERE rowid IN (SELECT rowid FROM series WHERE {IN_STUDIES_OF_PAGE})
    ) AS series_row ON series_row.study_uid = newest.study_uid AND series_row.series_uid = newest.series_uid"""
MODALITIES = f"""
    LEFT JOIN (
        SELECT study_uid, list(modality ORDER BY first_key) AS modalities
        FROM (
            SELECT study_uid, arg_min(modality, series_key) AS modality, min(series_key) AS first_key
            FROM series
            WHERE {IN_STUDIES_OF_PAGE} AND modality IS NOT NULL
            GROUP BY study_uid, modality_folded
        )
        GROUP BY study_uid
    ) AS modalities ON modalities.study_uid = {{row}}.study_uid"""
STUDY_COUNT = f"""
    LEFT JOIN (
        SELECT study_uid, count(*) AS instances
        FROM instances
        WHERE {IN_STUDIES_OF_PAGE}
        GROUP BY study_uid
    ) AS study_count ON study_count.study_uid = {{row}}.study_uid"""
SERIES_COUNT = f"""
    LEFT JOIN (
        SELECT study_uid, series_uid, count(*) AS instances
        FROM instances
        WHERE {IN_STUDIES_OF_PAGE}
        GROUP BY study_uid, series_uid
    ) AS series_count
        ON series_count.study_uid = {{series}}.study_uid AND series_count.series_uid = {{series}}.series_uid"""

# In the order in which they can refer to each other.
JOINS: Mapping[Level, Mapping[str, str]] = {
    Level.STUDY: {
        "newest": NEWEST_OF_STUDY,
        "series_row": SERIES_OF_NEWEST,
        "modalities": MODALITIES.format(row="study_row"),
        "study_count": STUDY_COUNT.format(row="study_row"),
        "series_count": SERIES_COUNT.format(series="newest"),
    },
    Level.SERIES: {
        "newest": NEWEST_OF_SERIES,
        "study_row": STUDY_OF_SERIES,
        "modalities": MODALITIES.format(row="series_row"),
        "study_count": STUDY_COUNT.format(row="series_row"),
        "series_count": SERIES_COUNT.format(series="series_row"),
    },
    Level.INSTANCE: {},
}
THROUGH_NEWEST = {"series_row", "series_count"}


def page_statement(level: Level, conditions: Conditions, attributes: Iterable[int], *, newest: bool) -> str:
    """The rows of one page, newest first; parameters: those of `conditions`, `partition`, `limit`, `offset`.

    Columns: with `newest`, NEWEST_COLUMNS of the instance that was stored last in the study or series (of an instance:
    the instance itself); then `attributes` in their order, each of ATTRIBUTES, none of them for instances.
    """
    columns = [f"newest.{column}" for column in NEWEST_COLUMNS] if newest else []
    needed = {"newest"} if newest else set()
    for row, column in map(ATTRIBUTES.__getitem__, attributes):
        columns.append(f"{row}.{column}")
        needed.add(row)
    if level is Level.STUDY and needed & THROUGH_NEWEST:
        needed.add("newest")
    joins = "".join(sql for row, sql in JOINS[level].items() if row in needed)
    # Read once, the page need not be kept: materialising it costs a millisecond.
    return f"""
    WITH page AS {"" if joins else "NOT "}MATERIALIZED ({_page(level, conditions)})
    SELECT {", ".join(columns)}
    FROM page AS {ROWS[level]}{joins}
    ORDER BY {ROWS[level]}.{ORDER[level]} DESC"""


def existence_statement(level: Level, conditions: Conditions) -> str:
    """Whether anything matches at all, whatever the page; parameters: those of `conditions`, `partition`."""
    return f"SELECT EXISTS (SELECT 1 FROM {TABLES[level]} WHERE {_where(level, conditions)})"


def _page(level: Level, conditions: Conditions) -> str:
    table, order = TABLES[level], ORDER[level]
    # A constant limit would make DuckDB keep the best rows in a heap, and rows that come in ascending order, as these
    # do, then replace one another row by row: five times the cost of sorting all keys.
    matching = f"""
        FROM {table}
        WHERE {_where(level, conditions)}
        ORDER BY {order} DESC
        LIMIT (SELECT $limit) OFFSET (SELECT $offset)"""
    if conditions.names_a_uid:
        return f"SELECT *{matching}"
    return f"SELECT * FROM {table} WHERE rowid IN (SELECT rowid{matching})"


def _where(level: Level, conditions: Conditions) -> str:
    """Conditions of the levels above select studies or series, whose UIDs the rows of `level` carry."""
    terms = [IN_PARTITION, *conditions.by_level[level]]
    if level > Level.STUDY and (of_study := conditions.by_level[Level.STUDY]):
        terms.append(f"study_uid IN (SELECT study_uid FROM studies WHERE {' AND '.join((IN_PARTITION, *of_study))})")
    if level > Level.SERIES and (of_series := conditions.by_level[Level.SERIES]):
        in_series = f"SELECT study_uid, series_uid FROM series WHERE {' AND '.join((IN_PARTITION, *of_series))}"
        terms.append(f"(study_uid, series_uid) IN ({in_series})")
    return " AND ".join(terms)
