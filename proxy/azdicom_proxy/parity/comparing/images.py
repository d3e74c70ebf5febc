"""Rendered images compared: size, bands, then how far the decoded pixels are apart."""

from io import BytesIO
from math import inf, log10
from typing import TYPE_CHECKING

from azdicom_proxy.parity.comparing.findings import Findings, Place
from azdicom_proxy.parity.model import Severity

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE = Place.of("image")
PEAK = 255.0
LOSSY = frozenset(("image/jpeg", "image/jpg"))


def compare_images(upstream: bytes, local: bytes, media_type: str, findings: Findings) -> None:
    """PNG must be exact; JPEG may be close, which is minor."""
    if upstream == local:
        findings.same()
        return
    ours, theirs = _opened(upstream), _opened(local)
    if ours is None or theirs is None:
        up, loc = ("no image" if each is None else "an image" for each in (ours, theirs))
        findings.report(Severity.BREAKING, IMAGE, "value", "an image cannot be read", upstream=up, local=loc)
    elif ours.size != theirs.size:
        up, loc = (f"{each.width} x {each.height}" for each in (ours, theirs))
        findings.report(Severity.BREAKING, IMAGE, "size", "another size", upstream=up, local=loc)
    elif ours.getbands() != theirs.getbands():
        up, loc = ("".join(each.getbands()) for each in (ours, theirs))
        findings.report(Severity.BREAKING, IMAGE, "bands", "other bands", upstream=up, local=loc)
    else:
        _compare_pixels(psnr(ours, theirs), media_type, findings)


def psnr(one: "Image", other: "Image") -> float:
    """Peak signal-to-noise ratio in dB of two images of the same size and bands; infinite for equal ones."""
    import numpy as np

    difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    error = float((difference * difference).mean())
    return inf if error == 0 else 10 * log10(PEAK * PEAK / error)


def _compare_pixels(ratio: float, media_type: str, findings: Findings) -> None:
    if ratio == inf:
        findings.same()
    elif media_type in LOSSY and ratio >= findings.close_psnr_db:
        findings.report(Severity.MINOR, IMAGE, "close", f"close pixels, PSNR {ratio:.1f} dB")
    else:
        findings.report(Severity.BREAKING, IMAGE, "pixels", f"other pixels, PSNR {ratio:.1f} dB")


def _opened(content: bytes) -> "Image | None":
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(content))
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return image
