"""What a synthetic study is to be: the values that a scenario's `synthetic` fixture gives, checked and frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

TRANSFER_SYNTAXES: Mapping[str, str] = MappingProxyType(
    {
        "explicit-le": "1.2.840.10008.1.2.1",
        "implicit-le": "1.2.840.10008.1.2",
        "explicit-be": "1.2.840.10008.1.2.2",
        "deflated": "1.2.840.10008.1.2.1.99",
        "rle": "1.2.840.10008.1.2.5",
        "jpeg-baseline": "1.2.840.10008.1.2.4.50",
        "jpeg-ls": "1.2.840.10008.1.2.4.80",
        "jpeg-ls-near": "1.2.840.10008.1.2.4.81",
        "jpeg-2000-lossless": "1.2.840.10008.1.2.4.90",
        "jpeg-2000": "1.2.840.10008.1.2.4.91",
    }
)
"""Short name to UID; a specification may use either (PS3.6 Annex A)."""

UNCOMPRESSED = frozenset({"explicit-le", "implicit-le", "explicit-be", "deflated"})
COMPRESSED = frozenset(TRANSFER_SYNTAXES) - UNCOMPRESSED

PIXELS = ("phantom", "gradient", "grid", "bars")
"""Pictures: ellipses as in a slice of a body, a smooth ramp, a ruled grid, or vertical bars."""

IMAGES = ("CT", "MR", "US", "CR", "OT", "SM", "SEG")
"""Modalities with pixels: SM is a tiled whole-slide image, SEG a binary segmentation, OT a secondary capture."""

DOCUMENTS = ("SR", "DOC")
"""Modalities without pixels: a structured report, an encapsulated PDF."""

MAX_SIDE, MAX_FRAMES, MAX_INSTANCES = 4096, 1000, 1000
MAX_PIXELS = 64 * 1024 * 1024


class SpecError(ValueError):
    """A value that no synthetic study can have; the text names the key, the value and what is possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSpec:
    """The patient of a study; `name` is a PN value, `birth_date` a DA value, `sex` M, F or O."""

    id: str = "SYN-001"
    name: str = "Synthetic^Sam"
    birth_date: str = "19700101"
    sex: str = "O"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSpec:
    """One series of equal instances.

    frames: frames of each instance; more than one makes a CT, MR, CR or OT series a multi-frame secondary capture and
    a US series a multi-frame one. Of SM, the tiles (rows × columns each), laid out in rows of a nearly square slide.
    transfer_syntax: a name of `TRANSFER_SYNTAXES` or its UID. pixels: a name of `PIXELS`.
    colour: None is what the modality has by itself: RGB for US and SM, else greyscale.
    description: SeriesDescription; empty is one made from the modality.
    attributes: keyword to value, set in every instance in the end, valid or not; an empty value leaves it empty.

    Raises SpecError for values that cannot be built.
    """

    modality: str = "CT"
    instances: int = 1
    rows: int = 64
    columns: int = 64
    frames: int = 1
    transfer_syntax: str = "explicit-le"
    pixels: str = "phantom"
    colour: bool | None = None
    description: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        _one_of("modality", self.modality, (*IMAGES, *DOCUMENTS))
        _one_of("transfer_syntax", self.transfer_syntax, (*TRANSFER_SYNTAXES, *TRANSFER_SYNTAXES.values()))
        _one_of("pixels", self.pixels, PIXELS)
        _within("instances", self.instances, MAX_INSTANCES)
        _within("rows", self.rows, MAX_SIDE)
        _within("columns", self.columns, MAX_SIDE)
        _within("frames", self.frames, MAX_FRAMES)
        if self.rows * self.columns * self.frames > MAX_PIXELS:
            raise SpecError(f"rows × columns × frames is more than {MAX_PIXELS} pixels an instance")
        if self.colour is True and self.modality in ("CT", "MR", "CR") and self.frames == 1:
            raise SpecError(f"colour: a {self.modality} image is greyscale; use OT or US")
        self._check_encoding()

    @property
    def has_pixels(self) -> bool:
        return self.modality in IMAGES

    @property
    def is_colour(self) -> bool:
        if self.modality in ("SEG", *DOCUMENTS):
            return False
        return self.modality in ("US", "SM") if self.colour is None else self.colour

    @property
    def transfer_syntax_name(self) -> str:
        """The short name, whichever of the two was given."""
        return next(name for name, uid in TRANSFER_SYNTAXES.items() if self.transfer_syntax in (name, uid))

    @property
    def transfer_syntax_uid(self) -> str:
        return TRANSFER_SYNTAXES[self.transfer_syntax_name]

    def _check_encoding(self) -> None:
        if self.transfer_syntax_name in UNCOMPRESSED:
            return
        if not self.has_pixels:
            raise SpecError(f"transfer_syntax: {self.transfer_syntax} compresses pixels, and {self.modality} has none")
        if self.transfer_syntax_name == "jpeg-baseline" and self.modality in ("CT", "MR") and self.frames == 1:
            raise SpecError(f"transfer_syntax: jpeg-baseline holds 8 bits, and a {self.modality} image has 16")
        if self.modality == "SEG":
            raise SpecError(f"transfer_syntax: {self.transfer_syntax} cannot hold the single bits of a segmentation")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """One study of one patient. alias: the name it has in the scenario; date: a DA value, StudyDate.

    accession: AccessionNumber; description: StudyDescription. Raises SpecError.
    """

    alias: str
    patient: PatientSpec = field(default_factory=PatientSpec)
    date: str = "20240115"
    accession: str = ""
    description: str = "Synthetic study"
    series: tuple[SeriesSpec, ...] = field(default_factory=lambda: (SeriesSpec(),))

    def __post_init__(self) -> None:
        if not self.alias:
            raise SpecError("study: an alias is missing")
        if not self.series:
            raise SpecError(f"series: study {self.alias} has none")


def _one_of(key: str, value: str, possible: tuple[str, ...]) -> None:
    if value not in possible:
        raise SpecError(f"{key}: '{value}' is not one of {', '.join(possible)}")


def _within(key: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise SpecError(f"{key}: {value} is not within 1 and {most}")
