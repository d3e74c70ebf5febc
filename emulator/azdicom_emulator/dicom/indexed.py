"""The attributes of an instance that the service indexes for search (store §6, search §5.1)."""

from collections.abc import Collection
from dataclasses import dataclass

from azdicom_emulator.dicom.dates import is_date
from azdicom_emulator.dicom.top_level import TopLevel

# Names of IndexedAttributes by tag.
_NAMES = {
    0x00080020: "study_date",
    0x00080050: "accession_number",
    0x00080060: "modality",
    0x00080090: "referring_physician_name",
    0x00081030: "study_description",
    0x00081090: "manufacturer_model_name",
    0x00100010: "patient_name",
    0x00100020: "patient_id",
    0x00100030: "patient_birth_date",
    0x00400244: "performed_procedure_step_start_date",
}
_DATES = frozenset((0x00080020, 0x00100030, 0x00400244))


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedAttributes:
    """First values without trailing padding; None: absent, empty, invalid or dropped. Dates are `yyyyMMdd`."""

    patient_id: str | None = None
    patient_name: str | None = None
    patient_birth_date: str | None = None
    accession_number: str | None = None
    referring_physician_name: str | None = None
    study_date: str | None = None
    study_description: str | None = None
    modality: str | None = None
    performed_procedure_step_start_date: str | None = None
    manufacturer_model_name: str | None = None


def indexed_attributes(top_level: TopLevel, *, without: Collection[int]) -> IndexedAttributes:
    """What the index gets of a data set; the tags in `without` count as absent."""
    return IndexedAttributes(
        **{
            name: _first_value(top_level, tag)
            for tag, name in _NAMES.items()
            if tag in top_level.elements and tag not in without
        }
    )


def _first_value(top_level: TopLevel, tag: int) -> str | None:
    first = next(iter(top_level.texts(tag)), "").rstrip(" \0")
    if not first or (tag in _DATES and not is_date(first)):
        return None
    return first
