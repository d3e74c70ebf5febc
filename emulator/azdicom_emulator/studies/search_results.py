"""From what the index found to DICOM JSON: which values come from the index, which from stored metadata (search §8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from azdicom_emulator.dicom.tag_paths import tag_path
from azdicom_emulator.storage.files import FileStore
from azdicom_emulator.storage.metadata import read_metadata
from azdicom_emulator.storage.query_tags import CORE_TAGS, MODALITIES_IN_STUDY, Level
from azdicom_emulator.storage.search import Found, IndexValue, NewestInstance
from azdicom_emulator.storage.search_sql import (
    ATTRIBUTES,
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)

DataSet = dict[str, Any]
"""One DICOM JSON object."""

NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
COUNTS = (NUMBER_OF_STUDY_RELATED_INSTANCES, NUMBER_OF_SERIES_RELATED_INSTANCES)
VRS: Mapping[int, str] = {tag: "IS" if tag in COUNTS else CORE_TAGS[tag].vr for tag in ATTRIBUTES}

# The service's column for it is never null, so that a study without one shows an empty attribute (search §5.1, §8).
PATIENT_ID = 0x00100020

# What makes a result on the metadata path take the row of its study or series besides, and what that row has.
OVERLAYS: Mapping[Level, tuple[frozenset[int], frozenset[int]]] = {
    Level.STUDY: (frozenset((MODALITIES_IN_STUDY, NUMBER_OF_STUDY_RELATED_INSTANCES)), frozenset(STUDY_ATTRIBUTES)),
    Level.SERIES: (frozenset((NUMBER_OF_SERIES_RELATED_INSTANCES,)), frozenset(SERIES_ATTRIBUTES)),
    Level.INSTANCE: (frozenset(), frozenset()),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the values of a search's results come from.

    attributes: those that the index gives, by tag. metadata: whether the rest comes from the stored metadata of one
    instance, over which the attributes of the index are then laid. returned: all tags of a result, by tag.
    """

    attributes: tuple[int, ...]
    metadata: bool
    returned: tuple[int, ...]


def plan_results(level: Level, returned: frozenset[int]) -> Plan:
    """The index alone when it has everything that a study or series result may have; else stored metadata."""
    everything = tuple(sorted(returned))
    if level is not Level.INSTANCE and returned <= ATTRIBUTES.keys():
        return Plan(everything, metadata=False, returned=everything)
    trigger, row = OVERLAYS[level]
    overlaid = returned & row if returned & trigger else frozenset[int]()
    return Plan(tuple(sorted(overlaid)), metadata=True, returned=everything)


def results_json(plan: Plan, found: Iterable[Found], files: FileStore) -> bytes | None:
    """The JSON array; None: no results. Reads files: for a reader thread.

    An instance whose file is gone was deleted after the index was read; its result is left out.
    """
    if plan.metadata:
        keys = tuple(map(tag_path, plan.returned))
        data_sets = [
            _cut(stored | _index_data_set(plan.attributes, each.values), keys)
            for each in found
            if each.newest is not None and (stored := _read(files, each.newest)) is not None
        ]
    else:
        data_sets = [_index_data_set(plan.attributes, each.values) for each in found]
    return orjson.dumps(data_sets) if data_sets else None


def _index_data_set(tags: Iterable[int], values: Iterable[IndexValue]) -> DataSet:
    """The attributes that have a value in the index, empty text included, in the order of `tags`."""
    return {
        tag_path(tag): _element(VRS[tag], "" if value is None else value)
        for tag, value in zip(tags, values, strict=True)
        if value is not None or tag == PATIENT_ID
    }


def _element(vr: str, value: str | int | list[str]) -> dict[str, Any]:
    if value == "":
        return {"vr": vr}
    if isinstance(value, list):
        return {"vr": vr, "Value": value}
    if vr == "PN" and isinstance(value, str):
        groups = {name: group for name, group in zip(NAME_GROUPS, value.split("="), strict=False) if group}
        return {"vr": vr, "Value": [groups]}
    return {"vr": vr, "Value": [value]}


def _cut(data_set: DataSet, keys: Iterable[str]) -> DataSet:
    return {key: data_set[key] for key in keys if key in data_set}


def _read(files: FileStore, newest: NewestInstance) -> DataSet | None:
    try:
        data_set: DataSet = orjson.loads(read_metadata(files, newest.key, newest.watermark))
    except FileNotFoundError:
        return None
    return data_set
