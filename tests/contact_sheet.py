"""Renders pydicom's sample images into one labelled picture: `python -m tests.contact_sheet docs/contact-sheet.png`.

Every image that `render` refuses is listed with the reason. Needs the packages pydicom and pydicom-data, no network.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import data_store  # type: ignore[import-untyped]
import numpy as np
import pydicom.data
from PIL import Image, ImageDraw, ImageOps

from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError, MalformedFileError, RenderingError
from azdicom_emulator.dicom.pixels.image import ImageFile
from azdicom_emulator.dicom.pixels.render import render_pixels

THUMBNAIL, LABEL, COLUMNS = 120, 24, 12
CELL = (THUMBNAIL + 6, THUMBNAIL + LABEL + 6)
LINE = 11
_PREFIX = "1.2.840.10008."


@dataclass(frozen=True, slots=True)
class Rendering:
    """One file: a thumbnail, or the reason why there is none."""

    name: str
    transfer_syntax_uid: str
    thumbnail: Image.Image | None = None
    refused: str = ""


def sample_files() -> list[Path]:
    """All sample files of the installed packages, by name."""
    folders = Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__file__).parent / "data"
    paths = (path for folder in folders for path in folder.glob("*.dcm"))
    return sorted(paths, key=lambda path: path.name.lower())


def rendering(path: Path) -> Rendering | None:
    """None: the file has no pixel data."""
    try:
        with ImageFile(path) as image:
            syntax, has_pixel_data = image.transfer_syntax_uid.removeprefix(_PREFIX), image.has_pixel_data
    except MalformedFileError as error:
        return Rendering(path.name, "", refused=f"{type(error).__name__}: {error}")
    if not has_pixel_data:
        return None
    try:
        picture = Image.fromarray(np.ascontiguousarray(render_pixels(path, 1))).convert("RGB")
    except (FrameNotFoundError, RenderingError) as error:
        return Rendering(path.name, syntax, refused=f"{type(error).__name__}: {error}")
    scaling = Image.Resampling.NEAREST if max(picture.size) < THUMBNAIL else Image.Resampling.LANCZOS
    thumbnail = ImageOps.contain(picture, (THUMBNAIL, THUMBNAIL), scaling)
    return Rendering(path.name, syntax, thumbnail=thumbnail)


def contact_sheet(paths: list[Path]) -> Image.Image:
    """Thumbnails with name and transfer syntax in rows, refused files as text lines below."""
    renderings = [found for found in map(rendering, paths) if found is not None]
    shown = [found for found in renderings if found.thumbnail is not None]
    refused = [found for found in renderings if found.thumbnail is None]
    grid_height = -(-len(shown) // COLUMNS) * CELL[1]
    sheet = Image.new("RGB", (COLUMNS * CELL[0], grid_height + (len(refused) + 2) * LINE), "#20242c")
    draw = ImageDraw.Draw(sheet)
    for index, found in enumerate(shown):
        _draw_cell(sheet, draw, found, index % COLUMNS * CELL[0] + 3, index // COLUMNS * CELL[1] + 3)
    for line, found in enumerate(refused):
        text = f"refused: {found.name}  {found.transfer_syntax_uid}  {found.refused}"
        draw.text((4, grid_height + line * LINE + 4), text, fill="#e0b060", font_size=10)
    return sheet


def _draw_cell(sheet: Image.Image, draw: ImageDraw.ImageDraw, found: Rendering, left: int, top: int) -> None:
    if found.thumbnail is None:
        return
    size = found.thumbnail.size
    sheet.paste(found.thumbnail, (left + (THUMBNAIL - size[0]) // 2, top + (THUMBNAIL - size[1]) // 2))
    name = found.name.removesuffix(".dcm")
    draw.text(
        (left, top + THUMBNAIL + 1), name if len(name) <= 21 else f"{name[:10]}…{name[-10:]}", fill="white", font_size=9
    )
    draw.text((left, top + THUMBNAIL + 12), found.transfer_syntax_uid, fill="#90a0b8", font_size=9)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.contact_sheet OUT.png")
    contact_sheet(sample_files()).quantize(256).save(sys.argv[1], optimize=True)
