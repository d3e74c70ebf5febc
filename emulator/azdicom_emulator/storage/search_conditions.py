"""From filters to SQL conditions, each on the table of its level."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from azdicom_emulator.storage.query_tags import (
    MODALITIES_IN_STUDY,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    Level,
    QueryTag,
)
from azdicom_emulator.storage.selection import AnyOf, Between, Exact, Filter, Match, NameWords, Wildcard

COLUMNS: Mapping[int, str] = {
    STUDY_INSTANCE_UID: "study_uid",
    SERIES_INSTANCE_UID: "series_uid",
    SOP_INSTANCE_UID: "sop_instance_uid",
    0x00080020: "study_date",
    0x00080050: "accession_number",
    0x00080060: "modality",
    MODALITIES_IN_STUDY: "modality",
    0x00080090: "referring_physician_name",
    0x00081030: "study_description",
    0x00081090: "manufacturer_model_name",
    0x00100010: "patient_name",
    0x00100020: "patient_id",
    0x00100030: "patient_birth_date",
    0x00400244: "performed_procedure_step_start_date",
}
PLAIN_VRS = ("UI", "DA")
UID_TAGS = (STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, SOP_INSTANCE_UID)
SELECTIVE_TAGS = (*UID_TAGS, 0x00100010, 0x00100020, 0x00080050)
WILDCARDS = {"*": "%", "?": "_"}

# Partition first: it is in every condition of every level, and its value never changes within a statement.
IN_PARTITION = "partition_key = $partition"


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression on one table's columns, and the values of its named parameters."""

    sql: str
    parameters: Mapping[str, object] = field(default_factory=dict)


ExtendedCondition = Callable[[QueryTag, Match, str], Condition]
"""The condition, on the table of the tag's level, that the value of an extended query tag matches. The text is a
parameter name that nothing else in the statement begins with. `match_condition` compares the value itself."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a statement filters by, and the values of all its parameters."""

    by_level: Mapping[Level, tuple[str, ...]]
    parameters: Mapping[str, object]
    study: str | None
    """The condition that names the one study of all results, if there is one: DuckDB has indexes over study UIDs."""
    are_selective: bool
    """Whether few rows can be expected to match."""


def conditions_of(filters: Iterable[Filter], level: Level, extended: ExtendedCondition | None = None) -> Conditions:
    """The conditions for results of `level`. `extended` is asked for filters on extended query tags."""
    by_level: dict[Level, list[str]] = {each: [] for each in Level}
    parameters: dict[str, object] = {}
    study: str | None = None
    are_selective = False
    for number, each in enumerate(filters):
        condition = _condition(each, f"value_{number}", extended)
        # The tables of the lower levels carry the UIDs of the upper ones.
        by_level[level if each.tag.tag in UID_TAGS else each.tag.level].append(condition.sql)
        parameters.update(condition.parameters)
        if isinstance(each.match, Exact):
            are_selective = are_selective or each.tag.tag in SELECTIVE_TAGS
            study = condition.sql if each.tag.tag == STUDY_INSTANCE_UID else study
    return Conditions({each: tuple(found) for each, found in by_level.items()}, parameters, study, are_selective)


def match_condition(column: str, match: Match, name: str) -> Condition:
    """That `column` matches. Null never does. Parameters are called `name`, or begin with it."""
    match match:
        case Exact(value):
            return Condition(f"{column} = ${name}", {name: value})
        case Between(first, last):
            return Condition(
                f"{column} BETWEEN ${name}_first AND ${name}_last", {f"{name}_first": first, f"{name}_last": last}
            )
        case AnyOf(values):
            return Condition(f"{column} IN (SELECT unnest(${name}::VARCHAR[]))", {name: list(values)})
        case Wildcard(pattern):
            return Condition(f"{column} LIKE ${name} ESCAPE '\\'", {name: _like(pattern)})
        case NameWords(words):
            return _words_condition(column, words, name)


def _words_condition(column: str, words: tuple[str, ...], name: str) -> Condition:
    if not words:
        return Condition("false")
    start = Condition(f"contains({column}, ${name})", {name: f" {words[0]}"})
    if len(words) == 1:
        return start
    # `contains` first: it is ten times as fast as the expression and leaves few names for it.
    expression = " " + "[^ ]* ".join(re.escape(word) for word in words)
    return Condition(
        f"{start.sql} AND regexp_matches({column}, ${name}_words)", {**start.parameters, f"{name}_words": expression}
    )


def _condition(each: Filter, name: str, extended: ExtendedCondition | None) -> Condition:
    if each.tag.key is not None:
        if extended is None:
            raise LookupError(f"nothing holds the values of the extended query tag {each.tag.keyword}")
        return extended(each.tag, each.match, name)
    condition = match_condition(_column(each.tag, each.match), each.match, name)
    if each.tag.tag != MODALITIES_IN_STUDY:
        return condition
    matching_series = f"SELECT study_uid FROM series WHERE {IN_PARTITION} AND {condition.sql}"
    return Condition(f"study_uid IN ({matching_series})", condition.parameters)


def _column(tag: QueryTag, match: Match) -> str:
    column = COLUMNS[tag.tag]
    if isinstance(match, NameWords):
        return f"{column}_words"
    return column if tag.vr in PLAIN_VRS else f"{column}_folded"


def _like(pattern: str) -> str:
    return "".join(WILDCARDS.get(each) or (f"\\{each}" if each in "%_\\" else each) for each in pattern)
