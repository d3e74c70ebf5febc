"""The change feed on the wire: windows, paging, states, metadata."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from azdicom_emulator.settings import Settings
from tests.conftest import EmulatorWith
from tests.support.client import Emulator, Json
from tests.support.instances import (
    an_instance,
    another_in_series,
    another_in_study,
    instance_path,
    series_path,
    study_path,
)
from tests.support.server import running

TEXT = "text/plain; charset=utf-8"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?\+00:00")
NOT_A_BOOLEAN = "The query parameter 'includeMetadata' is invalid. The value '{}' is not valid."
NO_ZONE = "The query parameter '{}' is invalid. Date and time value must specify a time zone."


@pytest.fixture(scope="module")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A server with 12 changes, sequences 1 to 12, of which no test here makes more."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("twelve") / "data")) as started:
        first = an_instance(PatientName="First")
        started.store_all([first, *(another_in_series(first) for _ in range(11))])
        yield started


def feed(emulator: Emulator, query: str = "") -> list[Json]:
    answer = emulator.get(f"/changefeed{query}", accept=None)
    assert answer.status == 200, answer.text
    found: list[Json] = answer.json()
    return found


def sequences(emulator: Emulator, query: str = "") -> list[int]:
    return [change["sequence"] for change in feed(emulator, query)]


def states(emulator: Emulator) -> list[tuple[str, str]]:
    return [(change["action"], change["state"]) for change in feed(emulator)]


def test_an_entry_has_its_properties_in_order(emulator: Emulator) -> None:
    """Service source: camelCase names, PascalCase action and state, `Microsoft.Default` (azure-apis §3.2)."""
    stored = emulator.store(an_instance())
    answer = emulator.get("/changefeed", accept=None)
    (change,) = answer.json()

    assert answer.content_type == "application/json; charset=utf-8"
    assert list(change) == [
        "sequence",
        "partitionName",
        "studyInstanceUid",
        "seriesInstanceUid",
        "sopInstanceUid",
        "action",
        "timestamp",
        "state",
        "metadata",
    ]
    timestamp, metadata = change.pop("timestamp"), change.pop("metadata")
    assert TIMESTAMP.fullmatch(timestamp)
    assert change == {
        "sequence": 1,
        "partitionName": "Microsoft.Default",
        "studyInstanceUid": stored.StudyInstanceUID,
        "seriesInstanceUid": stored.SeriesInstanceUID,
        "sopInstanceUid": stored.SOPInstanceUID,
        "action": "Create",
        "state": "Current",
    }
    assert [metadata] == emulator.metadata(instance_path(stored))


def test_properties_are_pascal_case_under_the_quirk(emulator_with: EmulatorWith) -> None:
    """README decision 2, changefeed.property_casing: the documentation's casing."""
    emulator = emulator_with(quirks={"changefeed.property_casing": "pascal"})
    emulator.store(an_instance())
    (change,) = feed(emulator)

    assert list(change)[:3] == ["Sequence", "PartitionName", "StudyInstanceUid"]
    assert change["State"] == "Current"
    assert list(emulator.get("/changefeed/latest").json()) == list(change)


def test_create_delete_create(emulator: Emulator) -> None:
    """Service end-to-end tests: Replaced, Replaced, Current (azure-apis §3.3)."""
    stored = emulator.store(an_instance())
    assert emulator.delete(study_path(stored)).status == 204
    assert states(emulator) == [("Create", "Deleted"), ("Delete", "Deleted")]
    assert all("metadata" not in change for change in feed(emulator))

    emulator.store(stored)
    assert states(emulator) == [("Create", "Replaced"), ("Delete", "Replaced"), ("Create", "Current")]


def test_replaced_rows_carry_the_metadata_of_the_newer_version(emulator: Emulator) -> None:
    """Service source; an upsert ends the version before (azure-apis §3.2, §3.3)."""
    stored = emulator.store(an_instance(PatientName="Old"))
    stored.PatientName = "New"
    assert emulator.store_response(stored, method="PUT").status == 200

    assert states(emulator) == [("Create", "Replaced"), ("Create", "Current")]
    assert [change["metadata"]["00100010"]["Value"][0]["Alphabetic"] for change in feed(emulator)] == ["New", "New"]


@pytest.mark.parametrize("path", [study_path, series_path, instance_path], ids=["study", "series", "instance"])
def test_each_deleted_instance_has_a_row_in_the_order_of_versions(emulator: Emulator, path: Any) -> None:
    """Service source: one row an instance, all of one time (azure-apis §3.3)."""
    first = emulator.store(an_instance())
    second = emulator.store(another_in_series(first))
    third = emulator.store(another_in_study(first))
    assert emulator.delete(path(first)).status == 204
    expected = {study_path: [first, second, third], series_path: [first, second], instance_path: [first]}[path]
    gone = [dataset.SOPInstanceUID for dataset in expected]

    rows = feed(emulator)
    assert [row["sopInstanceUid"] for row in rows if row["action"] == "Delete"] == gone
    assert len({row["timestamp"] for row in rows if row["action"] == "Delete"}) == 1
    assert [row["state"] for row in rows] == ["Deleted" if row["sopInstanceUid"] in gone else "Current" for row in rows]


def test_a_store_that_fails_makes_no_row(emulator: Emulator) -> None:
    """Service source (azure-apis §3.3)."""
    stored = emulator.store(an_instance())
    assert emulator.store_response(stored).status == 409
    assert emulator.store_response(an_instance(StudyInstanceUID="x")).status == 409

    assert len(feed(emulator)) == 1


@pytest.mark.parametrize("value", ["false", "False", "FALSE"])
@pytest.mark.parametrize("name", ["includeMetadata", "includemetadata", "INCLUDEMETADATA"])
def test_metadata_can_be_left_out(twelve: Emulator, name: str, value: str) -> None:
    """Azure: Change feed; service source: names and booleans in any case (azure-apis §3.1)."""
    for emulator in (twelve, twelve.v1):
        assert all("metadata" not in change for change in feed(emulator, f"?{name}={value}"))
        assert "metadata" not in emulator.get(f"/changefeed/latest?{name}={value}").json()
    assert all("metadata" in change for change in feed(twelve, f"?{name}=true"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", range(1, 11)),
        ("?limit=100", range(1, 13)),
        ("?offset=4", range(5, 13)),
        ("?offset=4&limit=3", range(5, 8)),
        ("?OFFSET=11", range(12, 13)),
        ("?offset=12", range(0)),
        ("?offset=9223372036854775807", range(0)),
        ("?startTime=nonsense&endTime=nonsense&other=1", range(1, 11)),
    ],
)
def test_version_1_reads_a_window_of_sequences(twelve: Emulator, query: str, expected: range) -> None:
    """Azure: Change feed v1: 10 by default, offset exclusive, times ignored (azure-apis §3.1)."""
    assert sequences(twelve.v1, query) == list(expected)
    assert [change["sequence"] for change in twelve.request("GET", f"/v1.0-prerelease/changefeed{query}").json()] == (
        list(expected)
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", range(1, 13)),
        ("?limit=5", range(1, 6)),
        ("?limit=5&offset=10", range(11, 13)),
        ("?offset=12", range(0)),
        ("?Limit=200&Offset=0&other=1", range(1, 13)),
        ("?offset=9223372036854775807", range(0)),
        ("?startTime=&endTime=%20", range(1, 13)),
        ("?startTime=2000-01-01T00:00:00Z", range(1, 13)),
        ("?endTime=2000-01-01T00:00:00Z", range(0)),
    ],
)
def test_version_2_skips_and_takes_rows_of_a_window_of_time(twelve: Emulator, query: str, expected: range) -> None:
    """Azure: Change feed v2: 100 by default, blank times count as absent (azure-apis §3.1)."""
    assert sequences(twelve, query) == list(expected)


def test_gaps_in_a_version_1_window_leave_it_smaller(emulator: Emulator) -> None:
    """Service source: the window is of sequences, not of rows (azure-apis §3.1)."""
    for _ in range(3):
        emulator.store(an_instance())

    assert sequences(emulator.v1, "?offset=2&limit=10") == [3]


def test_defaults_are_10_and_100_rows(emulator: Emulator) -> None:
    """Service end-to-end tests (azure-apis §6)."""
    first = an_instance(has_pixel_data=False)
    emulator.store_all([first, *(another_in_series(first, has_pixel_data=False) for _ in range(104))])

    assert sequences(emulator.v1, "?includeMetadata=false") == list(range(1, 11))
    assert sequences(emulator, "?includeMetadata=false") == list(range(1, 101))
    assert sequences(emulator, "?includeMetadata=false&offset=100") == list(range(101, 106))


def test_start_is_inclusive_and_end_exclusive(emulator: Emulator) -> None:
    """Azure: Change feed v2 (azure-apis §3.1)."""
    for _ in range(3):
        emulator.store(an_instance())
    times = [change["timestamp"] for change in feed(emulator)]
    middle = quote(times[1])

    assert sequences(emulator, f"?startTime={middle}") == [2, 3]
    assert sequences(emulator, f"?endTime={middle}") == [1]
    assert sequences(emulator, f"?starttime={quote(times[0])}&ENDTIME={quote(times[2])}&offset=1") == [2]


def test_times_may_be_written_in_any_zone_and_with_seven_digits(emulator: Emulator) -> None:
    """Service source: any date-time that .NET reads, with a zone (azure-apis §3.1)."""
    emulator.store(an_instance())
    at = datetime.fromisoformat(feed(emulator)[0]["timestamp"])
    elsewhere = (at + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%f0+02:00")
    header_date = (at - timedelta(seconds=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert sequences(emulator, f"?startTime={quote(elsewhere)}") == [1]
    assert sequences(emulator, f"?endTime={quote(elsewhere)}") == []
    assert sequences(emulator, f"?startTime={quote(header_date)}") == [1]
    assert sequences(emulator, f"?startTime={at:%Y-%m-%d}%20{at:%H:%M:%S}Z") == [1]


def out_of_range(name: str, high: str, low: int = 1) -> str:
    return f"The query parameter '{name}' is invalid. The field {name} must be between {low} and {high}."


@pytest.mark.parametrize(
    ("version", "query", "message"),
    [
        ("v2", "limit=0", out_of_range("Limit", "200")),
        ("v2", "limit=201", out_of_range("Limit", "200")),
        ("v2", "offset=-1", out_of_range("Offset", "9.223372036854776E+18", 0)),
        ("v2", "limit=x", "The query parameter 'Limit' is invalid. The value 'x' is not valid for Limit."),
        ("v2", "offset=blah", "The query parameter 'Offset' is invalid. The value 'blah' is not valid for Offset."),
        (
            "v2",
            "limit=2147483648",
            "The query parameter 'Limit' is invalid. The value '2147483648' is not valid for Limit.",
        ),
        (
            "v2",
            "offset=9223372036854775808",
            "The query parameter 'Offset' is invalid. The value '9223372036854775808' is not valid for Offset.",
        ),
        ("v1", "limit=0", out_of_range("limit", "100")),
        ("v1", "limit=101", out_of_range("limit", "100")),
        ("v1", "offset=-1", out_of_range("offset", "9.223372036854776E+18", 0)),
        ("v1", "offset=blah", "The query parameter 'offset' is invalid. The value 'blah' is not valid."),
        ("v1", "limit=1.5", "The query parameter 'limit' is invalid. The value '1.5' is not valid."),
        ("v2", "startTime=2023-05-03T10:58:00", NO_ZONE.format("StartTime")),
        ("v2", "endTime=2023-05-03", NO_ZONE.format("EndTime")),
        ("v2", "startTime=yesterday", "The query parameter 'StartTime' is invalid. "),
        ("v2", "endTime=1%202%203", "The query parameter 'EndTime' is invalid. "),
        ("v2", "startTime=2023-05-03T10:58:00+01:00", "The query parameter 'StartTime' is invalid. "),
        ("v2", "startTime=0001-01-01T00:00:00%2B05:00", "The query parameter 'StartTime' is invalid. "),
        ("v2", "includeMetadata=true-ish", NOT_A_BOOLEAN.format("true-ish")),
        ("v1", "includeMetadata=1", NOT_A_BOOLEAN.format("1")),
    ],
)
def test_bad_parameters_are_refused(twelve: Emulator, version: str, query: str, message: str) -> None:
    """Service source and end-to-end tests; the texts of numbers and of what cannot be parsed are inferred (§3.1)."""
    answer = twelve.request("GET", f"/{version}/changefeed?{query}")

    assert (answer.status, answer.content_type, answer.text) == (400, TEXT, message)


@pytest.mark.parametrize("end", ["2023-05-03T10:59:00Z", "2023-05-03T10:58:00Z"], ids=["equal", "before"])
def test_the_window_must_not_be_empty(twelve: Emulator, end: str) -> None:
    """Service end-to-end tests: 400; the key is inferred (azure-apis §3.1)."""
    answer = twelve.get(f"/changefeed?startTime=2023-05-03T10:59:00Z&endTime={end}")

    assert answer.status == 400
    assert answer.text == (
        "The query parameter '' is invalid. The start time '2023-05-03T10:59:00.0000000+00:00' must occur strictly "
        f"before the end time '{end.removesuffix('Z')}.0000000+00:00'."
    )


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_bad_booleans_are_refused_for_the_latest_change_too(twelve: Emulator, version: str) -> None:
    """Azure-apis §3.1; texts inferred."""
    answer = twelve.request("GET", f"/{version}/changefeed/latest?includemetadata=0")

    assert (answer.status, answer.text) == (
        400,
        NOT_A_BOOLEAN.format("0"),
    )


@pytest.mark.parametrize("version", ["v1", "v1.0-prerelease", "v2"])
def test_nothing_stored_is_an_empty_list_and_no_latest_change(emulator: Emulator, version: str) -> None:
    """Service source; 204 is inferred from a null result (azure-apis §3.1)."""
    listed = emulator.request("GET", f"/{version}/changefeed")
    latest = emulator.request("GET", f"/{version}/changefeed/latest")

    assert (listed.status, listed.text) == (200, "[]")
    assert (latest.status, latest.content) == (204, b"")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_latest_change_is_the_last_row(twelve: Emulator, version: str) -> None:
    """Service source: v1 highest sequence, v2 latest time (azure-apis §3.1)."""
    rows = twelve.request("GET", f"/{version}/changefeed?limit=100").json()

    assert twelve.request("GET", f"/{version}/changefeed/latest").json() == rows[-1]


def test_the_latest_change_of_a_deleted_instance_has_no_metadata(tmp_path: Path) -> None:
    """Service source: of all partitions, and over a restart (azure-apis §3.2, §3.3)."""
    settings = Settings(data_dir=tmp_path / "data")
    with running(settings) as emulator:
        stored = emulator.store(an_instance(PatientName="Old"))
        stored.PatientName = "New"
        assert emulator.store_response(stored, method="PUT").status == 200
        current = emulator.get("/changefeed/latest", accept=None)
        assert current.json() == feed(emulator)[-1]
        assert current.json()["metadata"]["00100010"]["Value"] == [{"Alphabetic": "New"}]
        assert current.content_type == "application/json; charset=utf-8"
        assert emulator.delete(study_path(stored)).status == 204
        deleted = emulator.get("/changefeed/latest").json()
        assert deleted == feed(emulator)[-1]
        assert ("metadata" in deleted, deleted["action"], deleted["state"]) == (False, "Delete", "Deleted")
    with running(settings) as emulator:
        assert emulator.get("/changefeed/latest").json() == deleted


def test_accept_does_not_matter(twelve: Emulator) -> None:
    """Inferred (azure-apis §0)."""
    assert twelve.get("/changefeed", accept="text/html").content_type == "application/json; charset=utf-8"


def test_metadata_that_went_missing_is_made_again(emulator: Emulator) -> None:
    """docs/architecture.md, Reading."""
    emulator.store(an_instance())
    (metadata,) = (emulator.data_dir / "dicom").rglob("*.json")
    before = feed(emulator)
    Path(metadata).unlink()

    assert feed(emulator) == before


def test_sequences_grow_over_a_restart(tmp_path: Path) -> None:
    """Azure: Change feed: never used again (azure-apis §3.2)."""
    settings = Settings(data_dir=tmp_path / "data")
    with running(settings) as emulator:
        stored = emulator.store(an_instance())
        assert emulator.delete(study_path(stored)).status == 204
    with running(settings) as emulator:
        emulator.store(stored)
        assert sequences(emulator) == [1, 2, 3]
        assert [change["state"] for change in feed(emulator)] == ["Replaced", "Replaced", "Current"]
