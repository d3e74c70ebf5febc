"""What tables of mutations are made of: a request, a change of its answer, and the one finding that it must give."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from pydicom import FileDataset, dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, ImplicitVRLittleEndian, RLELossless

from azdicom_proxy.parity.model import Compared, Severity, Verdict
from tests.parity.mutating import Altered, Mutation, edit_json, set_header, split
from tests.parity.twins import Asked, a_bulk_update, a_store, reads
from tests.support.instances import read

BREAKING, MINOR = Severity.BREAKING, Severity.MINOR
ELSEWHERE = "http://elsewhere.example/v2"
SPS = "00400275"


@dataclass(frozen=True, slots=True)
class Case:
    """asked: name of a read, or what makes a request; the one finding that `mutation` must give."""

    name: str
    asked: str | Callable[[], Asked]
    mutation: Mutation
    severity: Severity
    at: str
    kind: str

    @property
    def findings(self) -> set[tuple[Severity, str, str]]:
        return {(self.severity, self.at, self.kind)}

    @property
    def verdict(self) -> Verdict:
        return Verdict.BREAKING if self.severity is BREAKING else Verdict.MINOR

    def request(self) -> Asked:
        return reads()[self.asked] if isinstance(self.asked, str) else self.asked()


def first(edit: Callable[[Any], Any]) -> Mutation:
    """Changes the first item of a JSON array."""
    return edit_json(lambda document: discard(edit(document[0])))


def discard(_: object) -> None:
    """What an edit in a lambda returns."""


def put(tag: str, *path: Any, value: Any) -> Mutation:
    """Sets a member of the first item."""

    def edit(item: Any) -> None:
        place = item
        for step in (tag, *path[:-1]):
            place = place[step]
        place[path[-1]] = value

    return first(edit)


def swap(items: list[Any]) -> list[Any]:
    return [items[1], items[0], *items[2:]]


def flipped(data_set: FileDataset) -> None:
    """The lowest bit of one sample."""
    content = bytearray(data_set.PixelData)
    content[40] ^= 1
    data_set.PixelData = bytes(content)


def in_syntax(uid: str) -> Callable[[FileDataset], None]:
    """Decoded, and encoded anew."""

    def edit(data_set: FileDataset) -> None:
        if data_set.file_meta.TransferSyntaxUID.is_compressed:
            data_set.decompress(generate_instance_uid=False)
        if uid == RLELossless:
            data_set.compress(RLELossless, generate_instance_uid=False)
        else:
            data_set.file_meta.TransferSyntaxUID = UID(uid)

    return edit


def as_implicit(content: bytes) -> bytes:
    """The same data set in implicit VR little endian."""
    data_set = read(content)
    data_set.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    sink = BytesIO()
    dcmwrite(sink, data_set, implicit_vr=True, little_endian=True, enforce_file_format=True)
    return sink.getvalue()


def named(uid: str) -> Callable[[bytes], bytes]:
    """(0002,0010) alone says something else; padded to the length that was there."""

    def edit(content: bytes) -> bytes:
        old = read(content).file_meta.TransferSyntaxUID.encode()
        at = content.index(old, 132)
        length = len(old) + len(old) % 2
        return content[:at] + uid.encode().ljust(length, b"\0")[:length] + content[at + length :]

    return edit


def one_off(samples: Any) -> Any:
    """The lowest bit of one sample."""
    samples[3, 3] ^= 1
    return samples


def noise(samples: Any) -> Any:
    """Off by one here and there."""
    changed = samples.astype(np.int16)
    changed[::7, ::5] += 1
    return np.clip(changed, 0, 255).astype(np.uint8)


def darker(samples: Any) -> Any:
    """As of another window."""
    return (samples.astype(np.uint16) * 3 // 4).astype(np.uint8)


def as_single_part(answer: Altered) -> Altered:
    boundary = (answer.header("Content-Type") or "").partition("boundary=")[2]
    (head, content), *_ = split(answer.body, boundary)
    return set_header("Content-Type", head.partition(": ")[2])(replace(answer, body=content))


def remove_private(data_set: FileDataset) -> None:
    del data_set[0x00111010]


def drop_item(data_set: FileDataset) -> None:
    data_set.RequestAttributesSequence = Sequence(list(data_set.RequestAttributesSequence)[1:])


def set_value(keyword: str, value: Any) -> Callable[[FileDataset], None]:
    return lambda data_set: setattr(data_set, keyword, value)


def fewer_frames(data_set: FileDataset) -> None:
    data_set.PixelData = data_set.PixelData[: len(data_set.PixelData) // 3 * 2]


def other_frame_order(data_set: FileDataset) -> None:
    size = len(data_set.PixelData) // 3
    content = data_set.PixelData
    data_set.PixelData = content[size : 2 * size] + content[:size] + content[2 * size :]


def failed_store() -> Asked:
    return a_store(twice=True)


def store_with_warning() -> Asked:
    return a_store(wrong=True)


def update_of_a_date() -> Asked:
    return a_bulk_update("00080020")


STORED, FAILED, COMMENTS = "00081199", "00081198", "00741048"


def item_of(document: Any, sequence: str, number: int = 0) -> Any:
    return document[sequence]["Value"][number]


def set_reason(sequence: str, tag: str, value: Any) -> Mutation:
    return edit_json(lambda document: discard(item_of(document, sequence)[tag].update(Value=[value])))


class Named(Protocol):
    """A row of a table."""

    @property
    def name(self) -> str: ...


def ids(cases: Iterable[Named]) -> list[str]:
    return [case.name.replace(" ", "-") for case in cases]


def findings(compared: Compared) -> set[tuple[Severity, str, str]]:
    """Severity, place and kind of each difference that is no noise."""
    return {(each.severity, each.at, each.kind) for each in compared.differences if each.severity is not Severity.NOISE}
