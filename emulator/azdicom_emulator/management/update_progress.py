"""How far a bulk update is: what it keeps in the index after each study, and what it reports (async §2.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from azdicom_emulator.dicom.json_data_set import DataSet
from azdicom_emulator.storage.records import InstanceKey

STUDY_FAILED = "Failed to update instances for study {study}"
INSTANCE_FAILED = (
    "Failed to update instance. PartitionKey: {key.partition}, StudyInstanceUID: {key.study}, "
    "SeriesInstanceUID: {key.series}, SOPInstanceUID: {key.instance}"
)
MORE_FAILED = (
    "There are more instances failed to update than listed above. "
    "Please check the diagnostics logs for the complete list."
)
MAX_INSTANCES_LISTED = 5


@dataclass(frozen=True, slots=True)
class UpdateProgress:
    """What to do, and what came of the first `processed` of the studies. A study may be named twice."""

    partition: str
    studies: tuple[str, ...]
    changes: DataSet
    processed: int = 0
    updated: int = 0
    failed: int = 0
    instances: int = 0
    errors: tuple[str, ...] = ()

    @classmethod
    def of(cls, work: Mapping[str, Any]) -> "UpdateProgress":
        """What `as_work` gave."""
        return cls(**{**work, "studies": tuple(work["studies"]), "errors": tuple(work["errors"])})

    def as_work(self) -> Mapping[str, Any]:
        return asdict(self)

    @property
    def study(self) -> str | None:
        """The one to update next."""
        return self.studies[self.processed] if self.processed < len(self.studies) else None

    @property
    def percent(self) -> int:
        return 100 * self.processed // len(self.studies)

    @property
    def results(self) -> Mapping[str, Any]:
        """As `Operation.results` shows them."""
        return {
            "studyProcessed": self.processed,
            "studyUpdated": self.updated,
            "studyFailed": self.failed,
            "instanceUpdated": self.instances,
            **({"errors": list(self.errors)} if self.errors else {}),
        }

    def after_success(self, instances: int) -> "UpdateProgress":
        """A study without instances is none that was updated."""
        return replace(
            self,
            processed=self.processed + 1,
            updated=self.updated + (instances > 0),
            instances=self.instances + instances,
        )

    def after_failure(self, study: str, failed: Sequence[InstanceKey]) -> "UpdateProgress":
        """failed: the instances because of which the study stays as it was."""
        more = [MORE_FAILED] if len(failed) > MAX_INSTANCES_LISTED else []
        listed = [INSTANCE_FAILED.format(key=key) for key in failed[:MAX_INSTANCES_LISTED]]
        return replace(
            self,
            processed=self.processed + 1,
            failed=self.failed + 1,
            errors=(*self.errors, STUDY_FAILED.format(study=study), *listed, *more),
        )
