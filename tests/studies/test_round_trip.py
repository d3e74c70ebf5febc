"""Sample images of other makers through every Accept of the table: what comes back is what was stored."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGExtended12Bit

from tests.support.client import Emulator, Response
from tests.test_sample_collections import SAMPLES, has_what_a_store_requires

LE, J2K = ExplicitVRLittleEndian, JPEG2000Lossless
MULTIPART = 'multipart/related; type="{}"'
DICOM, OCTETS, JP2 = "application/dicom", "application/octet-stream", "image/jp2"
MULTIPART_DICOM, MULTIPART_OCTETS = MULTIPART.format(DICOM), MULTIPART.format(OCTETS)
STORED = "; transfer-syntax=*"

# Accept to whether it gives a multipart answer and which transfer syntax; None: the stored one (retrieve §4.4).
STUDY_ACCEPTS: Mapping[str, UID | None] = {
    MULTIPART_DICOM + STORED: None,
    MULTIPART.format("*/*"): None,
    "*/*": None,
    MULTIPART_DICOM: LE,
    f"{MULTIPART_DICOM}; transfer-syntax={LE}": LE,
    f"{MULTIPART_DICOM}; transfer-syntax={J2K}": J2K,
}
INSTANCE_ACCEPTS: Mapping[str, tuple[bool, UID | None]] = {
    **{accept: (True, syntax) for accept, syntax in STUDY_ACCEPTS.items()},
    DICOM + STORED: (False, None),
    DICOM: (False, LE),
    f"{DICOM}; transfer-syntax={LE}": (False, LE),
    f"{DICOM}; transfer-syntax={J2K}": (False, J2K),
}
FRAME_ACCEPTS: Mapping[str, tuple[bool, UID | None]] = {
    MULTIPART_OCTETS + STORED: (True, None),
    MULTIPART_OCTETS: (True, LE),
    f"{MULTIPART_OCTETS}; transfer-syntax={LE}": (True, LE),
    MULTIPART.format(JP2): (True, J2K),
    f"{MULTIPART.format(JP2)}; transfer-syntax={J2K}": (True, J2K),
    "*/*": (True, None),
    OCTETS + STORED: (False, None),
    OCTETS: (False, LE),
    f"{OCTETS}; transfer-syntax={LE}": (False, LE),
}

LOSSY_DECODERS = {JPEGBaseline8Bit, JPEGExtended12Bit}
"""Transfer syntaxes whose decoders may differ in the last bits (ISO 10918-1 leaves the transform's precision open)."""
MAX_SAMPLE_BYTES = 250_000
MAX_JPEG_2000_BITS = 24
SEGMENTED_PALETTE = 0x00281221

Pixels = NDArray[Any]


def opened(content: bytes) -> FileDataset:
    return pydicom.dcmread(BytesIO(content), force=True)


def decoded(dataset: FileDataset) -> Pixels:
    """Pixels as (frames, rows, columns[, samples]), colour differences turned into RGB."""
    is_ybr = dataset.PhotometricInterpretation.startswith("YBR_FULL") and is_lossy_jpeg(dataset)
    pixels = pixel_array(dataset, raw=not is_ybr)
    return pixels if frames_of(dataset) > 1 else pixels[np.newaxis]


def frames_of(dataset: FileDataset) -> int:
    return int(dataset.get("NumberOfFrames") or 1)


def is_lossy_jpeg(dataset: FileDataset) -> bool:
    return dataset.file_meta.TransferSyntaxUID in LOSSY_DECODERS


class Sample:
    """One file, with what pydicom makes of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = path.read_bytes()
        self.dataset = opened(self.content)
        self.pixels = decoded(self.dataset)
        self.syntax = UID(self.dataset.file_meta.TransferSyntaxUID)

    @property
    def fits_jpeg_2000(self) -> bool:
        """The codec takes no more bits (retrieve §9: what the codec can do)."""
        return int(self.dataset.BitsAllocated) <= MAX_JPEG_2000_BITS

    def stored_frame(self, frame_number: int) -> bytes:
        """A compressed frame, its fragments joined."""
        frames = generate_frames(self.dataset.PixelData, number_of_frames=frames_of(self.dataset))
        return next(islice(frames, frame_number - 1, None))

    def assert_same(self, pixels: Pixels) -> None:
        """Bits above BitsStored are no part of a pixel, so that they are not compared."""
        assert pixels.shape == self.pixels.shape
        if is_lossy_jpeg(self.dataset):
            difference = np.abs(pixels.astype(np.int64) - self.pixels.astype(np.int64))
            assert difference.mean() < 1.5
            return
        if self.pixels.dtype.kind == "f":
            assert (pixels == self.pixels).all()
            return
        mask = (1 << int(self.dataset.BitsStored)) - 1
        assert (((pixels.astype(np.int64) ^ self.pixels.astype(np.int64)) & mask) == 0).all()


def kind_of(dataset: FileDataset) -> tuple[object, ...]:
    """What makes images differ to codecs."""
    named = ("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "BitsAllocated", "BitsStored")
    described = tuple(dataset.get(name) for name in (*named, "PixelRepresentation"))
    return (dataset.file_meta.get("TransferSyntaxUID"), frames_of(dataset) > 1, *described)


def one_of_each_kind() -> list[Path]:
    """The smallest file of each kind that pydicom can decode."""
    found: dict[tuple[object, ...], Path] = {}
    for path in sorted(SAMPLES, key=lambda path: (path.stat().st_size, path.name)):
        if path.stat().st_size > MAX_SAMPLE_BYTES or not has_what_a_store_requires(path):
            continue
        with warnings.catch_warnings(action="ignore"), suppress(ValueError):  # values that are no numbers
            dataset = pydicom.dcmread(path, force=True)
            if "PixelData" in dataset:
                found.setdefault(kind_of(dataset), path)
    return sorted(found.values())


PATHS = one_of_each_kind()


@contextmanager
def stored(emulator: Emulator, sample: Sample) -> Iterator[str]:
    """The path of a stored sample, which is deleted again: several share their identifiers."""
    answer = emulator.store_response(sample.content)
    assert answer.status in (200, 202), answer.text
    (item,) = answer.json()["00081199"]["Value"]
    target = urlsplit(item["00081190"]["Value"][0]).path.removeprefix("/v2")
    try:
        yield target
    finally:
        assert emulator.delete(target).status == 204


def only_part(answer: Response, *, is_multipart: bool) -> tuple[str | None, bytes]:
    """Content type and body of the one thing that an answer carries."""
    assert answer.status == 200, f"{answer.status}: {answer.text} {answer.headers['azdicom-hint']}"
    if not is_multipart:
        return answer.content_type, answer.content
    (part,) = answer.parts()
    return part.content_type, part.content


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> Iterator[Sample]:
    with warnings.catch_warnings(action="ignore"):
        try:
            found = Sample(request.param)
        except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
            pytest.skip(f"pydicom does not decode it: {error}"[:100])
        yield found


def test_the_samples_are_of_many_kinds() -> None:
    """A guard: without it an empty list would pass."""
    syntaxes = {str(kind_of(pydicom.dcmread(path, force=True, stop_before_pixels=True))[0]) for path in PATHS}

    assert len(PATHS) > 40
    assert len(syntaxes) > 10


def test_an_image_comes_back_through_every_accept(shared_emulator: Emulator, sample: Sample) -> None:
    """PS3.18 §10.4; retrieve §4.4, §6.3, §9: bytes as stored, or the same pixels in the transfer syntax asked for."""
    as_stored = bytes(128) + sample.content[128:] if sample.content[128:132] == b"DICM" else sample.content
    with stored(shared_emulator, sample) as path:
        study = path.partition("/series/")[0]
        series = path.partition("/instances/")[0]
        cases = [(path, accept, *expected) for accept, expected in INSTANCE_ACCEPTS.items()]
        cases += [(above, accept, True, None) for above in (study, series) for accept in list(STUDY_ACCEPTS)[:3]]
        cases += [(study, MULTIPART_DICOM, True, LE), (series, f"{MULTIPART_DICOM}; transfer-syntax={J2K}", True, J2K)]
        seen: dict[UID, bytes] = {}
        for target, accept, is_multipart, asked in cases:
            answer = shared_emulator.get(target, accept=accept)
            syntax = asked or sample.syntax
            if syntax == J2K != sample.syntax and not sample.fits_jpeg_2000:
                assert (answer.status, answer.text) == (406, "The specified transcoding is not supported.")
                continue
            content_type, content = only_part(answer, is_multipart=is_multipart)
            assert content_type == f"application/dicom; transfer-syntax={syntax}", accept
            assert content == seen.setdefault(syntax, as_stored if syntax == sample.syntax else content), accept
        for syntax, content in seen.items():
            transcoded = opened(content)
            assert transcoded.file_meta.TransferSyntaxUID == syntax
            sample.assert_same(decoded(transcoded))


def test_frames_come_back_through_every_accept(shared_emulator: Emulator, sample: Sample) -> None:
    """PS3.18 §10.4, frames; retrieve §4.4, §7: as stored, uncompressed, as JPEG 2000; the first frame and the last."""
    last = frames_of(sample.dataset)
    with stored(shared_emulator, sample) as path:
        native = opened(only_part(shared_emulator.get(path, accept=DICOM), is_multipart=False)[1])
        for accept, (is_multipart, asked) in FRAME_ACCEPTS.items():
            syntax = asked or sample.syntax
            for frame_number in {1, last}:
                answer = shared_emulator.get(f"{path}/frames/{frame_number}", accept=accept)
                if syntax == J2K != sample.syntax and not sample.fits_jpeg_2000:
                    assert (answer.status, answer.text) == (406, "The specified transcoding is not supported.")
                    continue
                content_type, content = only_part(answer, is_multipart=is_multipart)
                media_type = JP2 if asked == J2K else OCTETS
                assert content_type == f"{media_type}; transfer-syntax={syntax}", accept
                if asked is None and sample.syntax.is_encapsulated:
                    assert content == sample.stored_frame(frame_number), accept
                elif asked in (None, LE) and syntax.is_little_endian and native.BitsAllocated > 1:
                    size = len(content)
                    assert content == native.PixelData[(frame_number - 1) * size : frame_number * size], accept
                elif asked == J2K:
                    assert content[:4] == b"\xff\x4f\xff\x51" or sample.syntax == J2K


def test_a_picture_comes_through_every_accept(shared_emulator: Emulator, sample: Sample) -> None:
    """PS3.18 §10.4, rendered resources; retrieve §10: JPEG and PNG of Columns × Rows."""
    size = (sample.dataset.Columns, sample.dataset.Rows)
    last = frames_of(sample.dataset)
    with stored(shared_emulator, sample) as path:
        for resource in ("/rendered", f"/frames/{last}/rendered"):
            for accept, name in ((None, "JPEG"), ("image/jpeg", "JPEG"), ("image/png", "PNG")):
                answer = shared_emulator.get(path + resource, accept=accept)
                if answer.status == 406 and SEGMENTED_PALETTE in sample.dataset:
                    continue
                assert answer.status == 200, f"{answer.text} {answer.headers['azdicom-hint']}"
                assert answer.content_type == f"image/{name.lower()}"
                with Image.open(BytesIO(answer.content)) as picture:
                    assert (picture.format, picture.size) == (name, size)
