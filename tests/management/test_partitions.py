"""Data partitions on the wire: which routes need one, which names there are, how they are kept apart."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from azdicom_emulator.settings import AuthMode, Settings
from tests.conftest import EmulatorWith
from tests.management.partitions import in_partition
from tests.support.client import DICOM_JSON, Emulator
from tests.support.instances import (
    an_instance,
    another_in_series,
    instance_path,
    part10,
    series_path,
    study_path,
)
from tests.support.process import COMMAND
from tests.support.server import running
from tests.support.tokens import bearer, token_for

DISABLED = "Data partitions feature is disabled."
MISSING = "PartitionName value is missing in the route segment."
INVALID = "The specified PartitionName is invalid. "
UNKNOWN = "Specified PartitionName does not exist."
TEXT = "text/plain; charset=utf-8"

DATA_ROUTES = [
    ("GET", "/studies"),
    ("GET", "/series"),
    ("GET", "/instances"),
    ("GET", "/studies/1.2"),
    ("DELETE", "/studies/1.2"),
    ("GET", "/studies/1.2/metadata"),
    ("GET", "/studies/1.2/series"),
    ("GET", "/studies/1.2/instances"),
    ("GET", "/studies/1.2/series/1.3"),
    ("DELETE", "/studies/1.2/series/1.3"),
    ("GET", "/studies/1.2/series/1.3/metadata"),
    ("GET", "/studies/1.2/series/1.3/instances"),
    ("GET", "/studies/1.2/series/1.3/instances/1.4"),
    ("DELETE", "/studies/1.2/series/1.3/instances/1.4"),
    ("GET", "/studies/1.2/series/1.3/instances/1.4/metadata"),
    ("GET", "/studies/1.2/series/1.3/instances/1.4/rendered"),
    ("GET", "/studies/1.2/series/1.3/instances/1.4/frames/1"),
    ("GET", "/studies/1.2/series/1.3/instances/1.4/frames/1/rendered"),
]
STORES = [("POST", "/studies"), ("POST", "/studies/1.2"), ("PUT", "/studies"), ("PUT", "/studies/1.2")]


@pytest.fixture(scope="module")
def partitioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One server with partitions for all tests of this module that tell their data apart by partition."""
    with running(Settings(data_dir=tmp_path_factory.mktemp("partitioned") / "data", partitions=True)) as started:
        yield started


def names(emulator: Emulator) -> list[str]:
    return [partition["partitionName"] for partition in emulator.get("/partitions").json()]


def request(emulator: Emulator, method: str, path: str) -> tuple[int, str | None, str]:
    """What a bare request answers, without Accept; a store says that it brings DICOM."""
    headers = {"Content-Type": "application/dicom"} if method in ("POST", "PUT") else {}
    answer = emulator.request(method, f"/{emulator.version}{path}", headers=headers)
    return answer.status, answer.content_type, answer.text


@pytest.mark.parametrize(("method", "path"), [*DATA_ROUTES, *STORES])
def test_data_routes_need_a_partition_when_the_feature_is_on(partitioned: Emulator, method: str, path: str) -> None:
    """Azure: Data partitions; service source, before Accept (azure-apis §5.1)."""
    assert request(partitioned, method, path) == (400, TEXT, MISSING)


@pytest.mark.parametrize("version", ["v1", "v2", "v1.0-prerelease"])
@pytest.mark.parametrize(("method", "path"), [*DATA_ROUTES, *STORES])
def test_data_routes_below_a_partition_are_refused_when_the_feature_is_off(
    shared_emulator: Emulator, version: str, method: str, path: str
) -> None:
    """Service source: in any version and for any name (azure-apis §5.1)."""
    answer = shared_emulator.request(
        method, f"/{version}/partitions/no!name{path}", headers={"Content-Type": "application/dicom"}
    )
    assert (answer.status, answer.content_type, answer.text) == (400, TEXT, DISABLED)


def test_the_list_of_partitions_is_refused_when_the_feature_is_off(shared_emulator: Emulator) -> None:
    """Service source (azure-apis §5.1)."""
    assert request(shared_emulator, "GET", "/partitions") == (400, TEXT, DISABLED)


@pytest.mark.parametrize("name", ["a!b", "a" * 65, "a%20b", "%C3%A4"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/studies"), ("POST", "/studies"), ("GET", "/studies/x")])
def test_invalid_names_are_refused(partitioned: Emulator, method: str, path: str, name: str) -> None:
    """Service source: 1 to 64 of letters, digits, `.`, `_` and `-`; trailing space of the text (azure-apis §5.1)."""
    assert request(in_partition(partitioned, name), method, path) == (400, TEXT, INVALID)


@pytest.mark.parametrize(("method", "path"), DATA_ROUTES)
def test_unknown_names_are_refused_where_nothing_is_stored(partitioned: Emulator, method: str, path: str) -> None:
    """Service source, before Accept and UIDs (azure-apis §5.1)."""
    assert request(in_partition(partitioned, "nobody"), method, path) == (400, TEXT, UNKNOWN)
    assert "nobody" not in names(partitioned)


def test_model_binding_comes_before_the_partition(partitioned: Emulator) -> None:
    """Service source: `limit`, `offset` and the like are read first (azure-apis §5.1)."""
    status, _, text = request(in_partition(partitioned, "nobody"), "GET", "/studies?limit=0")

    assert (status, text) == (400, "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200.")


@pytest.mark.parametrize(("method", "path"), STORES)
def test_a_store_makes_a_partition_even_if_it_stores_nothing(partitioned: Emulator, method: str, path: str) -> None:
    """Service source: before the body is read, and before Accept (azure-apis §5.1, §5.3)."""
    name = f"{method}{len(path)}"
    status, _, _ = request(in_partition(partitioned, name), method, path)

    assert status == 406
    assert name in names(partitioned)
    assert in_partition(partitioned, name).search_studies() == []


def test_names_compare_without_case_and_keep_their_first_spelling(emulator_with: EmulatorWith) -> None:
    """Inferred from the collation of the service's database (azure-apis §5.1)."""
    emulator = emulator_with(partitions=True)
    stored = in_partition(emulator, "Foo-1_a.B").store(an_instance())
    answer = in_partition(emulator, "fOO-1_A.b").store_response(stored)

    assert answer.failure_reasons() == [45070]
    assert names(emulator) == ["Microsoft.Default", "Foo-1_a.B"]
    assert [change["partitionName"] for change in emulator.changes()] == ["Foo-1_a.B"]
    assert len(in_partition(emulator, "microsoft.default").search_studies()) == 0


def test_the_list_has_the_default_partition_first(emulator_with: EmulatorWith) -> None:
    """Azure: Data partitions, list; service source: by key (azure-apis §5.2)."""
    emulator = emulator_with(partitions=True)
    for name in ("zoo", "ape"):
        in_partition(emulator, name).store(an_instance())
    answer = emulator.get("/partitions", accept=None)

    assert (answer.status, answer.content_type) == (200, "application/json; charset=utf-8")
    assert [list(each) for each in answer.json()] == [["partitionKey", "partitionName", "createdDate"]] * 3
    assert [(each["partitionKey"], each["partitionName"]) for each in answer.json()] == [
        (1, "Microsoft.Default"),
        (2, "zoo"),
        (3, "ape"),
    ]
    for each in answer.json():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00", each["createdDate"])


def test_equal_uids_in_two_partitions_are_two_instances(emulator_with: EmulatorWith) -> None:
    """Service end-to-end tests: full isolation (azure-apis §5.3)."""
    emulator = emulator_with(partitions=True)
    foo, bar = in_partition(emulator, "foo"), in_partition(emulator, "bar")
    dataset = an_instance(PatientName="Foo")
    foo.store(dataset)
    dataset.PatientName = "Bar"
    bar.store(dataset)
    bar.store(another_in_series(dataset))

    assert [each.search_studies()[0]["00100010"]["Value"][0]["Alphabetic"] for each in (foo, bar)] == ["Foo", "Bar"]
    assert [len(each.metadata(study_path(dataset))) for each in (foo, bar)] == [1, 2]
    assert foo.retrieve(dataset) != bar.retrieve(dataset)
    assert bar.retrieve(dataset) == part10(dataset)
    assert foo.delete(study_path(dataset)).status == 204
    assert foo.get(f"{study_path(dataset)}/metadata").status == 404
    assert len(bar.search_instances()) == 2
    assert foo.search_studies() == []
    assert names(emulator) == ["Microsoft.Default", "foo", "bar"], "the partition stays when its data goes"


def test_urls_repeat_the_partition_as_the_client_wrote_it(partitioned: Emulator) -> None:
    """Service source: study and instance URLs (azure-apis §5.3, store §10)."""
    dataset = an_instance()
    in_partition(partitioned, "urls").store(an_instance())
    answer = in_partition(partitioned, "URLS").store_response(dataset, study=dataset.StudyInstanceUID)
    base = f"{partitioned.base_url}/v2/partitions/URLS"

    body = answer.json()
    assert body["00081190"]["Value"] == [f"{base}{study_path(dataset)}"]
    assert body["00081199"]["Value"][0]["00081190"]["Value"] == [f"{base}{instance_path(dataset)}"]


def test_the_change_feed_covers_all_partitions(emulator_with: EmulatorWith) -> None:
    """Service source (azure-apis §3.1, §5.3)."""
    emulator = emulator_with(partitions=True)
    dataset = in_partition(emulator, "foo").store(an_instance())
    in_partition(emulator, "Microsoft.Default").store(dataset)
    assert in_partition(emulator, "foo").delete(series_path(dataset)).status == 204

    assert [(row["partitionName"], row["action"], row["state"]) for row in emulator.changes()] == [
        ("foo", "Create", "Deleted"),
        ("Microsoft.Default", "Create", "Current"),
        ("foo", "Delete", "Deleted"),
    ]


def test_data_stored_without_the_feature_is_in_the_default_partition(tmp_path: Path) -> None:
    """Azure: Data partitions (azure-apis §5.2)."""
    with running(Settings(data_dir=tmp_path / "data")) as emulator:
        stored = emulator.store(an_instance())
    with running(Settings(data_dir=tmp_path / "data", partitions=True)) as emulator:
        assert in_partition(emulator, "Microsoft.Default").retrieve(stored) == part10(stored)


def test_the_feature_cannot_be_turned_off_once_there_is_a_second_partition(tmp_path: Path) -> None:
    """Service source: the engine's message when it refuses to start; exit code 2 and one line (azure-apis §5)."""
    with running(Settings(data_dir=tmp_path / "data", partitions=True)) as emulator:
        in_partition(emulator, "foo").store(an_instance())
    command = (*COMMAND, "serve", "--port=0", f"--data-dir={tmp_path / 'data'}", "--log-level=error")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "Error: Data partitions feature cannot be disabled while existing data has already been partitioned."
    ]


@pytest.mark.parametrize("has_partitions", [False, True], ids=["off", "on"])
def test_methods_that_do_not_exist_are_405_in_both_states(emulator_with: EmulatorWith, has_partitions: bool) -> None:
    """Service source: routing comes before partitions (azure-apis §5.1)."""
    emulator = emulator_with(partitions=has_partitions)

    assert request(emulator, "PATCH", "/partitions/foo/studies")[0] == 405
    assert request(emulator, "DELETE", "/partitions")[0] == 405


def test_a_reader_cannot_make_a_partition(emulator_with: EmulatorWith) -> None:
    """Service source: implicit creation needs the role `write` (http §5.2)."""
    emulator = emulator_with(partitions=True, auth=AuthMode.JWT)
    answer = emulator.request(
        "POST",
        "/v2/partitions/foo/studies",
        headers={
            "Content-Type": "application/dicom",
            "Accept": DICOM_JSON,
            **bearer(token_for(emulator, "reader")),
        },
        body=part10(an_instance()),
    )
    assert (answer.status, answer.text) == (403, "Authorization failed.")
    assert emulator.get("/partitions", headers=bearer(token_for(emulator, "none"))).status == 403
    owner = emulator.get("/partitions", headers=bearer(token_for(emulator)))
    assert [each["partitionName"] for each in owner.json()] == ["Microsoft.Default"]
