"""WADO-RS frames over HTTP."""

import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path, part10, read

OCTETS = 'multipart/related; type="application/octet-stream"'
SINGLE = "application/octet-stream; transfer-syntax=*"
FRAME_BYTES = 32 * 32 * 2


def native_frames(content: bytes) -> list[bytes]:
    data = read(content).PixelData
    return [data[start : start + FRAME_BYTES] for start in range(0, len(data), FRAME_BYTES)]


@pytest.mark.parametrize("accept", [OCTETS, OCTETS + "; transfer-syntax=*", "*/*"])
def test_native_frames_come_in_the_order_asked_for(shared_emulator: Emulator, accept: str) -> None:
    """PS3.18 §10.4; retrieve §7: duplicates too, as often as asked."""
    dataset = shared_emulator.store(an_instance(frames=4))
    frames = native_frames(part10(dataset))

    answer = shared_emulator.get(instance_path(dataset) + "/frames/3,1,%203", accept=accept)

    assert answer.status == 200
    assert [part.content for part in answer.parts()] == [frames[2], frames[0], frames[2]]
    assert {part.content_type for part in answer.parts()} == {
        f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"
    }


def test_one_frame_comes_as_single_part(shared_emulator: Emulator) -> None:
    """Conformance statement v2, Retrieve frames; retrieve §4.4."""
    dataset = shared_emulator.store(an_instance(frames=2))

    answer = shared_emulator.get(instance_path(dataset) + "/frames/2", accept=SINGLE)

    assert answer.content == native_frames(part10(dataset))[1]
    assert answer.content_type == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


def test_two_frames_do_not_fit_a_single_part(shared_emulator: Emulator) -> None:
    """Service source; retrieve §4.4."""
    dataset = shared_emulator.store(an_instance(frames=2))

    answer = shared_emulator.get(instance_path(dataset) + "/frames/1,2", accept=SINGLE)

    assert (answer.status, answer.text) == (
        400,
        "The accept header is supported for single frame retrieval, use multi-part accept header instead.",
    )


def test_compressed_frames_come_as_stored(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §7: the bytes of the frame without item headers."""
    dataset = shared_emulator.store(an_instance(frames=3, transfer_syntax=RLELossless))
    frames = list(generate_frames(read(part10(dataset)).PixelData, number_of_frames=3))

    answer = shared_emulator.get(instance_path(dataset) + "/frames/1,2,3", accept=OCTETS + "; transfer-syntax=*")

    assert [part.content for part in answer.parts()] == frames
    assert answer.parts()[0].content_type == f"application/octet-stream; transfer-syntax={RLELossless}"


def test_compressed_frames_come_decoded(shared_emulator: Emulator) -> None:
    """Conformance statement v2, Retrieve frames: explicit little endian by default."""
    dataset = shared_emulator.store(an_instance(frames=3, transfer_syntax=RLELossless))
    pixels = read(part10(dataset)).pixel_array

    parts = shared_emulator.get(instance_path(dataset) + "/frames/2,3", accept=OCTETS).parts()

    assert [part.content for part in parts] == [pixels[1].tobytes(), pixels[2].tobytes()]
    assert parts[0].content_type == f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"


def test_big_endian_frames_come_swapped(shared_emulator: Emulator) -> None:
    """Retrieve §7."""
    dataset = shared_emulator.store(an_instance(transfer_syntax=ExplicitVRBigEndian))

    (part,) = shared_emulator.get(instance_path(dataset) + "/frames/1", accept=OCTETS).parts()

    assert part.content == read(part10(dataset)).pixel_array.astype("<u2").tobytes()


def test_frames_come_as_jpeg_2000(shared_emulator: Emulator) -> None:
    """Conformance statement v2, Retrieve frames: `image/jp2`, lossless code streams."""
    dataset = shared_emulator.store(an_instance(frames=2))

    (part,) = shared_emulator.get(
        instance_path(dataset) + "/frames/2", accept='multipart/related; type="image/jp2"'
    ).parts()

    assert part.content_type == f"image/jp2; transfer-syntax={JPEG2000Lossless}"
    original = read(part10(dataset))
    expected = original.pixel_array[1]
    original.NumberOfFrames = 1
    original.file_meta.TransferSyntaxUID = JPEG2000Lossless
    original["PixelData"].VR = "OB"
    original.PixelData = encapsulate([part.content])
    assert (read(part10(original)).pixel_array == expected).all()


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ("a", "The query parameter 'frames' is invalid. Unable to parse value 'a' as Int32."),
        ("1-3", "The query parameter 'frames' is invalid. Unable to parse value '1-3' as Int32."),
        ("1,,2", "The query parameter 'frames' is invalid. Unable to parse value '' as Int32."),
        ("1,", "The query parameter 'frames' is invalid. Unable to parse value '' as Int32."),
        ("99999999999", "The query parameter 'frames' is invalid. Unable to parse value '99999999999' as Int32."),
        (
            "0",
            "The specified frames value is not valid. At least one frame must be present, "
            "and all requested frames must have value greater than 0.",
        ),
        (
            "1,-1",
            "The specified frames value is not valid. At least one frame must be present, "
            "and all requested frames must have value greater than 0.",
        ),
    ],
)
def test_a_bad_list_is_400(shared_emulator: Emulator, frames: str, text: str) -> None:
    """Service end-to-end tests; retrieve §7: before anything is looked up."""
    answer = shared_emulator.get(f"/studies/1.2/series/1.3/instances/1.4/frames/{frames}", accept="text/html")

    assert (answer.status, answer.text) == (400, text)


@pytest.mark.parametrize("frames", ["3", "1,3", "2147483647"])
def test_a_frame_too_high_is_404_for_the_whole_request(shared_emulator: Emulator, frames: str) -> None:
    """Service end-to-end tests; retrieve §7."""
    dataset = shared_emulator.store(an_instance(frames=2))

    answer = shared_emulator.get(f"{instance_path(dataset)}/frames/{frames}", accept=OCTETS)

    assert (answer.status, answer.text) == (404, "The specified frame cannot be found.")
    assert answer.content_type == "text/plain; charset=utf-8"


def test_an_instance_without_pixels_has_no_frames(shared_emulator: Emulator) -> None:
    """Service unit tests; retrieve §7."""
    dataset = shared_emulator.store(an_instance(has_pixel_data=False))

    answer = shared_emulator.get(instance_path(dataset) + "/frames/1", accept=OCTETS)

    assert (answer.status, answer.text) == (404, "The specified frame cannot be found.")


def test_frames_of_an_instance_that_is_not_there_are_404(shared_emulator: Emulator) -> None:
    """Retrieve §5."""
    answer = shared_emulator.get("/studies/1.2/series/1.3/instances/1.4/frames/1", accept=OCTETS)

    assert (answer.status, answer.text) == (404, "The specified instance cannot be found.")


def test_frames_follow_an_upsert(shared_emulator: Emulator) -> None:
    """What is remembered of a file belongs to that version."""
    first = shared_emulator.store(an_instance(frames=2))
    path = instance_path(first) + "/frames/2"
    before = shared_emulator.get(path, accept=SINGLE).content
    second = an_instance(
        frames=2,
        pixels=bytes(FRAME_BYTES) + b"\1\0" * (FRAME_BYTES // 2),
        StudyInstanceUID=first.StudyInstanceUID,
        SeriesInstanceUID=first.SeriesInstanceUID,
        SOPInstanceUID=first.SOPInstanceUID,
    )
    shared_emulator.store_response(second, method="PUT")

    after = shared_emulator.get(path, accept=SINGLE).content

    assert (before, after) == (native_frames(part10(first))[1], b"\1\0" * (FRAME_BYTES // 2))
