"""UPS-RS search: filters, ranges, names, what is returned, pages (PS3.18 §11.9; worklist §10)."""

from pathlib import Path

import duckdb
import pytest

from azdicom_emulator.settings import Settings
from azdicom_emulator.worklist.search_query import DEFAULT_RETURNED
from tests.support.client import Emulator
from tests.support.server import running
from tests.worklist.workitems import CODE_ITEM, Client, DataSet, a_workitem, element

REQUESTS = element(
    "SQ",
    *(
        {
            "0020000D": element("UI", "1.2"),
            "00080050": element("SH", accession),
            "00080051": element("SQ"),
            "00400026": element("SQ"),
            "00400027": element("SQ"),
            "00401001": element("SH", procedure),
            "00321060": element("LO"),
            "00321064": element("SQ"),
        }
        for accession, procedure in (("A1", "P1"), ("A2", "P2"))
    ),
)


def codes(value: str) -> DataSet:
    return element(
        "SQ", {"00080100": element("SH", "other"), **CODE_ITEM}, {"00080100": element("SH", value), **CODE_ITEM}
    )


@pytest.fixture(scope="module")
def client(shared_emulator: Emulator) -> Client:
    """Three workitems: 1.1 with everything, 1.2 claimed, 1.3 the smallest."""
    client = Client(shared_emulator)
    everything = a_workitem(
        t00100010=element("PN", {"Alphabetic": "Hall^X Y^Tá", "Ideographic": "山田"}),
        t00100020=element("LO", "Id-1 "),
        t0040A370=REQUESTS,
        t00404005=element("DT", "20240305101500.25+0100"),
        t00404025=codes("NAME"),
        t00404026=codes("CLASS"),
        t00404027=codes("PLACE"),
        t0020000D=element("UI", "1.2.840.5"),
        t00091001=element("LO", "private"),
    )
    assert client.create("1.1", everything).status == 201
    assert client.create("1.2", a_workitem(t00404005=element("DT", "2024"))).status == 201
    assert client.change_state("1.2", "IN PROGRESS").status == 200
    assert client.create("1.3").status == 201
    return client


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["1.3", "1.2", "1.1"]),
        ({"PatientName": "hall^x y^ta=山田"}, ["1.1"]),
        ({"00100010": "HALL^X Y^TÁ=山田"}, ["1.1"]),
        ({"PatientName": "Hall"}, []),
        ({"PatientName": "Hall*"}, []),
        ({"PatientName": "ha", "fuzzymatching": "true"}, ["1.1"]),
        ({"PatientName": "y ta", "fuzzymatching": "true"}, ["1.1"]),
        ({"PatientName": "ta hall", "fuzzymatching": "true"}, []),
        ({"PatientID": "ID-1"}, ["1.1"]),
        ({"PatientID": "Id-?"}, []),
        ({"PatientID": "id-1,id-2"}, []),
        ({"ReferencedRequestSequence.AccessionNumber": "a2"}, ["1.1"]),
        ({"0040A370.AccessionNumber": "A1"}, ["1.1"]),
        ({"0040a370.00080050": "A3"}, []),
        ({"ReferencedRequestSequence.RequestedProcedureID": "P1"}, ["1.1"]),
        ({"ReferencedRequestSequence.00401001": "P1", "ReferencedRequestSequence.AccessionNumber": "A2"}, ["1.1"]),
        ({"ScheduledProcedureStepStartDateTime": "20240305101500.25"}, ["1.1"]),
        ({"ScheduledProcedureStepStartDateTime": "20240305101500"}, []),
        ({"ScheduledProcedureStepStartDateTime": "20240101"}, ["1.2"]),
        ({"00404005": "20240301-20240401"}, ["1.1"]),
        ({"00404005": "20240102-"}, ["1.1"]),
        ({"00404005": "-2024"}, ["1.2"]),
        ({"00404005": "-20240101120000"}, ["1.3", "1.2"]),
        ({"ScheduledStationNameCodeSequence.CodeValue": "name"}, ["1.1"]),
        ({"ScheduledStationClassCodeSequence.CodeValue": "CLASS"}, ["1.1"]),
        ({"ScheduledStationGeographicLocationCodeSequence.CodeValue": "PLACE"}, ["1.1"]),
        ({"00404027.00080100": "NAME"}, []),
        ({"ProcedureStepState": "scheduled"}, ["1.3", "1.1"]),
        ({"ProcedureStepState": "IN PROGRESS"}, ["1.2"]),
        ({"StudyInstanceUID": "1.2.840.5"}, ["1.1"]),
        ({"StudyInstanceUID": "1.2.840.5\\1.2"}, []),
        ({"ProcedureStepState": "SCHEDULED", "PatientID": "ID-1"}, ["1.1"]),
        ({"ProcedureStepState": "IN PROGRESS", "PatientID": "ID-1"}, []),
        ({"LIMIT": "1"}, ["1.3"]),
        ({"limit": "1", "Offset": "1"}, ["1.2"]),
        ({"offset": "3"}, []),
    ],
    ids=str,
)
def test_search_finds_what_matches_newest_first(client: Client, filters: dict[str, str], found: list[str]) -> None:
    """Service source; worklist §10.2, §10.3: all filters, of a sequence any item; characters are literal."""
    assert client.found(**filters) == found


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("limit=0", "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."),
        ("limit=201", "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."),
        ("limit=x", "The query parameter 'Limit' is invalid. The value 'x' is not valid for Limit."),
        ("offset=-1", "The query parameter 'Offset' is invalid. The field Offset must be between 0 and 9"),
        ("fuzzymatching=maybe", "The query parameter 'FuzzyMatching' is invalid. "),
        ("includefield=Nothing", "Invalid query: IncludeField has unknown attribute 'Nothing'."),
        ("includefield=ALL,PatientID", "Invalid query: cannot specify included fields in addition to 'all'."),
        ("patientid=x", "Invalid query: AttributeId patientid is not queryable.  If the parameter is an attribute "),
        ("PatientSex=x", "Invalid query: AttributeId PatientSex is not queryable.  If the parameter is an attribute "),
        ("AccessionNumber=x", "Invalid query: AttributeId AccessionNumber is not queryable.  "),
        ("PatientID.CodeValue=x", "Invalid query: AttributeId PatientID.CodeValue is not queryable.  "),
        (".PatientID=x", "Invalid query: AttributeId .PatientID is not queryable.  "),
        (
            "PatientID=x&00100020=x",
            "Invalid query: attribute '00100020' has been specified more than once using different ID formats. "
            "Each attribute is only allowed to be specified once.",
        ),
        (
            "PatientID=x&PatientID=y",
            "Invalid QIDO-RS query. Duplicate AttributeId 'PatientID'. "
            "Each attribute is only allowed to be specified once.",
        ),
        ("PatientID=", "Invalid query: AttributeId 'PatientID' has empty string value that is not supported."),
        (
            "a.b.c=x",
            "Dicom element 'a.b.c' failed validation for VR 'SQ': Nested sequences are currently not supported.",
        ),
        (
            "PatientName=%22&fuzzymatching=true",
            "Invalid query: specified tag 'PatientName' value '\"' contains unsupported character '\"'. "
            "Character is not supported with Fuzzy match, try exact match or removing the invalid character. ",
        ),
        (
            "00404005=20241301",
            "Invalid query: specified DateTime value '20241301' is invalid for attribute "
            "'ScheduledProcedureStepStartDateTime'. "
            "DateTime should be valid and formatted as yyyyMMddHHmmss.FFFFFF where yyyy is mandatory.",
        ),
        (
            "00404005=2024+0100",
            "Invalid query: specified DateTime value '2024+0100' for attribute "
            "ScheduledProcedureStepStartDateTime contains offset which is not supported.",
        ),
        (
            "00404005=2024-2023",
            "Invalid query: specified date range '2024-2023' is invalid.\n"
            "The first part DateTime 2024 should be lesser than or equal to the second part DateTime 2023.",
        ),
        (
            "00404005=-",
            "Invalid query: specified range is invalid.\nBoth parts in the range cannot be empty.\n"
            "For details on valid range queries, please refer to Search Matching section in Conformance Statement ",
        ),
    ],
)
def test_bad_search_is_refused_in_the_service_s_words(client: Client, query: str, start: str) -> None:
    """Service source and end-to-end tests; worklist §10.1, §10.2: plain text."""
    answer = client.emulator.get(f"/workitems?{query}")

    assert answer.status == 400
    assert answer.text.startswith(start), answer.text
    assert answer.content_type == "text/plain; charset=utf-8"


def test_field_in_a_sequence_cannot_be_included(client: Client) -> None:
    """Service source; worklist §10.1."""
    answer = client.emulator.get("/workitems?includefield=ReferencedRequestSequence.AccessionNumber")

    assert answer.status == 400
    assert answer.text.endswith("Sequential dicom tags are currently not supported.")


def test_result_has_the_default_attributes_and_those_asked_for(client: Client) -> None:
    """Service source; worklist §10.3: defaults, filters by their last tag, included fields; no Transaction UID."""
    plain = client.search(PatientID="ID-1")[0]
    filtered = client.search(**{"ReferencedRequestSequence.AccessionNumber": "A1"})[0]
    included = client.search(
        PatientID="ID-1", includefield="00400400,00741216,ExpectedCompletionDateTime,00091001,TransactionUID"
    )[0]
    everything = client.search(PatientID="ID-1", includefield="all")[0]

    assert plain.keys() <= DEFAULT_RETURNED
    assert len(DEFAULT_RETURNED) == 33
    assert {"00741000", "0040A370", "00404005", "00100020"} <= plain.keys()
    assert filtered == plain
    assert included.keys() == plain.keys() | {"00400400", "00741216", "00091001"}
    assert everything == client.data_set("1.1")
    assert {"00741216", "00404010"} <= everything.keys()
    assert "00081195" not in everything


def test_pages_are_all_results_once(client: Client) -> None:
    """worklist §10.3: offset and limit over the order of creation."""
    pages = [client.found(limit=1, offset=offset) for offset in range(4)]

    assert pages == [["1.3"], ["1.2"], ["1.1"], []]


def test_canceled_and_updated_workitems_are_found_by_what_they_are_now(emulator: Emulator) -> None:
    """worklist §10: updates and changes of state count at once; the order of creation stays."""
    client = Client(emulator)
    first, second = client.created(), client.created()

    assert client.update(first, {"00404025": codes("NEW")}).status == 200
    assert client.cancel(second).status == 202

    assert client.found(**{"00404025.00080100": "NEW"}) == [first]
    assert client.found(ProcedureStepState="CANCELED") == [second]
    assert client.found() == [second, first]


def test_search_leaves_out_what_cannot_be_read_and_says_so(tmp_path: Path) -> None:
    """Service source; worklist §10.3: 206 with the rest, 204 when there is no rest."""
    settings = Settings(data_dir=tmp_path / "data")
    with running(settings) as emulator:
        for uid in ("1.1", "1.2"):
            assert Client(emulator).create(uid).status == 201
    with duckdb.connect(settings.data_dir / "index.duckdb") as connection:
        connection.execute("UPDATE workitems SET data_set = '{' WHERE workitem_uid = '1.1'")

    with running(settings) as emulator:
        rest = emulator.get("/workitems")
        nothing = emulator.get("/workitems?offset=1")

    assert rest.status == 206
    assert [each["00080018"]["Value"] for each in rest.json()] == [["1.2"]]
    assert nothing.status == 204
