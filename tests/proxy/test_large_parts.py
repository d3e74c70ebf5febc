"""Parts of multipart bodies that are larger than what may be in memory: recorded, scrubbed, matched, looked at."""

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from azdicom_proxy.cassette import listing
from azdicom_proxy.cassette.bodies import chunks_of, hash_of
from azdicom_proxy.cassette.checks import Limits, check
from azdicom_proxy.cassette.model import Inline, Interaction, Multipart, Part, SpooledFile
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette.tools import scrub
from azdicom_proxy.matching.digest import digest_of
from azdicom_proxy.matching.player import Player
from azdicom_proxy.scrub.policy import Option, Phi, ScrubPolicy
from tests.proxy.made_cassettes import KEY, UPSTREAM_HOST, a_retrieve, a_scrubber, a_store, record
from tests.support.bulk import FRAME_BYTES, MULTIPART, PART_HEAD, PART_TAIL, LargeInstance, large_instance
from tests.support.memory import peak_bytes, reset_peaks, resident_bytes

FRAMES = 64
"""Of one MiB."""
GROWTH_BYTES = 24 * 1024 * 1024
DAY = date(2025, 5, 4)
NO_LIMITS = Limits(max_bodies_bytes=1 << 40)

bounded = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by way of /proc")


@contextmanager
def little_memory() -> Iterator[None]:
    """The block takes far less memory than the part has bytes."""
    pid = os.getpid()
    reset_peaks(pid)
    before = resident_bytes(pid)
    yield
    assert peak_bytes(pid) - before < GROWTH_BYTES


@pytest.fixture(scope="module")
def instance() -> LargeInstance:
    return large_instance(FRAMES)


def spooled(path: Path, instance: LargeInstance) -> SpooledFile:
    """The multipart body of a store of `instance`, as the proxy keeps it."""
    with path.open("wb") as file:
        file.write(PART_HEAD)
        file.writelines(instance.blocks())
        file.write(PART_TAIL)
    whole = SpooledFile(path, path.stat().st_size, "")
    return replace(whole, sha256=hash_of(chunks_of(whole)))


def with_other_ids(instance: LargeInstance) -> LargeInstance:
    """The same in another study."""
    ids = [instance.dataset[keyword].value for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    head, dataset = instance.head, deepcopy(instance.dataset)
    for identifier in ids:
        head = head.replace(identifier.encode(), other_id(identifier).encode())
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = map(other_id, ids)
    return LargeInstance(dataset, head, instance.frames)


def other_id(identifier: str) -> str:
    """As long, so that no length changes."""
    return identifier[:-1] + str((int(identifier[-1]) + 1) % 10)


def the_store(body: SpooledFile, instance: LargeInstance) -> Interaction:
    made = a_store(instance.dataset)
    headers = tuple((name, MULTIPART if name == "Content-Type" else value) for name, value in made.request.headers)
    return replace(made, request=replace(made.request, headers=headers, body=body))


def the_retrieve(body: SpooledFile, instance: LargeInstance) -> Interaction:
    made = a_retrieve(instance.dataset)
    return replace(made, response=replace(made.response, headers=(("Content-Type", MULTIPART),), body=body))


def part_of(interaction: Interaction) -> Part:
    body = interaction.request.body
    assert isinstance(body, Multipart)
    (part,) = body.parts
    return part


POLICIES = {
    "as it is": {"phi": Phi.KEEP},
    "without the patient": {"phi": Phi.BASIC},
    "without its pixels": {"phi": Phi.BASIC, "options": frozenset((Option.CLEAN_PIXEL_DATA,))},
    "with a pattern for its pixels": {"phi": Phi.BASIC, "thin_pixels": True},
}


@bounded
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_a_large_part_is_scrubbed_and_recorded_in_little_memory(
    policy: dict[str, object], tmp_path: Path, instance: LargeInstance
) -> None:
    """record-replay §16, 5; §9.2: the data set is another, the pixels after it are copied."""
    store = the_store(spooled(tmp_path / "spool", instance), instance)
    with little_memory():
        record(tmp_path / "c.yaml", store, scrubber=a_scrubber(**policy))

    (interaction,) = load(tmp_path / "c.yaml", verify=True).interactions
    part = part_of(interaction)
    assert isinstance(part.body, SpooledFile)
    assert part.sop is not None
    assert (part.sop == instance.dataset.SOPInstanceUID) == (policy["phi"] is Phi.KEEP)
    with part.body.path.open("rb") as file:
        file.seek(-FRAMES * FRAME_BYTES - 12, os.SEEK_END)
        assert file.read(12) == struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, FRAMES * FRAME_BYTES)
        frame = file.read(FRAME_BYTES)
    assert (frame == instance.frame(1)) == (
        policy not in (POLICIES["without its pixels"], POLICIES["with a pattern for its pixels"])
    )
    assert (frame == bytes(FRAME_BYTES)) == (policy is POLICIES["without its pixels"])


@bounded
def test_a_cassette_with_a_large_part_is_looked_at_in_little_memory(tmp_path: Path, instance: LargeInstance) -> None:
    """record-replay §16, 5; §6.8: `cassette check`, `show` and `scrub`, and replay, which sends it from its file."""
    body = spooled(tmp_path / "spool", instance)
    path = tmp_path / "c.yaml"
    record(path, the_store(body, instance), the_retrieve(body, instance))
    with little_memory():
        assert {finding.rule for finding in check(path, NO_LIMITS, today=DAY)} == {"phi"}
        cassette = load(path)
        assert [listing.row(each)["sop_instances"] for each in cassette.interactions] == [1, 1]
        for each in cassette.interactions:
            assert "Patient's Name" in listing.interaction_text(each, shows_body=True, shows_dicom=True)
        scrub(cassette, tmp_path / "scrubbed.yaml", ScrubPolicy(phi=Phi.BASIC), KEY, [UPSTREAM_HOST])
    assert part_of(load(tmp_path / "scrubbed.yaml").interactions[0]).sop != instance.dataset.SOPInstanceUID


def test_a_long_value_counts_with_all_its_bytes_as_it_did_when_it_was_read_at_once(tmp_path: Path) -> None:
    """record-replay §7.2: the digest that cassettes are matched by is the same wherever the bytes are."""
    pixels = bytes(range(256)) * 800
    content = struct.pack("<HH2sH6s", 0x0008, 0x0018, b"UI", 6, b"2.25.3")
    content += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, len(pixels)) + pixels
    path = tmp_path / "file"
    path.write_bytes(b"before" + content + b"after")

    in_file, in_memory = digest_of(SpooledFile(path, len(content), "", offset=6)), digest_of(Inline(content))

    assert in_file == in_memory
    assert in_file.elements == in_memory.elements
    assert in_file.elements["PixelData"] == "204800 bytes (8c6627e2)"
    assert in_file.digest == "b3b2273e5a5afd4e5e3929913209bd086601aacce8ba90e01ce5b0973409c4d1"


@bounded
def test_ids_of_a_large_part_are_translated_in_little_memory(tmp_path: Path, instance: LargeInstance) -> None:
    """record-replay §8: the answer speaks of the client's ids; its file is written once, and goes with the ids."""
    path = tmp_path / "c.yaml"
    body = spooled(tmp_path / "spool", instance)
    record(path, the_store(body, instance), the_retrieve(body, instance))
    stored, retrieved = load(path).interactions
    client = with_other_ids(instance)
    asked = replace(the_store(spooled(tmp_path / "client", client), client).request, uri=stored.request.uri)
    player = Player(load(path), map_uids=True)
    with little_memory():
        assert isinstance(player.play(asked), Interaction)
        uri = retrieved.request.uri.replace(instance.dataset.StudyInstanceUID, client.dataset.StudyInstanceUID)
        answers = [player.play(replace(retrieved.request, uri=uri)) for _ in range(2)]
    files = []
    for answer in answers:
        assert isinstance(answer, Interaction)
        assert isinstance(answer.response.body, Multipart)
        (part,) = answer.response.body.parts
        assert part.sop == client.dataset.SOPInstanceUID == digest_of(part.body).sop
        assert isinstance(part.body, SpooledFile)
        files.append(part.body)
    assert files[0] == files[1]
    assert hash_of(chunks_of(files[0])) == files[0].sha256

    player.reset()

    assert not files[0].path.exists()
