"""WADO-RS over HTTP: studies, series and instances in stored and other transfer syntaxes."""

import http.client
from collections.abc import Callable

import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from tests.support.client import Emulator
from tests.support.instances import (
    an_instance,
    another_in_series,
    another_in_study,
    instance_path,
    part10,
    read,
    series_path,
    study_path,
)

MULTIPART = 'multipart/related; type="application/dicom"'
ANY_SYNTAX = "; transfer-syntax=*"
NOT_ACCEPTABLE = "The request headers are not acceptable"
UID_RULE = (
    "DICOM Identifier is invalid. Value length should not exceed the maximum length of 64 characters. "
    "Value should contain characters in '0'-'9' and '.'. Each component must start with non-zero number."
)


@pytest.mark.parametrize("path_of", [study_path, series_path], ids=["study", "series"])
def test_all_instances_come_as_parts_in_the_order_they_were_stored(
    shared_emulator: Emulator, path_of: Callable[..., str]
) -> None:
    """PS3.18 §10.4; retrieve §6.2: each part in its stored syntax, Content-Type its only header."""
    first = an_instance(transfer_syntax=RLELossless)
    others = [another_in_series(first), another_in_series(first)]
    shared_emulator.store_all([first, *others])

    answer = shared_emulator.get(path_of(first), accept=MULTIPART + ANY_SYNTAX)

    assert answer.status == 200
    parts = answer.parts()
    assert [part.content for part in parts] == [part10(dataset) for dataset in (first, *others)]
    assert [dict(part.headers) for part in parts] == [
        {"content-type": f"application/dicom; transfer-syntax={syntax}"}
        for syntax in (RLELossless, ExplicitVRLittleEndian, ExplicitVRLittleEndian)
    ]


def test_a_series_holds_only_its_own_instances(shared_emulator: Emulator) -> None:
    """PS3.18 §10.4."""
    first = shared_emulator.store(an_instance())
    shared_emulator.store(another_in_study(first))

    parts = shared_emulator.get(series_path(first), accept=MULTIPART + ANY_SYNTAX).parts()

    assert [part.content for part in parts] == [part10(first)]


@pytest.mark.parametrize(
    "syntax", ["", f"; transfer-syntax={ExplicitVRLittleEndian}", f"; transfer-syntax={JPEG2000Lossless}"]
)
def test_several_instances_come_only_as_stored(shared_emulator: Emulator, syntax: str) -> None:
    """Service end-to-end tests; retrieve §4.4: 406 even where all are stored in the syntax asked for."""
    first = an_instance()
    shared_emulator.store_all([first, another_in_series(first)])

    answer = shared_emulator.get(study_path(first), accept=MULTIPART + syntax)

    asked = syntax.partition("=")[2] or ExplicitVRLittleEndian
    assert answer.status == 406
    assert answer.text == (
        f"Accept transfer syntax '{asked}' is not supported when multiple instances are matched. Matching instances "
        "can be retrieved with their original transfer syntax by specifying 'transfer-syntax=*' in the Accept header."
    )
    assert "transfer-syntax=*" in answer.headers["azdicom-hint"]


def test_one_instance_of_a_study_is_transcoded(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §4.4."""
    dataset = shared_emulator.store(an_instance(transfer_syntax=RLELossless, samples=3))

    (part,) = shared_emulator.get(study_path(dataset), accept=MULTIPART).parts()

    assert part.content_type == f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    assert read(part.content).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (read(part.content).pixel_array == read(part10(dataset)).pixel_array).all()


@pytest.mark.parametrize(
    ("accept", "is_multipart", "syntax"),
    [
        ("application/dicom; transfer-syntax=*", False, ImplicitVRLittleEndian),
        ("application/dicom", False, ExplicitVRLittleEndian),
        (f"application/dicom; transfer-syntax={JPEG2000Lossless}", False, JPEG2000Lossless),
        (MULTIPART + ANY_SYNTAX, True, ImplicitVRLittleEndian),
        (MULTIPART, True, ExplicitVRLittleEndian),
        ("multipart/related; type=application/dicom; transfer-syntax=*", True, ImplicitVRLittleEndian),
        ("*/*", True, ImplicitVRLittleEndian),
    ],
)
def test_an_instance_comes_as_accept_says(
    shared_emulator: Emulator, accept: str, is_multipart: bool, syntax: str
) -> None:
    """Conformance statement v2, Retrieve; retrieve §4.4: form, transfer syntax, and a media type with the real one."""
    dataset = an_instance(transfer_syntax=ImplicitVRLittleEndian)
    shared_emulator.store_response(dataset)

    answer = shared_emulator.get(instance_path(dataset), accept=accept)

    assert answer.status == 200
    content_type, content = (
        (answer.parts()[0].content_type, answer.parts()[0].content)
        if is_multipart
        else (answer.content_type, answer.content)
    )
    assert content_type == f"application/dicom; transfer-syntax={syntax}"
    assert read(content).file_meta.TransferSyntaxUID == syntax
    assert (read(content).pixel_array == read(part10(dataset)).pixel_array).all()


@pytest.mark.parametrize("accept", [None, "application/octet-stream", "application/json", "image/jpeg"])
def test_an_instance_comes_as_nothing_else(shared_emulator: Emulator, accept: str | None) -> None:
    """Service end-to-end tests; retrieve §4.4: 406 with the service's text, and a hint what would work."""
    dataset = shared_emulator.store(an_instance())

    answer = shared_emulator.get(instance_path(dataset), accept=accept)

    assert (answer.status, answer.text) == (406, NOT_ACCEPTABLE)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert "application/dicom; transfer-syntax=*" in answer.headers["azdicom-hint"]


def test_a_bare_star_on_a_study_is_multipart_as_stored(shared_emulator: Emulator) -> None:
    """Conformance statement v2, Retrieve; quirk `retrieve.bare_star_on_study`."""
    first = an_instance()
    shared_emulator.store_all([first, another_in_series(first)])

    assert len(shared_emulator.get(study_path(first), accept="*/*").parts()) == 2


def test_a_bare_star_on_a_study_can_be_406(emulator_with: Callable[..., Emulator]) -> None:
    """Service source; quirk `retrieve.bare_star_on_study`."""
    emulator = emulator_with(quirks={"retrieve.bare_star_on_study": "406"})
    dataset = emulator.store(an_instance())

    assert emulator.get(study_path(dataset), accept="*/*").status == 406


def test_the_boundary_can_be_quoted(emulator_with: Callable[..., Emulator]) -> None:
    """Quirk `retrieve.boundary_quotes`."""
    emulator = emulator_with(quirks={"retrieve.boundary_quotes": "on"})
    dataset = emulator.store(an_instance())

    answer = emulator.get(study_path(dataset), accept=MULTIPART + ANY_SYNTAX)

    assert 'boundary="' in (answer.content_type or "")
    assert len(answer.parts()) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/studies/1.2", "The specified study cannot be found."),
        ("/studies/1.2/series/1.3", "The specified series cannot be found."),
        ("/studies/1.2/series/1.3/instances/1.4", "The specified instance cannot be found."),
    ],
    ids=["study", "series", "instance"],
)
def test_what_is_not_there_is_404(shared_emulator: Emulator, path: str, text: str) -> None:
    """Retrieve §5: the text names the resource that was asked for."""
    answer = shared_emulator.get(path, accept=MULTIPART + ANY_SYNTAX)

    assert (answer.status, answer.text) == (404, text)


def test_a_bad_accept_wins_over_what_is_not_there(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §2."""
    assert shared_emulator.get("/studies/1.2", accept="text/html").status == 406


@pytest.mark.parametrize(
    ("path", "element"),
    [
        ("/studies/a.b", "StudyInstanceUid"),
        ("/studies/1.2/series/1.", "SeriesInstanceUid"),
        ("/studies/1.2/series/1.3/instances/" + "1" * 65, "SopInstanceUid"),
        ("/studies/a/series/b/instances/c", "StudyInstanceUid"),
    ],
)
def test_uids_in_the_path_are_checked_before_accept(shared_emulator: Emulator, path: str, element: str) -> None:
    """Service end-to-end tests; retrieve §3: study, then series, then instance."""
    answer = shared_emulator.get(path, accept="text/html")

    assert (answer.status, answer.text) == (
        400,
        f"Dicom element '{element}' failed validation for VR 'UI': {UID_RULE}",
    )


def test_trailing_spaces_of_a_uid_do_not_matter(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §3."""
    dataset = shared_emulator.store(an_instance())

    assert shared_emulator.get(instance_path(dataset) + "%20%20", accept="*/*").status == 200


def test_an_instance_in_explicit_little_endian_asked_for_as_that_is_sent_as_stored(shared_emulator: Emulator) -> None:
    """Service end-to-end tests; retrieve §6.3: same syntax, same bytes."""
    dataset = shared_emulator.store(an_instance())

    assert shared_emulator.get(instance_path(dataset), accept="application/dicom").content == part10(dataset)


def test_what_has_no_codec_cannot_be_transcoded(shared_emulator: Emulator) -> None:
    """Service end-to-end tests with MPEG-2 and HEVC; retrieve §9: stored, sent with `*`, else 406."""
    dataset = an_instance(transfer_syntax=RLELossless)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.107"
    shared_emulator.store(dataset)

    assert shared_emulator.retrieve(dataset) == part10(dataset)
    answer = shared_emulator.get(instance_path(dataset), accept="application/dicom")
    assert (answer.status, answer.text) == (406, "The specified transcoding is not supported.")


def test_big_endian_comes_back_as_little_endian(shared_emulator: Emulator) -> None:
    """Retrieve §9: same pixels."""
    dataset = shared_emulator.store(an_instance(transfer_syntax=ExplicitVRBigEndian))

    content = shared_emulator.get(instance_path(dataset), accept="application/dicom").content

    assert (read(content).pixel_array == read(part10(dataset)).pixel_array).all()


def test_large_instances_are_sent_whole(shared_emulator: Emulator) -> None:
    """Files above the size that is read at once are sent by sendfile, with parts around them in order."""
    first = an_instance(rows=600, columns=500)
    second = another_in_series(first, rows=700, columns=400)
    shared_emulator.store_all([first, second])

    parts = shared_emulator.get(study_path(first), accept=MULTIPART + ANY_SYNTAX).parts()

    assert [part.content for part in parts] == [part10(first), part10(second)]


def test_head_and_range_are_not_offered(shared_emulator: Emulator) -> None:
    """Retrieve §1: HEAD is 405, there are no ranges and no caching headers."""
    dataset = shared_emulator.store(an_instance())
    target = f"/v2{instance_path(dataset)}"

    head = shared_emulator.request("HEAD", target, headers={"Accept": "*/*"})
    ranged = shared_emulator.request("GET", target, headers={"Accept": "*/*", "Range": "bytes=0-9"})

    assert (head.status, head.headers["Allow"]) == (405, "DELETE, GET")
    assert ranged.status == 200
    for name in ("ETag", "Accept-Ranges", "Last-Modified", "Cache-Control", "Content-Disposition"):
        assert ranged.headers[name] is None


@pytest.mark.parametrize("rows", [16, 600], ids=["read at once", "sendfile"])
def test_a_file_that_is_cut_short_breaks_the_connection(emulator: Emulator, rows: int) -> None:
    """Retrieve §6.2: the client must not wait for bytes that never come."""
    dataset = emulator.store(an_instance(rows=rows, columns=rows))
    (path,) = (emulator.data_dir / "dicom").rglob("*.dcm")
    with path.open("r+b") as file:
        file.truncate(300)

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        emulator.get(instance_path(dataset), accept="application/dicom; transfer-syntax=*")
