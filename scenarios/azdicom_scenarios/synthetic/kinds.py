"""What kinds of instances there are, where one is in its study, and attributes that many kinds share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from azdicom_scenarios.synthetic.spec import SeriesSpec

Attributes = dict[str, Any]
"""Keyword to value; a sequence is a list of such mappings."""

SLICE_MM, PIXEL_MM = 5.0, 0.75
TILE_PIXEL_MM = 0.0005
"""Distances between slices, between pixels, and between pixels of a slide."""

SOP_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "CT": "1.2.840.10008.5.1.4.1.1.2",
        "MR": "1.2.840.10008.5.1.4.1.1.4",
        "US": "1.2.840.10008.5.1.4.1.1.6.1",
        "US multi-frame": "1.2.840.10008.5.1.4.1.1.3.1",
        "CR": "1.2.840.10008.5.1.4.1.1.1",
        "OT": "1.2.840.10008.5.1.4.1.1.7",
        "multi-frame byte": "1.2.840.10008.5.1.4.1.1.7.2",
        "multi-frame word": "1.2.840.10008.5.1.4.1.1.7.3",
        "multi-frame colour": "1.2.840.10008.5.1.4.1.1.7.4",
        "SM": "1.2.840.10008.5.1.4.1.1.77.1.6",
        "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
        "SR": "1.2.840.10008.5.1.4.1.1.88.11",
        "DOC": "1.2.840.10008.5.1.4.1.1.104.1",
    }
)
"""Kind of instance to SOP class (PS3.4 §B.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instance is: its series, its number in it (from 0), and the UIDs that its attributes refer to.

    source: SOP class, series and SOP instances of the first image series of the study, which a segmentation marks.
    """

    series: SeriesSpec
    index: int
    date: str
    label: str
    uid: Callable[..., str]
    source: tuple[str, str, tuple[str, ...]] | None = None

    @property
    def position(self) -> float:
        """Where in the stack, 0 … 1."""
        return (self.index + 0.5) / self.series.instances


def kind_of(series: SeriesSpec) -> str:
    """The key of `SOP_CLASSES`: what an instance of `series` is."""
    if series.modality in ("SM", "SEG", "SR", "DOC"):
        return series.modality
    if series.frames == 1:
        return series.modality
    if series.modality == "US":
        return "US multi-frame"
    if series.is_colour:
        return "multi-frame colour"
    return "multi-frame byte" if has_eight_bits(series) else "multi-frame word"


def has_eight_bits(series: SeriesSpec) -> bool:
    return series.is_colour or series.modality == "US" or series.transfer_syntax_name == "jpeg-baseline"


def code(value: str, scheme: str, meaning: str) -> Attributes:
    """A code sequence item (PS3.3 §8.8)."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def image_attributes(place: Place, *image_type: str) -> Attributes:
    """General image (PS3.3 §C.7.6.1); image_type: the values of ImageType."""
    return {
        "ImageType": list(image_type),
        "InstanceNumber": str(place.index + 1),
        "ContentDate": place.date,
        "ContentTime": "101500",
        "PatientOrientation": "",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
    }


def frame_of_reference(place: Place) -> Attributes:
    return {"FrameOfReferenceUID": place.uid("frame of reference"), "PositionReferenceIndicator": ""}
