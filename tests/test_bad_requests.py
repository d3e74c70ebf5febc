"""Bad input, answered as the service does, with nothing left behind on disk."""

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from tests.conftest import EmulatorWith
from tests.support.client import DICOM, DICOM_JSON, STORED, Emulator, Response
from tests.support.folders import files_below
from tests.support.instances import an_instance, instance_path, part10, study_path
from tests.support.waiting import eventually

BAD_UID = (
    "Dicom element '{}' failed validation for VR 'UI': DICOM Identifier is invalid. Value length should not exceed the"
    " maximum length of 64 characters. Value should contain characters in '0'-'9' and '.'. Each component must start"
    " with non-zero number."
)
ENDED = "Unexpected end of Stream, the content may have already been read by another component. "
CUT_OFF_PART = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part10(an_instance())


def left_behind(emulator: Emulator) -> list[Path]:
    """What is on disk of DICOM objects and of bodies on their way in."""
    return [*files_below(emulator.data_dir / "dicom"), *files_below(emulator.data_dir / "tmp")]


def assert_nothing_was_stored(emulator: Emulator) -> None:
    eventually(lambda: not left_behind(emulator), what="the removal of all files")
    assert emulator.search_instances() == []
    assert emulator.changes() == []


@pytest.fixture(scope="module")
def empty_emulator(shared_emulator: Emulator) -> Emulator:
    """The shared server, on which no test of this module stores anything."""
    return shared_emulator


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"plain text, and long enough to hold a preamble" * 5, id="text"),
        pytest.param(bytes(128) + b"DICM", id="prefix-only"),
        pytest.param(part10(an_instance())[:200], id="truncated-in-file-meta"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, id="png"),
        pytest.param(b"\x1f\x8b\x08\0" + bytes(range(256)) * 8, id="gzip"),
    ],
)
def test_body_that_is_not_dicom_is_one_failed_item_without_identifiers(
    empty_emulator: Emulator, content: bytes
) -> None:
    """store §5, §10: reason 43264 and nothing else, single part and multipart alike."""
    bare_item = {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [43264]}}]}}

    for answer in (
        empty_emulator.post("/studies", content, content_type=DICOM),
        empty_emulator.store_response(content),
    ):
        assert answer.status == 409
        assert answer.json() == bare_item
    assert_nothing_was_stored(empty_emulator)


@pytest.mark.parametrize(
    ("keyword", "tag"),
    [
        ("SOPClassUID", "(0008,0016)"),
        ("StudyInstanceUID", "(0020,000d)"),
        ("SeriesInstanceUID", "(0020,000e)"),
        ("SOPInstanceUID", "(0008,0018)"),
        ("PatientID", "(0010,0020)"),
    ],
)
def test_instance_without_a_required_attribute_is_refused_with_the_tag(
    empty_emulator: Emulator, keyword: str, tag: str
) -> None:
    """store §6, §7: 43264 and the first missing attribute."""
    without: dict[str, Any] = {keyword: None}

    answer = empty_emulator.store_response(an_instance(**without))

    assert answer.status == 409
    (item,) = answer.json()["00081198"]["Value"]
    assert item["00081197"]["Value"] == [43264]
    (comment,) = item["00741048"]["Value"]
    assert comment["00000902"]["Value"] == [f"DICOM100: {tag} - The required tag '{tag}' is missing."]
    assert_nothing_was_stored(empty_emulator)


def test_file_truncated_before_its_identifiers_misses_a_required_attribute(empty_emulator: Emulator) -> None:
    """store §5: what is there is read; the identifiers behind the cut are missing."""
    content = part10(an_instance())
    before_study_uid = content.index(b"\x20\x00\x0d\x00UI")

    answer = empty_emulator.store_response(content[:before_study_uid])

    assert answer.status == 409
    assert answer.failure_reasons() == [43264]
    assert "(0020,000d)" in answer.text
    assert_nothing_was_stored(empty_emulator)


def test_file_truncated_in_its_pixel_data_is_stored_as_sent(emulator: Emulator) -> None:
    """store §5: a partial data set is still a data set."""
    dataset = an_instance()
    content = part10(dataset)[:-100]

    assert emulator.store_response(content).status in (200, 202)
    assert emulator.retrieve(dataset) == content


@pytest.mark.parametrize(
    ("content_type", "body", "status", "text"),
    [
        pytest.param('multipart/related; type="application/dicom"; boundary=b', b"", 400, ENDED, id="empty-body"),
        pytest.param(
            'multipart/related; type="application/dicom"; boundary=other', CUT_OFF_PART, 400, ENDED, id="wrong-boundary"
        ),
        pytest.param(
            'multipart/related; type="application/dicom"',
            CUT_OFF_PART,
            415,
            "The content type 'multipart/related; type=\"application/dicom\"' is either not multipart or is missing"
            " boundary.",
            id="no-boundary",
        ),
        pytest.param(
            "multipart/related; boundary=b; start=1",
            CUT_OFF_PART,
            400,
            "The start parameter in multipart/related request is not supported.",
            id="start-parameter",
        ),
        pytest.param(
            "multipart/related; boundary=b",
            b"--b\r\nContent-Type: image/jpeg\r\n\r\nx\r\n--b--\r\n",
            415,
            "The specified content type 'image/jpeg' is not supported.",
            id="part-of-another-type",
        ),
        pytest.param(
            "multipart/related; boundary=b",
            b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n",
            400,
            "Invalid header line: no colon",
            id="part-header-without-colon",
        ),
        pytest.param("application/json", b"{}", 415, "", id="content-type-of-another-kind"),
        pytest.param("multipart/related; boundary=b", CUT_OFF_PART, 204, "", id="no-closing-boundary"),
    ],
)
def test_multipart_body_with_bad_framing_stores_nothing(
    empty_emulator: Emulator, content_type: str, body: bytes, status: int, text: str
) -> None:
    """store §2, §4.1: framing errors are decided before any instance is processed; an unfinished part is dropped."""
    answer = empty_emulator.post("/studies", body, content_type=content_type)

    assert (answer.status, answer.text) == (status, text)
    assert_nothing_was_stored(empty_emulator)


def test_framing_error_behind_a_good_part_stores_nothing(empty_emulator: Emulator) -> None:
    """store §2: all parts are read before any is processed."""
    good = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part10(an_instance())
    body = good + b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"

    answer = empty_emulator.post("/studies", body, content_type="multipart/related; boundary=b")

    assert (answer.status, answer.text) == (415, "The specified content type 'text/plain' is not supported.")
    assert_nothing_was_stored(empty_emulator)


@pytest.fixture(scope="module")
def secret(shared_emulator: Emulator) -> Iterator[bytes]:
    """A file beside the data folder, that no answer may hold."""
    content = b"what only the owner of the machine may read"
    path = shared_emulator.data_dir.parent / "secret.dcm"
    path.write_bytes(content)
    yield content
    assert path.read_bytes() == content


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
@pytest.mark.parametrize(
    "segment",
    [
        "..",
        "%2e%2e",
        "..%2f..%2fsecret.dcm",
        "%2e%2e%2f%2e%2e%2fsecret.dcm",
        "..%5c..%5csecret.dcm",
        "%252e%252e%252fsecret.dcm",
        "1.2%00",
        "1.2%2f..%2f1",
        "%c0%ae%c0%ae",
        "/etc/passwd",
        "1.2.3%0d%0aX-Injected:%20yes",
    ],
)
def test_path_that_leaves_its_place_is_refused(
    empty_emulator: Emulator, secret: bytes, method: str, segment: str
) -> None:
    """http §7: a UID is digits and dots and ends in a digit; nothing else reaches the disk."""
    for path in (
        f"/v2/studies/{segment}",
        f"/v2/studies/1.2/series/{segment}",
        f"/v2/studies/1.2/series/1.2/instances/{segment}",
        f"/v2/studies/{segment}/metadata",
        f"/v2/{segment}/{segment}/{segment}/secret.dcm",
        f"/v2/studies/1.2/series/1.2/instances/{segment}/frames/1",
    ):
        answer = raw(empty_emulator, f"{method} {path} HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n")

        assert answer.status in (204, 400, 404, 405, 406, 415), path
        assert secret not in answer.content
        assert answer.headers["X-Injected"] is None
    assert_nothing_was_stored(empty_emulator)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/studies/..%2f..", "StudyInstanceUid"),
        ("/studies/1.2/series/a", "SeriesInstanceUid"),
        ("/studies/1.2/series/1.2/instances/" + "1" * 65, "SopInstanceUid"),
        ("/studies/1.", "StudyInstanceUid"),
    ],
)
def test_path_with_an_invalid_uid_says_which(empty_emulator: Emulator, path: str, name: str) -> None:
    """http §7: the element's name and the service's text."""
    answer = empty_emulator.get(path, accept=DICOM)
    if "instances" not in path:
        answer = empty_emulator.delete(path)

    assert (answer.status, answer.text) == (400, BAD_UID.format(name))
    assert answer.content_type == "text/plain; charset=utf-8"


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("value", ["../../../evil", "/etc/evil", "..", "1/2", "1.2\\..\\..", "a.b", "CON"])
def test_instance_with_a_uid_that_is_a_path_is_refused(empty_emulator: Emulator, keyword: str, value: str) -> None:
    """store §8.1: letters, slashes and a last character that is no digit fail minimum validation."""
    identifier: dict[str, Any] = {keyword: value}

    answer = empty_emulator.store_response(an_instance(**identifier))

    assert answer.status == 409
    assert answer.failure_reasons() == [43264]
    assert_nothing_was_stored(empty_emulator)


@pytest.mark.parametrize("value", ["..1", "1..2", "01.2", "...3"])
def test_instance_with_odd_but_accepted_uids_stays_inside_the_data_folder(emulator: Emulator, value: str) -> None:
    """store §8.1, §8.2: leading and double dots pass minimum validation and are stored with a warning."""
    dataset = an_instance(StudyInstanceUID=value, SeriesInstanceUID=value, SOPInstanceUID=value)

    assert emulator.store_response(dataset).status == 202
    assert emulator.retrieve(f"/studies/{value}/series/{value}/instances/{value}") == part10(dataset)
    outside = [path for path in emulator.data_dir.parent.rglob("*.dcm") if emulator.data_dir not in path.parents]
    assert outside == []


def test_body_of_two_gigabytes_that_stops_half_way_leaves_nothing_behind(empty_emulator: Emulator) -> None:
    """store §4.1: what did not arrive is not stored; the server goes on."""
    head = multipart_head(empty_emulator, content_length=2 * 1024**3)
    block = bytes(1024 * 1024)
    with socket.create_connection(empty_emulator.address) as connection:
        connection.sendall(head + part10(an_instance()))
        for _ in range(32):
            connection.sendall(block)
        eventually(lambda: left_behind(empty_emulator), what="a spooled body")

    assert_nothing_was_stored(empty_emulator)
    assert empty_emulator.request("GET", "/health").status == 200


def test_body_that_stops_inside_its_second_part_stores_nothing(empty_emulator: Emulator) -> None:
    """A client that is gone gets no answer, so nothing of its request may stay."""
    finished = part10(an_instance()) + b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n"
    with socket.create_connection(empty_emulator.address) as connection:
        connection.sendall(multipart_head(empty_emulator, content_length=10_000_000) + finished + bytes(5000))

    assert_nothing_was_stored(empty_emulator)


def test_body_above_the_limit_is_refused_with_the_limit(emulator_with: EmulatorWith) -> None:
    """store §4.3, §11: 413 and the number; a declared length is enough."""
    emulator = emulator_with(quirks={"store.size_limit": "2GB"})

    answer = raw(emulator, multipart_head(emulator, content_length=2 * 1024**3 + 1))

    assert (answer.status, answer.text) == (413, "The request exceeded the allowed limit of 2147483647 bytes.")
    assert_nothing_was_stored(emulator)


OUT_OF_RANGE = (
    "Invalid query: specified range is invalid.\nBoth parts in the range cannot be empty.\nFor details on valid range"
    " queries, please refer to Search Matching section in Conformance Statement (https://github.com/microsoft/"
    "dicom-server/blob/main/docs/resources/conformance-statement.md#search-matching)."
)
BAD_DATE = (
    "Invalid query: specified Date value '{}' is invalid for attribute 'StudyDate'."
    " Date should be valid and formatted as yyyyMMdd."
)
BAD_OFFSET = "The query parameter 'Offset' is invalid. The field Offset must be between 0 and 9.223372036854776E+18."
BAD_LIMIT = "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."
NOT_A_LIMIT = "The query parameter 'Limit' is invalid. The value '{}' is not valid for Limit."
NOT_A_BOOLEAN = "The query parameter 'FuzzyMatching' is invalid. The value '{}' is not valid for FuzzyMatching."


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=0", BAD_LIMIT),
        ("limit=201", BAD_LIMIT),
        ("limit=x", NOT_A_LIMIT.format("x")),
        ("limit=99999999999", NOT_A_LIMIT.format("99999999999")),
        ("offset=-1", BAD_OFFSET),
        ("fuzzymatching=yes", NOT_A_BOOLEAN.format("yes")),
        ("StudyDate=20240230", BAD_DATE.format("20240230")),
        ("StudyDate=2024-2025", BAD_DATE.format("2024")),
        ("StudyDate=-", OUT_OF_RANGE),
        ("PatientName=", "Invalid query: AttributeId 'PatientName' has empty string value that is not supported."),
        ("StudyDate=%3Cscript", "The query string included invalid characters."),
    ],
    ids=lambda value: value if len(value) < 30 else "",
)
def test_search_with_a_value_out_of_range_says_what_is_wrong(empty_emulator: Emulator, query: str, text: str) -> None:
    """search §4, §5.3, §5.5.1: 400 and the service's text."""
    answer = empty_emulator.get(f"/studies?{query}")

    assert (answer.status, answer.text) == (400, text)


def test_search_with_a_date_range_that_runs_backwards_is_refused(empty_emulator: Emulator) -> None:
    """search §5.5.1: start after end."""
    answer = empty_emulator.get("/studies?StudyDate=20240201-20240101")

    assert answer.status == 400
    assert answer.text.startswith("Invalid query: specified date range '20240201-20240101' is invalid.\n")


BAD_FRAMES = (
    "The specified frames value is not valid. At least one frame must be present, and all requested frames must have"
    " value greater than 0."
)
NOT_AN_INT32 = "The query parameter 'frames' is invalid. Unable to parse value '{}' as Int32."


@pytest.mark.parametrize(
    ("frames", "status", "text"),
    [
        ("0", 400, BAD_FRAMES),
        ("-1", 400, BAD_FRAMES),
        ("1,0", 400, BAD_FRAMES),
        ("99999999999", 400, NOT_AN_INT32.format("99999999999")),
        ("1,,2", 400, NOT_AN_INT32.format("")),
        ("1-3", 400, NOT_AN_INT32.format("1-3")),
        ("4", 404, "The specified frame cannot be found."),
    ],
)
def test_frames_out_of_range_are_refused(emulator: Emulator, frames: str, status: int, text: str) -> None:
    """retrieve §7: a list of 1-based numbers; ranges are not supported."""
    dataset = emulator.store(an_instance(frames=3))

    answer = emulator.get(
        f"{instance_path(dataset)}/frames/{frames}", accept='multipart/related; type="application/octet-stream"'
    )

    assert (answer.status, answer.text) == (status, text)


def test_range_header_is_ignored(emulator: Emulator) -> None:
    """retrieve §1: no Range support."""
    dataset = emulator.store(an_instance())

    answer = emulator.get(instance_path(dataset), accept=DICOM + STORED, headers={"Range": "bytes=0-9"})

    assert answer.status == 200
    assert answer.content == part10(dataset)
    assert answer.headers["Accept-Ranges"] is None


def test_changefeed_window_that_runs_backwards_is_refused(empty_emulator: Emulator) -> None:
    """azure-apis §3.1: the end must be after the start."""
    answer = empty_emulator.get("/changefeed?startTime=2024-02-01T00:00:00Z&endTime=2024-01-01T00:00:00Z")

    assert answer.status == 400
    assert "must occur strictly before the end time" in answer.text


def test_refused_instance_leaves_the_good_one_beside_it(emulator: Emulator) -> None:
    """store §10: one bad part does not fail the others; implicit VR is stored with a warning."""
    good = an_instance(transfer_syntax=ImplicitVRLittleEndian)

    answer = emulator.store_response(b"garbage", good)

    assert answer.status == 202
    assert (answer.failure_reasons(), answer.stored_instances()) == ([43264], [good.SOPInstanceUID])
    assert emulator.delete(study_path(good)).status == 204
    eventually(lambda: not left_behind(emulator), what="the removal of all files")


def multipart_head(emulator: Emulator, *, content_length: int) -> bytes:
    """The start of a store request: its header, and the header of its first part."""
    host, port = emulator.address
    return (
        f"POST /v2/studies HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: {DICOM_JSON}\r\n"
        f"Content-Type: multipart/related; boundary=b\r\nContent-Length: {content_length}\r\n\r\n"
        "--b\r\nContent-Type: application/dicom\r\n\r\n"
    ).encode()


def raw(emulator: Emulator, request: str | bytes) -> Response:
    """The answer to `request`, sent as it stands, so that no client library tidies it up."""
    with socket.create_connection(emulator.address, timeout=30) as connection:
        connection.sendall(request.encode("latin-1") if isinstance(request, str) else request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Response(answer.status, answer.headers, answer.read())
