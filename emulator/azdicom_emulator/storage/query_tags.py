"""What can be searched for: the built-in attributes and the extended query tags (spec search §5.1)."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Level(IntEnum):
    """The level of a result or an attribute; a higher number is further down."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3


class TagStatus(StrEnum):
    """Of an extended query tag (azure-apis §1.4); only a ready one can be searched."""

    ADDING = "adding"
    READY = "ready"
    DELETING = "deleting"


class QueryStatus(StrEnum):
    """Whether an extended query tag may be searched: switched off by indexing errors, or by hand (azure-apis §1.9)."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTag:
    """One searchable attribute. `keyword` is what error texts call it: `GGGGEEEE` if the standard dictionary has none.

    `key` is the number under which the index keeps the values of an extended query tag, None for a built-in attribute;
    the fields behind it matter for extended query tags only. `operation` is the re-index that makes the tag ready.
    """

    tag: int
    keyword: str
    vr: str
    level: Level
    key: int | None = None
    status: TagStatus = TagStatus.READY
    query_status: QueryStatus = QueryStatus.ENABLED
    error_count: int = 0
    private_creator: str | None = None
    operation: str | None = None


STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
SOP_INSTANCE_UID = 0x00080018
MODALITIES_IN_STUDY = 0x00080061

CORE_TAGS: dict[int, QueryTag] = {
    tag: QueryTag(tag=tag, keyword=keyword, vr=vr, level=level)
    for tag, keyword, vr, level in (
        (STUDY_INSTANCE_UID, "StudyInstanceUID", "UI", Level.STUDY),
        (0x00100010, "PatientName", "PN", Level.STUDY),
        (0x00100020, "PatientID", "LO", Level.STUDY),
        (0x00100030, "PatientBirthDate", "DA", Level.STUDY),
        (0x00080050, "AccessionNumber", "SH", Level.STUDY),
        (0x00080090, "ReferringPhysicianName", "PN", Level.STUDY),
        (0x00080020, "StudyDate", "DA", Level.STUDY),
        (0x00081030, "StudyDescription", "LO", Level.STUDY),
        (MODALITIES_IN_STUDY, "ModalitiesInStudy", "CS", Level.STUDY),
        (SERIES_INSTANCE_UID, "SeriesInstanceUID", "UI", Level.SERIES),
        (0x00080060, "Modality", "CS", Level.SERIES),
        (0x00400244, "PerformedProcedureStepStartDate", "DA", Level.SERIES),
        (0x00081090, "ManufacturerModelName", "LO", Level.SERIES),
        (SOP_INSTANCE_UID, "SOPInstanceUID", "UI", Level.INSTANCE),
    )
}
