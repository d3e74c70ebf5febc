"""What a search gives back: the set of returned attributes, by route, version and `includefield` (search §7.1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from azdicom_emulator.storage.query_tags import Level

MANUFACTURER_MODEL_NAME = 0x00081090


class Resource(Enum):
    """What a route searches: the level of its results, the levels of its filters and of what it returns (search §1)."""

    ALL_STUDIES = (Level.STUDY, (Level.STUDY,))
    ALL_SERIES = (Level.SERIES, (Level.STUDY, Level.SERIES))
    ALL_INSTANCES = (Level.INSTANCE, (Level.STUDY, Level.SERIES, Level.INSTANCE))
    STUDY_SERIES = (Level.SERIES, (Level.SERIES,))
    STUDY_INSTANCES = (Level.INSTANCE, (Level.SERIES, Level.INSTANCE))
    STUDY_SERIES_INSTANCES = (Level.INSTANCE, (Level.INSTANCE,))

    def __init__(self, level: Level, levels: tuple[Level, ...]) -> None:
        self.level = level
        self.levels = levels


@dataclass(frozen=True, slots=True)
class Include:
    """`includefield`: these attributes besides the defaults, or `everything`, which is a fixed set too."""

    tags: frozenset[int] = frozenset()
    everything: bool = False


# Level, tag, keyword, and the sets it belongs to: 1 the defaults of version 1, 2 those of version 2, A `all`.
RETURNED = (
    (Level.STUDY, 0x00080005, "SpecificCharacterSet", "1A"),
    (Level.STUDY, 0x00080020, "StudyDate", "12A"),
    (Level.STUDY, 0x00080030, "StudyTime", "1A"),
    (Level.STUDY, 0x00080050, "AccessionNumber", "12A"),
    (Level.STUDY, 0x00080056, "InstanceAvailability", "1A"),
    (Level.STUDY, 0x00080063, "AnatomicRegionsInStudyCodeSequence", "A"),
    (Level.STUDY, 0x00080090, "ReferringPhysicianName", "12A"),
    (Level.STUDY, 0x00080201, "TimezoneOffsetFromUTC", "1A"),
    (Level.STUDY, 0x00081030, "StudyDescription", "2A"),
    (Level.STUDY, 0x00081032, "ProcedureCodeSequence", "A"),
    (Level.STUDY, 0x00081060, "NameOfPhysiciansReadingStudy", "A"),
    (Level.STUDY, 0x00081080, "AdmittingDiagnosesDescription", "A"),
    (Level.STUDY, 0x00081110, "ReferencedStudySequence", "A"),
    (Level.STUDY, 0x00100010, "PatientName", "12A"),
    (Level.STUDY, 0x00100020, "PatientID", "12A"),
    (Level.STUDY, 0x00100030, "PatientBirthDate", "12A"),
    (Level.STUDY, 0x00100040, "PatientSex", "1A"),
    (Level.STUDY, 0x00101010, "PatientAge", "A"),
    (Level.STUDY, 0x00101020, "PatientSize", "A"),
    (Level.STUDY, 0x00101030, "PatientWeight", "A"),
    (Level.STUDY, 0x00102180, "Occupation", "A"),
    (Level.STUDY, 0x001021B0, "AdditionalPatientHistory", "A"),
    (Level.STUDY, 0x0020000D, "StudyInstanceUID", "12A"),
    (Level.STUDY, 0x00200010, "StudyID", "1A"),
    (Level.SERIES, 0x00080005, "SpecificCharacterSet", "1A"),
    (Level.SERIES, 0x00080021, "SeriesDate", "A"),
    (Level.SERIES, 0x00080031, "SeriesTime", "A"),
    (Level.SERIES, 0x00080060, "Modality", "12A"),
    (Level.SERIES, 0x00080201, "TimezoneOffsetFromUTC", "1A"),
    (Level.SERIES, 0x0008103E, "SeriesDescription", "1A"),
    (Level.SERIES, MANUFACTURER_MODEL_NAME, "ManufacturerModelName", "2"),
    (Level.SERIES, 0x0020000E, "SeriesInstanceUID", "12A"),
    (Level.SERIES, 0x00200011, "SeriesNumber", "A"),
    (Level.SERIES, 0x00200060, "Laterality", "A"),
    (Level.SERIES, 0x00400244, "PerformedProcedureStepStartDate", "12A"),
    (Level.SERIES, 0x00400245, "PerformedProcedureStepStartTime", "1A"),
    (Level.SERIES, 0x00400275, "RequestAttributesSequence", "1A"),
    (Level.INSTANCE, 0x00080005, "SpecificCharacterSet", "1A"),
    (Level.INSTANCE, 0x00080016, "SOPClassUID", "1A"),
    (Level.INSTANCE, 0x00080018, "SOPInstanceUID", "12A"),
    (Level.INSTANCE, 0x00080056, "InstanceAvailability", "1A"),
    (Level.INSTANCE, 0x00080201, "TimezoneOffsetFromUTC", "1A"),
    (Level.INSTANCE, 0x00200013, "InstanceNumber", "1A"),
    (Level.INSTANCE, 0x00280008, "NumberOfFrames", "1A"),
    (Level.INSTANCE, 0x00280010, "Rows", "1A"),
    (Level.INSTANCE, 0x00280011, "Columns", "1A"),
    (Level.INSTANCE, 0x00280100, "BitsAllocated", "1A"),
)


def _sets() -> dict[tuple[Level, str], frozenset[int]]:
    return {
        (level, which): frozenset(tag for at, tag, _, sets in RETURNED if at is level and which in sets)
        for level in Level
        for which in "12A"
    }


_SETS = _sets()


def returned_tags(
    resource: Resource,
    version: int,
    include: Include,
    filtered: Iterable[int],
    *,
    all_has_model_name: bool = False,
) -> frozenset[int]:
    """The level sets of `resource`, and what the client named: included attributes, filters and UIDs of the path.

    version: 1 or 2, of the API; `all` is the same in both. all_has_model_name: the documentation has
    ManufacturerModelName in `all`, the source of the service has not (quirk search.all_has_model_name).
    """
    which = "A" if include.everything else str(min(version, 2))
    level_sets = frozenset().union(*(_SETS[level, which] for level in resource.levels))
    if include.everything and all_has_model_name and Level.SERIES in resource.levels:
        level_sets |= {MANUFACTURER_MODEL_NAME}
    return level_sets | include.tags | frozenset(filtered)
