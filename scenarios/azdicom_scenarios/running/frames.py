"""The frames of a DICOM file as they are stored: what a retrieve of frames sends (PS3.18 §10.4)."""

from io import BytesIO


def frames_of(contents: list[bytes] | None, name: str) -> list[bytes]:
    """All frames of the one instance that `contents` has. Raises ValueError: it is none, or its frames share bytes."""
    if contents is None or len(contents) != 1:
        raise ValueError(f"'{name}' is not one instance of a fixture")
    from pydicom import dcmread
    from pydicom.encaps import generate_frames

    data_set = dcmread(BytesIO(contents[0]))
    if "PixelData" not in data_set:
        raise ValueError(f"'{name}' has no pixel data")
    count = int(data_set.get("NumberOfFrames") or 1)
    pixels = data_set.PixelData
    if data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        return list(generate_frames(pixels, number_of_frames=count))
    bits = data_set.Rows * data_set.Columns * data_set.SamplesPerPixel * data_set.BitsAllocated
    if bits % 8:
        raise ValueError(f"the frames of '{name}' share bytes")
    size = bits // 8
    return [pixels[at * size : (at + 1) * size] for at in range(count)]
