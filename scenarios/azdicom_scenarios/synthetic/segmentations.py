"""Attributes of binary segmentations (PS3.3 §A.51)."""

from azdicom_scenarios.synthetic.kinds import (
    PIXEL_MM,
    SLICE_MM,
    Attributes,
    Place,
    code,
    frame_of_reference,
    image_attributes,
)


def segmentation(place: Place) -> Attributes:
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
        **frame_of_reference(place),
        **image_attributes(place, "DERIVED", "PRIMARY"),
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
