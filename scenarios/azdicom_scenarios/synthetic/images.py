"""Attributes of images of one plane a frame: CT, MR, US, CR and secondary captures (PS3.3 Annex A)."""

from azdicom_scenarios.synthetic.kinds import (
    PIXEL_MM,
    SLICE_MM,
    Attributes,
    Place,
    frame_of_reference,
    has_eight_bits,
    image_attributes,
)


def ct(place: Place) -> Attributes:
    return {
        **frame_of_reference(place),
        **image_attributes(place, "ORIGINAL", "PRIMARY", "AXIAL"),
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


def mr(place: Place) -> Attributes:
    return {
        **frame_of_reference(place),
        **image_attributes(place, "ORIGINAL", "PRIMARY", "OTHER"),
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


def us(place: Place) -> Attributes:
    loop = {} if place.series.frames == 1 else _cine(place)
    return {
        **image_attributes(place, "ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"),
        "BodyPartExamined": "ABDOMEN",
        "UltrasoundColorDataPresent": int(place.series.is_colour),
        **loop,
    }


def cr(place: Place) -> Attributes:
    window = {"WindowCenter": "128", "WindowWidth": "256"} if has_eight_bits(place.series) else {}
    return {
        **image_attributes(place, "ORIGINAL", "PRIMARY"),
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientOrientation": ["L", "F"],
        "ImagerPixelSpacing": ["0.2", "0.2"],
        "PixelSpacing": ["0.2", "0.2"],
        "WindowCenter": "2048",
        "WindowWidth": "4096",
        **window,
    }


def capture(place: Place) -> Attributes:
    is_grey_word = not has_eight_bits(place.series)
    window = {"WindowCenter": "2048", "WindowWidth": "4096"} if is_grey_word else {}
    return {
        **image_attributes(place, "DERIVED", "SECONDARY"),
        "BodyPartExamined": "CHEST",
        "ConversionType": "SYN",
        **window,
    }


def multi_frame_capture(place: Place) -> Attributes:
    grey = {
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "PresentationLUTShape": "IDENTITY",
    }
    return {**capture(place), **_cine(place), **({} if place.series.is_colour else grey)}


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


def _cine(place: Place) -> Attributes:
    """A loop of 25 frames a second (PS3.3 §C.7.6.5, §C.7.6.6)."""
    return {"NumberOfFrames": str(place.series.frames), "FrameTime": "40", "FrameIncrementPointer": 0x00181063}
