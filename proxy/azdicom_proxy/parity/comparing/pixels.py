"""Pixels compared: frame by frame, decoded where the bytes differ."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from azdicom_emulator.dicom.pixels.errors import (
    DecodingError,
    FrameNotFoundError,
    MalformedFileError,
    TranscodingError,
)
from azdicom_proxy.cassette.bodies import chunks_of, content_of, hash_of, size_of
from azdicom_proxy.cassette.model import SpooledFile
from azdicom_proxy.parity.comparing.findings import Findings, Place
from azdicom_proxy.parity.comparing.parts import Piece, are_equal, read_at
from azdicom_proxy.parity.model import Severity

if TYPE_CHECKING:
    from azdicom_emulator.dicom.pixels.codecs import Pixels

FRAMES = "frames"
UNREADABLE = (DecodingError, FrameNotFoundError, MalformedFileError, TranscodingError)
NATIVE = frozenset(("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"))
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203))
EQUAL, OTHER, UNKNOWN = "equal", "other", "unknown"


def compare_files(upstream: Piece, local: Piece, place: Place, findings: Findings) -> None:
    """The pixels of two DICOM files that have as many frames of the same size."""
    from azdicom_emulator.dicom.pixels.frames import frame_table
    from azdicom_emulator.dicom.pixels.image import ImageFile
    from azdicom_emulator.dicom.pixels.native import decode_frame

    here = _frames(place)
    with ExitStack() as stack:
        try:
            images = [stack.enter_context(ImageFile(stack.enter_context(_as_file(body)))) for body in (upstream, local)]
            tables = [frame_table(image) for image in images]
            formats = [image.pixel_format() for image in images]
        except UNREADABLE as error:
            findings.report(
                Severity.BREAKING, here.item("*"), "pixels", f"pixels differ that cannot be decoded: {error}"
            )
            return
        counts = [table.number_of_frames for table in tables]
        outcomes = []
        hashes: list[list[str]] = [[], []]
        for number in range(1, min(counts) + 1):
            decoded: list[Pixels] = []
            try:
                for image, table, declared in zip(images, tables, formats, strict=True):
                    decoded.append(decode_frame(image, table, declared, number).pixels)
                for each, pixels in zip(hashes, decoded, strict=True):
                    each.append(hash_of([pixels.tobytes()]))
                outcomes.append(EQUAL if hashes[0][-1] == hashes[1][-1] else OTHER)
            except UNREADABLE:
                outcomes.append(OTHER)
        _report(outcomes, counts, hashes, here, findings)


def compare_frames(
    upstream: Sequence[Piece], local: Sequence[Piece], syntaxes: tuple[str, str], place: Place, findings: Findings
) -> None:
    """Frames in the order asked for. syntaxes: the transfer syntaxes that the two sides name, "" where they do not."""
    here = _frames(place)
    hashes = [[hash_of(chunks_of(frame)) for frame in frames] for frames in (upstream, local)]
    counts = [len(upstream), len(local)]
    if counts[0] != counts[1]:
        _report_counts(hashes, here, findings)
        return
    outcomes = []
    for ours, theirs in zip(upstream, local, strict=True):
        outcomes.append(EQUAL if are_equal(ours, theirs) else _decoded_outcome(ours, theirs, syntaxes))
    if UNKNOWN in outcomes and syntaxes[0] != syntaxes[1]:
        # That they are encoded otherwise has been told; what they show cannot be.
        outcomes = [outcome for outcome in outcomes if outcome is not UNKNOWN]
    _report(outcomes, [len(outcomes)] * 2, hashes, here, findings)


def _report(outcomes: list[str], counts: list[int], hashes: list[list[str]], here: Place, findings: Findings) -> None:
    others = [number for number, outcome in enumerate(outcomes, 1) if outcome is not EQUAL]
    findings.same(len(outcomes) - len(others))
    if others and hashes[0] != hashes[1] and sorted(hashes[0]) == sorted(hashes[1]):
        findings.report(
            Severity.BREAKING,
            here,
            "order",
            "the same frames in another order",
            upstream=", ".join(str(number) for number in range(1, counts[0] + 1)),
            local=", ".join(str(hashes[0].index(each) + 1) for each in hashes[1]),
            facts=len(others),
        )
        return
    for number in others:
        findings.report(Severity.BREAKING, here.item(number), "pixels", f"frame {number} has other samples")
    if counts[0] != counts[1]:
        kind = "missing" if counts[0] > counts[1] else "extra"
        _report_count(kind, abs(counts[0] - counts[1]), counts, here, findings)


def _report_counts(hashes: list[list[str]], here: Place, findings: Findings) -> None:
    findings.same(sum(each in hashes[1] for each in hashes[0]))
    kind = "missing" if len(hashes[0]) > len(hashes[1]) else "extra"
    _report_count(kind, abs(len(hashes[0]) - len(hashes[1])), [len(each) for each in hashes], here, findings)


def _report_count(kind: str, number: int, counts: list[int], here: Place, findings: Findings) -> None:
    findings.report(
        Severity.BREAKING,
        here.item("*"),
        kind,
        f"{number} {'frame' if number == 1 else 'frames'} {'missing' if kind == 'missing' else 'too many'}",
        upstream=str(counts[0]),
        local=str(counts[1]),
        facts=number,
    )


def _decoded_outcome(ours: Piece, theirs: Piece, syntaxes: tuple[str, str]) -> str:
    try:
        one, other = (_decode(each, syntax) for each, syntax in zip((ours, theirs), syntaxes, strict=True))
    except UNREADABLE:
        return UNKNOWN
    if one is None or other is None:
        if one is None and other is None:
            return OTHER
        # One is compressed: its samples laid out are the other's bytes, if they are the same.
        pixels, raw = (one, theirs) if one is not None else (other, ours)
        assert pixels is not None, "one of the two is compressed"
        is_as_long = 0 <= size_of(raw) - pixels.nbytes <= 1
        return EQUAL if is_as_long and pixels.tobytes() == read_at(raw, 0, pixels.nbytes) else OTHER
    return EQUAL if one.shape == other.shape and bool((one == other).all()) else OTHER


def _decode(frame: Piece, syntax: str) -> "Pixels | None":
    """The samples of a compressed frame by what it says of itself; None for a native one. Raises DecodingError."""
    from azdicom_emulator.dicom.pixels.codecs import decode
    from azdicom_emulator.dicom.pixels.codestreams import jpeg_2000_header, jpeg_header
    from azdicom_emulator.dicom.pixels.image import PixelFormat

    if syntax in NATIVE or not syntax:
        return None
    data = content_of(frame)
    stream = jpeg_2000_header(data) if syntax in JPEG_2000 else jpeg_header(data)
    declared = PixelFormat(
        rows=stream.rows,
        columns=stream.columns,
        samples_per_pixel=stream.samples_per_pixel,
        bits_allocated=8 if stream.precision <= 8 else 16 if stream.precision <= 16 else 32,
        bits_stored=stream.precision,
        high_bit=stream.precision - 1,
        is_signed=bool(stream.is_signed),
        photometric_interpretation="RGB" if stream.samples_per_pixel == 3 else "MONOCHROME2",
        is_planar=False,
    )
    return decode(syntax, data, declared)[0]


def _frames(place: Place) -> Place:
    return Place(f"{place.at}:{FRAMES}", f"{place.where}:{FRAMES}") if place.at else Place.of(FRAMES)


@contextmanager
def _as_file(body: Piece) -> Iterator[Path]:
    """The body as a file of its own, which the readers of frames want."""
    if isinstance(body, SpooledFile) and not body.offset and body.path.stat().st_size == body.size_bytes:
        yield body.path
        return
    with TemporaryDirectory(prefix="azdicom-parity-") as folder:
        path = Path(folder) / "instance.dcm"
        with path.open("wb") as file:
            for chunk in chunks_of(body):
                file.write(chunk)
        yield path
