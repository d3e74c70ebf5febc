"""Pictures in answers: their size, and how close they are to another one."""

import math
from dataclasses import dataclass
from io import BytesIO
from typing import Any


class NoPictureError(ValueError):
    """The bytes are no picture that can be read."""


@dataclass(frozen=True, slots=True)
class Picture:
    """samples: array of (height, width, bands), 0–255."""

    width: int
    height: int
    samples: Any


def picture(content: bytes) -> Picture:
    """JPEG, PNG, or what else Pillow reads. Raises NoPictureError."""
    import numpy as np
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as image:
            bands = image if image.mode in ("L", "RGB") else image.convert("RGB")
            samples = np.atleast_3d(np.asarray(bands, dtype=np.float64))
            return Picture(image.width, image.height, samples)
    except (OSError, SyntaxError, ValueError) as error:
        raise NoPictureError(str(error) or type(error).__name__) from None


def psnr_db(one: Picture, other: Picture) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures. A grey one is compared in all bands of the other.

    Raises ValueError: they differ in size.
    """
    if (one.width, one.height) != (other.width, other.height):
        raise ValueError(f"{one.width}×{one.height} against {other.width}×{other.height} pixels")
    mean_square = float(((one.samples - other.samples) ** 2).mean())
    return math.inf if mean_square == 0 else 10 * math.log10(255**2 / mean_square)
