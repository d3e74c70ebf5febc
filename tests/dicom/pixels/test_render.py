"""Frames as pictures: window, look-up tables, colour spaces, overlays, encoding."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)
from tests.dicom.pixels.images import (
    Pixels,
    a_dataset,
    colours,
    compressed_file,
    encapsulated_file,
    even,
    grey_ramp,
    jpeg,
    native_file,
    write,
)

from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError, RenderingError
from azdicom_emulator.dicom.pixels.render import render, render_pixels

SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
ROW = np.array([[-1000, -60, -1, 0, 1, 20, 40, 41, 100, 239, 240, 3000]], dtype="i2")


def rendered(path: Path, frame_number: int = 1) -> Any:
    return render_pixels(path, frame_number).tolist()


def linear(values: Pixels, center: float, width: float) -> Any:
    """PS3.3 §C.11.2.1.2.1, truncated."""
    scaled = ((values.astype(float) - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.clip(scaled, 0, 255).astype(int).tolist()


def with_pixels(dataset: Dataset, pixels: Pixels, vr: str = "OW") -> Dataset:
    dataset.PixelData = even_bytes(pixels)
    dataset["PixelData"].VR = vr
    return dataset


def even_bytes(pixels: Pixels) -> bytes:
    return even(pixels.tobytes())


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"WindowCenter": 40, "WindowWidth": 400}, linear(ROW, 40, 400)),
        ({"WindowCenter": [40, 1000], "WindowWidth": [400, 1]}, linear(ROW, 40, 400)),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR"}, linear(ROW, 40, 400)),
        ({"WindowCenter": 40, "WindowWidth": 1}, [[0] * 6 + [255] * 6]),
        (
            {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"},
            np.clip((ROW - 40.0) / 400 * 255, 0, 255).astype(int).tolist(),
        ),
        (
            {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"},
            (255 / (1 + np.exp(-4 * (ROW - 40.0) / 400))).astype(int).tolist(),
        ),
        ({"WindowCenter": 40, "WindowWidth": 0.5}, linear(ROW, 1000, 4000)),
        ({"WindowCenter": 40}, linear(ROW, 1000, 4000)),
        ({"SmallestImagePixelValue": -100, "LargestImagePixelValue": 300}, linear(ROW, 100, 400)),
        ({"SmallestImagePixelValue": 300, "LargestImagePixelValue": -100}, linear(ROW, 1000, 4000)),
        (
            {"WindowCenter": 0, "WindowWidth": 9, "SmallestImagePixelValue": -100, "LargestImagePixelValue": 300},
            linear(ROW, 0, 9),
        ),
        ({}, linear(ROW, 1000, 4000)),
        ({"PixelPaddingValue": 3000}, linear(ROW, -380, 1240)),
        (
            {"RescaleSlope": "2", "RescaleIntercept": "-24", "WindowCenter": 40, "WindowWidth": 400},
            linear(ROW * 2 - 24, 40, 400),
        ),
        ({"RescaleSlope": "2", "RescaleIntercept": "-24"}, linear(ROW.astype(int) * 2 - 24, 1976, 8000)),
        (
            {"RescaleSlope": "2", "SmallestImagePixelValue": -100, "LargestImagePixelValue": 300},
            linear(ROW.astype(int) * 2, 100, 400),
        ),
    ],
    ids=[
        "linear", "first-window", "linear-named", "threshold", "linear-exact", "sigmoid", "width-below-1", "no-width",
        "smallest-largest", "smallest-above-largest", "window-before-smallest", "first-frame", "padding-left-out",
        "rescale", "first-frame-rescaled", "smallest-largest-not-rescaled",
    ],
)  # fmt: skip
def test_window(tmp_path: Path, attributes: dict[str, Any], expected: Any) -> None:
    """Retrieve §10, steps 2 and 3: which window, and what it does."""
    path = native_file(tmp_path / "a.dcm", ROW, **attributes)
    assert rendered(path) == expected


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    """Retrieve §10 step 3."""
    window: dict[str, Any] = {"WindowCenter": 40, "WindowWidth": 400}
    inverted = native_file(tmp_path / "a.dcm", ROW, PhotometricInterpretation="MONOCHROME1", **window)
    assert rendered(inverted) == (255 - np.array(linear(ROW, 40, 400))).tolist()


def test_the_first_frame_gives_the_window_of_the_others(tmp_path: Path) -> None:
    """Retrieve §10 step 2c: minimum and maximum of the first frame."""
    stack = np.stack([ROW, ROW // 2])
    path = native_file(tmp_path / "a.dcm", stack, number_of_frames=2)
    assert rendered(path, 2) == linear(ROW // 2, 1000, 4000)


def test_a_constant_image_has_a_window_of_one(tmp_path: Path) -> None:
    """Retrieve §10 step 2c: width at least 1."""
    assert rendered(native_file(tmp_path / "a.dcm", np.full((2, 2), 7, "u2"))) == [[255, 255], [255, 255]]


def lut_item(descriptor: list[int], data: bytes, vr: str = "OW") -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "SS" if min(descriptor) < 0 else "US", descriptor)
    item.add_new(0x00283006, vr, data)
    return item


@pytest.mark.parametrize("transfer_syntax_uid", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_modality_lut_takes_the_place_of_rescale(tmp_path: Path, transfer_syntax_uid: str) -> None:
    """PS3.3 §C.11.1: values outside the table get its first or last entry."""
    entries = np.array([0, 50, 100, 200], "<u2")
    dataset = a_dataset(ROW, RescaleSlope="7", WindowCenter=100, WindowWidth=201)
    dataset.ModalityLUTSequence = [lut_item([4, -1, 16], entries.tobytes())]
    path = write(tmp_path / "a.dcm", with_pixels(dataset, ROW), transfer_syntax_uid)
    mapped = entries[np.clip(ROW.astype(int) + 1, 0, 3)]
    assert rendered(path) == linear(mapped, 100, 201)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_x_ray_angiography_ignores_its_modality_lut(tmp_path: Path, number: int) -> None:
    """Retrieve §10 step 3: it leads back to the beam's intensity."""
    uid = f"1.2.840.10008.5.1.4.1.1.12.{number}"
    dataset = a_dataset(ROW, WindowCenter=40, WindowWidth=400, SOPClassUID=uid)
    dataset.ModalityLUTSequence = [lut_item([4, -1, 16], bytes(8))]
    assert rendered(write(tmp_path / "a.dcm", with_pixels(dataset, ROW))) == linear(ROW, 40, 400)


def test_voi_lut_takes_the_place_of_the_window(tmp_path: Path) -> None:
    """Retrieve §10 step 3: then a linear window over its output range; a US table after a rescale."""
    entries = np.array([0, 10, 1000, 4095], "<u2")
    dataset = a_dataset(ROW, WindowCenter=1, WindowWidth=2, RescaleIntercept="1")
    dataset.VOILUTSequence = [lut_item([4, 0, 12], entries.tobytes())]
    mapped = entries[np.clip(ROW.astype(int) + 1, 0, 3)]
    assert rendered(write(tmp_path / "a.dcm", with_pixels(dataset, ROW))) == linear(mapped, 2047.5, 4095)


def test_a_lut_of_bytes_may_be_packed(tmp_path: Path) -> None:
    """PS3.3 §C.11.1.1.1: entries of up to 8 bits."""
    dataset = a_dataset(ROW)
    dataset.VOILUTSequence = [lut_item([4, 0, 8], bytes([0, 10, 100, 255]))]
    mapped = np.array([0, 10, 100, 255])[np.clip(ROW, 0, 3)]
    assert rendered(write(tmp_path / "a.dcm", with_pixels(dataset, ROW))) == linear(mapped, 127.5, 255)


@pytest.mark.parametrize("item", [Dataset(), lut_item([9, 0, 16], bytes(4))], ids=["empty", "short"])
def test_a_lut_that_is_incomplete_is_refused(tmp_path: Path, item: Dataset) -> None:
    """Retrieve §10: rendering fails → 406."""
    item.LUTExplanation = "x"
    dataset = a_dataset(ROW, VOILUTSequence=[item])
    with pytest.raises(RenderingError):
        render_pixels(write(tmp_path / "a.dcm", with_pixels(dataset, ROW)), 1)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
@pytest.mark.parametrize("transfer_syntax_uid", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_every_depth_is_windowed_over_its_range(tmp_path: Path, transfer_syntax_uid: str, dtype: str) -> None:
    """Retrieve §10 step 4: 8, up to 16 and up to 32 bits, signed or not."""
    pixels = grey_ramp(dtype)
    make: Callable[..., Path] = compressed_file if transfer_syntax_uid == RLELossless else native_file
    low, high = int(pixels.min()), int(pixels.max())
    expected = linear(pixels, (low + high) / 2, high - low)
    assert rendered(make(tmp_path / "a.dcm", pixels, transfer_syntax_uid)) == expected


@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_bits_outside_bits_stored_are_not_shown(tmp_path: Path, dtype: str) -> None:
    """PS3.5 §8.1.1: twelve bits above bit 2, with rubbish around them."""
    pixels = grey_ramp(dtype, high=2047 if dtype == "i2" else 4095)
    stored = ((pixels.view("u2") << 2) & 0x3FFC | 0x8001).view(dtype)
    path = native_file(tmp_path / "a.dcm", stored, BitsStored=12, HighBit=13)
    low, high = int(pixels.min()), int(pixels.max())
    assert rendered(path) == linear(pixels, (low + high) / 2, high - low)


def test_sixty_four_bits_are_refused(tmp_path: Path) -> None:
    """Retrieve §10 step 4: more than 32 bits → 406."""
    with pytest.raises(RenderingError):
        render_pixels(native_file(tmp_path / "a.dcm", grey_ramp("u4").astype("u8")), 1)


@pytest.mark.parametrize("frame_number", [1, 2, 3])
def test_single_bits_are_black_and_white(tmp_path: Path, frame_number: int) -> None:
    """PS3.5 §8.1.1: frames of 15 bits that begin inside a byte."""
    bits = np.random.default_rng(7).integers(0, 2, (3, 3, 5), "u1")
    dataset = a_dataset(bits, number_of_frames=3, BitsAllocated=1, BitsStored=1)
    path = write(tmp_path / "a.dcm", with_pixels(dataset, np.packbits(bits, bitorder="little"), "OB"))
    assert rendered(path, frame_number) == (bits[frame_number - 1].astype(int) * 255).tolist()


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("transfer_syntax_uid", [ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless])
def test_rgb_is_shown_as_it_is(tmp_path: Path, transfer_syntax_uid: str, planar: int) -> None:
    """Retrieve §10 step 5: planar is interleaved first; a window is not looked at."""
    attributes = {"PlanarConfiguration": planar, "WindowCenter": 1, "WindowWidth": 2}
    if transfer_syntax_uid == ExplicitVRLittleEndian:
        stored = colours().transpose(2, 0, 1) if planar else colours()
        path = write(tmp_path / "a.dcm", with_pixels(a_dataset(colours(), **attributes), stored, "OB"))
    else:
        path = compressed_file(tmp_path / "a.dcm", colours(), transfer_syntax_uid, **attributes)
    assert rendered(path) == colours().tolist()


def test_rgb_of_sixteen_bits_shows_the_highest_eight(tmp_path: Path) -> None:
    """No window applies to colour."""
    path = native_file(tmp_path / "a.dcm", colours().astype("u2") << 4, BitsStored=12)
    assert rendered(path) == colours().tolist()


def ybr_full(y: float, cb: float, cr: float) -> list[int]:
    """Retrieve §10 step 5, rounded and clamped."""
    rgb = (y + 1.402 * (cr - 128), y - 0.3441 * (cb - 128) - 0.7141 * (cr - 128), y + 1.772 * (cb - 128))
    return [min(255, max(0, int(value + 0.5))) for value in rgb]


YBR = np.array([[[0, 128, 128], [255, 128, 128], [76, 85, 255], [150, 44, 21], [29, 255, 107]]], "u1")


@pytest.mark.parametrize("planar", [0, 1])
def test_ybr_full_is_converted(tmp_path: Path, planar: int) -> None:
    """Retrieve §10 step 5."""
    dataset = a_dataset(YBR, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=planar)
    stored = YBR.transpose(2, 0, 1) if planar else YBR
    path = write(tmp_path / "a.dcm", with_pixels(dataset, stored, "OB"))
    assert rendered(path) == [[ybr_full(*pixel) for pixel in YBR[0].tolist()]]


def test_ybr_full_422_shares_colour_between_two_pixels(tmp_path: Path) -> None:
    """Retrieve §10 step 5: interleaved Y1 Y2 Cb Cr; five columns take three pairs."""
    pairs = np.array([[10, 20, 100, 200], [30, 40, 128, 128], [50, 0, 90, 60]], "u1")
    dataset = a_dataset(np.zeros((1, 5, 3), "u1"), PhotometricInterpretation="YBR_FULL_422")
    path = write(tmp_path / "a.dcm", with_pixels(dataset, pairs, "OB"))
    expected = [(10, 100, 200), (20, 100, 200), (30, 128, 128), (40, 128, 128), (50, 90, 60)]
    assert rendered(path) == [[ybr_full(*pixel) for pixel in expected]]


def test_ybr_partial_422_uses_the_narrow_range(tmp_path: Path) -> None:
    """Retrieve §10 step 5: 16 is black and 235 white."""
    pairs = np.array([[16, 235, 128, 128]], "u1")
    dataset = a_dataset(np.zeros((1, 2, 3), "u1"), PhotometricInterpretation="YBR_PARTIAL_422")
    assert rendered(write(tmp_path / "a.dcm", with_pixels(dataset, pairs, "OB"))) == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("space", ["YBR_PARTIAL_420", "HSV", "CMYK", "ARGB", "XYZ"])
def test_other_colour_spaces_are_refused(tmp_path: Path, space: str) -> None:
    """Retrieve §10 step 5: others → 406."""
    with pytest.raises(RenderingError, match=space):
        render_pixels(native_file(tmp_path / "a.dcm", colours(), PhotometricInterpretation=space), 1)


def test_planar_ybr_full_422_is_refused(tmp_path: Path) -> None:
    """Retrieve §10 step 5: interleaved only."""
    attributes: dict[str, Any] = {"PhotometricInterpretation": "YBR_FULL_422", "PlanarConfiguration": 1}
    with pytest.raises(RenderingError, match="planar"):
        render_pixels(native_file(tmp_path / "a.dcm", colours(), **attributes), 1)


@pytest.mark.parametrize("space", ["YBR_FULL", "YBR_FULL_422", "RGB"])
def test_three_sample_jpeg_counts_as_rgb(tmp_path: Path, space: str) -> None:
    """Retrieve §10 step 5: after decoding, whatever the data set calls it."""
    dataset = a_dataset(colours(), PhotometricInterpretation=space)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [even(jpeg(colours()))], JPEGBaseline8Bit)
    assert np.abs(render_pixels(path, 1).astype(int) - colours()).max() <= 5


@pytest.mark.parametrize(
    ("bits", "pack"),
    [
        (16, lambda table: (table.astype("<u2") << 8).tobytes()),
        (16, lambda table: (table.astype("<u2") * 257).tobytes()),
        (8, lambda table: table.astype("<u2").tobytes()),
        (8, lambda table: table.astype("u1").tobytes()),
    ],
    ids=["16-bit", "16-bit-replicated", "8-bit-in-words", "8-bit-packed"],
)
def test_palette_colour(tmp_path: Path, bits: int, pack: Callable[[Pixels], bytes]) -> None:
    """Retrieve §10 step 5: three tables from a first value on, no window."""
    tables = np.array([[1, 2, 3, 4], [50, 60, 70, 80], [255, 254, 253, 252]])
    pixels = np.array([[0, 10, 11, 12, 13, 14, 200]], "u1")
    dataset = a_dataset(pixels, PhotometricInterpretation="PALETTE COLOR", WindowCenter=1, WindowWidth=2)
    for channel, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(dataset, f"{channel}PaletteColorLookupTableDescriptor", [4, 10, bits])
        dataset[f"{channel}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(dataset, f"{channel}PaletteColorLookupTableData", pack(table))
    path = write(tmp_path / "a.dcm", with_pixels(dataset, pixels, "OB"))
    assert rendered(path) == [tables[:, [0, 0, 1, 2, 3, 3, 3]].T.tolist()]


def test_a_palette_without_tables_is_refused(tmp_path: Path) -> None:
    """Segmented palettes, too, have none."""
    with pytest.raises(RenderingError):
        render_pixels(native_file(tmp_path / "a.dcm", grey_ramp("u1"), PhotometricInterpretation="PALETTE COLOR"), 1)


SHOWN = linear(np.array([90]), 128, 256)[0]


def with_overlay(dataset: Dataset, group: int, plane: Pixels, origin: tuple[int, int], **elements: Any) -> Dataset:
    """An overlay group; elements: number as `e0040=…`, None removes it."""
    block: dict[int, tuple[str, Any]] = {
        0x0010: ("US", plane.shape[0]),
        0x0011: ("US", plane.shape[1]),
        0x0040: ("CS", "G"),
        0x0050: ("SS", list(origin)),
        0x0100: ("US", 1),
        0x0102: ("US", 0),
        0x3000: ("OW", even(np.packbits(plane, bitorder="little").tobytes())),
    }
    block |= {int(name[1:], 16): value for name, value in elements.items()}
    for number, (vr, value) in block.items():
        if value is not None:
            dataset.add_new(group << 16 | number, vr, value)
    return dataset


@pytest.mark.parametrize("transfer_syntax_uid", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("origin", "drawn"),
    [
        ((1, 1), [(0, 0), (0, 1), (1, 2)]),
        ((2, 3), [(1, 2), (1, 3), (2, 4)]),
        ((0, 0), [(0, 1)]),
        ((4, 5), [(3, 4)]),
        ((40, 1), []),
        ((-40, 1), []),
    ],
)
def test_overlays_are_burnt_in_at_their_origin(
    tmp_path: Path, origin: tuple[int, int], drawn: list[tuple[int, int]], transfer_syntax_uid: str
) -> None:
    """Retrieve §10 step 6: magenta, cut at the border; green keeps the picture, since the colour is ORed in."""
    pixels = np.full((4, 5), 90, "u1")
    plane = np.array([[1, 1, 0], [0, 0, 1]], "u1")
    dataset = with_overlay(a_dataset(pixels, WindowCenter=128, WindowWidth=256), 0x6002, plane, origin)
    path = write(tmp_path / "a.dcm", with_pixels(dataset, pixels, "OB"), transfer_syntax_uid)
    picture = render_pixels(path, 1)
    magenta = [at for at in np.ndindex(4, 5) if np.atleast_1d(picture[at]).tolist() == [255, SHOWN, 255]]
    assert magenta == drawn


@pytest.mark.parametrize(
    "elements",
    [{"e0040": ("CS", "R")}, {"e0010": ("US", 0)}, {"e3000": ("OW", b"\0\0"), "e0010": ("US", 99)}],
    ids=["region-of-interest", "no-rows", "too-short"],
)
def test_other_overlays_are_not_drawn(tmp_path: Path, elements: dict[str, Any]) -> None:
    """Retrieve §10 step 6: graphic overlays only."""
    pixels = grey_ramp("u1", 4, 5)
    dataset = with_overlay(a_dataset(pixels), 0x6000, np.ones((2, 2), "u1"), (1, 1), **elements)
    assert render_pixels(write(tmp_path / "a.dcm", with_pixels(dataset, pixels, "OB")), 1).ndim == 2


def test_a_multi_frame_overlay_is_drawn_on_its_frames(tmp_path: Path) -> None:
    """PS3.3 §C.9.3: frames of the overlay follow each other bit by bit, from the image's second frame on."""
    stack = np.full((4, 1, 3), 90, "u1")
    plane = np.array([[1, 0, 0], [0, 0, 1]], "u1")
    dataset = a_dataset(stack, number_of_frames=4, WindowCenter=128, WindowWidth=256)
    overlay = {"e0010": ("US", 1), "e0015": ("IS", "2"), "e0051": ("US", 2)}
    path = write(tmp_path / "a.dcm", with_pixels(with_overlay(dataset, 0x6000, plane, (1, 1), **overlay), stack, "OB"))
    marked = [render_pixels(path, n).reshape(3, -1)[:, 0].tolist() for n in (1, 2, 3, 4)]
    none = [SHOWN] * 3
    assert marked == [none, [255, SHOWN, SHOWN], [SHOWN, SHOWN, 255], none]


def test_an_overlay_in_an_unused_bit_of_the_pixels_is_drawn(tmp_path: Path) -> None:
    """PS3.3 §C.9.2 (retired): no overlay data, a bit position above the stored bits."""
    pixels = np.array([[100, 200, 300]], "u2")
    pixels[0, 1] |= 1 << 12
    dataset = a_dataset(pixels, BitsStored=12, WindowCenter=2048, WindowWidth=4096)
    plane = np.zeros((1, 3), "u1")
    overlay = {"e3000": ("OW", None), "e0102": ("US", 12), "e0100": ("US", 16)}
    path = write(tmp_path / "a.dcm", with_pixels(with_overlay(dataset, 0x6000, plane, (1, 1), **overlay), pixels))
    assert rendered(path) == [[[6, 6, 6], [255, 12, 255], [18, 18, 18]]]


def test_png_is_eight_bit_rgba_and_exact(tmp_path: Path) -> None:
    """Retrieve §10 step 8."""
    path = native_file(tmp_path / "a.dcm", colours())
    with Image.open(BytesIO(render(path, 1, "image/png", 7))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (48, 40))
        assert np.asarray(picture)[..., :3].tolist() == colours().tolist()
        assert np.asarray(picture)[..., 3].min() == 255


@pytest.mark.parametrize("pixels", [grey_ramp("u1"), colours()], ids=["grey", "rgb"])
def test_jpeg_quality_matters(tmp_path: Path, pixels: Pixels) -> None:
    """Retrieve §10 step 8: encoder quality = `quality`; 100 is close to the pixels."""
    path = native_file(tmp_path / "a.dcm", pixels, WindowCenter=128, WindowWidth=256)
    best, worst = (render(path, 1, "image/jpeg", quality) for quality in (100, 1))
    assert len(worst) < len(best)
    with Image.open(BytesIO(best)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (48, 40))
        assert np.abs(np.asarray(picture).astype(int) - pixels).max() <= 6


def test_pixel_aspect_ratio_is_ignored(tmp_path: Path) -> None:
    """Retrieve §10 step 7: Columns × Rows."""
    path = native_file(tmp_path / "a.dcm", grey_ramp("u1"), PixelAspectRatio=["1", "2"])
    assert render_pixels(path, 1).shape == (40, 48)


@pytest.mark.parametrize("frame_number", [0, 2])
def test_a_frame_out_of_range_is_not_found(tmp_path: Path, frame_number: int) -> None:
    """Retrieve §10: 404."""
    with pytest.raises(FrameNotFoundError):
        render_pixels(native_file(tmp_path / "a.dcm", grey_ramp()), frame_number)


def test_a_codestream_that_cannot_be_decoded_is_refused(tmp_path: Path) -> None:
    """Retrieve §10: 406."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(grey_ramp("u1")), [b"nothing!"])
    with pytest.raises(RenderingError):
        render(path, 1, "image/jpeg", 100)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_rgb_jls_lossy_line.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_rgb_gdcm_KY.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_ybr_full_422_uncompressed.dcm", "SC_rgb_jpeg_dcmtk.dcm"),
        ("SC_rgb_rle_16bit.dcm", "SC_rgb_rle.dcm"),
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
        ("rtdose_rle.dcm", "rtdose.dcm"),
    ],
)
def test_pydicoms_samples_of_one_picture_look_the_same(name: str, reference: str) -> None:
    """The same picture in two transfer syntaxes."""
    first, second = (render_pixels(SAMPLES / file, 1).astype(int) for file in (name, reference))
    assert np.abs(first - second).mean() < 3
