"""QIDO-RS on the wire: matching, returned attributes, paging, refusals and their order."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.conftest import EmulatorWith
from tests.support.client import Emulator, Json
from tests.support.instances import an_instance, another_in_series, another_in_study, instance_path, study_path

STUDY_UID, SERIES_UID, SOP_INSTANCE_UID = "0020000D", "0020000E", "00080018"
PATIENT_NAME, PATIENT_ID = "00100010", "00100020"
STUDY_V2 = ["00080020", "00080050", "00080090", "00081030", PATIENT_NAME, PATIENT_ID, "00100030", STUDY_UID]
SERIES_V2 = ["00080060", "00081090", SERIES_UID, "00400244"]
NOTHING_FOUND = (204, b"", None)

HINT = (
    "If the parameter is an attribute keyword, check the casing as they are case-sensitive. "
    "The conformance statement has a list of supported query parameters, attributes and the levels."
)


def value(result: Json, tag: str) -> Any:
    """The only value of an attribute."""
    (only,) = result[tag]["Value"]
    return only


def uids(results: list[Json], tag: str = STUDY_UID) -> list[str]:
    return [value(result, tag) for result in results]


def outcome(emulator: Emulator, path: str, **query: str | int) -> tuple[int, bytes, str | None]:
    answer = emulator.get(path, query=query)
    return answer.status, answer.content, answer.content_type


def test_results_are_dicom_json(emulator: Emulator) -> None:
    """PS3.18 F.2; service end-to-end tests: media type, order of tags (search §9)."""
    stored = emulator.store(an_instance(PatientName="Doe^John=山田=やまだ", PatientID="P1", AccessionNumber=None))
    answer = emulator.get("/studies", query={"includefield": "NumberOfStudyRelatedInstances"})
    assert (answer.status, answer.content_type) == (200, "application/dicom+json; charset=utf-8")
    assert answer.text == (
        '[{"00080020":{"vr":"DA","Value":["20240117"]},"00080090":{"vr":"PN","Value":[{"Alphabetic":"Referrer^Robin"}]},'
        '"00081030":{"vr":"LO","Value":["CT CHEST"]},'
        '"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^John","Ideographic":"山田","Phonetic":"やまだ"}]},'
        '"00100020":{"vr":"LO","Value":["P1"]},"00100030":{"vr":"DA","Value":["19600101"]},'
        f'"0020000D":{{"vr":"UI","Value":["{stored.StudyInstanceUID}"]}},"00201208":{{"vr":"IS","Value":[1]}}}}]'
    )


@pytest.mark.parametrize(
    "path",
    [
        "/studies",
        "/series",
        "/instances",
        "/studies/1.2/series",
        "/studies/1.2/instances",
        "/studies/1.2/series/3/instances",
    ],
)
def test_nothing_found_is_204_without_a_body(shared_emulator: Emulator, path: str) -> None:
    """Service end-to-end tests; a study or series of the path that does not exist is no error (search §1, §9)."""
    query = {"SOPInstanceUID": "1.2.3"} if path.endswith("instances") else {"SeriesInstanceUID": "1.2.3"}
    if path == "/studies":
        query = {"StudyDate": "17000101"}
    assert outcome(shared_emulator, path, **query) == NOTHING_FOUND


def test_each_route_returns_the_default_attributes_of_version_2(emulator: Emulator) -> None:
    """Conformance statement v2, default attributes; service end-to-end tests (search §7.1)."""
    stored = emulator.store(an_instance())
    study, series = stored.StudyInstanceUID, stored.SeriesInstanceUID

    def tags(results: list[Json]) -> list[str]:
        (only,) = results
        return list(only)

    assert tags(emulator.search_studies()) == STUDY_V2
    assert tags(emulator.search_series()) == sorted(STUDY_V2 + SERIES_V2)
    assert tags(emulator.search_instances()) == sorted([*STUDY_V2, *SERIES_V2, SOP_INSTANCE_UID])
    assert tags(emulator.search_series(study)) == sorted([*SERIES_V2, STUDY_UID])
    assert tags(emulator.search_instances(study)) == sorted([*SERIES_V2, STUDY_UID, SOP_INSTANCE_UID])
    assert tags(emulator.search_instances(study, series)) == sorted([STUDY_UID, SERIES_UID, SOP_INSTANCE_UID])


def test_version_1_returns_more_where_present(emulator: Emulator) -> None:
    """Conformance statement v1, default attributes (search §7.1)."""
    emulator.store(an_instance(TimezoneOffsetFromUTC="+0100", InstanceAvailability="ONLINE"))
    (study,) = emulator.v1.search_studies()
    assert len(study) == 13
    assert "00081030" not in study
    (instance,) = emulator.v1.search_instances()
    assert value(instance, "00280010") == 32


def test_studies_match_by_each_searchable_attribute(emulator: Emulator) -> None:
    """Conformance statement v2, searchable attributes; tags by keyword or hex (search §5.1, §5.2)."""
    wanted = emulator.store(
        an_instance(
            StudyDate="20210305",
            PatientID="Wanted-1",
            PatientName="Wanted^Person",
            AccessionNumber="W1",
            StudyDescription="Head",
            ReferringPhysicianName="Other^Doctor",
            PatientBirthDate="19700102",
            Modality="MR",
        )
    )
    emulator.store(an_instance())
    for keyword, query in {
        "StudyInstanceUID": wanted.StudyInstanceUID,
        "0020000d": wanted.StudyInstanceUID,
        "PatientID": "wanted-1",
        "00100020": " WANTED-1 ",
        "PatientName": "WANTED^PERSON",
        "AccessionNumber": "w1",
        "StudyDescription": "HEAD",
        "ReferringPhysicianName": "other^doctor",
        "PatientBirthDate": "-19700102",
        "StudyDate": "20210305-20210305",
        "ModalitiesInStudy": "mr",
    }.items():
        if keyword == "PatientBirthDate":
            assert len(emulator.search_studies(**{keyword: query})) == 2, keyword
        else:
            assert uids(emulator.search_studies(**{keyword: query})) == [wanted.StudyInstanceUID], keyword


def test_names_ignore_accents_and_other_text_does_not(emulator: Emulator) -> None:
    """Service end-to-end tests and collations of its columns (search §5.5, §12)."""
    stored = emulator.store(an_instance(PatientName="Hall^X^Tá", StudyDescription="café"))
    assert uids(emulator.search_studies(PatientName="Hall^X^Ta")) == [stored.StudyInstanceUID]
    assert uids(emulator.search_studies(StudyDescription="CAFÉ")) == [stored.StudyInstanceUID]
    assert emulator.search_studies(StudyDescription="cafe") == []


def test_trailing_padding_does_not_count(emulator: Emulator) -> None:
    """Conformance statement v2: trailing NUL; service source: SQL comparison (search §5.5)."""
    stored = emulator.store(an_instance(PatientID="abc"))
    assert uids(emulator.get("/studies?PatientID=abc%00").json()) == [stored.StudyInstanceUID]
    assert uids(emulator.get("/studies?PatientID=abc++").json()) == [stored.StudyInstanceUID]


@pytest.mark.parametrize(
    ("query", "found"),
    [("20200101", 1), ("20200101-20200102", 2), ("-20200102", 2), ("20200102-", 2), ("20190101-20191231", 0)],
)
def test_dates_match_as_single_values_and_ranges(emulator: Emulator, query: str, found: int) -> None:
    """Conformance statement v2, range matching, both ends included (search §5.5.1)."""
    emulator.store_all(an_instance(StudyDate=date) for date in ("20200101", "20200102", "20200103", None))
    assert len(emulator.search_studies(StudyDate=query)) == found


@pytest.mark.parametrize(
    ("query", "matches"),
    [("joh", 1), ("jo do", 1), ("Doe", 1), ("john^doe", 1), ("ohn", 0), ("doe john", 0), ("*", 0)],
)
def test_fuzzy_matching_is_by_beginnings_of_words(strict_emulator: Emulator, query: str, matches: int) -> None:
    """Conformance statement v2, fuzzy matching (search §6)."""
    strict_emulator.store(an_instance(PatientName="John^Doe"))
    strict_emulator.store(an_instance(PatientName="A^B", ReferringPhysicianName="John^Doe"))
    for keyword in ("PatientName", "ReferringPhysicianName"):
        found = strict_emulator.search_studies(**{keyword: query, "fuzzyMatching": "true"})
        assert len(found) == matches, keyword


def test_modalities_and_counts_are_computed(emulator: Emulator) -> None:
    """Service end-to-end tests: CT, CT, MR gives two modalities and three instances (search §7.2, §12)."""
    first = emulator.store(an_instance(Modality="CT"))
    emulator.store_all([another_in_series(first), another_in_study(first, Modality="MR")])
    emulator.store(an_instance(Modality="MR"))
    (study,) = emulator.search_studies(ModalitiesInStudy="CT", includefield="NumberOfStudyRelatedInstances")
    assert study["00080061"] == {"vr": "CS", "Value": ["CT", "MR"]}
    assert study["00201208"] == {"vr": "IS", "Value": [3]}
    (series,) = emulator.search_series(Modality="CT", includefield="NumberOfSeriesRelatedInstances")
    assert series["00201209"] == {"vr": "IS", "Value": [2]}
    assert len(emulator.search_series(ModalitiesInStudy="CT")) == 2
    assert len(emulator.search_instances(ModalitiesInStudy="CT")) == 3


def test_computed_values_are_laid_over_the_metadata(emulator: Emulator) -> None:
    """Service source: metadata, then all values of the study row (search §8)."""
    first = emulator.store(an_instance(PatientName="First^Name", StudyDescription="kept"))
    emulator.store(another_in_study(first, PatientName="Last^Name", StudyDescription=None, Modality="MR"))
    fields = "NumberOfStudyRelatedInstances,StudyTime,ModalitiesInStudy,NumberOfStudyRelatedSeries"
    (study,) = emulator.search_studies(includefield=fields)
    assert list(study) == sorted([*STUDY_V2, "00080030", "00080061", "00201208"])
    assert (value(study, "00201208"), study["00080061"]["Value"]) == (2, ["CT", "MR"])
    assert value(study, "00081030") == "kept"
    (without,) = emulator.search_studies(includefield="StudyTime")
    assert "00081030" not in without
    series = emulator.search_series(includefield="SeriesTime,SeriesDescription,NumberOfSeriesRelatedInstances")
    assert [value(each, "00201209") for each in series] == [1, 1]
    assert [value(each, "0008103E") for each in series] == ["CHEST 5.0", "CHEST 5.0"]


def test_series_attributes_of_a_study_are_those_of_its_newest_instance(emulator: Emulator) -> None:
    """Service source: series row of the representative instance (search §8)."""
    first = emulator.store(an_instance(Modality="CT"))
    second = emulator.store(another_in_study(first, Modality="MR"))
    (study,) = emulator.search_studies(includefield="Modality,SeriesInstanceUID,NumberOfSeriesRelatedInstances")
    assert [value(study, tag) for tag in ("00080060", SERIES_UID, "00201209")] == ["MR", second.SeriesInstanceUID, 1]


def test_the_latest_value_of_a_study_is_searched_and_each_instance_shows_its_own(emulator: Emulator) -> None:
    """Conformance statement v2; service source: one row a study, latest wins (search §5.7, §12)."""
    first = emulator.store(an_instance(PatientName="First^Name"))
    last = emulator.store(another_in_study(first, PatientName="Last^Name"))
    assert emulator.search_studies(PatientName="First^Name") == []
    assert uids(emulator.search_studies(PatientName="Last^Name")) == [first.StudyInstanceUID]
    instances = emulator.search_instances(PatientName="Last^Name")
    assert [(value(each, SOP_INSTANCE_UID), value(each, PATIENT_NAME)["Alphabetic"]) for each in instances] == [
        (last.SOPInstanceUID, "Last^Name"),
        (first.SOPInstanceUID, "First^Name"),
    ]
    assert emulator.delete(instance_path(last)).status == 204
    (study,) = emulator.search_studies()
    assert value(study, PATIENT_NAME) == {"Alphabetic": "Last^Name"}
    (stored,) = emulator.search_studies(includefield="StudyTime")
    assert value(stored, PATIENT_NAME) == {"Alphabetic": "First^Name"}


def test_empty_values_are_shown_only_by_metadata(emulator: Emulator) -> None:
    """Service source: null columns are left out, empty attributes have no Value (search §8)."""
    answer = emulator.store_response(an_instance(AccessionNumber="", PatientID="", StudyDescription=None))
    assert answer.status == 202
    (from_index,) = emulator.search_studies()
    assert not {"00080050", "00081030"} & from_index.keys()
    assert from_index[PATIENT_ID] == {"vr": "LO"}
    (from_metadata,) = emulator.search_studies(includefield="StudyTime")
    assert from_metadata["00080050"] == {"vr": "SH"}
    assert PATIENT_ID not in from_metadata
    assert "00081030" not in from_metadata


def test_includefield_takes_any_attribute_of_the_stored_data_set(emulator: Emulator) -> None:
    """Conformance statement v2; private attributes and sequences whole, binary values never (search §7)."""
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "T-1", "Chest"
    stored = an_instance(ProcedureCodeSequence=[item], private=[(0x0009, "ACME", 1, "LO", "private value")])
    emulator.store(stored)
    (study,) = emulator.search_studies(includefield="00091001,ProcedureCodeSequence,Rows,PixelData,SliceThickness")
    assert value(study, "00091001") == "private value"
    assert study["00081032"]["Value"] == [
        {"00080100": {"vr": "SH", "Value": ["T-1"]}, "00080104": {"vr": "LO", "Value": ["Chest"]}}
    ]
    assert value(study, "00280010") == 32
    assert not {"7FE00010", "00180050"} & study.keys()


def test_all_follows_the_source_of_the_service_unless_told_otherwise(emulator_with: EmulatorWith) -> None:
    """Service source against conformance statement; quirks (search §7, http §12)."""
    emulator = emulator_with()
    emulator.store(an_instance())
    (series,) = emulator.search_series(includefield="all")
    assert "00081090" not in series
    assert value(series, "0008103E") == "CHEST 5.0"
    assert outcome(emulator, "/studies", includefield="all,PatientID") == (
        400,
        b"Invalid query: cannot specify included fields in addition to 'all'.",
        "text/plain; charset=utf-8",
    )


def test_quirks_make_all_follow_the_documentation(emulator_with: EmulatorWith) -> None:
    """Quirks search.all_has_model_name and search.includefield_all_mixed (http §12)."""
    quirks = {"search.all_has_model_name": "yes", "search.includefield_all_mixed": "all"}
    emulator = emulator_with(quirks=quirks)
    emulator.store(an_instance())
    (series,) = emulator.search_series(includefield="PatientID,ALL")
    assert value(series, "00081090") == "Model 1"


def test_results_come_newest_first_in_pages(emulator: Emulator) -> None:
    """Service source: creation key, descending; offset past the end is 204 (search §10)."""
    stored = [emulator.store(an_instance()) for _ in range(5)]
    newest_first = [each.StudyInstanceUID for each in reversed(stored)]
    emulator.store(another_in_study(stored[0]))
    assert uids(emulator.search_studies()) == newest_first
    pages = [uids(emulator.search_studies(limit=2, offset=offset)) for offset in (0, 2, 4)]
    assert [uid for page in pages for uid in page] == newest_first
    assert outcome(emulator, "/studies", offset=5) == NOTHING_FOUND
    assert outcome(emulator, "/studies", offset=2**63 - 1) == NOTHING_FOUND
    instances = uids(emulator.search_instances(limit=1), STUDY_UID)
    assert instances == [stored[0].StudyInstanceUID]


def test_a_search_below_a_study_sees_that_study_alone(emulator: Emulator) -> None:
    """PS3.18 §10.6; service end-to-end tests: study UID in every item (search §12)."""
    first = emulator.store(an_instance())
    second = emulator.store(another_in_study(first, Modality="MR"))
    emulator.store(an_instance(Modality="MR"))
    study = first.StudyInstanceUID
    assert uids(emulator.search_series(study)) == [study, study]
    assert uids(emulator.search_series(study, Modality="mr"), SERIES_UID) == [second.SeriesInstanceUID]
    found = emulator.search_instances(study, second.SeriesInstanceUID)
    assert uids(found, SOP_INSTANCE_UID) == [second.SOPInstanceUID]


def test_a_viewer_s_study_list_works(emulator: Emulator) -> None:
    """Service end-to-end tests: the request of the OHIF viewer (search §12)."""
    path = "/studies?limit=25&offset=0&includefield=00081030%2C00080060&StudyDate=19521125-20210507"
    assert emulator.get(path).status == 204
    emulator.store(an_instance(StudyDate="20210507"))
    assert emulator.get(path).status == 200


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/studies?Modality=CT", f"Invalid query: AttributeId Modality is not queryable.  {HINT}"),
        ("/studies/1.2/series?PatientID=x", f"Invalid query: AttributeId PatientID is not queryable.  {HINT}"),
        ("/studies?api-version=2", f"Invalid query: unknown query parameter 'api-version'. {HINT}"),
        ("/studies?limit=0", "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."),
        (
            "/studies?StudyDate=2020%2D01",
            (
                "Invalid query: specified Date value '2020' is invalid for attribute 'StudyDate'. "
                "Date should be valid and formatted as yyyyMMdd."
            ),
        ),
    ],
)
def test_a_bad_search_is_refused_with_the_message_of_the_service(
    shared_emulator: Emulator, path: str, message: str
) -> None:
    """Service source and end-to-end tests (search §5.3)."""
    answer = shared_emulator.get(path)
    assert (answer.status, answer.text, answer.content_type) == (400, message, "text/plain; charset=utf-8")


def test_checks_come_in_the_order_of_the_service(shared_emulator: Emulator) -> None:
    """Service source: model binding, Accept, repetition, UIDs of the path, filters, includefield (search §2)."""
    faults = [
        ("limit=0", "'Limit'"),
        ("PatientID=1&patientid=2", "Duplicate AttributeId"),
        ("", "StudyInstanceUid"),
        ("Nonsense=1", "'Nonsense'"),
        ("includefield=nothing", "IncludeField"),
    ]
    queries = [query for query, _ in faults]
    studies = ["letters"] * 3 + ["1.2"] * 2
    for position, (_, expected) in enumerate(faults):
        query = "&".join(filter(None, queries[position:][::-1]))
        answer = shared_emulator.get(f"/studies/{studies[position]}/instances?{query}")
        assert (answer.status, expected in answer.text) == (400, True), (query, answer.text)


def test_the_accept_header_is_checked_between_paging_and_filters(shared_emulator: Emulator) -> None:
    """Service source and unit tests: 406 with an empty body (search §2, §3)."""
    assert shared_emulator.get("/studies?limit=0", accept="text/plain").status == 400
    for accept in (None, "application/dicom", "application/dicom+json+x", "multipart/related"):
        answer = shared_emulator.get("/studies?Nonsense=1&nonsense=2", accept=accept)
        assert (answer.status, answer.content) == (406, b""), accept
    for accept in ("application/json", "APPLICATION/DICOM+JSON;x=y", "application/*", "text/html, */*;q=0"):
        assert shared_emulator.get("/studies?Nonsense=1", accept=accept).status == 400, accept


WILDCARDS_USED = '299 azdicom "search.wildcards: the managed service would find nothing (204)"'
UID_LISTS_USED = '299 azdicom "search.uid_lists: the managed service would find nothing (204)"'


def warnings_of(emulator: Emulator, path: str, **query: str | int) -> tuple[int, list[str]]:
    answer = emulator.get(path, query=query)
    return answer.status, answer.headers.get_all("Warning", [])


def test_wildcards_match_where_the_literal_value_finds_nothing(emulator: Emulator) -> None:
    """Extension search.wildcards, announced by a header (seed-features §8, http §13)."""
    stored = emulator.store(an_instance(PatientName="Té^Jane", PatientID="ABC", Modality="CT"))
    emulator.store(an_instance(PatientName="Other^Name", PatientID="XYZ"))
    for keyword, query in {"PatientID": "a?c", "PatientName": "*te^J*", "00100020": "*b*"}.items():
        assert uids(emulator.search_studies(**{keyword: query})) == [stored.StudyInstanceUID]
        assert warnings_of(emulator, "/studies", **{keyword: query}) == (200, [WILDCARDS_USED])
    assert warnings_of(emulator, "/instances", Modality="c*", PatientID="ABC") == (200, [WILDCARDS_USED])
    assert warnings_of(emulator, "/studies", PatientName="te*", fuzzymatching="true") == (200, [])
    assert warnings_of(emulator, "/studies", PatientName="?e^*", fuzzymatching="true") == (200, [WILDCARDS_USED])
    assert warnings_of(emulator, "/studies", PatientID="Q*") == (204, [])
    assert warnings_of(emulator, "/studies", PatientID="A*", offset=1) == (204, [])


def test_a_literal_match_on_any_page_rules_wildcards_out(emulator: Emulator) -> None:
    """Matches are counted before offset and limit (seed-features §8)."""
    literal = emulator.store(an_instance(PatientID="A*"))
    for _ in range(2):
        emulator.store(an_instance(PatientID="ABC"))
    assert uids(emulator.search_studies(PatientID="a*")) == [literal.StudyInstanceUID]
    assert warnings_of(emulator, "/studies", PatientID="a*") == (200, [])
    assert warnings_of(emulator, "/studies", PatientID="a*", offset=1) == (204, [])


def test_uid_lists_match_any_of_their_uids(emulator: Emulator) -> None:
    """Extension search.uid_lists; together with wildcards both are announced (seed-features §8)."""
    first, second, _ = (emulator.store(an_instance(PatientID=name)) for name in ("P1", "P2", "P3"))
    both = f"{first.StudyInstanceUID},{second.StudyInstanceUID}"
    assert uids(emulator.search_studies(StudyInstanceUID=both)) == [second.StudyInstanceUID, first.StudyInstanceUID]
    assert warnings_of(emulator, "/studies", StudyInstanceUID=both.replace(",", "\\")) == (200, [UID_LISTS_USED])
    assert warnings_of(emulator, "/studies", StudyInstanceUID=both, PatientID="?1") == (
        200,
        [UID_LISTS_USED, WILDCARDS_USED],
    )
    assert warnings_of(emulator, "/studies", StudyInstanceUID="1.2,1.3") == (204, [])


def test_a_strict_server_takes_wildcards_and_lists_literally(strict_emulator: Emulator) -> None:
    """`--strict` is the managed service alone: literal characters (search §5.5)."""
    stored = strict_emulator.store(an_instance(PatientID="ABC"))
    assert warnings_of(strict_emulator, "/studies", PatientID="A*") == (204, [])
    listed = f"{stored.StudyInstanceUID},1.2"
    assert warnings_of(strict_emulator, "/studies", StudyInstanceUID=listed) == (204, [])


def test_an_extension_can_be_switched_off_alone(emulator_with: EmulatorWith) -> None:
    """`--extension search.wildcards=off` (http §13)."""
    emulator = emulator_with(extensions={"search.wildcards": False})
    stored = emulator.store(an_instance(PatientID="ABC"))
    assert warnings_of(emulator, "/studies", PatientID="A*") == (204, [])
    listed = f"{stored.StudyInstanceUID},1.2"
    assert warnings_of(emulator, "/studies", StudyInstanceUID=listed) == (200, [UID_LISTS_USED])


def test_a_deleted_study_is_gone_from_all_searches(emulator: Emulator) -> None:
    """Azure delete, seen through search (azure-apis §4)."""
    stored = emulator.store(an_instance())
    assert emulator.delete(study_path(stored)).status == 204
    for path in ("/studies", "/series", "/instances", f"{study_path(stored)}/instances"):
        assert outcome(emulator, path) == NOTHING_FOUND
