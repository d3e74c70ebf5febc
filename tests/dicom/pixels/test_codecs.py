"""Frames in every transfer syntax to uncompressed little endian bytes, and to JPEG 2000."""

import base64
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import data_store  # type: ignore[import-untyped]
import numpy as np
import pydicom.data
import pytest
from numpy.typing import NDArray
from openjpeg.utils import decode as decode_jpeg_2000
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from tests.dicom.pixels.images import (
    a_dataset,
    colours,
    compressed_file,
    encapsulated_file,
    even,
    grey_ramp,
    jpeg,
    jpeg_2000,
    native_file,
    write,
)

from azdicom_emulator.dicom.pixels.errors import FrameNotFoundError, TranscodingError
from azdicom_emulator.dicom.pixels.limits import MAX_FRAME_BYTES
from azdicom_emulator.dicom.pixels.native import encode_frames_j2k, frames_little_endian

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
LOSSLESS = ("1.2.840.10008.1.2.4.57", JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)
PIXELS = {
    "8": grey_ramp("u1"),
    "16": grey_ramp("u2"),
    "signed-16": grey_ramp("i2"),
    "rgb": colours(),
}
SAMPLES = Path(pydicom.data.__file__).parent / "test_files"
MORE_SAMPLES = Path(data_store.__file__).parent / "data"


def samples_of(codestream: bytes) -> NDArray[Any]:
    pixels: NDArray[Any] = decode_jpeg_2000(codestream)
    return pixels


@pytest.mark.parametrize("pixels", PIXELS.values(), ids=PIXELS)
@pytest.mark.parametrize("transfer_syntax_uid", NATIVE, ids=lambda uid: uid.name)
def test_native_frames_come_out_in_little_endian(
    tmp_path: Path, transfer_syntax_uid: str, pixels: NDArray[Any]
) -> None:
    """Retrieve §7: big endian is swapped, everything else is as stored."""
    path = native_file(tmp_path / "a.dcm", pixels, transfer_syntax_uid)
    assert frames_little_endian(path, [1])[0] == pixels.tobytes()


@pytest.mark.parametrize("pixels", PIXELS.values(), ids=PIXELS)
@pytest.mark.parametrize("transfer_syntax_uid", LOSSLESS)
def test_lossless_frames_come_out_as_they_went_in(
    tmp_path: Path, transfer_syntax_uid: str, pixels: NDArray[Any]
) -> None:
    """Retrieve §9, sources that work."""
    path = compressed_file(tmp_path / "a.dcm", pixels, transfer_syntax_uid)
    assert frames_little_endian(path, [1])[0] == pixels.tobytes()


@pytest.mark.parametrize("dtype", ["u2", "i2"])
@pytest.mark.parametrize("transfer_syntax_uid", LOSSLESS)
def test_twelve_of_sixteen_bits_keep_their_sign(tmp_path: Path, transfer_syntax_uid: str, dtype: str) -> None:
    """PS3.5 §8.1.1: BitsStored less than BitsAllocated, two's complement."""
    pixels = grey_ramp(dtype, high=2047 if dtype == "i2" else 4095)
    path = compressed_file(tmp_path / "a.dcm", pixels, transfer_syntax_uid, BitsStored=12)
    assert frames_little_endian(path, [1])[0] == pixels.tobytes()


def test_an_unsigned_codestream_of_a_signed_image_gets_its_sign_back(tmp_path: Path) -> None:
    """Encoders that write two's complement as unsigned numbers; pydicom corrects them the same way."""
    pixels = grey_ramp("i2", high=2047)
    stream = jpeg_2000(pixels.view("u2") & 0x0FFF, 12)
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(pixels, BitsStored=12), [even(stream)])
    assert frames_little_endian(path, [1])[0] == pixels.tobytes()


@pytest.mark.parametrize("transfer_syntax_uid", [JPEGBaseline8Bit, "1.2.840.10008.1.2.4.51"])
def test_jpeg_colour_comes_out_as_rgb(tmp_path: Path, transfer_syntax_uid: str) -> None:
    """Retrieve §9: JPEG baseline with three samples → RGB, planar configuration 0."""
    dataset = a_dataset(colours(), PhotometricInterpretation="YBR_FULL")
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [even(jpeg(colours()))], transfer_syntax_uid)
    decoded = np.frombuffer(frames_little_endian(path, [1])[0], "u1").reshape(colours().shape)
    assert np.abs(decoded.astype(int) - colours()).max() <= 5


def test_a_jpeg_without_colour_marker_is_what_the_data_set_says(tmp_path: Path) -> None:
    """pydicom's sample: RGB without JFIF or Adobe marker; converting it would turn white into pink."""
    decoded = np.frombuffer(frames_little_endian(SAMPLES / "SC_jpeg_no_color_transform.dcm", [1])[0], "u1")
    reference = pixel_array(SAMPLES / "SC_rgb_jpeg_dcmd.dcm")
    assert np.abs(decoded.astype(int) - reference.ravel()).max() <= 20


def test_twelve_bit_jpeg_is_decoded() -> None:
    """Retrieve §9: .51; pydicom's samples hold one picture, lossless and lossy."""
    lossless = np.frombuffer(frames_little_endian(MORE_SAMPLES / "JPEG-LL.dcm", [1])[0], "u2").astype(int)
    lossy = np.frombuffer(frames_little_endian(SAMPLES / "JPGExtended.dcm", [1])[0], "u2").astype(int)
    assert np.abs(lossless - lossy).mean() < 3


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        pytest.param(
            "|4;u>04YEK0000e0000X00000000000000e0000X0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?kdTm&"
            "kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000d;kIelfVEg02Kh0_|NrE?gGO!0Kfnf0B!pK3v>X$02Kh"
            "OwEzMz0(Jnv02RP&+1S{!{n!H^*WrtJ0KfnikTRJ}CX>lzvhVOhI(m9>0(t<z04>0d<2a7vIF92uj^jAa{C|KVI(m9~dU|?rf`0"
            ")2*#",
            np.add.outer(np.arange(33) * 30, np.arange(40) * 40).astype("u2"),
            id="grey-16",
        ),
        pytest.param(
            "|4;u>053oQ0000e0000X00000000000000e0000X000000000000RdB0S5sA2LS>9Pyh%30ssI21OHM03;+TE0RaUB1V91*TmTaw"
            "P*_-4SXfwCSXfwCSWr+<|6~9c00B>MWo}APNFY{aav(4+GBz$VF8`1K3IG5A00FT80soW06##vRGt&Tpv;e>pfPdng0EDyvz!e|^"
            "h7E820LL@{zzDzr69B*nzyT8gzzD!Aa{#~yz!T#DzzF~ha&!Q|2|(2-;&cGO3YY;T0FY8d%Gv#X%XR?%=3@Z<=3@ZB3Xob=>)HK&"
            "%XR?33c$9tw*A-uAJ^aucmTi)qJS2>0JXpX0DuGl07w7;fCK;lNC4;w`&z{~0ja<ZP5@~ZDpakq0RR9100000004jh015ya01Xu?"
            "RIR-L000000000000004LI4^74HYU>t-S!i3eY4;lKk)SBd4dQLU{nd3gD`$s;c_$^CPFHr^0yvz!vNQQvhD301yBG0Dt*F0007f"
            "0000})6>(_)6>$`RaI3e0RVse6Eib12mk;800000000000000000000000iU>#n-%uBPj*y6djG>TbI0uDa{4rt7Y{>#n-$Zo2EPy"
            "6di{>#n-%uDa@Oy6djG>#nB#`}gnPzkd8b1HcxL00000{QQ5Y>FMd|>FMd>eE`4~sFEZ}k|as`{C|NXr>Cc<r>CbvegOa3",
            np.stack(
                [
                    a.astype("u1")
                    for a in (np.mgrid[:33, :40][1] * 6, np.mgrid[:33, :40][0] * 7, np.mgrid[:33, :40].sum(0) * 3)
                ],
                axis=-1,
            ),
            id="rgb-8",
        ),
    ],
)
@pytest.mark.parametrize("number", ["201", "202", "203"])
def test_high_throughput_jpeg_2000_is_decoded(tmp_path: Path, number: str, text: str, pixels: NDArray[Any]) -> None:
    """Retrieve §9: .201 to .203; lossless codestreams made with OpenJPH."""
    dataset = a_dataset(pixels)
    if pixels.ndim == 3:
        dataset.PhotometricInterpretation = "YBR_RCT"
    uid = f"1.2.840.10008.1.2.4.{number}"
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [even(base64.b85decode(text))], uid)
    assert frames_little_endian(path, [1])[0] == pixels.tobytes()


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_planar_rle_stays_planar(tmp_path: Path, bits: int) -> None:
    """Retrieve §9: RLE as stored, which a client knows from the metadata."""
    pixels = colours().astype(f"u{bits // 8}")
    path = compressed_file(tmp_path / "a.dcm", pixels, RLELossless, PlanarConfiguration=1)
    assert frames_little_endian(path, [1])[0] == pixels.transpose(2, 0, 1).tobytes()


def test_big_endian_words_of_bytes_are_swapped_where_frames_begin_inside_a_word(tmp_path: Path) -> None:
    """PS3.5 §8.1.2: 8-bit samples in OW; the second frame of 15 bytes begins in the middle of a word."""
    pixels = np.arange(45, dtype="u1").reshape(3, 3, 5)
    dataset = a_dataset(pixels, number_of_frames=3)
    dataset.PixelData = np.frombuffer(even(pixels.tobytes()), "<u2").astype(">u2").tobytes()
    dataset["PixelData"].VR = "OW"
    path = write(tmp_path / "a.dcm", dataset, ExplicitVRBigEndian)
    assert frames_little_endian(path, (1, 2, 3)) == [frame.tobytes() for frame in pixels]


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "J2K_pixelrep_mismatch.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_pydicoms_samples_decode_as_pydicom_does(name: str) -> None:
    """pydicom's own decoders as oracle."""
    expected = pixel_array(SAMPLES / name, raw=True)
    assert frames_little_endian(SAMPLES / name, [1])[0] == expected.tobytes()


def test_frames_are_encoded_in_the_order_asked_and_as_often(tmp_path: Path) -> None:
    """Retrieve §4.4 and §7: `image/jp2`, duplicates are returned as often as asked."""
    stack = np.stack([grey_ramp("u2"), grey_ramp("u2")[::-1], grey_ramp("u2")[:, ::-1]])
    path = native_file(tmp_path / "a.dcm", stack, number_of_frames=3)
    streams = encode_frames_j2k(path, [3, 1, 3])
    assert [samples_of(stream).tolist() for stream in streams] == [stack[n].tolist() for n in (2, 0, 2)]
    assert all(stream.startswith(b"\xff\x4f\xff\x51") for stream in streams)


def test_one_frame_out_of_range_fails_the_whole_list(tmp_path: Path) -> None:
    """Retrieve §7: 404 for the whole request."""
    path = native_file(tmp_path / "a.dcm", grey_ramp())
    with pytest.raises(FrameNotFoundError):
        encode_frames_j2k(path, [1, 2])


@pytest.mark.parametrize(
    "pixels", [grey_ramp("u1", 3, 5), grey_ramp("u2", 1, 1), colours(7, 100)], ids=["8", "16", "rgb"]
)
def test_images_too_small_for_five_wavelet_levels_are_encoded(tmp_path: Path, pixels: NDArray[Any]) -> None:
    """Retrieve §9: native → .90, whatever the size."""
    path = native_file(tmp_path / "a.dcm", pixels)
    assert samples_of(encode_frames_j2k(path, [1])[0]).tolist() == pixels.tolist()


def test_bits_above_bits_stored_survive_encoding(tmp_path: Path) -> None:
    """Lossless means every bit, those of an embedded overlay included."""
    pixels = grey_ramp("u2", high=4095)
    pixels[0, 0] |= 0x8000
    path = native_file(tmp_path / "a.dcm", pixels, BitsStored=12)
    assert samples_of(encode_frames_j2k(path, [1])[0]).tolist() == pixels.tolist()


def siz(rows: int, columns: int, components: int = 1, depth: int = 7) -> bytes:
    """A JPEG 2000 codestream that ends after its size marker segment."""
    size = struct.pack(">HHIIIIIIIIH", 38 + 3 * components, 0, columns, rows, 0, 0, columns, rows, 0, 0, components)
    return b"\xff\x4f\xff\x51" + size + bytes([depth, 1, 1]) * components


@pytest.mark.parametrize(
    "stream",
    [siz(60000, 60000), siz(40, 48, 3), siz(40, 48, depth=11), siz(40, 48), b"\xff\xd8\xff\xd9", b"", bytes(64)],
    ids=["larger", "more-components", "deeper", "cut-off", "jpeg", "empty", "zeros"],
)
def test_a_codestream_that_is_not_what_the_data_set_says_is_refused(tmp_path: Path, stream: bytes) -> None:
    """A small file must not ask for a large image."""
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(grey_ramp("u1")), [even(stream)])
    with pytest.raises(TranscodingError):
        frames_little_endian(path, [1])[0]


@pytest.mark.parametrize("transfer_syntax_uid", [JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless])
def test_a_frame_above_the_limit_is_refused_before_it_is_decoded(tmp_path: Path, transfer_syntax_uid: str) -> None:
    """20,000 × 20,000 pixels in a few bytes, declared alike in data set and codestream."""
    dataset = a_dataset(grey_ramp("u1"), Rows=20000, Columns=20000)
    assert MAX_FRAME_BYTES < 20000 * 20000
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [even(siz(20000, 20000))], transfer_syntax_uid)
    with pytest.raises(TranscodingError, match="larger than"):
        frames_little_endian(path, [1])[0]


def test_more_frames_than_the_limit_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    """Twenty frames of 8000 × 8000 declared in a few bytes."""
    dataset = a_dataset(grey_ramp("u1"), Rows=8000, Columns=8000, NumberOfFrames=20)
    path = encapsulated_file(tmp_path / "a.dcm", dataset, [bytes(2)] * 20, RLELossless)
    with pytest.raises(TranscodingError, match="more than"):
        frames_little_endian(path, list(range(1, 21)))


@pytest.mark.parametrize("number", ["100", "102", "107", "92"])
def test_a_transfer_syntax_without_codec_is_refused(tmp_path: Path, number: str) -> None:
    """Retrieve §9: MPEG, HEVC and anything without a codec fail."""
    uid = f"1.2.840.10008.1.2.4.{number}"
    path = encapsulated_file(tmp_path / "a.dcm", a_dataset(grey_ramp("u1")), [b"\0\0\1\xb3"], uid)
    with pytest.raises(TranscodingError, match="no codec"):
        frames_little_endian(path, [1])[0]


@pytest.mark.parametrize("transfer_syntax_uid", LOSSLESS)
def test_half_a_frame_is_refused(tmp_path: Path, transfer_syntax_uid: str) -> None:
    """Damage is an error of the request, never of the process."""
    whole = compressed_file(tmp_path / "a.dcm", colours(), transfer_syntax_uid)
    fragment = bytes(dcmread(whole).PixelData)[16:]
    half = fragment[: len(fragment) // 32 * 2]
    path = encapsulated_file(tmp_path / "b.dcm", a_dataset(colours()), [half], transfer_syntax_uid)
    with pytest.raises(TranscodingError):
        frames_little_endian(path, [1])[0]


@pytest.mark.parametrize("byte", range(2, 30))
def test_a_damaged_jpeg_lossless_header_does_not_end_the_process(tmp_path: Path, byte: int) -> None:
    """GDCM calls std::terminate on warnings about the header; it must get to see none."""
    whole = compressed_file(tmp_path / "a.dcm", grey_ramp("u2"), JPEGLosslessSV1)
    fragment = bytearray(bytes(dcmread(whole).PixelData)[16:])
    fragment[byte] ^= 0x24
    path = encapsulated_file(tmp_path / "b.dcm", a_dataset(grey_ramp("u2")), [bytes(fragment)], JPEGLosslessSV1)
    with suppress(TranscodingError):
        assert len(frames_little_endian(path, [1])[0]) == grey_ramp("u2").nbytes
