"""Searches against DuckDB: which rows match, in which order, and what the index knows of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from azdicom_emulator.storage.folding import fold_name, fold_text, name_words
from azdicom_emulator.storage.query_tags import CORE_TAGS, MODALITIES_IN_STUDY, STUDY_INSTANCE_UID, Level, QueryTag
from azdicom_emulator.storage.records import Partition
from azdicom_emulator.storage.schema import migrate
from azdicom_emulator.storage.search import anything_matches, find
from azdicom_emulator.storage.search_conditions import Condition, conditions_of, match_condition
from azdicom_emulator.storage.search_sql import (
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    page_statement,
)
from azdicom_emulator.storage.selection import AnyOf, Between, Exact, Filter, Match, NameWords, Selection, Wildcard

TAGS = {tag.keyword: tag for tag in CORE_TAGS.values()}
DEFAULT = Partition(1, "Microsoft.Default", datetime(2024, 1, 1, tzinfo=UTC))
OTHER = Partition(2, "other", datetime(2024, 1, 1, tzinfo=UTC))


@dataclass
class Rows:
    """An index whose rows the tests write themselves: they know nothing of the writer."""

    connection: duckdb.DuckDBPyConnection
    keys: dict[str, int] = field(default_factory=dict)

    def insert(self, table: str, key: str, values: dict[str, Any], partition: Partition) -> None:
        self.keys[table] = self.keys.get(table, 0) + 1
        row = {key: self.keys[table], "partition_key": partition.key} | values
        for column in list(values):
            if f"{column}_folded" in FOLDED:
                fold = fold_name if column in NAMES else fold_text
                row[f"{column}_folded"] = fold(values[column])
            if column in NAMES:
                row[f"{column}_words"] = name_words(values[column])
        names = ", ".join(row)
        self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )

    def study(self, uid: str, *, partition: Partition = DEFAULT, **values: str | None) -> None:
        self.insert("studies", "study_key", {"study_uid": uid} | values, partition)

    def series(self, study: str, uid: str, *, partition: Partition = DEFAULT, **values: str | None) -> None:
        self.insert("series", "series_key", {"study_uid": study, "series_uid": uid} | values, partition)

    def instance(self, study: str, series: str, uid: str, *, partition: Partition = DEFAULT) -> None:
        identity = {"study_uid": study, "series_uid": series, "sop_instance_uid": uid}
        self.insert("instances", "watermark", {**identity, "transfer_syntax_uid": "1", "size_bytes": 1}, partition)

    def whole(self, study: str, series: str, instance: str, *, partition: Partition = DEFAULT) -> None:
        """A study of one series of one instance."""
        self.study(study, partition=partition)
        self.series(study, series, partition=partition)
        self.instance(study, series, instance, partition=partition)

    def find(self, level: Level, *filters: Filter, offset: int = 0, limit: int = 100, **options: Any) -> list[str]:
        """UIDs of what is found, at the level of the search, in order."""
        selection = Selection(level=level, filters=filters, offset=offset, limit=limit)
        found = find(self.connection, DEFAULT, selection, newest=True, **options)
        keys = [each.newest.key for each in found if each.newest is not None]
        uids = {Level.STUDY: "study", Level.SERIES: "series", Level.INSTANCE: "instance"}
        return [getattr(key, uids[level]) for key in keys]

    def values(self, level: Level, *tags: int, **filters: Match) -> list[tuple[Any, ...]]:
        """Values of the attributes `tags`, a tuple for each result."""
        selection = Selection(level=level, filters=tuple(where(name, match) for name, match in filters.items()))
        return [each.values for each in find(self.connection, DEFAULT, selection, attributes=tags)]


NAMES = ("patient_name", "referring_physician_name")
FOLDED = {
    f"{column}_folded"
    for column in (*NAMES, "patient_id", "accession_number", "study_description", "modality", "manufacturer_model_name")
}


def where(keyword: str, match: Match) -> Filter:
    return Filter(TAGS[keyword], match, "")


@pytest.fixture
def rows() -> Iterator[Rows]:
    with duckdb.connect() as connection:
        migrate(connection)
        yield Rows(connection)


@pytest.mark.parametrize(
    ("column", "stored", "keyword", "match", "matches"),
    [
        ("patient_id", "AbC", "PatientID", Exact("abc"), True),
        ("patient_id", "abc ", "PatientID", Exact("abc"), True),
        ("patient_id", "abc\0", "PatientID", Exact("abc"), True),
        ("patient_id", " abc", "PatientID", Exact("abc"), False),
        ("patient_id", "abcd", "PatientID", Exact("abc"), False),
        ("patient_id", None, "PatientID", Exact(""), False),
        ("study_description", "CAFÉ", "StudyDescription", Exact("café"), True),
        ("study_description", "café", "StudyDescription", Exact("cafe"), False),
        ("accession_number", "a*", "AccessionNumber", Exact("a*"), True),
        ("accession_number", "abc", "AccessionNumber", Exact("a*"), False),
        ("patient_name", "Hall^X^Tá", "PatientName", Exact("hall^x^ta"), True),
        ("patient_name", "Hall^X^Ta", "PatientName", Exact("hall^x"), False),
        ("referring_physician_name", "Ré^A", "ReferringPhysicianName", Exact("re^a"), True),
        ("study_date", "20200229", "StudyDate", Exact("20200229"), True),
        ("study_date", "20200229", "StudyDate", Between("20200229", "20200229"), True),
        ("study_date", "20200301", "StudyDate", Between("20200101", "20200229"), False),
        ("study_date", None, "StudyDate", Between("00010101", "99991231"), False),
        ("patient_birth_date", "19600101", "PatientBirthDate", Between("00010101", "19600101"), True),
    ],
)
def test_a_study_matches_on_its_folded_values(
    rows: Rows, column: str, stored: str | None, keyword: str, match: Match, matches: bool
) -> None:
    """Conformance statement v2, search matching; service source: collations (search §5.5)."""
    rows.whole("1", "1.1", "1.1.1")
    values: dict[str, Any] = {column: stored}
    rows.study("2", **values)
    rows.series("2", "2.1")
    rows.instance("2", "2.1", "2.1.1")
    expected = [["2"], ["2.1"], ["2.1.1"]] if matches else [[], [], []]
    assert [rows.find(level, where(keyword, match)) for level in Level] == expected


@pytest.mark.parametrize(
    ("stored", "words", "matches"),
    [
        ("John^Doe", ("joh",), True),
        ("John^Doe", ("do",), True),
        ("John^Doe", ("jo", "do"), True),
        ("John^Doe", ("john", "doe"), True),
        ("John^Doe", ("ohn",), False),
        ("John^Doe", ("doe", "john"), False),
        ("John^Doe", ("jo", "x"), False),
        ("John^Doe", (), False),
        ("Jonathan^ABCDEFG^Stone Hall^^", ("abcdefg",), True),
        ("Jonathan^ABCDEFG^Stone Hall^^", ("stone", "h"), True),
        ("Jonathan^ABCDEFG^Stone Hall^^", ("jonathan", "stone"), False),
        ("Ann^Annabel^Lee", ("ann", "le"), True),
        ("Hall^X^Tá", ("ta",), True),
        ("Yamada^Tarou=山田^太郎", ("山", "太"), True),
        (None, ("a",), False),
    ],
)
def test_a_name_matches_by_the_beginnings_of_consecutive_words(
    rows: Rows, stored: str | None, words: tuple[str, ...], matches: bool
) -> None:
    """Conformance statement v2, fuzzy matching (search §6)."""
    rows.study("1", patient_name=stored, referring_physician_name=stored)
    rows.series("1", "1.1")
    rows.instance("1", "1.1", "1.1.1")
    expected = ["1"] if matches else []
    assert rows.find(Level.STUDY, where("PatientName", NameWords(words))) == expected
    assert rows.find(Level.STUDY, where("ReferringPhysicianName", NameWords(words))) == expected


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("a*", True),
        ("*", True),
        ("?%_\\d", True),
        ("a%*", True),
        ("b*", False),
        ("a?", False),
        ("a%x*", False),
        ("a__*", False),
    ],
)
def test_wildcards_match_the_whole_value(rows: Rows, pattern: str, matches: bool) -> None:
    """Extension search.wildcards: other characters stand for themselves (seed-features §8)."""
    rows.study("1", accession_number="A%_\\D")
    rows.series("1", "1.1")
    rows.instance("1", "1.1", "1.1.1")
    assert rows.find(Level.STUDY, where("AccessionNumber", Wildcard(pattern))) == (["1"] if matches else [])


def test_a_uid_list_matches_any_of_its_uids(rows: Rows) -> None:
    """Extension search.uid_lists (seed-features §8)."""
    for number in "1234":
        rows.whole(number, f"{number}.1", f"{number}.1.1")
    uids = where("StudyInstanceUID", AnyOf(("1", "3", "9")))
    assert rows.find(Level.STUDY, uids) == ["3", "1"]
    assert rows.find(Level.INSTANCE, uids) == ["3.1.1", "1.1.1"]
    assert rows.find(Level.STUDY, where("StudyInstanceUID", AnyOf(()))) == []


def test_all_filters_must_match_whatever_their_levels(rows: Rows) -> None:
    """Conformance statement v2: attributes are combined by AND (search §5.4)."""
    for study, patient_id in (("1", "a"), ("2", "b")):
        rows.study(study, patient_id=patient_id)
        for series, name in (("1", "CT"), ("2", "MR")):
            rows.series(study, f"{study}.{series}", modality=name)
            rows.instance(study, f"{study}.{series}", f"{study}.{series}.1")
    patient, modality = where("PatientID", Exact("a")), where("Modality", Exact("mr"))
    assert rows.find(Level.SERIES, patient, modality) == ["1.2"]
    assert rows.find(Level.INSTANCE, patient, modality) == ["1.2.1"]
    assert rows.find(Level.INSTANCE, patient, modality, where("SOPInstanceUID", Exact("1.1.1"))) == []
    assert rows.find(Level.INSTANCE, where("SeriesInstanceUID", Exact("2.1")), where("PatientID", Exact("b"))) == [
        "2.1.1"
    ]


def test_a_series_uid_of_two_studies_is_kept_apart(rows: Rows) -> None:
    """Series are found by study and series UID; some archives reuse the latter."""
    for study, modality in (("1", "CT"), ("2", "MR")):
        rows.study(study)
        rows.series(study, "7", modality=modality)
        rows.instance(study, "7", f"{study}.1")
    assert rows.find(Level.INSTANCE, where("Modality", Exact("ct"))) == ["1.1"]
    assert rows.values(Level.SERIES, 0x0020000D, 0x00080060, NUMBER_OF_SERIES_RELATED_INSTANCES) == [
        ("2", "MR", 1),
        ("1", "CT", 1),
    ]


def test_modalities_in_study_selects_by_any_series_of_the_study(rows: Rows) -> None:
    """Service source and end-to-end tests: StudyToSeries condition (search §5.6)."""
    for study, modalities in (("1", ("CT", "MR")), ("2", ("MR",)), ("3", ("CT",))):
        rows.study(study)
        for number, modality in enumerate(modalities):
            rows.series(study, f"{study}.{number}", modality=modality)
            rows.instance(study, f"{study}.{number}", f"{study}.{number}.1")
    ct = where("ModalitiesInStudy", Exact("ct"))
    assert rows.find(Level.STUDY, ct) == ["3", "1"]
    assert rows.find(Level.SERIES, ct) == ["3.0", "1.1", "1.0"]
    assert rows.find(Level.INSTANCE, ct) == ["3.0.1", "1.1.1", "1.0.1"]


def test_partitions_do_not_see_each_other(rows: Rows) -> None:
    """Azure data partitions: full isolation, counts included (azure-apis §5.3)."""
    rows.whole("1", "1.1", "1.1.1")
    rows.series("1", "1.2", modality="MR", partition=OTHER)
    rows.study("1", patient_id="x", partition=OTHER)
    rows.instance("1", "1.2", "1.2.1", partition=OTHER)
    assert rows.find(Level.STUDY) == ["1"]
    assert rows.find(Level.STUDY, where("PatientID", Exact("x"))) == []
    assert rows.find(Level.SERIES) == ["1.1"]
    assert rows.find(Level.INSTANCE) == ["1.1.1"]
    assert rows.find(Level.STUDY, where("ModalitiesInStudy", Exact("mr"))) == []
    assert rows.values(Level.STUDY, MODALITIES_IN_STUDY, NUMBER_OF_STUDY_RELATED_INSTANCES) == [(None, 1)]


@pytest.mark.parametrize("filters", [(), (where("PatientID", Exact("p")),)], ids=["all", "filtered"])
def test_pages_follow_each_other_newest_first(rows: Rows, filters: tuple[Filter, ...]) -> None:
    """Service source: order by creation key, descending, OFFSET and FETCH (search §10)."""
    for number in range(7):
        rows.study(str(number), patient_id="P")
        rows.series(str(number), f"{number}.1")
        rows.instance(str(number), f"{number}.1", f"{number}.1.1")
    pages = [rows.find(Level.STUDY, *filters, offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"], []]


def test_a_page_of_one_study_is_cut_like_any_other(rows: Rows) -> None:
    """Searches that name a UID are read another way, with the same paging (search §10)."""
    rows.study("1")
    for number in range(5):
        rows.series("1", f"1.{number}")
        rows.instance("1", f"1.{number}", f"1.{number}.1")
    study = where("StudyInstanceUID", Exact("1"))
    assert rows.find(Level.SERIES, study, offset=1, limit=2) == ["1.3", "1.2"]
    assert rows.find(Level.INSTANCE, study, offset=4, limit=2) == ["1.0.1"]
    assert rows.find(Level.STUDY, study, offset=1) == []


def test_anything_matches_looks_at_all_pages(rows: Rows) -> None:
    """Literal matches are counted before offset and limit (seed-features §8)."""
    rows.whole("1", "1.1", "1.1.1")
    for level in Level:
        study = Selection(level=level, filters=(where("StudyInstanceUID", Exact("1")),), offset=1000)
        assert anything_matches(rows.connection, DEFAULT, study)
        assert not anything_matches(rows.connection, OTHER, study)


def test_the_newest_instance_stands_for_its_study_and_series(rows: Rows) -> None:
    """Service source: highest watermark of the study or series (search §8)."""
    rows.study("1")
    for series in ("1.1", "1.2"):
        rows.series("1", series, modality=f"M{series[-1]}")
    for series, instance in (("1.1", "a"), ("1.2", "b"), ("1.1", "c")):
        rows.instance("1", series, instance)

    def newest(level: Level) -> list[tuple[str, int]]:
        found = find(rows.connection, DEFAULT, Selection(level=level), newest=True)
        return [(each.newest.key.instance, each.newest.watermark) for each in found if each.newest is not None]

    assert newest(Level.STUDY) == [("c", 3)]
    assert newest(Level.SERIES) == [("b", 2), ("c", 3)]
    assert newest(Level.INSTANCE) == [("c", 3), ("b", 2), ("a", 1)]


def test_the_index_knows_the_attributes_of_study_and_series(rows: Rows) -> None:
    """Service source: StudyResult and SeriesResult (search §7.2, §8)."""
    rows.study("1", patient_id="P", patient_name="Doe^Jane", study_date="20200101", accession_number=None)
    rows.study("2")
    for series, modality in (("1.1", "CT"), ("1.2", "ct"), ("1.3", None), ("1.4", "MR"), ("1.5", "CT")):
        rows.series("1", series, modality=modality, manufacturer_model_name=f"Model {series}")
    rows.series("2", "2.1")
    for series in ("1.1", "1.1", "1.2", "1.3", "1.4", "1.5", "1.4"):
        rows.instance("1", series, f"{series}.{len(rows.find(Level.INSTANCE))}")
    rows.instance("2", "2.1", "2.1.1")
    counts = (NUMBER_OF_STUDY_RELATED_INSTANCES, NUMBER_OF_SERIES_RELATED_INSTANCES)
    assert rows.values(Level.STUDY, 0x00080050, 0x00100010, 0x00100020, 0x00080020, STUDY_INSTANCE_UID) == [
        (None, None, None, None, "2"),
        (None, "Doe^Jane", "P", "20200101", "1"),
    ]
    assert rows.values(Level.STUDY, MODALITIES_IN_STUDY, *counts, 0x00081090, 0x0020000E) == [
        (None, 1, 1, None, "2.1"),
        (["CT", "MR"], 7, 2, "Model 1.4", "1.4"),
    ]
    assert rows.values(Level.SERIES, 0x00100020, 0x00080060, MODALITIES_IN_STUDY, *counts, Modality=Exact("mr")) == [
        ("P", "MR", ["CT", "MR"], 7, 2)
    ]


@pytest.mark.parametrize("level", Level, ids=lambda level: level.name)
def test_one_study_is_read_through_the_indexes_over_uids(rows: Rows, level: Level) -> None:
    """A search that names a study costs the same in an archive of any size."""
    for number in range(100):
        rows.whole(f"{number}", f"{number}.1", f"{number}.1.1")
    conditions = conditions_of((where("StudyInstanceUID", Exact("1")),), level)
    sql = page_statement(level, conditions, (), newest=True)
    parameters = {**conditions.parameters, "partition": 1, "limit": 1, "offset": 0}
    ((_, plan),) = rows.connection.execute(f"EXPLAIN ANALYZE {sql}", parameters).fetchall()
    assert "Index Scan" in plan
    assert "Sequential Scan" not in plan


def test_values_of_extended_query_tags_are_matched_by_whoever_keeps_them(rows: Rows) -> None:
    """Extended query tags live in tables of their own; the search only needs a condition (search §5.1)."""
    for number in "12":
        rows.whole(number, f"{number}.1", f"{number}.1.1")
    rows.connection.execute("CREATE TABLE ages AS SELECT '2' AS study_uid, 64 AS age")
    tag = QueryTag(tag=0x00101010, keyword="PatientAge", vr="IS", level=Level.STUDY, key=7)

    def kept_in_ages(of: QueryTag, match: Match, name: str) -> Condition:
        assert of is tag
        value = match_condition("age", match, name)
        return Condition(f"study_uid IN (SELECT study_uid FROM ages WHERE {value.sql})", value.parameters)

    old, young = Filter(tag, Exact(64), "64"), Filter(tag, Exact(4), "4")
    assert rows.find(Level.INSTANCE, old, extended=kept_in_ages) == ["2.1.1"]
    assert rows.find(Level.STUDY, young, extended=kept_in_ages) == []
    with pytest.raises(LookupError, match="PatientAge"):
        rows.find(Level.STUDY, old)
