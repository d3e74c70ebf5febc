"""The extension `retrieve.bulkdata`: the value of one attribute as the file has it."""

from collections.abc import Callable
from typing import Any

import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from azdicom_emulator.settings import AuthMode
from tests.support.client import Emulator
from tests.support.instances import an_instance, instance_path, part10, read

ANNOUNCED = '299 azdicom "retrieve.bulkdata: the managed service would answer 404"'
PIXEL_DATA = "7FE00010"
SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_a_value_comes_as_the_file_has_it(shared_emulator: Emulator, syntax: str) -> None:
    """Seed-features §8: 200, application/octet-stream, the raw bytes, and the announcement."""
    dataset = an_instance(transfer_syntax=syntax, rows=300, columns=300)
    assert shared_emulator.store_response(dataset).status in (200, 202)

    answer = shared_emulator.get(f"{instance_path(dataset)}/bulkdata/{PIXEL_DATA}", accept=None)

    assert (answer.status, answer.content_type) == (200, "application/octet-stream")
    assert answer.content == read(part10(dataset)).PixelData
    assert answer.headers["Warning"] == ANNOUNCED


def test_encapsulated_pixels_come_as_items(shared_emulator: Emulator) -> None:
    """PS3.5 §A.4: the offset table and the fragments; what closes the sequence is no part of the value."""
    dataset = shared_emulator.store(an_instance(frames=2, transfer_syntax=RLELossless))

    answer = shared_emulator.get(f"{instance_path(dataset)}/bulkdata/{PIXEL_DATA.lower()}", accept="*/*")

    assert answer.content == read(part10(dataset)).PixelData


def test_a_client_that_asks_for_multipart_gets_one_part(shared_emulator: Emulator) -> None:
    """PS3.18 §10.4: what DICOMweb clients send."""
    dataset = shared_emulator.store(an_instance())

    answer = shared_emulator.get(
        f"{instance_path(dataset)}/bulkdata/{PIXEL_DATA}", accept='multipart/related; type="application/octet-stream"'
    )

    assert [(part.content_type, part.content) for part in answer.parts()] == [
        ("application/octet-stream", dataset.PixelData)
    ]


@pytest.mark.parametrize(
    ("attributes", "tag", "value"),
    [
        ({"raw": {0x00420011: ("OB", b"%PDF-1.4\0\0")}}, "00420011", b"%PDF-1.4\0\0"),
        ({"PatientName": "Doe^John"}, "00100010", b"Doe^John"),
        ({"AccessionNumber": ""}, "00080050", b""),
        ({"private": [(0x0011, "CREATOR", 1, "UN", b"\1\2\3\4")]}, "00111001", b"\1\2\3\4"),
        ({"Rows": 16, "rows": 16}, "00280010", b"\x10\0"),
    ],
    ids=["document", "text", "empty", "private", "number"],
)
def test_every_attribute_can_be_asked_for(
    shared_emulator: Emulator, attributes: dict[str, Any], tag: str, value: bytes
) -> None:
    """Seed-features §8: any top-level attribute, whatever its VR."""
    dataset = shared_emulator.store(an_instance(**attributes))

    answer = shared_emulator.get(f"{instance_path(dataset)}/bulkdata/{tag}")

    assert (answer.status, answer.content) == (200, value)


@pytest.mark.parametrize(
    "tag", ["PatientName", "0010", "001000100", "0010001g", "0010,0010", "0x100010", "%EF%BC%97FE00010"]
)
def test_a_tag_is_eight_hexadecimal_digits(shared_emulator: Emulator, tag: str) -> None:
    """Seed-features §8: 400 and a text, whether the instance is there or not."""
    answer = shared_emulator.get(f"/studies/1.2/series/1.3/instances/1.4/bulkdata/{tag}")

    assert (answer.status, answer.text) == (400, "tag must be 8 hexadecimal digits (DICOM GGGGEEEE format)")
    assert answer.headers["Warning"] == ANNOUNCED


@pytest.mark.parametrize("tag", ["00400275", "00020010", "FFFFFFFF"], ids=["absent", "file meta", "no such tag"])
def test_an_attribute_that_is_not_there_is_404(shared_emulator: Emulator, tag: str) -> None:
    """Seed-features §8: a text of its own."""
    dataset = shared_emulator.store(an_instance())

    answer = shared_emulator.get(f"{instance_path(dataset)}/bulkdata/{tag}")

    assert (answer.status, answer.text) == (404, "The specified bulk data cannot be found.")


def test_an_instance_that_is_not_there_is_404(shared_emulator: Emulator) -> None:
    """Seed-features §8; retrieve §5."""
    answer = shared_emulator.get(f"/studies/1.2/series/1.3/instances/1.4/bulkdata/{PIXEL_DATA}")

    assert (answer.status, answer.text) == (404, "The specified instance cannot be found.")


def test_a_value_that_the_file_cuts_off_comes_as_far_as_it_is_there(shared_emulator: Emulator) -> None:
    """Store §5: such files are stored as sent."""
    dataset = an_instance()
    content = part10(dataset)[:-100]
    assert shared_emulator.store_response(content).status == 200

    answer = shared_emulator.get(f"{instance_path(dataset)}/bulkdata/{PIXEL_DATA}")

    assert (answer.status, answer.content) == (200, dataset.PixelData[:-100])


@pytest.mark.parametrize(
    "settings", [{"strict": True}, {"extensions": {"retrieve.bulkdata": False}}], ids=["strict", "off"]
)
def test_there_is_no_such_route_where_the_extension_is_off(
    emulator_with: Callable[..., Emulator], settings: dict[str, Any]
) -> None:
    """Retrieve §1: the managed service has none: 404 with an empty body, for every method."""
    emulator = emulator_with(**settings)
    dataset = emulator.store(an_instance())
    path = f"{instance_path(dataset)}/bulkdata/{PIXEL_DATA}"

    for answer in (emulator.get(path), emulator.delete(path)):
        assert (answer.status, answer.content, answer.headers["Warning"]) == (404, b"", None)


def test_metadata_names_no_bulk_data(shared_emulator: Emulator) -> None:
    """Retrieve §8.2: the extension changes no other answer."""
    dataset = shared_emulator.store(an_instance())

    assert "BulkDataURI" not in shared_emulator.get(f"{instance_path(dataset)}/metadata").text


def test_it_needs_a_token_where_others_do(emulator_with: Callable[..., Emulator]) -> None:
    """http §5: reading bulk data is reading."""
    emulator = emulator_with(auth=AuthMode.JWT)

    answer = emulator.get(f"/studies/1.2/series/1.3/instances/1.4/bulkdata/{PIXEL_DATA}")

    assert (answer.status, answer.content) == (401, b"")
