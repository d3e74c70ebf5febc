"""Files made to harm: stored or refused by the rules; every retrieve of them answers, in bounded memory and time."""

import sys
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.support import hostile
from tests.support.client import DICOM, DICOM_JSON, STORED, Emulator, Response
from tests.support.hostile import MIB
from tests.support.memory import family, peak_bytes, reset_peaks, resident_bytes
from tests.support.process import ServeProcess, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")

JPEG_2000 = "1.2.840.10008.1.2.4.90"
RESOURCES = [
    ("/metadata", DICOM_JSON),
    ("/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*'),
    ("/frames/2", "application/octet-stream"),
    ("/frames/1", 'multipart/related; type="image/jp2"'),
    ("/rendered", "image/png"),
    ("/frames/2/rendered", "image/jpeg"),
    ("", DICOM),
    ("", f"{DICOM}; transfer-syntax={JPEG_2000}"),
    ("", DICOM + STORED),
    ("/bulkdata/7FE00010", "*/*"),
]
ANSWERS = {200, 404, 406}
MAX_SERVER_GROWTH_BYTES = 100 * MIB
MAX_WORKER_BYTES = 400 * MIB
MAX_SECONDS = 20
"""Of one request, on a machine that does other things: what explodes takes minutes."""
UNREADABLE = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [43264]}}]}}
BASES = hostile.base_files()
SEEDS = range(12)
CUTS = 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """A server of its own process, so that its memory is its own, warmed up by a picture."""
    folder = tmp_path_factory.mktemp("hostile")
    with serving(folder / "data", folder) as started:
        stored = started.emulator.store_response(BASES["RLE Lossless"])
        assert retrieve_all(started.emulator, stored) == [200] * len(RESOURCES)
        started.emulator.delete(target_of(stored))
        yield started
        said = (folder / "serve.log").read_text()
        assert "Traceback" not in said, said[-5000:]


@pytest.fixture
def watched(server: ServeProcess) -> Iterator[Emulator]:
    """The server, which must not have grown beyond a bound when the test ends."""
    idle = resident_bytes(server.pid)
    reset_peaks(server.pid)
    yield server.emulator
    assert peak_bytes(server.pid) - idle < MAX_SERVER_GROWTH_BYTES
    workers = family(server.pid)[1:]
    assert all(peak_bytes(worker) < MAX_WORKER_BYTES for worker in workers)
    assert server.emulator.request("GET", "/health").status == 200


def target_of(answer: Response) -> str:
    """The path of the instance that a store has stored."""
    (item,) = answer.json()["00081199"]["Value"]
    return urlsplit(item["00081190"]["Value"][0]).path.removeprefix("/v2")


def retrieve_all(emulator: Emulator, stored: Response) -> list[int]:
    """The statuses of all resources; AssertionError where one takes too long or is none that a client can act on."""
    statuses = []
    for resource, accept in RESOURCES:
        started = time.monotonic()
        answer = emulator.get(target_of(stored) + resource, accept=accept)
        assert answer.status in ANSWERS, f"{resource} {accept}: {answer.status} {answer.text}"
        assert time.monotonic() - started < MAX_SECONDS, f"{resource} {accept}"
        statuses.append(answer.status)
    return statuses


def survive(emulator: Emulator, content: bytes) -> int:
    """Stores `content` and, if it was stored, retrieves everything of it and deletes it; the status of the store."""
    answer = emulator.store_response(content)
    if answer.status == 409:
        assert answer.failure_reasons() == [43264]
        return 409
    assert answer.status in (200, 202)
    statuses = retrieve_all(emulator, answer)
    assert statuses[0] == 200, "metadata"
    assert statuses[8] == 200, "as stored"
    assert emulator.delete(target_of(answer)).status == 204
    return answer.status


@pytest.mark.parametrize("name", BASES)
def test_cut_off_files_are_stored_or_refused(watched: Emulator, name: str) -> None:
    """Store §5: cut off inside the pixel data it is stored as sent; before the identifiers it is refused."""
    statuses = [survive(watched, content) for content in hostile.truncated(BASES[name], CUTS)]

    assert statuses[0] == 409


@pytest.mark.parametrize("name", BASES)
def test_damaged_files_are_stored_or_refused(watched: Emulator, name: str) -> None:
    """Store §5, §10; retrieve §12: whatever is in a file, the answer is one that the service has."""
    for seed in SEEDS:
        survive(watched, hostile.mutated(BASES[name], seed))


@pytest.mark.parametrize("is_implicit", [True, False], ids=["implicit", "explicit"])
@pytest.mark.parametrize("is_undefined", [True, False], ids=["undefined lengths", "defined lengths"])
def test_sequences_ten_thousand_deep_are_refused(watched: Emulator, is_implicit: bool, is_undefined: bool) -> None:
    """Store §5: nobody could read its metadata, so it counts as unreadable; nothing recurses."""
    answer = watched.store_response(hostile.nested(10_000, is_implicit=is_implicit, is_undefined=is_undefined))

    assert (answer.status, answer.json()) == (409, UNREADABLE)


@pytest.mark.parametrize("is_implicit", [True, False], ids=["implicit", "explicit"])
def test_sequences_sixty_deep_are_stored(watched: Emulator, is_implicit: bool) -> None:
    """The limit is far above what data sets need."""
    answer = watched.store_response(hostile.nested(60, is_implicit=is_implicit, is_undefined=True))

    assert answer.status == (202 if is_implicit else 200)
    statuses = retrieve_all(watched, answer)
    assert (statuses[0], statuses[6]) == (200, 200)
    transcoded = watched.get(target_of(answer), accept=f"{DICOM}; transfer-syntax={JPEG_2000}")
    assert transcoded.status == 200


def test_deflate_bomb_is_refused(watched: Emulator) -> None:
    """PS3.5 §A.5; store §5: a megabyte that inflates to a gigabyte is not kept in memory, and is unreadable."""
    answer = watched.store_response(hostile.deflate_bomb(1024 * MIB))

    assert (answer.status, answer.json()) == (409, UNREADABLE)


def test_large_deflated_file_is_inflated_outside_of_memory(watched: Emulator) -> None:
    """PS3.5 §A.5: what is large but allowed costs disk and time, not memory."""
    assert survive(watched, hostile.deflate_bomb(200 * MIB)) == 200


@pytest.mark.parametrize("side", [8_000, 60_000])
@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "hidden"])
def test_jpeg_2000_image_of_huge_dimensions_is_not_decoded(watched: Emulator, side: int, is_declared: bool) -> None:
    """Retrieve §9, §10: 406, decided by the codestream's header before anything is allocated."""
    answer = watched.store_response(hostile.huge_jpeg_2000(side, side, is_declared=is_declared))

    statuses = retrieve_all(watched, answer)
    assert (answer.status, statuses[1], statuses[4], statuses[6]) == (200, 200, 406, 406)


@pytest.mark.parametrize(
    ("attributes", "first_frame"),
    [
        ({"NumberOfFrames": 2**31 - 1}, 200),
        ({"NumberOfFrames": 10**9, "Rows": 1, "Columns": 1}, 200),
        ({"NumberOfFrames": -5}, 200),
        ({"Rows": 65535, "Columns": 65535}, 404),
        ({"Rows": 0, "Columns": 0}, 404),
        ({"SamplesPerPixel": 65535}, 404),
        ({"BitsAllocated": 65535}, 404),
        ({"BitsAllocated": 0}, 404),
    ],
    ids=lambda value: "-".join(f"{name}={said}" for name, said in value.items()) if isinstance(value, dict) else "",
)
def test_images_that_lie_about_their_size(watched: Emulator, attributes: dict[str, int], first_frame: int) -> None:
    """Retrieve §7: frames that the pixel data hold are found, those that they do not are not."""
    answer = watched.store_response(hostile.lying(**attributes))

    assert answer.status == 200
    assert retrieve_all(watched, answer)[1] == first_frame


def test_every_frame_beyond_the_data_is_not_found(watched: Emulator) -> None:
    """Retrieve §7: NumberOfFrames of 2³¹−1 with the pixels of two."""
    target = target_of(watched.store_response(hostile.lying(NumberOfFrames=2**31 - 1)))

    for frame in (3, 1_000_000, 2**31 - 1):
        answer = watched.get(f"{target}/frames/{frame}", accept="application/octet-stream")
        assert (answer.status, answer.text) == (404, "The specified frame cannot be found.")


@pytest.mark.parametrize("length", [0, 1, 2**31 - 1, 2**32 - 2, 2**32 - 1])
def test_pixel_data_of_a_wrong_length(watched: Emulator, length: int) -> None:
    """Store §5: what follows the header is what there is."""
    assert survive(watched, hostile.with_length_of_pixel_data(length)) == 200


def test_a_frame_asked_for_a_thousand_times_is_read_once(watched: Emulator) -> None:
    """Retrieve §7: duplicates are returned as often as asked; they do not cost as often."""
    target = target_of(watched.store_response(BASES["Deflated Explicit VR Little Endian"]))

    answer = watched.get(f"{target}/frames/{','.join(['2'] * 1000)}", accept="*/*")

    assert (answer.status, len(answer.parts())) == (200, 1000)
