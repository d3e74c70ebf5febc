"""Pictures of synthetic instances: phantoms, ramps, grids and bars with a label, as numbers between 0 and 1."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Plane = NDArray[Any]
"""(rows, columns) of float32, 0 black and 1 white; colour planes are (rows, columns, 3)."""

MIN_LABELLED = 48
"""Smaller pictures carry no label: it would cover them."""

_ELLIPSES = (
    # value to add, half axes, centre (from the middle, in halves of the picture), angle in degrees
    (0.62, 0.86, 0.70, 0.00, 0.00, 0.0),
    (-0.30, 0.79, 0.63, 0.00, 0.02, 0.0),
    (-0.20, 0.20, 0.37, -0.30, 0.05, 18.0),
    (-0.20, 0.18, 0.33, 0.30, 0.05, -18.0),
    (0.22, 0.14, 0.13, 0.00, -0.38, 0.0),
    (0.34, 0.10, 0.10, 0.00, 0.42, 0.0),
    (0.26, 0.05, 0.05, -0.14, 0.18, 0.0),
    (0.26, 0.04, 0.04, 0.16, 0.22, 0.0),
)
"""A body with two lungs, spine and a few nodules: Shepp and Logan's idea, with numbers of its own."""


def picture(kind: str, rows: int, columns: int, *, position: float = 0.5, label: str = "") -> Plane:
    """The greyscale picture `kind` (a name of `spec.PIXELS`); position 0 … 1: where in a stack or in a loop it is."""
    plane = _PAINTERS[kind](rows, columns, position)
    return with_label(plane, label) if label else plane


def coloured(plane: Plane, *, hue: float = 0.08) -> Plane:
    """`plane` in tints of one hue (0 … 1), dark ones darker: (rows, columns, 3)."""
    phases = np.array([hue, hue + 1 / 3, hue + 2 / 3], dtype=np.float32) * 2 * np.pi
    tint = 0.72 + 0.28 * np.cos(phases)
    return np.asarray(np.clip(plane[..., None] ** (1.6 - tint) * (0.55 + 0.45 * tint), 0, 1), np.float32)


def with_label(plane: Plane, label: str, *, shade: float = 1.0) -> Plane:
    """`label` in white, or another shade of grey, at the lower left of a picture that is large enough."""
    rows, columns = plane.shape[:2]
    if rows < MIN_LABELLED or columns < MIN_LABELLED:
        return plane
    mask = _text(label, min(24, max(8, min(rows, columns) // 12)), columns - 4)
    height, width = mask.shape
    labelled = plane.copy()
    corner = labelled[rows - height - 2 : rows - 2, 3 : 3 + width]
    opacity = mask if plane.ndim == 2 else mask[..., None]
    np.copyto(corner, corner * (1 - opacity) + opacity * shade)
    return labelled


def ultrasound_fan(rows: int, columns: int, position: float) -> Plane:
    """A sector with echoes that move with `position`, black outside of it."""
    y, x = _axes(rows, columns)
    depth, angle = np.hypot(x, y + 1.05) / 2.0, np.arctan2(x, y + 1.05)
    echoes = 0.45 + 0.25 * np.sin(38 * depth + 3 * np.sin(6 * angle)) * np.exp(-1.2 * depth)
    cyst = np.hypot(x - 0.2 * np.sin(2 * np.pi * position), y - 0.1) < 0.22 + 0.06 * np.sin(2 * np.pi * position)
    inside = (np.abs(angle) < 0.62) & (depth > 0.12) & (depth < 0.99)
    return np.asarray(np.where(inside, np.where(cyst, 0.06, echoes), 0.0), np.float32)


def radiograph(rows: int, columns: int, _position: float) -> Plane:
    """A chest as a projection: two dark lungs, ribs, heart and spine."""
    y, x = _axes(rows, columns)
    plane = 0.62 - 0.22 * np.hypot(0.8 * x, 0.6 * y)
    for side in (-1, 1):
        lung = 1 - ((x - 0.42 * side) / 0.34) ** 2 - ((y + 0.05) / 0.68) ** 2
        plane = plane - 0.5 * np.clip(lung * 2.2, 0, 1)
    ribs = np.clip(np.sin(17 * (y + 0.35 * x * x)) - 0.55, 0, 1) * (np.abs(x) < 0.85)
    heart = np.clip((1 - ((x - 0.14) / 0.33) ** 2 - ((y - 0.28) / 0.36) ** 2) * 2, 0, 1)
    spine = np.exp(-((x / 0.09) ** 2)) * (0.85 + 0.15 * np.sin(30 * y))
    return np.asarray(np.clip(plane + 0.18 * ribs + 0.26 * heart + 0.16 * spine, 0, 1), np.float32)


def tissue(rows: int, columns: int) -> Plane:
    """A stained slice of tissue as a slide scanner sees it: (rows, columns, 3), pink with violet nuclei on white."""
    y, x = _axes(rows, columns)
    edge = np.hypot(x, y * 1.1) + 0.08 * np.sin(5 * np.arctan2(y, x)) + 0.05 * np.sin(9 * x)
    inside = np.clip((0.82 - edge) * 14, 0, 1)
    fibres = 0.5 + 0.5 * np.sin(24 * x + 5 * np.sin(7 * y))
    nuclei = (np.sin(55 * x + 3 * np.sin(11 * y)) * np.sin(55 * y + 3 * np.sin(9 * x)) > 0.62).astype(np.float32)
    pink, violet = np.array([0.92, 0.55, 0.74]), np.array([0.40, 0.20, 0.56])
    stained = (pink + 0.10 * fibres[..., None]) * (1 - nuclei[..., None]) + violet * nuclei[..., None]
    white = np.array([0.96, 0.95, 0.96])
    return np.asarray(np.clip(white * (1 - inside[..., None]) + stained * inside[..., None], 0, 1), np.float32)


def disc(rows: int, columns: int, position: float) -> NDArray[np.bool_]:
    """The nodule that a segmentation marks, largest in the upper half of the stack."""
    y, x = _axes(rows, columns)
    radius = 0.12 + 0.26 * np.sin(np.pi * (0.1 + 0.6 * position))
    return np.asarray(np.hypot(x + 0.25, y - 0.1) < radius)


def _axes(rows: int, columns: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows and columns as coordinates from -1 to 1, to be broadcast."""
    return np.linspace(-1, 1, rows, dtype=np.float32)[:, None], np.linspace(-1, 1, columns, dtype=np.float32)[None, :]


def _phantom(rows: int, columns: int, position: float) -> Plane:
    y, x = _axes(rows, columns)
    # Slices near the ends of the stack cut less of the body.
    scale = float(0.78 + 0.22 * np.sin(np.pi * (0.12 + 0.7 * position)))
    plane = np.zeros((rows, columns), np.float32)
    for value, across, down, x0, y0, degrees in _ELLIPSES:
        angle = np.radians(degrees)
        right, below = x - x0, y - y0
        u, v = right * np.cos(angle) + below * np.sin(angle), below * np.cos(angle) - right * np.sin(angle)
        plane[(u / (across * scale)) ** 2 + (v / (down * scale)) ** 2 <= 1] += value
    return np.clip(plane, 0, 1)


def _gradient(rows: int, columns: int, position: float) -> Plane:
    y, x = _axes(rows, columns)
    return np.asarray(((x * np.cos(position) + y * np.sin(position) + 1.42) / 2.84), np.float32)


def _grid(rows: int, columns: int, position: float) -> Plane:
    y, x = np.arange(rows)[:, None], np.arange(columns)[None, :]
    step = max(4, min(rows, columns) // 8)
    lines = (y % step == 0) | (x % step == 0)
    squares = ((y // step + x // step) % 2).astype(np.float32)
    return np.asarray(np.where(lines, 0.9, 0.12 + (0.2 + 0.3 * position) * squares), np.float32)


def _bars(rows: int, columns: int, position: float) -> Plane:
    steps = np.minimum(np.arange(columns) * 8 // columns, 7) / 7
    shade = np.broadcast_to(steps[None, :], (rows, columns)).astype(np.float32).copy()
    shade[int(position * (rows - 1))] = 1 - shade[int(position * (rows - 1))]
    return shade


_PAINTERS: dict[str, Callable[[int, int, float], Plane]] = {
    "phantom": _phantom,
    "gradient": _gradient,
    "grid": _grid,
    "bars": _bars,
    "fan": ultrasound_fan,
    "radiograph": radiograph,
}


@lru_cache(maxsize=512)
def _text(text: str, size: int, width: int) -> Plane:
    """`text` as opacities (rows, columns), cut at `width`."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    canvas = Image.new("L", (max(1, min(width, int(right - left) + 2)), int(bottom - top) + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.asarray(canvas, np.float32) / 255
