"""Rendered pictures of two answers, with a picture of where they differ, as data URIs for a report."""

import base64
import io
from typing import TYPE_CHECKING

from azdicom_proxy.cassette.bodies import content_of, media_type_of, size_of
from azdicom_proxy.cassette.errors import BodyOmittedError
from azdicom_proxy.cassette.model import RecordedResponse

if TYPE_CHECKING:
    from PIL import Image

MEDIA_TYPES = frozenset(("image/jpeg", "image/png", "image/gif"))
MAX_BODY_BYTES = 32 * 1024 * 1024
MAX_PIXELS = 64 * 1024 * 1024
EDGE = 320
"""Pixels of a shown picture's longer edge."""


def pictures_of(upstream: RecordedResponse, local: RecordedResponse) -> dict[str, str]:
    """`upstream`, `local` and `difference`, those that there are; the difference where both have the same size."""
    both = {name: _opened(response) for name, response in (("upstream", upstream), ("local", local))}
    found = {name: picture for name, picture in both.items() if picture is not None}
    shown = {name: _data_uri(picture) for name, picture in found.items()}
    if len(found) == 2 and found["upstream"].size == found["local"].size:
        shown["difference"] = _data_uri(_difference(found["upstream"], found["local"]))
    return shown


def _opened(response: RecordedResponse) -> "Image.Image | None":
    if media_type_of(response.headers) not in MEDIA_TYPES or not 0 < size_of(response.body) <= MAX_BODY_BYTES:
        return None
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(content_of(response.body)))
        if picture.width * picture.height > MAX_PIXELS:
            return None
        return picture.convert("RGB")
    except (UnidentifiedImageError, BodyOmittedError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _difference(upstream: "Image.Image", local: "Image.Image") -> "Image.Image":
    """Black where both agree; the largest difference of any sample is white, so that a single grey level shows.

    Where the picture is to be shrunk, each block of pixels gets its largest difference, so that a single pixel shows.
    """
    import numpy as np
    from PIL import Image, ImageChops

    difference = np.asarray(ImageChops.difference(upstream, local)).max(axis=2)
    block = -(-max(difference.shape) // EDGE)
    rows, columns = (-(-length // block) for length in difference.shape)
    padded = np.zeros((rows * block, columns * block), np.uint8)
    padded[: difference.shape[0], : difference.shape[1]] = difference
    largest = padded.reshape(rows, block, columns, block).max(axis=(1, 3)).astype(np.uint16)
    return Image.fromarray((largest * 255 // max(int(largest.max()), 1)).astype(np.uint8))


def _data_uri(picture: "Image.Image") -> str:
    shown = picture.copy()
    shown.thumbnail((EDGE, EDGE))
    file = io.BytesIO()
    shown.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
