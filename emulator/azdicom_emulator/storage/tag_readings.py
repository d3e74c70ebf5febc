"""What extended query tags read from the metadata of an instance, and the columns that searches compare it in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from azdicom_emulator.dicom.tag_values import NUMBER_VRS, TagRules, TagValue, TagValueError, tag_value
from azdicom_emulator.storage.folding import fold_name, fold_text, name_words
from azdicom_emulator.storage.query_tags import QueryTag

FOLDED_VRS = ("AE", "AS", "CS", "LO", "SH")

Columns = tuple[str | None, str | None, float | None]
"""Text, words, number: one of text and number is set."""


@dataclass(frozen=True, slots=True)
class TagReadings:
    """Values and error codes by `QueryTag.key`; a tag whose attribute is absent is in neither."""

    values: tuple[tuple[int, TagValue], ...] = ()
    errors: tuple[tuple[int, int], ...] = ()


def read_tags(metadata: bytes, tags: Sequence[QueryTag], rules: TagRules) -> TagReadings:
    """metadata: one DICOM JSON object. tags: extended ones, all with a key."""
    if not tags:
        return TagReadings()
    data_set: dict[str, Any] = orjson.loads(metadata)
    values: list[tuple[int, TagValue]] = []
    errors: list[tuple[int, int]] = []
    for tag in tags:
        if tag.key is None:
            continue
        try:
            value = tag_value(data_set, tag.tag, tag.vr, rules)
        except TagValueError as error:
            errors.append((tag.key, error.code))
        else:
            if value is not None:
                values.append((tag.key, value))
    return TagReadings(tuple(values), tuple(errors))


def columns_of(vr: str, value: TagValue) -> Columns:
    """The columns in which a value of this VR is searched (search §5.5)."""
    if vr in NUMBER_VRS:
        return None, None, float(value)
    text = str(value)
    if vr == "PN":
        return fold_name(text), name_words(text), None
    return fold_text(text) if vr in FOLDED_VRS else text, None, None
