"""Builds a study from its specification: identifiers at once, data sets and bytes when they are asked for."""

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from azdicom_scenarios.synthetic.identity import Origin
from azdicom_scenarios.synthetic.kinds import SOP_CLASSES, Place, kind_of
from azdicom_scenarios.synthetic.spec import SeriesSpec, StudySpec

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

IMPLEMENTATION_CLASS_UID = "2.25.226113063205139071285398837459012475034"
IMPLEMENTATION_VERSION = "AZDICOM_SYN"
MANUFACTURER = "azdicom"


class BuiltInstance:
    """One SOP instance: `sop`, `series`, `study` and `sop_class` UIDs, its URL path below the version, its content."""

    def __init__(self, of: "BuiltStudy", series_index: int, index: int) -> None:
        self._study, self._series_index, self.index = of, series_index, index
        self.study = of.study
        self.series = of.s[series_index].series
        self.sop = of.origin.uid("instance", series_index, index)
        self.sop_class = SOP_CLASSES[kind_of(self._spec)]

    @property
    def path(self) -> str:
        return f"/studies/{self.study}/series/{self.series}/instances/{self.sop}"

    @property
    def file_name(self) -> str:
        return f"{self._study.spec.alias}-{self._series_index + 1}-{self.index + 1}.dcm"

    @property
    def dataset(self) -> "FileDataset":
        """A data set of its own, to be changed at will."""
        from pydicom import dcmread

        return dcmread(BytesIO(self.content))

    @cached_property
    def content(self) -> bytes:
        """The instance as a DICOM file (PS3.10)."""
        from pydicom.config import disable_value_validation

        stream = BytesIO()
        with disable_value_validation():
            self._made().save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    def __bytes__(self) -> bytes:
        return self.content

    @property
    def _spec(self) -> SeriesSpec:
        return self._study.spec.series[self._series_index]

    def _made(self) -> "FileDataset":
        from azdicom_scenarios.synthetic.datasets import make_dataset
        from azdicom_scenarios.synthetic.iods import attributes_of

        spec, series = self._study.spec, self._spec
        place = Place(
            series=series,
            index=self.index,
            date=spec.date,
            label=f"{series.modality} {spec.alias} {self.index + 1}/{series.instances}",
            uid=self._study.origin.uid,
            source=self._study.source_images if series.modality == "SEG" else None,
        )
        identity = {
            "SOPClassUID": self.sop_class,
            "SOPInstanceUID": self.sop,
            "StudyInstanceUID": self.study,
            "SeriesInstanceUID": self.series,
            "SeriesNumber": str(self._series_index + 1),
        }
        return make_dataset(spec, place, identity, attributes_of(place))


@dataclass(frozen=True, slots=True)
class BuiltSeries:
    """One series: its UID, its URL path below the version, and its instances."""

    series: str
    path: str
    i: tuple[BuiltInstance, ...]


class BuiltStudy:
    """A study as scenarios see it: `.study`, `.s[0].series`, `.i[0].sop`; `i` counts through all series."""

    def __init__(self, spec: StudySpec, origin: Origin) -> None:
        self.spec, self.origin = spec, origin
        self.study = origin.uid("study")
        self.patient_id = spec.patient.id
        self.s: list[BuiltSeries] = []
        for index, series in enumerate(spec.series):
            self._add_series(index, series)
        self.i: tuple[BuiltInstance, ...] = tuple(instance for series in self.s for instance in series.i)

    @property
    def path(self) -> str:
        return f"/studies/{self.study}"

    @property
    def source_images(self) -> tuple[str, str, tuple[str, ...]] | None:
        """SOP class, series UID and SOP instances of the first series of CT or MR images, if there is one."""
        for built, spec in zip(self.s, self.spec.series, strict=True):
            if spec.modality in ("CT", "MR") and spec.frames == 1:
                return SOP_CLASSES[kind_of(spec)], built.series, tuple(instance.sop for instance in built.i)
        return None

    def _add_series(self, index: int, spec: SeriesSpec) -> None:
        uid = self.origin.uid("series", index)
        self.s.append(BuiltSeries(uid, f"/studies/{self.study}/series/{uid}", ()))
        instances = tuple(BuiltInstance(self, index, number) for number in range(spec.instances))
        self.s[index] = BuiltSeries(uid, self.s[index].path, instances)


def build(spec: StudySpec, seed: int, scenario_name: str, salt: str = "") -> BuiltStudy:
    """The study that `spec` describes; the same arguments give the same UIDs and bytes, other ones give others.

    salt: set it per run where earlier runs may have left the same study.
    """
    return BuiltStudy(spec, Origin(seed=seed, scenario_name=scenario_name, alias=spec.alias, salt=salt))
