"""The searchable attributes of workitems: the column of each, and what of a data set it holds (worklist §10.2)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azdicom_emulator.dicom.comparable import comparable_date_time
from azdicom_emulator.dicom.json_data_set import DataSet, items_of, text_of
from azdicom_emulator.dicom.worklist_tags import (
    ACCESSION_NUMBER,
    CODE_VALUE,
    PATIENT_ID,
    PATIENT_NAME,
    PROCEDURE_STEP_STATE,
    REFERENCED_REQUESTS,
    REQUESTED_PROCEDURE_ID,
    START_DATE_TIME,
    STATION_CLASS_CODES,
    STATION_LOCATION_CODES,
    STATION_NAME_CODES,
    STUDY_INSTANCE_UID,
)
from azdicom_emulator.storage.folding import fold_name, fold_text, name_words

UTC_OFFSET = re.compile(r"[+-]\d{4}$", re.ASCII)


@dataclass(frozen=True, slots=True)
class SearchAttribute:
    """`path`, `name`: of an attribute in an item of a sequence both tags, and both keywords with a dot between.

    `column`: of the table workitems.
    """

    path: tuple[str, ...]
    name: str
    vr: str
    column: str

    @property
    def keyword(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def is_in_sequence(self) -> bool:
        """Whether the column is a list, of the values of all items."""
        return len(self.path) > 1


SEARCH_ATTRIBUTES: Mapping[tuple[str, ...], SearchAttribute] = {
    path: SearchAttribute(path, name, vr, column)
    for path, name, vr, column in (
        ((PATIENT_NAME,), "PatientName", "PN", "patient_name"),
        ((PATIENT_ID,), "PatientID", "LO", "patient_id"),
        (
            (REFERENCED_REQUESTS, ACCESSION_NUMBER),
            "ReferencedRequestSequence.AccessionNumber",
            "SH",
            "accession_numbers",
        ),
        (
            (REFERENCED_REQUESTS, REQUESTED_PROCEDURE_ID),
            "ReferencedRequestSequence.RequestedProcedureID",
            "SH",
            "requested_procedure_ids",
        ),
        ((START_DATE_TIME,), "ScheduledProcedureStepStartDateTime", "DT", "start_date_time"),
        ((STATION_NAME_CODES, CODE_VALUE), "ScheduledStationNameCodeSequence.CodeValue", "SH", "station_names"),
        ((STATION_CLASS_CODES, CODE_VALUE), "ScheduledStationClassCodeSequence.CodeValue", "SH", "station_classes"),
        (
            (STATION_LOCATION_CODES, CODE_VALUE),
            "ScheduledStationGeographicLocationCodeSequence.CodeValue",
            "SH",
            "station_locations",
        ),
        ((PROCEDURE_STEP_STATE,), "ProcedureStepState", "CS", "procedure_step_state"),
        ((STUDY_INSTANCE_UID,), "StudyInstanceUID", "UI", "study_uid"),
    )
}
NAME_WORDS = "patient_name_words"
"""The column of PatientName for fuzzy matching."""


def _literal_date_time(text: str | None) -> str | None:
    """As it is compared: without its offset from UTC, which does not count (worklist §10.2)."""
    return None if text is None else comparable_date_time(UTC_OFFSET.sub("", text.strip()))


FOLDS: Mapping[str, Callable[[str | None], str | None]] = {
    "CS": fold_text,
    "DT": _literal_date_time,
    "LO": fold_text,
    "PN": fold_name,
    "SH": fold_text,
    "UI": lambda text: None if text is None else text.rstrip(" \0"),
}
"""By VR: a value as filters compare it."""


def _column_value(attribute: SearchAttribute) -> Callable[[DataSet], object]:
    fold, path = FOLDS[attribute.vr], attribute.path
    if not attribute.is_in_sequence:
        return lambda data_set: fold(text_of(data_set, path[0]))

    def of_items(data_set: DataSet) -> object:
        values = (fold(text_of(item, path[1])) for item in items_of(data_set, path[0]))
        return [value for value in values if value is not None]

    return of_items


SEARCH_COLUMNS: Mapping[str, Callable[[DataSet], object]] = {
    **{attribute.column: _column_value(attribute) for attribute in SEARCH_ATTRIBUTES.values()},
    NAME_WORDS: lambda data_set: name_words(text_of(data_set, PATIENT_NAME)),
}
"""What each column for searches holds of a data set."""
