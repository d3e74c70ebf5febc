"""WADO-RS rendered resources over HTTP: negotiation, parameters, pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path

INVALID_FRAMES = (
    "The specified frames value is not valid. At least one frame must be present, "
    "and all requested frames must have value greater than 0."
)


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize(
    ("accept", "content_type", "form"),
    [
        (None, "image/jpeg", "JPEG"),
        ("image/jpeg", "image/jpeg", "JPEG"),
        ("image/png", "image/png", "PNG"),
        ('multipart/related; type="image/png"', "image/png", "PNG"),
    ],
)
def test_an_instance_is_rendered_as_accept_says(
    shared_emulator: Emulator, accept: str | None, content_type: str, form: str
) -> None:
    """Conformance statement v2, Retrieve rendered; retrieve §10."""
    dataset = shared_emulator.store(an_instance(rows=20, columns=30, samples=3))

    answer = shared_emulator.get(instance_path(dataset) + "/rendered", accept=accept)

    assert (answer.status, answer.content_type) == (200, content_type)
    assert (picture(answer.content).format, picture(answer.content).size) == (form, (30, 20))


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        ("*/*", "The request headers are not acceptable"),
        ("image/*", "The request headers are not acceptable"),
        ("application/jpeg", "The request headers are not acceptable"),
        ("image/png, image/jpeg", "The request contains multiple accept headers, which is not supported."),
    ],
)
def test_any_other_accept_is_406(shared_emulator: Emulator, accept: str, text: str) -> None:
    """Service source and unit tests; retrieve §10: before the look-up."""
    answer = shared_emulator.get("/studies/1.2/series/1.3/instances/1.4/rendered", accept=accept)

    assert (answer.status, answer.text) == (406, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("quality=0", "Image quality must be between 1 and 100 inclusive"),
        ("quality=101", "Image quality must be between 1 and 100 inclusive"),
        ("quality=good", "The query parameter 'quality' is invalid. The value 'good' is not valid."),
    ],
)
def test_a_bad_quality_is_400(shared_emulator: Emulator, query: str, text: str) -> None:
    """Service unit tests; retrieve §10: also for PNG, and before Accept."""
    answer = shared_emulator.get(f"/studies/1.2/series/1.3/instances/1.4/rendered?{query}", accept="*/*")

    assert (answer.status, answer.text) == (400, text)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ("0", INVALID_FRAMES),
        ("-1", INVALID_FRAMES),
        ("x", "The query parameter 'frame' is invalid. The value 'x' is not valid."),
    ],
)
def test_a_bad_frame_is_400(shared_emulator: Emulator, frame: str, text: str) -> None:
    """Retrieve §10."""
    answer = shared_emulator.get(f"/studies/1.2/series/1.3/instances/1.4/frames/{frame}/rendered", accept=None)

    assert (answer.status, answer.text) == (400, text)


def test_quality_makes_a_smaller_file(shared_emulator: Emulator) -> None:
    """Retrieve §10: the encoder's quality."""
    dataset = shared_emulator.store(an_instance(rows=200, columns=200, samples=3))
    path = instance_path(dataset) + "/rendered"

    best = shared_emulator.get(path, accept=None).content
    worst = shared_emulator.get(path + "?quality=5", accept=None).content

    assert len(worst) < len(best) / 2


def test_each_frame_is_rendered_by_itself(shared_emulator: Emulator) -> None:
    """PS3.18 §10.4: frame numbers start at 1; `/rendered` is the first."""
    black, white = bytes(64), b"\xff\x0f" * 32
    dataset = shared_emulator.store(
        an_instance(frames=2, rows=4, columns=8, pixels=black + white, WindowCenter="2048", WindowWidth="4096")
    )
    path = instance_path(dataset)

    def mean(resource: str) -> float:
        answer = shared_emulator.get(path + resource, accept="image/png")
        return float(np.asarray(picture(answer.content).convert("L")).mean())

    assert [mean("/rendered"), mean("/frames/1/rendered"), mean("/frames/2/rendered")] == [0, 0, 255]


def test_a_frame_too_high_is_404(shared_emulator: Emulator) -> None:
    """Retrieve §10."""
    dataset = shared_emulator.store(an_instance(frames=2))

    answer = shared_emulator.get(instance_path(dataset) + "/frames/3/rendered", accept=None)

    assert (answer.status, answer.text) == (404, "The specified frame cannot be found.")


def test_what_is_no_picture_is_406(shared_emulator: Emulator) -> None:
    """Retrieve §10: rendering failed."""
    dataset = shared_emulator.store(an_instance(samples=3, PhotometricInterpretation="CMYK"))

    answer = shared_emulator.get(instance_path(dataset) + "/rendered", accept=None)

    assert (answer.status, answer.text) == (
        406,
        "An error was encountered when attempting to convert the dicom file into an image",
    )


def test_an_instance_that_is_not_there_is_404(shared_emulator: Emulator) -> None:
    """Retrieve §5."""
    answer = shared_emulator.get("/studies/1.2/series/1.3/instances/1.4/rendered", accept=None)

    assert (answer.status, answer.text) == (404, "The specified instance cannot be found.")
