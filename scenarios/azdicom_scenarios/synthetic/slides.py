"""Whole-slide images: the attributes of a tiled slide, and its tiles (PS3.3 §A.32.8)."""

from functools import lru_cache
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azdicom_scenarios.synthetic.kinds import (
    TILE_PIXEL_MM,
    Attributes,
    Place,
    code,
    frame_of_reference,
    image_attributes,
)
from azdicom_scenarios.synthetic.pictures import Plane, picture, tissue, with_label
from azdicom_scenarios.synthetic.spec import SeriesSpec

_ICC_DATE = slice(24, 36)
"""Where an ICC profile has the time of its making, which would differ with every build (ICC.1 §7.2.8)."""


_GREY = {"PresentationLUTShape": "IDENTITY", "RescaleIntercept": "0", "RescaleSlope": "1"}


def tiles_across(series: SeriesSpec) -> int:
    """Tiles in a row of the slide; the last row is full as well when the number of frames allows it."""
    across = ceil(sqrt(series.frames))
    return next(count for count in range(across, series.frames + 1) if series.frames % count == 0)


def slide(place: Place) -> Attributes:
    """Specimen, optical path, the total pixel matrix and where its tiles are."""
    series = place.series
    across = tiles_across(series)
    width, height = across * series.columns, series.frames // across * series.rows
    dimensions = place.uid("dimensions")
    return {
        **frame_of_reference(place),
        **image_attributes(place, "ORIGINAL", "PRIMARY", "VOLUME", "NONE"),
        "AcquisitionDateTime": f"{place.date}101500",
        "AcquisitionContextSequence": [],
        "PositionReferenceIndicator": "SLIDE_CORNER",
        "VolumetricProperties": "VOLUME",
        "NumberOfFrames": str(series.frames),
        "TotalPixelMatrixColumns": width,
        "TotalPixelMatrixRows": height,
        "TotalPixelMatrixFocalPlanes": 1,
        "ImagedVolumeWidth": width * TILE_PIXEL_MM,
        "ImagedVolumeHeight": height * TILE_PIXEL_MM,
        "ImagedVolumeDepth": 1.0,
        "ImageOrientationSlide": ["0", "-1", "0", "-1", "0", "0"],
        "TotalPixelMatrixOriginSequence": [
            {"XOffsetInSlideCoordinateSystem": "20", "YOffsetInSlideCoordinateSystem": "40"}
        ],
        "SpecimenLabelInImage": "NO",
        "FocusMethod": "AUTO",
        "ExtendedDepthOfField": "NO",
        "DimensionOrganizationType": "TILED_FULL",
        "DimensionOrganizationSequence": [{"DimensionOrganizationUID": dimensions}],
        "NumberOfOpticalPaths": 1,
        "OpticalPathSequence": [_optical_path(series)],
        "SharedFunctionalGroupsSequence": [_shared_groups(place)],
        **_specimen(place),
        **({} if series.is_colour else _GREY),
    }


def tile_planes(series: SeriesSpec, position: float, label: str) -> Plane:
    """(frames, rows, columns) or (…, 3): one picture of the whole slide, cut into tiles row by row."""
    across = tiles_across(series)
    down = series.frames // across
    rows, columns = down * series.rows, across * series.columns
    whole = tissue(rows, columns) if series.is_colour else picture(series.pixels, rows, columns, position=position)
    whole = with_label(whole, label, shade=0.2 if series.is_colour else 1.0)
    samples = whole.shape[2:]
    cut = whole.reshape(down, series.rows, across, series.columns, *samples).swapaxes(1, 2)
    return cut.reshape(series.frames, series.rows, series.columns, *samples)


def _specimen(place: Place) -> Attributes:
    return {
        "ContainerIdentifier": "SLIDE-1",
        "IssuerOfTheContainerIdentifierSequence": [],
        "ContainerTypeCodeSequence": [code("433466003", "SCT", "Microscope slide")],
        "SpecimenDescriptionSequence": [
            {
                "SpecimenIdentifier": "SPECIMEN-1",
                "SpecimenUID": place.uid("specimen"),
                "IssuerOfTheSpecimenIdentifierSequence": [],
                "SpecimenPreparationSequence": [],
                "PrimaryAnatomicStructureSequence": [code("39607008", "SCT", "Lung")],
            }
        ],
    }


def _optical_path(series: SeriesSpec) -> Attributes:
    path: dict[str, Any] = {
        "OpticalPathIdentifier": "1",
        "IlluminationTypeCodeSequence": [code("111744", "DCM", "Brightfield illumination")],
        "IlluminationColorCodeSequence": [code("414298005", "SCT", "Full Spectrum")],
    }
    if series.is_colour:
        path["ICCProfile"] = _srgb()
    return path


def _shared_groups(place: Place) -> Attributes:
    spacing = [f"{TILE_PIXEL_MM:g}", f"{TILE_PIXEL_MM:g}"]
    return {
        "PixelMeasuresSequence": [{"SliceThickness": "0.001", "PixelSpacing": spacing}],
        "WholeSlideMicroscopyImageFrameTypeSequence": [{"FrameType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]}],
        "OpticalPathIdentificationSequence": [{"OpticalPathIdentifier": "1"}],
    }


@lru_cache(maxsize=1)
def _srgb() -> bytes:
    """An sRGB profile, of even length and the same at every build."""
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_ICC_DATE] = bytes(12)
    return bytes(profile) + b"\0" * (len(profile) % 2)


def as_numbers(planes: Plane, largest: int, dtype: type[np.generic]) -> NDArray[Any]:
    """0 … 1 as 0 … `largest`."""
    return np.round(planes * largest).astype(dtype)
