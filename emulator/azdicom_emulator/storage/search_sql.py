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
    STUDY_INSTANCE_UID: ("study_row", "study_uid"),  # every other row has it as well
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

# What is joined to a row of the page: `{row}` is that row, `{series}` the row that names the series, `{studies}` the
# condition for the studies of the page.
NEWEST_OF_STUDY = """
    JOIN (
        SELECT study_uid, arg_max(series_uid, watermark) AS series_uid,
            arg_max(sop_instance_uid, watermark) AS sop_instance_uid, max(watermark) AS watermark
        FROM instances
        WHERE {studies}
        GROUP BY study_uid
    ) AS newest ON newest.study_uid = {row}.study_uid"""
NEWEST_OF_SERIES = """
    JOIN (
        SELECT study_uid, series_uid,
            arg_max(sop_instance_uid, watermark) AS sop_instance_uid, max(watermark) AS watermark
        FROM instances
        WHERE {studies}
        GROUP BY study_uid, series_uid
    ) AS newest ON newest.study_uid = {row}.study_uid AND newest.series_uid = {row}.series_uid"""
# The rows are found by their UID alone, then read: to read the wide rows of the whole table costs three times as much.
STUDY_ROW = """
    JOIN (
        SELECT *
        FROM studies
        WHERE rowid IN (SELECT rowid FROM studies WHERE {studies})
    ) AS study_row ON study_row.study_uid = {row}.study_uid"""
SERIES_ROW = """
    JOIN (
        SELECT *
        FROM series
        WHERE rowid IN (SELECT rowid FROM series WHERE {studies})
    ) AS series_row ON series_row.study_uid = {series}.study_uid AND series_row.series_uid = {series}.series_uid"""
MODALITIES = """
    LEFT JOIN (
        SELECT study_uid, list(modality ORDER BY first_key) AS modalities
        FROM (
            SELECT study_uid, arg_min(modality, series_key) AS modality, min(series_key) AS first_key
            FROM series
            WHERE {studies} AND modality IS NOT NULL
            GROUP BY study_uid, modality_folded
        )
        GROUP BY study_uid
    ) AS modalities ON modalities.study_uid = {row}.study_uid"""
STUDY_COUNT = """
    LEFT JOIN (
        SELECT study_uid, count(*) AS instances
        FROM instances
        WHERE {studies}
        GROUP BY study_uid
    ) AS study_count ON study_count.study_uid = {row}.study_uid"""
SERIES_COUNT = """
    LEFT JOIN (
        SELECT study_uid, series_uid, count(*) AS instances
        FROM instances
        WHERE {studies}
        GROUP BY study_uid, series_uid
    ) AS series_count
        ON series_count.study_uid = {series}.study_uid AND series_count.series_uid = {series}.series_uid"""

COMPUTED = {"modalities": MODALITIES, "study_count": STUDY_COUNT, "series_count": SERIES_COUNT}

# In the order in which they can refer to each other.
JOINS: Mapping[Level, Mapping[str, str]] = {
    Level.STUDY: {"newest": NEWEST_OF_STUDY, "series_row": SERIES_ROW, **COMPUTED},
    Level.SERIES: {"newest": NEWEST_OF_SERIES, "study_row": STUDY_ROW, **COMPUTED},
    Level.INSTANCE: {},
}
NAMES_SERIES: Mapping[Level, str] = {Level.STUDY: "newest", Level.SERIES: "series_row", Level.INSTANCE: "newest"}
THROUGH_NEWEST = {"series_row", "series_count"}


def page_statement(level: Level, conditions: Conditions, attributes: Iterable[int], *, newest: bool) -> str:
    """The rows of one page, newest first; parameters: those of `conditions`, `partition`, `limit`, `offset`.

    Columns: with `newest`, NEWEST_COLUMNS of the instance that was stored last in the study or series (of an instance:
    the instance itself); then `attributes` in their order, each of ATTRIBUTES, none of them for instances.
    """
    columns = [f"newest.{column}" for column in NEWEST_COLUMNS] if newest else []
    needed = {"newest"} if newest else set()
    for tag in attributes:
        row, column = (ROWS[level], "study_uid") if tag == STUDY_INSTANCE_UID else ATTRIBUTES[tag]
        columns.append(f"{row}.{column}")
        needed.add(row)
    if level is Level.STUDY and needed & THROUGH_NEWEST:
        needed.add("newest")
    joins = [sql for row, sql in JOINS[level].items() if row in needed]
    page = f"{TABLES[level]} AS {ROWS[level]} {_page(level, conditions)}"
    if not joins:
        return f"SELECT {', '.join(columns)} FROM {page}"
    studies = f"{IN_PARTITION} AND {conditions.study or 'study_uid IN (SELECT study_uid FROM page)'}"
    joined = "".join(joins).format(row=ROWS[level], series=NAMES_SERIES[level], studies=studies)
    return f"""
    WITH page AS MATERIALIZED (SELECT * FROM {page})
    SELECT {", ".join(columns)}
    FROM page AS {ROWS[level]}{joined}
    ORDER BY {ROWS[level]}.{ORDER[level]} DESC"""


def existence_statement(level: Level, conditions: Conditions) -> str:
    """Whether anything matches at all, whatever the page; parameters: those of `conditions`, `partition`."""
    return f"SELECT EXISTS (SELECT 1 FROM {TABLES[level]} WHERE {_where(level, conditions)})"


def _page(level: Level, conditions: Conditions) -> str:
    """WHERE and what follows it, for the rows of the page in their order."""
    # At most one study has the UID: to put it in order would take half of the time.
    order = "" if level is Level.STUDY and conditions.study else f"ORDER BY {ORDER[level]} DESC"
    # A constant limit would make DuckDB keep the best rows in a heap, and rows that come in ascending order, as these
    # do, then replace one another row by row: five times the cost of sorting all keys.
    matching = f"WHERE {_where(level, conditions)} {order} LIMIT (SELECT $limit) OFFSET (SELECT $offset)"
    if conditions.are_selective:
        return matching
    # Many rows are sorted by their numbers alone; only those of the page are read.
    return f"WHERE rowid IN (SELECT rowid FROM {TABLES[level]} {matching}) {order}"


def _where(level: Level, conditions: Conditions) -> str:
    """Conditions of the levels above select studies or series, whose UIDs the rows of `level` carry."""
    terms = [IN_PARTITION, *conditions.by_level[level]]
    if level > Level.STUDY and (of_study := conditions.by_level[Level.STUDY]):
        terms.append(f"study_uid IN (SELECT study_uid FROM studies WHERE {' AND '.join((IN_PARTITION, *of_study))})")
    if level > Level.SERIES and (of_series := conditions.by_level[Level.SERIES]):
        in_series = f"SELECT study_uid, series_uid FROM series WHERE {' AND '.join((IN_PARTITION, *of_series))}"
        terms.append(f"(study_uid, series_uid) IN ({in_series})")
    return " AND ".join(terms)
