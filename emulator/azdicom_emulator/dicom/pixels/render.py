"""A frame as JPEG or PNG, as the rendered resources return it (retrieve §10; PS3.18 §10.4, rendered resources)."""

from io import BytesIO
from os import PathLike
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from azdicom_emulator.dicom.pixels.colour import rgb
from azdicom_emulator.dicom.pixels.errors import DecodingError, FrameNotFoundError, MalformedFileError, RenderingError
from azdicom_emulator.dicom.pixels.frames import frame_table
from azdicom_emulator.dicom.pixels.grayscale import grey
from azdicom_emulator.dicom.pixels.image import ImageFile
from azdicom_emulator.dicom.pixels.native import decode_frame
from azdicom_emulator.dicom.pixels.overlays import overlay_masks

# The service's JPEG encoder keeps full colour resolution from this quality on.
_FULL_CHROMA_QUALITY = 91
_MAX_BITS = 32

Picture = NDArray[np.uint8]


def render(
    path: str | PathLike[str], frame_number: int, media_type: Literal["image/jpeg", "image/png"], quality: int = 100
) -> bytes:
    """One frame (1-based) as an image of Columns × Rows pixels; `quality` 1…100 is for JPEG.

    Raises FrameNotFoundError, RenderingError, OSError. Reads and decodes that frame only, except that frame 1 gives the
    window where the data set has none.
    """
    picture = render_pixels(path, frame_number)
    return _png(picture) if media_type == "image/png" else _jpeg(picture, quality)


def render_pixels(path: str | PathLike[str], frame_number: int) -> Picture:
    """What `render` encodes: (rows, columns) grey or (rows, columns, 3) RGB."""
    try:
        with ImageFile(path) as image:
            return _rendered(image, frame_number)
    except MalformedFileError as error:
        raise FrameNotFoundError(str(error)) from error
    except DecodingError as error:
        raise RenderingError(str(error)) from error


def _rendered(image: ImageFile, frame_number: int) -> Picture:
    declared, table = image.pixel_format(), frame_table(image)
    table.slices(frame_number)
    if declared.bits_allocated > _MAX_BITS:
        raise RenderingError(f"{declared.bits_allocated} bits allocated")
    frame = decode_frame(image, table, declared, frame_number)
    if frame.described.photometric_interpretation in ("MONOCHROME1", "MONOCHROME2") and frame.pixels.ndim == 2:
        first = frame if frame_number == 1 else None
        picture = grey(image, frame, lambda: first or decode_frame(image, table, declared, 1))
    else:
        picture = rgb(image, frame)
    for mask in overlay_masks(image, frame, frame_number):
        picture = _burnt_in(picture, mask)
    return picture


def _burnt_in(picture: Picture, mask: NDArray[np.bool_]) -> Picture:
    """Magenta over the picture: red and blue are filled, green is kept, since the service ORs the colour in."""
    coloured = np.repeat(picture[..., np.newaxis], 3, axis=-1) if picture.ndim == 2 else picture.copy()
    coloured[mask, 0::2] = 255
    return coloured


def _jpeg(picture: Picture, quality: int) -> bytes:
    from PIL import Image

    sink = BytesIO()
    subsampling = 0 if quality >= _FULL_CHROMA_QUALITY else 2
    Image.fromarray(np.ascontiguousarray(picture)).save(sink, "JPEG", quality=quality, subsampling=subsampling)
    return sink.getvalue()


def _png(picture: Picture) -> bytes:
    """RGBA with opaque alpha, lightly compressed: clients read it once."""
    from PIL import Image

    sink = BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).convert("RGBA").save(sink, "PNG", compress_level=1)
    return sink.getvalue()
