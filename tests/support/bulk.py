"""Instances too large for memory: sent and received as streams."""

import http.client
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import FileDataset

from tests.support.client import DICOM_JSON, Emulator, Response
from tests.support.instances import an_instance, part10

BLOCK_BYTES = 1024 * 1024
SIDE = 1024
FRAME_BYTES = SIDE * SIDE
TIMEOUT_S = 120
BOUNDARY = "large"
PART_HEAD = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
PART_TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
MULTIPART = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@dataclass(frozen=True, slots=True)
class LargeInstance:
    """An 8-bit multi-frame image; `head` is the file up to its pixels. A frame is a MiB that begins with its number."""

    dataset: FileDataset
    head: bytes
    frames: int

    @property
    def size_bytes(self) -> int:
        return len(self.head) + self.frames * FRAME_BYTES

    def frame(self, frame_number: int) -> bytes:
        return struct.pack("<I", frame_number) + bytes(FRAME_BYTES - 4)

    def blocks(self) -> Iterator[bytes]:
        """The file, a frame at a time."""
        yield self.head
        for frame_number in range(1, self.frames + 1):
            yield self.frame(frame_number)


def large_instance(frames: int) -> LargeInstance:
    dataset = an_instance(
        has_pixel_data=False,
        frames=frames,
        rows=SIDE,
        columns=SIDE,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    )
    header = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, frames * FRAME_BYTES)
    return LargeInstance(dataset, part10(dataset) + header, frames)


def store_multipart(emulator: Emulator, instance: LargeInstance) -> Response:
    """The answer to a multipart store that is sent as it is made."""
    connection = connected(emulator)
    try:
        connection.putrequest("POST", "/v2/studies", skip_accept_encoding=True)
        connection.putheader("Accept", DICOM_JSON)
        connection.putheader("Content-Type", MULTIPART)
        connection.putheader("Content-Length", str(len(PART_HEAD) + instance.size_bytes + len(PART_TAIL)))
        connection.endheaders()
        connection.send(PART_HEAD)
        for block in instance.blocks():
            connection.send(block)
        connection.send(PART_TAIL)
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def retrieved_matches(emulator: Emulator, target: str, accept: str, instance: LargeInstance) -> bool:
    """Whether the body of an answer holds the file, and nothing but framing around it; read a block at a time."""
    connection = connected(emulator)
    try:
        connection.request("GET", f"/v2{target}", headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read(2000)
        length = int(answer.headers["Content-Length"])
        if accept.startswith("multipart"):
            while answer.readline() != b"\r\n":
                pass
        same = all(answer.read(len(block)) == block for block in instance.blocks())
        rest = answer.read()
        return same and len(rest) < 200 and 0 <= length - instance.size_bytes < 500
    finally:
        connection.close()


def connected(emulator: Emulator) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(*emulator.address, timeout=TIMEOUT_S)
