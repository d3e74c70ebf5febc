"""Renders synthetic studies through a server into one labelled picture: `python -m tests.synthetic_sheet OUT.png`."""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw

from azdicom_emulator.settings import Settings
from azdicom_scenarios.synthetic.build import BuiltInstance, BuiltSeries, build
from azdicom_scenarios.synthetic.spec import SeriesSpec, StudySpec
from tests.support.client import Emulator
from tests.support.server import running

THUMBNAIL, LABEL, COLUMNS = 168, 16, 6
CELL = (THUMBNAIL + 8, THUMBNAIL + LABEL + 8)

SHOWN: tuple[tuple[SeriesSpec, tuple[int, ...]], ...] = (
    (SeriesSpec(modality="CT", instances=8, rows=192, columns=192), (0, 2, 4, 7)),
    (SeriesSpec(modality="MR", rows=192, columns=192), (0,)),
    (SeriesSpec(modality="CR", rows=256, columns=256), (0,)),
    (SeriesSpec(modality="US", rows=192, columns=192), (0,)),
    (SeriesSpec(modality="US", rows=192, columns=192, colour=False, transfer_syntax="jpeg-baseline"), (0,)),
    (SeriesSpec(modality="US", rows=160, columns=160, frames=3), (0, 1, 2)),
    (SeriesSpec(modality="OT", rows=160, columns=160, pixels="gradient"), (0,)),
    (SeriesSpec(modality="OT", rows=160, columns=160, pixels="grid"), (0,)),
    (SeriesSpec(modality="OT", rows=160, columns=160, pixels="bars"), (0,)),
    (SeriesSpec(modality="OT", rows=160, columns=160, colour=True, transfer_syntax="jpeg-2000"), (0,)),
    (SeriesSpec(modality="OT", rows=160, columns=160, frames=2, transfer_syntax="rle"), (0, 1)),
    (SeriesSpec(modality="SM", rows=160, columns=160, frames=4), (0, 1, 2, 3)),
    (SeriesSpec(modality="SEG", rows=160, columns=160, frames=2), (0, 1)),
)
"""Series, and which instances (of a series of one: which frames) are shown; numbers from 0."""


def pictures(emulator: Emulator) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture, as `GET …/rendered` answers."""
    spec = StudySpec(alias="sheet", series=tuple(series for series, _ in SHOWN))
    study = build(spec, 1, "contact sheet")
    for instance in study.i:
        stored = emulator.store_response(bytes(instance))
        assert stored.status == 200, stored.text
    for built, (series, numbers) in zip(study.s, SHOWN, strict=True):
        for number in numbers:
            yield f"{series.modality} {series.transfer_syntax_name}", _rendered(emulator, built, number)


def _rendered(emulator: Emulator, series: BuiltSeries, number: int) -> Image.Image:
    is_stack = len(series.i) > 1
    instance: BuiltInstance = series.i[number if is_stack else 0]
    path = f"{instance.path}/frames/{1 if is_stack else number + 1}/rendered"
    answer = emulator.get(path, accept="image/png")
    assert answer.status == 200, answer.text
    return Image.open(BytesIO(answer.content)).convert("RGB")


def sheet(found: list[tuple[str, Image.Image]]) -> Image.Image:
    rows = -(-len(found) // COLUMNS)
    canvas = Image.new("RGB", (COLUMNS * CELL[0], rows * CELL[1]), "#20242c")
    draw = ImageDraw.Draw(canvas)
    for index, (name, picture) in enumerate(found):
        left, top = index % COLUMNS * CELL[0] + 4, index // COLUMNS * CELL[1] + 4
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        canvas.paste(picture, (left + (THUMBNAIL - picture.width) // 2, top + (THUMBNAIL - picture.height) // 2))
        draw.text((left, top + THUMBNAIL + 2), name, fill="white", font_size=11)
    return canvas


def main(out: Path) -> None:
    with TemporaryDirectory() as folder, running(Settings(data_dir=Path(folder) / "data")) as emulator:
        sheet(list(pictures(emulator))).quantize(256).save(out, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.synthetic_sheet OUT.png")
    main(Path(sys.argv[1]))
