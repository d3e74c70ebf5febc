"""Attribute filters and `includefield`: what may be asked of which route, and how refusals read."""

import pytest

from azdicom_emulator.dicom.tag_paths import parse_tag_path
from azdicom_emulator.storage.query_tags import CORE_TAGS, Level, QueryStatus, QueryTag, TagStatus
from azdicom_emulator.storage.selection import Exact, NameWords, Selection
from azdicom_emulator.studies.search_options import SearchOptions, attribute_values, query_parameters
from azdicom_emulator.studies.search_query import SearchQuery, SearchTarget, parse_search
from azdicom_emulator.studies.search_returns import Resource
from azdicom_emulator.web.errors import BadRequestError

HINT = (
    "If the parameter is an attribute keyword, check the casing as they are case-sensitive. "
    "The conformance statement has a list of supported query parameters, attributes and the levels."
)
SEQUENCE = "Dicom element '{}' failed validation for VR 'SQ': Sequential dicom tags are currently not supported."

STUDY_FILTERS = [
    "StudyInstanceUID",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyDate",
    "StudyDescription",
    "ModalitiesInStudy",
]
SERIES_FILTERS = ["SeriesInstanceUID", "Modality", "PerformedProcedureStepStartDate", "ManufacturerModelName"]
INSTANCE_FILTERS = ["SOPInstanceUID"]
ALLOWED = {
    Resource.ALL_STUDIES: STUDY_FILTERS,
    Resource.ALL_SERIES: STUDY_FILTERS + SERIES_FILTERS,
    Resource.ALL_INSTANCES: STUDY_FILTERS + SERIES_FILTERS + INSTANCE_FILTERS,
    Resource.STUDY_SERIES: SERIES_FILTERS,
    Resource.STUDY_INSTANCES: SERIES_FILTERS + INSTANCE_FILTERS,
    Resource.STUDY_SERIES_INSTANCES: INSTANCE_FILTERS,
}

PATIENT_AGE = QueryTag(tag=0x00101010, keyword="PatientAge", vr="AS", level=Level.STUDY, key=1)
PRIVATE = QueryTag(tag=0x04011001, keyword="04011001", vr="SS", level=Level.SERIES, key=2, private_creator="ACME")


def parsed(
    query: str, resource: Resource = Resource.ALL_INSTANCES, *extended: QueryTag, all_may_be_mixed: bool = False
) -> SearchQuery:
    parameters = query_parameters(query)
    target = SearchTarget(resource=resource, extended=extended, all_may_be_mixed=all_may_be_mixed)
    return parse_search(SearchOptions.of(parameters), attribute_values(parameters), target)


def refusal(query: str, resource: Resource = Resource.ALL_INSTANCES, *extended: QueryTag) -> str:
    with pytest.raises(BadRequestError) as refused:
        parsed(query, resource, *extended)
    return refused.value.message


def filtered(query: SearchQuery) -> list[int]:
    return [each.tag.tag for each in query.selection.filters]


@pytest.mark.parametrize(
    ("path", "tag"),
    [
        ("PatientName", 0x00100010),
        ("00100010", 0x00100010),
        ("0020000d", 0x0020000D),
        ("60020010", 0x60020010),
        ("04011001", 0x04011001),
        ("OtherPatientIDs", 0x00101000),
        ("SMPTEPrivateKeyword", None),
        ("patientname", None),
        ("0010,0010", None),
        ("(0010,0010)", None),
        ("0010001", None),
        ("001000100", None),
        ("00100011", None),
        ("0x100010", None),
        ("+0100010", None),
        ("", None),
    ],
)
def test_an_attribute_is_named_by_keyword_or_eight_hex_digits(path: str, tag: int | None) -> None:
    """Conformance statement v2, search; service source and end-to-end tests: DicomTagParser (search §5.2)."""
    assert parse_tag_path(path) == tag


@pytest.mark.parametrize("resource", Resource, ids=lambda resource: resource.name)
@pytest.mark.parametrize("keyword", [tag.keyword for tag in CORE_TAGS.values()])
def test_a_route_takes_filters_of_its_levels_only(resource: Resource, keyword: str) -> None:
    """Conformance statement v2, searchable attributes; service source: QueryLimit (search §5.1)."""
    value = "20200101" if keyword.endswith("Date") else "1.2"
    if keyword in ALLOWED[resource]:
        assert len(filtered(parsed(f"{keyword}={value}", resource))) == 1
    else:
        message = f"Invalid query: AttributeId {keyword} is not queryable.  {HINT}"
        assert refusal(f"{keyword}={value}", resource) == message


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("patientname=a", f"Invalid query: unknown query parameter 'patientname'. {HINT}"),
        ("sortby=a", f"Invalid query: unknown query parameter 'sortby'. {HINT}"),
        ("=a", f"Invalid query: unknown query parameter ''. {HINT}"),
        ("TimezoneOffsetFromUTC=a", f"Invalid query: AttributeId TimezoneOffsetFromUTC is not queryable.  {HINT}"),
        (
            "NumberOfStudyRelatedInstances=1",
            f"Invalid query: AttributeId NumberOfStudyRelatedInstances is not queryable.  {HINT}",
        ),
        ("09011001=a", f"Invalid query: AttributeId 09011001 is not queryable.  {HINT}"),
        ("PatientID=", "Invalid query: AttributeId 'PatientID' has empty string value that is not supported."),
        ("00100020", "Invalid query: AttributeId '00100020' has empty string value that is not supported."),
        ("PatientID=+", "Invalid query: AttributeId 'PatientID' has empty string value that is not supported."),
        ("a.b=c", SEQUENCE.format("a.b")),
        (
            "PatientName=a&00100010=b",
            (
                "Invalid query: attribute '00100010' has been specified more than once using different ID formats. "
                "Each attribute is only allowed to be specified once."
            ),
        ),
        ("includefield=patientid", "Invalid query: IncludeField has unknown attribute 'patientid'."),
        ("includefield=", "Invalid query: IncludeField has unknown attribute ''."),
        ("includefield=PatientID,,StudyDate", "Invalid query: IncludeField has unknown attribute ''."),
        ("includefield=PatientID&includefield=x.y", SEQUENCE.format("x.y")),
        ("includefield=ALL,PatientID", "Invalid query: cannot specify included fields in addition to 'all'."),
        ("includefield=all,all", "Invalid query: cannot specify included fields in addition to 'all'."),
        (
            "includefield=nonsense&includefield=all",
            "Invalid query: cannot specify included fields in addition to 'all'.",
        ),
    ],
)
def test_what_cannot_be_searched_or_included_is_refused(query: str, message: str) -> None:
    """Service source and end-to-end tests: QueryParser (search §5.3, §7)."""
    assert refusal(query) == message


@pytest.mark.parametrize(
    ("query", "first"),
    [
        pytest.param("x=1&PatientID=", "'x'", id="filters in the order of the query string"),
        pytest.param("PatientID=&x=1", "'PatientID'", id="and the other way round"),
        pytest.param("includefield=y&x=1", "'x'", id="filters before includefield"),
        pytest.param("StudyDate=1&00080020=", "Date value '1'", id="value of the first before the second key"),
        pytest.param("StudyDate=20200101&00080020=1", "Date value '1'", id="value before repetition"),
        pytest.param("SOPClassUID=", "not queryable", id="queryable before empty value"),
    ],
)
def test_the_first_failure_wins(query: str, first: str) -> None:
    """Service source: QueryParser checks filter by filter (search §2)."""
    assert first in refusal(query)


def test_filters_keep_their_order_and_the_uids_of_the_path_come_behind_them() -> None:
    """Service source: path UIDs become filter conditions (search §7.1)."""
    target = SearchTarget(resource=Resource.STUDY_SERIES_INSTANCES, study="1.2", series="1.2.3")
    query = parse_search(SearchOptions(offset=3, limit=7), {"SOPInstanceUID": "1.2.3.4"}, target)
    assert filtered(query) == [0x00080018, 0x0020000D, 0x0020000E]
    assert [each.match for each in query.selection.filters] == [Exact("1.2.3.4"), Exact("1.2"), Exact("1.2.3")]
    assert (query.selection.level, query.selection.offset, query.selection.limit) == (Level.INSTANCE, 3, 7)
    assert {0x0020000D, 0x0020000E, 0x00080018} <= query.returned


def test_a_search_without_parameters_selects_everything() -> None:
    """Conformance statement v2: defaults of limit and offset (search §4)."""
    assert parsed("", Resource.ALL_STUDIES).selection == Selection(level=Level.STUDY, limit=100, offset=0)


def test_fuzzy_matching_applies_to_every_person_name() -> None:
    """Conformance statement v2: PatientName and ReferringPhysicianName (search §6)."""
    query = parsed("fuzzymatching=true&PatientName=a&ReferringPhysicianName=b&PatientID=c")
    assert [each.match for each in query.selection.filters] == [NameWords(("a",)), NameWords(("b",)), Exact("c")]


def test_an_extended_query_tag_is_found_by_keyword_and_by_path() -> None:
    """Conformance statement v2, extended query tags; private ones by group and element alone (search §5.2)."""
    query = parsed("PatientAge=064Y&04011001=7", Resource.ALL_SERIES, PATIENT_AGE, PRIVATE)
    assert [(each.tag, each.match) for each in query.selection.filters] == [
        (PATIENT_AGE, Exact("064y")),
        (PRIVATE, Exact(7)),
    ]
    assert {0x00101010, 0x04011001} <= query.returned


@pytest.mark.parametrize("resource", Resource, ids=lambda resource: resource.name)
@pytest.mark.parametrize("level", Level, ids=lambda level: level.name)
def test_an_extended_query_tag_obeys_its_level(resource: Resource, level: Level) -> None:
    """Conformance statement v2: level of extended query tags (search §5.1)."""
    tag = QueryTag(tag=0x00101010, keyword="PatientAge", vr="AS", level=level, key=1)
    if level in resource.levels:
        assert filtered(parsed("PatientAge=064Y", resource, tag)) == [0x00101010]
    else:
        assert "AttributeId PatientAge is not queryable." in refusal("PatientAge=064Y", resource, tag)


@pytest.mark.parametrize("status", [TagStatus.ADDING, TagStatus.DELETING])
def test_an_extended_query_tag_is_searchable_only_when_it_is_ready(status: TagStatus) -> None:
    """Service source: only ready tags qualify (search §5.1)."""
    tag = QueryTag(tag=0x00101010, keyword="PatientAge", vr="AS", level=Level.STUDY, key=1, status=status)
    assert refusal("PatientAge=064Y", Resource.ALL_STUDIES, tag).startswith(
        "Invalid query: AttributeId PatientAge is not queryable.  "
    )


def test_a_disabled_extended_query_tag_is_refused_before_its_value_is_looked_at() -> None:
    """Service source: QueryIsDisabledOnAttribute (search §5.3)."""
    disabled = QueryStatus.DISABLED
    tag = QueryTag(tag=0x00101010, keyword="PatientAge", vr="AS", level=Level.STUDY, key=1, query_status=disabled)
    message = "Query is disabled on specified attribute '00101010'."
    assert refusal("00101010=", Resource.ALL_STUDIES, tag) == message


def test_keys_of_tags_with_indexing_errors_are_reported_as_the_client_wrote_them() -> None:
    """Service source and end-to-end tests: erroneous-dicom-attributes (search §9)."""
    age = QueryTag(tag=0x00101010, keyword="PatientAge", vr="AS", level=Level.STUDY, key=1, error_count=2)
    private = QueryTag(tag=0x04011001, keyword="04011001", vr="SS", level=Level.STUDY, key=2, error_count=1)
    query = parsed("04011001=7&PatientID=x&PatientAge=064Y", Resource.ALL_STUDIES, age, private)
    assert query.erroneous_keys == ("04011001", "PatientAge")


def test_all_beside_other_fields_means_all_where_the_documentation_is_followed() -> None:
    """Conformance statement v2: "defaults to all"; quirk search.includefield_all_mixed (search §7)."""
    mixed = parsed("includefield=PatientID,all", Resource.ALL_STUDIES, all_may_be_mixed=True)
    assert mixed.returned == parsed("includefield=all", Resource.ALL_STUDIES).returned
