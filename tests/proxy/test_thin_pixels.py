"""`--thin-pixels`: a pattern of the same shape in the place of pixel data, and requests that match it."""

import contextlib
import gzip
import hashlib
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
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

from azdicom_proxy.cassette.bodies import content_of, split_multipart
from azdicom_proxy.cassette.checks import Limits, check
from azdicom_proxy.cassette.model import Body, Headers, Inline, Interaction, Multipart, RecordedRequest
from azdicom_proxy.cassette.reading import load
from azdicom_proxy.cassette_cli import cassette
from azdicom_proxy.equipment import PHI_WAS_SCRUBBED
from azdicom_proxy.matching.player import Miss, Player
from azdicom_proxy.scrub.datasets import RefusedError
from azdicom_proxy.scrub.policy import Option, Phi
from azdicom_proxy.scrub.thinning import THIN_PIXELS
from azdicom_proxy.settings import Mode, Writing
from tests.proxy.conversations import FRAMES, INSTANCE, STORE, Conversation, only
from tests.proxy.made_cassettes import a_retrieve, a_scrubber, a_store, an_interaction, record, recorded, written_bytes
from tests.proxy.proxies import proxying
from tests.support.client import Emulator, Response
from tests.support.instances import an_instance, part10, read

THIN = Writing(thin_pixels=True)
WINDOW = 16
"""So many bytes of noise are nowhere by chance."""


def noise(size_bytes: int, seed: int = 1) -> bytes:
    """Samples that do not compress; 12 bits of 16."""
    values = np.random.default_rng(seed).integers(0, 4096, size_bytes // 2, dtype="<u2")
    return values.tobytes()


PIXELS = noise(2 * 64 * 48 * 2)


def tour(client: Emulator, pixels: bytes = PIXELS) -> list[Response]:
    """Store, retrieve, frames raw and compressed, a rendered frame, metadata."""
    conversation = Conversation()
    where = conversation.instance_path
    return [
        store(client, pixels),
        conversation.ask(client, "GET", where, accept=INSTANCE),
        conversation.ask(client, "GET", f"{where}/frames/1,2", accept=FRAMES),
        conversation.ask(client, "GET", f"{where}/frames/2", accept='multipart/related; type="image/jp2"'),
        conversation.ask(client, "GET", f"{where}/frames/2/rendered", accept="image/png"),
        conversation.ask(client, "GET", f"{where}/rendered", accept="image/jpeg"),
        conversation.ask(client, "GET", f"{where}/metadata"),
    ]


def store(client: Emulator, pixels: bytes) -> Response:
    return Conversation().store(client, rows=64, columns=48, pixels=pixels)


def samples_of(messages: Headers, body: Body) -> list[Dataset]:
    if isinstance(body, Inline):
        body = split_multipart(dict(messages)["Content-Type"], body) or body
    assert isinstance(body, Multipart)
    return [read(content_of(part.body)) for part in body.parts]


def thinned(dataset: Dataset, folder: Path, **policy: Any) -> tuple[Dataset, Interaction]:
    """The data set as it is recorded when it is stored."""
    scrubber = a_scrubber(thin_pixels=True, **policy)
    (interaction,) = recorded(folder / "c.yaml", a_store(dataset), scrubber=scrubber).interactions
    return samples_of(interaction.request.headers, interaction.request.body)[0], interaction


def test_no_byte_of_the_pixels_is_in_any_written_file(emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §6.3 item 5; the client gets what the upstream has."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "made" / "c.yaml", writing=THIN) as proxy:
        answers = tour(proxy.client)

    assert [answer.status for answer in answers] == [200] * 7
    assert PIXELS in answers[1].content
    windows = {PIXELS[at : at + WINDOW] for at in range(0, len(PIXELS) - WINDOW, WINDOW // 2)}
    written = written_bytes(tmp_path / "made")
    for name, content in written.items():
        assert not any(content[at : at + WINDOW] in windows for at in range(len(content) - WINDOW)), name
    bodies = [content for name, content in written.items() if name.endswith((".dcm", ".bin"))]
    assert all(len(gzip.compress(content)) < 2000 for content in bodies)


def test_thin_cassette_answers_requests_with_the_true_pixels(emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §6.3 item 5: requests at replay are thinned alike; nothing says so but the cassette."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", writing=THIN) as proxy:
        truth = tour(proxy.client)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        answers = tour(proxy.client)

    assert [(answer.status, answer.headers["x-azdicom-source"]) for answer in answers] == [(200, "cassette")] * 7
    instance = read(answers[1].content)
    assert instance.pixel_array.shape == (2, 64, 48)
    assert (instance.pixel_array[0] == instance.pixel_array[1]).all()
    assert instance.PixelData != PIXELS
    frames = [part.content for part in answers[2].parts()]
    assert frames == [instance.pixel_array[0].tobytes()] * 2
    with Image.open(BytesIO(answers[3].parts()[0].content)) as frame:
        assert (frame.format, frame.size) == ("JPEG2000", (48, 64))
    for number, form in ((4, "PNG"), (5, "JPEG")):
        with Image.open(BytesIO(answers[number].content)) as ours, Image.open(BytesIO(truth[number].content)) as true:
            assert (ours.format, ours.size, ours.mode) == (form, true.size, true.mode)
    assert answers[6].json() == truth[6].json()


def test_what_was_retrieved_from_a_thin_cassette_may_be_stored_again(emulator: Emulator, tmp_path: Path) -> None:
    """The pattern of a pattern is that pattern."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", writing=THIN) as proxy:
        tour(proxy.client)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        got = Conversation().ask(proxy.client, "GET", Conversation().instance_path, accept=INSTANCE)
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + got.content + b"\r\n--x--\r\n"
        content_type = STORE.rpartition("=")[0] + "=x"
        again = Conversation().ask(proxy.client, "POST", "/studies", body=body, content_type=content_type)

    assert again.status == 200


def test_thin_cassette_passes_its_check(emulator: Emulator, tmp_path: Path) -> None:
    """record-replay §6.8: each recorded request finds itself."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", writing=THIN) as proxy:
        tour(proxy.client)

    assert check(tmp_path / "c.yaml", Limits(), allows_phi=True) == []


def test_true_hashes_are_kept_by_side_and_part(tmp_path: Path) -> None:
    """record-replay §6.3 item 5; of a part without pixels there is none."""
    report = an_instance(has_pixel_data=False)
    one, two = (an_instance(pixels=noise(2048, seed)) for seed in (1, 2))
    scrubber = a_scrubber(thin_pixels=True)

    cassette = recorded(tmp_path / "c.yaml", a_store(one, report, two), a_retrieve(two), scrubber=scrubber)

    found = [[(each.side, each.part, each.sha256) for each in entry.thinned] for entry in cassette.interactions]
    hashes = [hashlib.sha256(noise(2048, seed)).hexdigest() for seed in (1, 2)]
    assert found == [[("request", 1, hashes[0]), ("request", 3, hashes[1])], [("response", 1, hashes[1])]]
    assert all(THIN_PIXELS in entry.scrubbed for entry in cassette.interactions)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
        JPEGLSLossless,
    ],
    ids=lambda syntax: str(syntax.name).replace(" ", "-"),
)
@pytest.mark.parametrize(("frames", "samples"), [(None, 1), (3, 1), (2, 3)], ids=["grey", "grey-frames", "colour"])
def test_pattern_has_the_shape_of_the_pixels(syntax: str, frames: int | None, samples: int, tmp_path: Path) -> None:
    """Rows, columns, samples, frames, bits and transfer syntax stay (record-replay §6.3 item 5)."""
    shape: dict[str, Any] = {"frames": frames, "samples": samples, "rows": 40, "columns": 33 if frames is None else 36}
    dataset = an_instance(transfer_syntax=syntax, **shape)

    new, interaction = thinned(dataset, tmp_path)

    assert new.file_meta.TransferSyntaxUID == syntax
    assert new.pixel_array.shape == read(part10(dataset)).pixel_array.shape
    assert new.pixel_array.max() < 1 << new.BitsStored
    assert (new.pixel_array != read(part10(dataset)).pixel_array).any()
    assert len(interaction.thinned) == 1


def test_jpeg_stays_jpeg(tmp_path: Path) -> None:
    """Baseline JPEG is written by an encoder that knows the size only."""
    sink = BytesIO()
    Image.frombytes("L", (24, 20), noise(480)).save(sink, "JPEG")
    dataset = an_instance(rows=20, columns=24, BitsAllocated=8, BitsStored=8, HighBit=7, has_pixel_data=False)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.add_new("PixelData", "OB", encapsulate([sink.getvalue()]))
    dataset["PixelData"].is_undefined_length = True

    new, _ = thinned(dataset, tmp_path)

    assert new.pixel_array.shape == (20, 24)
    assert new.PixelData != dataset.PixelData


def test_icons_are_thinned_as_well(tmp_path: Path) -> None:
    """Pixel data may be in items (PS3.3 §C.7.6.1.1.6)."""
    icon = Dataset()
    icon.Rows, icon.Columns, icon.BitsAllocated, icon.BitsStored, icon.SamplesPerPixel = 8, 8, 8, 8, 1
    icon.add_new("PixelData", "OB", noise(64, 3))

    new, _ = thinned(an_instance(IconImageSequence=[icon]), tmp_path)

    assert len(new.IconImageSequence[0].PixelData) == 64
    assert noise(64, 3) not in (tmp_path / "c.yaml").read_bytes()
    assert new.IconImageSequence[0].PixelData != noise(64, 3)


def test_thinning_goes_with_the_profile_and_makes_cleaning_easy(tmp_path: Path) -> None:
    """Compressed pixels that clean-pixel-data would refuse are a pattern already."""
    dataset = an_instance(transfer_syntax=RLELossless, PatientName="Quibbleton^Zephyrine")

    new, interaction = thinned(dataset, tmp_path, phi=Phi.BASIC, options=frozenset({Option.CLEAN_PIXEL_DATA}))

    assert new.PatientName != dataset.PatientName
    assert new.PixelData != dataset.PixelData
    assert {THIN_PIXELS, PHI_WAS_SCRUBBED} <= set(interaction.scrubbed)


def test_what_cannot_be_encoded_is_not_recorded(tmp_path: Path) -> None:
    """Better no interaction than one with pixels in it; the report says which and why."""
    path = get_testdata_file("JPGLosslessP14SV1_1s_1f_8b.dcm", download=False)
    assert path is not None
    dataset = read(Path(path).read_bytes())
    assert dataset.file_meta.TransferSyntaxUID == JPEGLosslessSV1

    report = record(tmp_path / "c.yaml", a_store(dataset), scrubber=a_scrubber(thin_pixels=True))

    assert report.refused == 1
    assert "thin-pixels: JPEG of a process that cannot be written here" in report.warnings[0]
    assert written_bytes(tmp_path) == {}


@pytest.mark.parametrize(
    ("content_type", "content"),
    [("video/mp4", b"\0\0\0\x20ftypisom" + bytes(64)), ("image/jphc", noise(64)), ("application/zip", b"PK\3\4")],
    ids=["video", "unknown-image", "archive"],
)
def test_pictures_that_cannot_be_written_are_refused(content_type: str, content: bytes) -> None:
    """Rendered responses are images of the same size, or they are not recorded."""
    picture = an_interaction(
        path="/studies/1/rendered", answer=content, answer_headers=(("Content-Type", content_type),)
    )

    with pytest.raises(RefusedError, match="thin-pixels"):
        a_scrubber(thin_pixels=True).interaction(picture)


def test_values_of_other_elements_stay(tmp_path: Path) -> None:
    """Bulk data of a waveform are no pixels."""
    octets = (("Content-Type", "application/octet-stream"),)
    where = "/studies/1/series/2/instances/3/bulkdata"
    asked = [
        an_interaction(path=f"{where}/{tag}", answer=noise(256), answer_headers=octets)
        for tag in ("54001010", "7FE00010")
    ]

    other, pixels = recorded(tmp_path / "c.yaml", *asked, scrubber=a_scrubber(thin_pixels=True)).interactions

    assert content_of(other.response.body) == noise(256)
    assert content_of(pixels.response.body) != noise(256)


def test_request_that_cannot_be_thinned_is_a_miss(emulator: Emulator, tmp_path: Path) -> None:
    """None like it can have been recorded."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", writing=THIN) as proxy:
        store(proxy.client, PIXELS)
    path = get_testdata_file("JPGLosslessP14SV1_1s_1f_8b.dcm", download=False)
    assert path is not None
    body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + Path(path).read_bytes() + b"\r\n--x--\r\n"
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        content_type = STORE.rpartition("=")[0] + "=x"
        missed = Conversation().ask(proxy.client, "POST", "/studies", body=body, content_type=content_type)

    assert (missed.status, missed.headers["x-azdicom-error"]) == (502, "cassette-miss")


def test_cassette_with_true_pixels_is_replayed_and_extended_thinly(emulator: Emulator, tmp_path: Path) -> None:
    """Recorded requests are made alike as well, whichever way they were recorded."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml") as proxy:
        store(proxy.client, PIXELS)
    settings = {"cassette": tmp_path / "c.yaml", "record_mode": "new_episodes", "writing": THIN}
    with proxying(emulator.base_url, Mode.RECORD, **settings) as proxy:
        again = store(proxy.client, PIXELS)
        Conversation().ask(proxy.client, "GET", Conversation().instance_path, accept=INSTANCE)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        answers = [
            store(proxy.client, PIXELS),
            Conversation().ask(proxy.client, "GET", Conversation().instance_path, accept=INSTANCE),
        ]

    assert again.headers["x-azdicom-source"] == "cassette"
    assert [answer.status for answer in answers] == [200, 200]


def test_other_pixels_of_the_same_shape_are_a_change(tmp_path: Path) -> None:
    """Re-recording keeps what is equal; the pattern is, the pixels were not (record-replay §6.6)."""
    first, second = (an_instance(pixels=noise(2048, seed), SOPInstanceUID="1.2.3.4") for seed in (1, 2))
    for dataset in (first, second):
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.1"
    before = recorded(tmp_path / "c.yaml", a_retrieve(first), scrubber=a_scrubber(thin_pixels=True))

    report = record(
        tmp_path / "c.yaml",
        a_retrieve(second),
        scrubber=a_scrubber(thin_pixels=True),
        existing=before,
        keeps_equal=True,
    )

    assert (report.kept, report.changed) == (0, 1)
    assert load(tmp_path / "c.yaml").interactions[0].thinned[0].sha256 == hashlib.sha256(noise(2048, 2)).hexdigest()


def test_scrub_thins_a_cassette_that_is_there(emulator: Emulator, tmp_path: Path) -> None:
    """`cassette scrub --thin-pixels`; a second time changes nothing, true hashes included."""
    path = tmp_path / "made" / "c.yaml"
    with proxying(emulator.base_url, Mode.RECORD, cassette=path) as proxy:
        tour(proxy.client)
    command = ["scrub", str(path), "--phi", "keep", "--thin-pixels"]

    first = CliRunner().invoke(cassette, command)
    once = written_bytes(tmp_path / "made")
    second = CliRunner().invoke(cassette, command)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert not any(PIXELS[:WINDOW] in content for content in once.values())
    assert load(path).interactions[0].thinned[0].sha256 == hashlib.sha256(PIXELS).hexdigest()
    assert written_bytes(tmp_path / "made") == once


def test_unreadable_files_match_only_themselves(emulator: Emulator, tmp_path: Path) -> None:
    """What is no DICOM file is replaced, too, since nobody knows where its pixels are."""
    bodies = [
        b"--x\r\nContent-Type: application/dicom\r\n\r\n" + noise(512, seed) + b"\r\n--x--\r\n" for seed in (1, 2)
    ]
    content_type = STORE.rpartition("=")[0] + "=x"
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", writing=THIN) as proxy:
        recorded_as = Conversation().ask(proxy.client, "POST", "/studies", body=bodies[0], content_type=content_type)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml") as proxy:
        answers = [
            Conversation().ask(proxy.client, "POST", "/studies", body=body, content_type=content_type)
            for body in bodies
        ]

    assert [answer.status for answer in answers] == [recorded_as.status, 502]
    assert noise(512, 1)[:WINDOW] not in (tmp_path / "c.yaml").read_bytes()


def test_large_bodies_are_thinned_from_file_to_file(emulator: Emulator, tmp_path: Path) -> None:
    """Over the size that is kept in memory."""
    pixels = noise(2 * 1024 * 640 * 2)
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "made" / "c.yaml", writing=THIN) as proxy:
        Conversation().store(proxy.client, rows=640, columns=1024, pixels=pixels)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "made" / "c.yaml") as proxy:
        answer = Conversation().store(proxy.client, rows=640, columns=1024, pixels=pixels)

    assert (answer.status, only(proxy.closed).missed) == (200, 0)
    assert not any(pixels[:WINDOW] in content for content in written_bytes(tmp_path / "made").values())


def test_compared_requests_leave_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long replay does not fill the disk with what clients send."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    large = a_store(an_instance(rows=1024, columns=1024))
    with contextlib.closing(a_scrubber(thin_pixels=True)) as scrubber:
        player = Player(None, scrub_request=scrubber.request, discard_request=scrubber.discard)

        assert isinstance(player.play(large.request), Miss)
        assert list(tmp_path.glob("azdicom-scrub-*"))
        assert not list(tmp_path.glob("azdicom-scrub-*/*"))


def test_replay_compares_what_is_no_pixel(emulator: Emulator, tmp_path: Path) -> None:
    """Other pixels match, another shape or another name does not."""
    with proxying(emulator.base_url, Mode.RECORD, cassette=tmp_path / "c.yaml", writing=THIN) as proxy:
        store(proxy.client, PIXELS)
    with proxying(None, Mode.REPLAY, cassette=tmp_path / "c.yaml", miss_status=404) as proxy:
        other_shape = Conversation().store(proxy.client, rows=32, columns=96, pixels=PIXELS)
        other_name = Conversation().store(proxy.client, rows=64, columns=48, pixels=PIXELS, PatientName="Roe^Richard")
        other_pixels = store(proxy.client, noise(len(PIXELS), 9))

    assert [answer.status for answer in (other_shape, other_name, other_pixels)] == [404, 404, 200]


def test_requests_without_pixels_are_left_alone() -> None:
    """Text, JSON and forms."""
    scrubber = a_scrubber(thin_pixels=True)
    asked = RecordedRequest("POST", "https://x/v2/workitems", (("Content-Type", "application/json"),), Inline(b"{}"))

    assert scrubber.request(asked).body == Inline(b"{}")
