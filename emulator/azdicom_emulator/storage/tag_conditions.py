"""Conditions on the values of extended query tags (search §5.5)."""

from collections.abc import Mapping

from azdicom_emulator.dicom.tag_values import NUMBER_VRS
from azdicom_emulator.storage.query_tags import Level, QueryTag
from azdicom_emulator.storage.search_conditions import IN_PARTITION, Condition, match_condition
from azdicom_emulator.storage.selection import Match, NameWords

# The row of a level, as its own table and the table of tag values name it; watermarks differ between partitions.
CONDITIONS: Mapping[Level, str] = {
    Level.STUDY: f"study_uid IN (SELECT study_uid FROM study_tag_values WHERE {IN_PARTITION} AND {{value}})",
    Level.SERIES: (
        f"(study_uid, series_uid) IN (SELECT study_uid, series_uid FROM series_tag_values "
        f"WHERE {IN_PARTITION} AND {{value}})"
    ),
    Level.INSTANCE: "watermark IN (SELECT watermark FROM instance_tag_values WHERE {value})",
}


def extended_condition(tag: QueryTag, match: Match, name: str) -> Condition:
    """An ExtendedCondition of `search_conditions`: the studies, series or instances whose value matches."""
    column = "number" if tag.vr in NUMBER_VRS else "text"
    value = match_condition("words" if isinstance(match, NameWords) else column, match, name)
    return Condition(CONDITIONS[tag.level].format(value=f"tag_key = {tag.key} AND {value.sql}"), value.parameters)
