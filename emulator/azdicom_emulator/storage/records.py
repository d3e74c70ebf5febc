"""The values that handlers and storage exchange: identities, instances, indexed attributes, changes; no DuckDB type."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from azdicom_emulator.dicom.tag_values import TagValue

DEFAULT_PARTITION = "Microsoft.Default"

TagValues = tuple[tuple[int, TagValue], ...]
"""What extended query tags index, by `QueryTag.key`."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A data partition (azure-apis §5). `name` is spelled as in the request that created it."""

    key: int
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class InstanceKey:
    """What identifies one SOP instance: partition name, then the three UIDs without trailing padding."""

    partition: str
    study: str
    series: str
    instance: str


@dataclass(frozen=True, slots=True)
class OriginalVersion:
    """The version of an instance before its first bulk update; it keeps its files (async §2.5)."""

    watermark: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """The current version of one SOP instance. `watermark` (≥ 1) grows with every store and update of the service.

    original: None as long as the instance was never updated.
    """

    key: InstanceKey
    watermark: int
    transfer_syntax_uid: str
    size_bytes: int
    original: OriginalVersion | None = None

    @property
    def first(self) -> "StoredInstance":
        """The version as it was stored: the original one, or the only one. An update keeps the transfer syntax."""
        if self.original is None:
            return self
        return StoredInstance(self.key, self.original.watermark, self.transfer_syntax_uid, self.original.size_bytes)

    @property
    def watermarks(self) -> tuple[int, ...]:
        """Of all versions that have files."""
        return (self.watermark,) if self.original is None else (self.watermark, self.original.watermark)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAttributes:
    """The indexed attributes of a study (spec search §5.1); None: absent, keeps the value that the study has."""

    patient_id: str | None = None
    patient_name: str | None = None
    patient_birth_date: str | None = None
    accession_number: str | None = None
    referring_physician_name: str | None = None
    study_date: str | None = None
    study_description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAttributes:
    """The indexed attributes of a series (spec search §5.1); dates are `yyyyMMdd`."""

    modality: str | None = None
    performed_procedure_step_start_date: str | None = None
    manufacturer_model_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstance:
    """What the index must know of an instance whose files are on disk.

    tag_values: what extended query tags index, by `QueryTag.key`; a tag without value is left out.
    expires_at: when the study is to be deleted. The last store of a study decides, so None cancels an earlier expiry
    (store §9, Expiry).
    """

    stored: StoredInstance
    study: StudyAttributes = field(default_factory=StudyAttributes)
    series: SeriesAttributes = field(default_factory=SeriesAttributes)
    expires_at: datetime | None = None
    tag_values: TagValues = ()


@dataclass(frozen=True, slots=True)
class UpdatedInstance:
    """What a bulk update makes of an instance: `new`, whose files are on disk, is to be current in place of `old`."""

    old: StoredInstance
    new: StoredInstance


class ChangeAction(StrEnum):
    """Spec azure-apis §3.3."""

    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


class ChangeState(StrEnum):
    """Derived from the current version of the instance, never stored (spec azure-apis §3.3)."""

    CURRENT = "Current"
    REPLACED = "Replaced"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the change feed. `current` is the instance's present version, None when it is deleted."""

    sequence: int
    at: datetime
    action: ChangeAction
    key: InstanceKey
    watermark: int
    current: StoredInstance | None

    @property
    def state(self) -> ChangeState:
        if self.current is None:
            return ChangeState.DELETED
        return ChangeState.CURRENT if self.current.watermark == self.watermark else ChangeState.REPLACED


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeWindow:
    """Which changes to read, oldest first: of sequence in (after, up_to], of time in [start, end), `offset` skipped.

    A window with `up_to` is one of sequences and ordered by them (v1); any other is ordered by time, then sequence (v2;
    azure-apis §3.1).
    """

    after: int = 0
    up_to: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    offset: int = 0
    limit: int = 100
