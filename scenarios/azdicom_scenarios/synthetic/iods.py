"""The attributes of each kind of instance, by module (PS3.3 Annex A); pixels and documents are added elsewhere."""

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


def attributes_of(place: Place) -> Attributes:
    """What is particular to the kind of instance, patient, study and series apart."""
    kind = kind_of(place.series)
    table = _multi_frame_capture if kind.startswith("multi-frame") else _KINDS[kind]
    return table(place)


def code(value: str, scheme: str, meaning: str) -> Attributes:
    """A code sequence item (PS3.3 §8.8)."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def _image(place: Place, *image_type: str) -> Attributes:
    return {
        "ImageType": list(image_type),
        "InstanceNumber": str(place.index + 1),
        "ContentDate": place.date,
        "ContentTime": "101500",
        "PatientOrientation": "",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
    }


def _frame_of_reference(place: Place) -> Attributes:
    return {"FrameOfReferenceUID": place.uid("frame of reference"), "PositionReferenceIndicator": ""}


def _plane(place: Place) -> Attributes:
    """An axial slice; `index` counts upwards, the pixels' centre is the origin."""
    z = SLICE_MM * place.index
    across, down = place.series.columns * PIXEL_MM / 2, place.series.rows * PIXEL_MM / 2
    return {
        "PixelSpacing": [f"{PIXEL_MM:g}", f"{PIXEL_MM:g}"],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "ImagePositionPatient": [f"{-across:g}", f"{-down:g}", f"{z:g}"],
        "SliceThickness": f"{SLICE_MM:g}",
        "SliceLocation": f"{z:g}",
    }


def _ct(place: Place) -> Attributes:
    return {
        **_frame_of_reference(place),
        **_image(place, "ORIGINAL", "PRIMARY", "AXIAL"),
        **_plane(place),
        "BodyPartExamined": "CHEST",
        "PatientPosition": "HFS",
        "AcquisitionNumber": "1",
        "KVP": "120",
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "WindowCenter": "40",
        "WindowWidth": "1600",
    }


def _mr(place: Place) -> Attributes:
    return {
        **_frame_of_reference(place),
        **_image(place, "ORIGINAL", "PRIMARY", "OTHER"),
        **_plane(place),
        "BodyPartExamined": "BRAIN",
        "PatientPosition": "HFS",
        "AcquisitionNumber": "1",
        "ScanningSequence": "SE",
        "SequenceVariant": "NONE",
        "ScanOptions": "",
        "MRAcquisitionType": "2D",
        "RepetitionTime": "500",
        "EchoTime": "15",
        "EchoTrainLength": "1",
        "MagneticFieldStrength": "1.5",
        "WindowCenter": "1024",
        "WindowWidth": "2048",
    }


def _us(place: Place) -> Attributes:
    loop = {} if place.series.frames == 1 else _cine(place)
    return {
        **_image(place, "ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"),
        "BodyPartExamined": "ABDOMEN",
        "UltrasoundColorDataPresent": int(place.series.is_colour),
        **loop,
    }


def _cine(place: Place) -> Attributes:
    """A loop of 25 frames a second (PS3.3 §C.7.6.5, §C.7.6.6)."""
    return {"NumberOfFrames": str(place.series.frames), "FrameTime": "40", "FrameIncrementPointer": 0x00181063}


def _cr(place: Place) -> Attributes:
    window = {"WindowCenter": "128", "WindowWidth": "256"} if has_eight_bits(place.series) else {}
    return {
        **_image(place, "ORIGINAL", "PRIMARY"),
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientOrientation": ["L", "F"],
        "ImagerPixelSpacing": ["0.2", "0.2"],
        "PixelSpacing": ["0.2", "0.2"],
        "WindowCenter": "2048",
        "WindowWidth": "4096",
        **window,
    }


def _capture(place: Place) -> Attributes:
    is_grey_word = not has_eight_bits(place.series)
    window = {"WindowCenter": "2048", "WindowWidth": "4096"} if is_grey_word else {}
    return {**_image(place, "DERIVED", "SECONDARY"), "BodyPartExamined": "CHEST", "ConversionType": "SYN", **window}


def _multi_frame_capture(place: Place) -> Attributes:
    grey = {
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY",
    }
    return {**_capture(place), **_cine(place), **({} if place.series.is_colour else grey)}


def _segmentation(place: Place) -> Attributes:
    series, frames = place.series, place.series.frames
    dimensions = place.uid("dimensions")
    referenced: Attributes = {}
    derivation: list[Attributes] = []
    if place.source is not None:
        sop_class, source_series, instances = place.source
        items = [{"ReferencedSOPClassUID": sop_class, "ReferencedSOPInstanceUID": instance} for instance in instances]
        referenced = {
            "ReferencedSeriesSequence": [{"SeriesInstanceUID": source_series, "ReferencedInstanceSequence": items}]
        }
        purpose = [code("121322", "DCM", "Source image for image processing operation")]
        derivation = [
            {
                "DerivationCodeSequence": [code("113076", "DCM", "Segmentation")],
                "SourceImageSequence": [
                    {**items[0], "PurposeOfReferenceCodeSequence": purpose, "SpatialLocationsPreserved": "YES"}
                ],
            }
        ]
    across, down = series.columns * PIXEL_MM / 2, series.rows * PIXEL_MM / 2
    per_frame = [
        {
            "DerivationImageSequence": derivation,
            "FrameContentSequence": [{"DimensionIndexValues": [1, number + 1]}],
            "PlanePositionSequence": [
                {"ImagePositionPatient": [f"{-across:g}", f"{-down:g}", f"{SLICE_MM * number:g}"]}
            ],
            "SegmentIdentificationSequence": [{"ReferencedSegmentNumber": 1}],
        }
        for number in range(frames)
    ]
    lesion = [code("52988006", "SCT", "Lesion")]
    segment = {
        "SegmentNumber": 1,
        "SegmentLabel": "Nodule",
        "SegmentAlgorithmType": "MANUAL",
        "SegmentedPropertyCategoryCodeSequence": [code("49755003", "SCT", "Morphologically abnormal structure")],
        "SegmentedPropertyTypeCodeSequence": lesion,
    }
    return {
        **_frame_of_reference(place),
        **_image(place, "DERIVED", "PRIMARY"),
        **referenced,
        "ContentLabel": "NODULES",
        "ContentDescription": "Nodules of the phantom",
        "ContentCreatorName": "Synthetic^Reader",
        "NumberOfFrames": str(frames),
        "SegmentationType": "BINARY",
        "SegmentSequence": [segment],
        "DimensionOrganizationSequence": [{"DimensionOrganizationUID": dimensions}],
        "DimensionIndexSequence": [
            _dimension(dimensions, 0x0062000B, 0x0062000A, "Segment"),
            _dimension(dimensions, 0x00200032, 0x00209113, "Position"),
        ],
        "SharedFunctionalGroupsSequence": [
            {
                "PixelMeasuresSequence": [
                    {
                        "SliceThickness": f"{SLICE_MM:g}",
                        "SpacingBetweenSlices": f"{SLICE_MM:g}",
                        "PixelSpacing": [f"{PIXEL_MM:g}", f"{PIXEL_MM:g}"],
                    }
                ],
                "PlaneOrientationSequence": [{"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"]}],
            }
        ],
        "PerFrameFunctionalGroupsSequence": per_frame,
    }


def _dimension(organization: str, pointer: int, group: int, label: str) -> Attributes:
    return {
        "DimensionOrganizationUID": organization,
        "DimensionIndexPointer": pointer,
        "FunctionalGroupPointer": group,
        "DimensionDescriptionLabel": label,
    }


def _report(place: Place) -> Attributes:
    return {
        "InstanceNumber": str(place.index + 1),
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "UNVERIFIED",
        "ContentDate": place.date,
        "ContentTime": "101500",
        "ReferencedPerformedProcedureStepSequence": [],
        "PerformedProcedureCodeSequence": [],
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
        "ConceptNameCodeSequence": [code("18782-3", "LN", "Radiology Study observation (narrative)")],
        "ContentSequence": [
            _section(("121070", "Findings"), ("121071", "Finding"), "Both lungs are clear. Two nodules in the middle."),
            _section(("121076", "Conclusions"), ("121077", "Conclusion"), "A phantom, in good health."),
        ],
    }


def _section(section: tuple[str, str], item: tuple[str, str], text: str) -> Attributes:
    """A heading with one text below it; both are codes of DCM with their meanings (PS3.16 Annex D)."""
    return {
        "RelationshipType": "CONTAINS",
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
        "ConceptNameCodeSequence": [code(section[0], "DCM", section[1])],
        "ContentSequence": [
            {
                "RelationshipType": "CONTAINS",
                "ValueType": "TEXT",
                "ConceptNameCodeSequence": [code(item[0], "DCM", item[1])],
                "TextValue": text,
            }
        ],
    }


def _document(place: Place) -> Attributes:
    return {
        "InstanceNumber": str(place.index + 1),
        "ConversionType": "SYN",
        "ContentDate": place.date,
        "ContentTime": "101500",
        "AcquisitionDateTime": "",
        "BurnedInAnnotation": "YES",
        "DocumentTitle": place.label,
        "ConceptNameCodeSequence": [code("18748-4", "LN", "Diagnostic imaging study")],
        "VerificationFlag": "UNVERIFIED",
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
    }


def _slide(place: Place) -> Attributes:
    from azdicom_scenarios.synthetic.slides import slide_attributes

    image = _image(place, "ORIGINAL", "PRIMARY", "VOLUME", "NONE")
    return {**_frame_of_reference(place), **image, **slide_attributes(place)}


_KINDS: dict[str, Callable[[Place], Attributes]] = {
    "CT": _ct,
    "MR": _mr,
    "US": _us,
    "US multi-frame": _us,
    "CR": _cr,
    "OT": _capture,
    "SM": _slide,
    "SEG": _segmentation,
    "SR": _report,
    "DOC": _document,
}
