"""Large bodies: streamed through bounded memory, and given up when the client leaves."""

import http.client
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from pydicom.uid import JPEG2000Lossless

from tests.support.bulk import (
    BLOCK_BYTES,
    MULTIPART,
    PART_HEAD,
    PART_TAIL,
    LargeInstance,
    large_instance,
    retrieved_matches,
    store_multipart,
)
from tests.support.client import DICOM, DICOM_JSON, MULTIPART_DICOM, STORED, Emulator
from tests.support.instances import an_instance, another_in_series, instance_path, part10, study_path
from tests.support.memory import family, peak_bytes, reset_peaks, resident_bytes
from tests.support.process import ServeProcess, serving
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")

MIB = 1024 * 1024
FRAMES = 300
MAX_GROWTH_BYTES = 60 * MIB
MAX_HEALTH_S = 1.0
"""How long anybody else may wait meanwhile; generous, since other tests run beside this one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    folder = tmp_path_factory.mktemp("bulk")
    with serving(folder / "data", folder) as started:
        started.emulator.store(an_instance())
        yield started


@pytest.fixture
def emulator(server: ServeProcess) -> Iterator[Emulator]:
    """The server, which has nothing left of any request when the test ends."""
    yield server.emulator
    eventually(lambda: leftovers(server.emulator) == [], what="an empty tmp folder")


def leftovers(emulator: Emulator) -> list[Path]:
    return list((emulator.data_dir / "tmp").iterdir())


def open_files(server: ServeProcess) -> list[str]:
    """The DICOM files that the server and its workers hold open."""
    found = []
    for pid in family(server.pid):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.append(str(descriptor.readlink()))
            except FileNotFoundError:
                continue
    return [name for name in found if ".dcm" in name or "/data/tmp/" in name]


def growth_bytes(server: ServeProcess, idle: int) -> int:
    return peak_bytes(server.pid) - idle


class Onlooker:
    """Asks for /health all the time; `slowest_s` is the longest that an answer took."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._done = Event()
        self.slowest_s = 0.0
        self._thread = Thread(target=self._look)

    def __enter__(self) -> "Onlooker":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.01):
            started = time.monotonic()
            assert self._emulator.request("GET", "/health").status == 200
            self.slowest_s = max(self.slowest_s, time.monotonic() - started)


def test_a_large_instance_is_streamed_in_and_out(server: ServeProcess, emulator: Emulator) -> None:
    """Store §4.3, retrieve §6.2: multipart and single part; memory stays small and others are answered meanwhile."""
    instance = large_instance(FRAMES)
    path = instance_path(instance.dataset)
    idle = resident_bytes(server.pid)
    reset_peaks(server.pid)
    with Onlooker(emulator) as onlooker:
        answer = store_multipart(emulator, instance)
        assert answer.status == 200, answer.text
        assert retrieved_matches(emulator, path, DICOM + STORED, instance)
        assert retrieved_matches(emulator, study_path(instance.dataset), MULTIPART_DICOM + STORED, instance)

    assert growth_bytes(server, idle) < MAX_GROWTH_BYTES
    assert onlooker.slowest_s < MAX_HEALTH_S
    _frames_are_read_alone(server, emulator, instance)
    assert emulator.delete(path).status == 204


def _frames_are_read_alone(server: ServeProcess, emulator: Emulator, instance: LargeInstance) -> None:
    """Retrieve §7, §9: frames of a file above the limit are slices of it; what would need all of it is refused."""
    path = instance_path(instance.dataset)
    reset_peaks(server.pid)
    idle = resident_bytes(server.pid)
    asked = (FRAMES, 1, FRAMES // 2)

    answer = emulator.get(f"{path}/frames/{','.join(map(str, asked))}", accept="*/*")

    assert [part.content for part in answer.parts()] == [instance.frame(number) for number in asked]
    assert growth_bytes(server, idle) < MAX_GROWTH_BYTES
    for resource, accept in (
        ("", f"{DICOM}; transfer-syntax={JPEG2000Lossless}"),
        ("/frames/1", 'multipart/related; type="image/jp2"'),
        ("/rendered", "image/png"),
    ):
        refused = emulator.get(path + resource, accept=accept)
        assert refused.status == 406
        assert refused.text.startswith("Requested DICOM instance size is above the supported limit of 104857600")


def test_metadata_of_a_thousand_instances_streams(server: ServeProcess, emulator: Emulator) -> None:
    """Retrieve §8.2: the first bytes come at once, and the whole is never in memory."""
    text = "x" * 5000
    first = an_instance(rows=2, columns=2, private=[(0x0011, "TEST", 1, "UT", text)])
    study = [
        first,
        *(another_in_series(first, rows=2, columns=2, private=[(0x0011, "TEST", 1, "UT", text)]) for _ in range(999)),
    ]
    emulator.store_all(study)
    idle = resident_bytes(server.pid)
    reset_peaks(server.pid)
    connection = http.client.HTTPConnection(*emulator.address, timeout=30)
    try:
        connection.request("GET", f"/v2{study_path(first)}/metadata", headers={"Accept": DICOM_JSON})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Transfer-Encoding"]) == (200, "chunked")
        assert answer.read(2) == b"[{"
        received = 2
        while block := answer.read(BLOCK_BYTES):
            received += len(block)
    finally:
        connection.close()

    assert received > 1000 * len(text)
    assert growth_bytes(server, idle) < 20 * MIB
    assert emulator.delete(study_path(first)).status == 204


def upload_head(emulator: Emulator, size_bytes: int) -> bytes:
    return (
        f"POST /v2/studies HTTP/1.1\r\nHost: {emulator.address[0]}\r\nAccept: {DICOM_JSON}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {size_bytes}\r\n\r\n"
    ).encode()


def test_an_upload_that_is_given_up_leaves_nothing(server: ServeProcess, emulator: Emulator) -> None:
    """Store §9: what did not arrive is claimed by nobody, so that the same instance can be stored at once."""
    instance = large_instance(20)
    with socket.create_connection(emulator.address) as connection:
        connection.sendall(upload_head(emulator, instance.size_bytes + 1000) + PART_HEAD)
        for number, block in enumerate(instance.blocks()):
            if number == 10:
                break
            connection.sendall(block)
        eventually(lambda: leftovers(emulator), what="a spooled body")

    eventually(lambda: leftovers(emulator) == [], what="its removal")
    assert store_multipart(emulator, instance).status == 200
    assert open_files(server) == []


@pytest.mark.parametrize("count", range(4))
def test_a_client_that_leaves_before_the_answer_holds_no_claim(emulator: Emulator, count: int) -> None:
    """Store §9: the next store of the instance is a first or a second one, never one beside another that is pending."""
    dataset = an_instance(rows=200, columns=200)
    body = PART_HEAD + part10(dataset) + PART_TAIL
    with socket.create_connection(emulator.address) as connection:
        connection.sendall(upload_head(emulator, len(body)) + body)

    def outcome() -> tuple[int, list[int]] | None:
        answer = emulator.store_response(dataset)
        found = (answer.status, answer.failure_reasons())
        return None if found == (409, [45071]) else found

    assert eventually(outcome) in [(200, []), (409, [45070])]
    assert emulator.delete(instance_path(dataset)).status == 204


def test_a_retrieve_that_is_given_up_closes_the_file(server: ServeProcess, emulator: Emulator) -> None:
    """Retrieve §6.2: sending stops with the connection; the file is closed, and can be deleted."""
    instance = large_instance(60)
    assert store_multipart(emulator, instance).status == 200
    path = instance_path(instance.dataset)
    for accept in (DICOM + STORED, MULTIPART_DICOM + STORED):
        with socket.create_connection(emulator.address) as connection:
            connection.sendall(f"GET /v2{path} HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
            eventually(lambda: open_files(server), what="an open file")
        eventually(lambda: open_files(server) == [], what="no open file")

    assert emulator.delete(path).status == 204
    assert emulator.request("GET", "/health").status == 200


@pytest.mark.parametrize(
    ("resource", "accept"),
    [
        ("", f"{DICOM}; transfer-syntax={JPEG2000Lossless}"),
        ("/frames/1", 'multipart/related; type="image/jp2"'),
        ("/rendered", "image/png"),
    ],
    ids=["transcode", "frames", "render"],
)
def test_work_that_nobody_waits_for_leaves_nothing(
    server: ServeProcess, emulator: Emulator, resource: str, accept: str
) -> None:
    """Retrieve §9, §10: the worker goes on to the next request, what it made is gone."""
    dataset = emulator.store(an_instance(frames=20, rows=600, columns=600))
    path = instance_path(dataset)
    request = f"GET /v2{path}{resource} HTTP/1.1\r\nHost: h\r\nAccept: {accept}\r\n\r\n".encode()
    for _ in range(3):
        with socket.create_connection(emulator.address) as connection:
            connection.sendall(request)

    assert emulator.get(path + resource, accept=accept).status == 200
    eventually(lambda: open_files(server) == [], what="no open file")
    assert emulator.delete(path).status == 204
