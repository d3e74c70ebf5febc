"""Control parameters of a search, and what is left over as attribute filters."""

import pytest

from azdicom_emulator.studies.search_options import SearchOptions, attribute_values, query_parameters
from azdicom_emulator.web.errors import BadRequestError

LIMIT_RANGE = "The query parameter 'Limit' is invalid. The field Limit must be between 1 and 200."
OFFSET_RANGE = "The query parameter 'Offset' is invalid. The field Offset must be between 0 and 9.223372036854776E+18."


def options(query: str) -> SearchOptions:
    return SearchOptions.of(query_parameters(query))


def values(query: str) -> dict[str, str]:
    return attribute_values(query_parameters(query))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", SearchOptions(limit=100, offset=0, fuzzy=False), id="defaults"),
        pytest.param("limit=1&offset=9223372036854775807", SearchOptions(limit=1, offset=2**63 - 1), id="extremes"),
        pytest.param(
            "LIMIT=200&OffSet=3&fuzzyMatching=TRUE", SearchOptions(limit=200, offset=3, fuzzy=True), id="case"
        ),
        pytest.param("limit=+7&fuzzymatching=+false+", SearchOptions(limit=7), id="blanks around the value"),
        pytest.param("limit=5&limit=999", SearchOptions(limit=5), id="first value of a repeated one"),
        pytest.param(
            "includefield=a,+b+&IncludeField=00080020%2Cc",
            SearchOptions(include=("a", "b", "00080020", "c")),
            id="includefield is split, trimmed and merged",
        ),
        pytest.param("includefield=", SearchOptions(include=("",)), id="empty includefield"),
    ],
)
def test_control_parameters_are_read(query: str, expected: SearchOptions) -> None:
    """Service source: QueryOptions, AggregateCsvModelBinder (search §4)."""
    assert options(query) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", LIMIT_RANGE),
        ("limit=201", LIMIT_RANGE),
        ("limit=-1", LIMIT_RANGE),
        ("offset=-1", OFFSET_RANGE),
        ("limit=abc", "The query parameter 'Limit' is invalid. The value 'abc' is not valid for Limit."),
        ("limit=1.5", "The query parameter 'Limit' is invalid. The value '1.5' is not valid for Limit."),
        ("limit=1_0", "The query parameter 'Limit' is invalid. The value '1_0' is not valid for Limit."),
        (
            "limit=99999999999",
            "The query parameter 'Limit' is invalid. The value '99999999999' is not valid for Limit.",
        ),
        (
            "offset=9223372036854775808",
            "The query parameter 'Offset' is invalid. The value '9223372036854775808' is not valid for Offset.",
        ),
        ("limit=", "The query parameter 'Limit' is invalid. The value '' is invalid."),
        ("offset", "The query parameter 'Offset' is invalid. The value '' is invalid."),
        (
            "fuzzymatching=1",
            "The query parameter 'FuzzyMatching' is invalid. The value '1' is not valid for FuzzyMatching.",
        ),
        (
            "fuzzymatching=yes",
            "The query parameter 'FuzzyMatching' is invalid. The value 'yes' is not valid for FuzzyMatching.",
        ),
    ],
)
def test_a_bad_control_parameter_is_refused(query: str, message: str) -> None:
    """Service source: error frame; reasons as its framework's defaults (search §4)."""
    with pytest.raises(BadRequestError) as refused:
        options(query)
    assert refused.value.message == message


def test_of_several_bad_control_parameters_the_first_in_alphabetical_order_is_reported() -> None:
    """Inferred from the framework's model state (search §4)."""
    with pytest.raises(BadRequestError, match="'FuzzyMatching'"):
        options("offset=-1&limit=0&fuzzymatching=maybe")
    with pytest.raises(BadRequestError, match="'Limit'"):
        options("offset=-1&limit=0")


def test_every_other_key_is_an_attribute_filter_in_the_order_of_the_query_string() -> None:
    """Service source: keys and values are trimmed, control parameters in any case left out (search §4, §5.2)."""
    found = values("+PatientName+=+Doe%5EJane+&Limit=5&sortby=x&00100020=a%2Bb+c&IncludeField=all&=z&StudyDate")
    assert list(found.items()) == [
        ("PatientName", "Doe^Jane"),
        ("sortby", "x"),
        ("00100020", "a+b c"),
        ("", "z"),
        ("StudyDate", ""),
    ]


@pytest.mark.parametrize(
    "query",
    ["PatientID=a&PatientID=b", "PatientID=a&patientid=b", "PatientID=a&StudyDate=x&PATIENTID=a"],
    ids=["same key", "other case", "with another between"],
)
def test_a_key_that_comes_twice_is_refused(query: str) -> None:
    """Service source: DuplicateAttributeId; keys compare without case (search §5.4)."""
    with pytest.raises(BadRequestError) as refused:
        values(query)
    assert refused.value.message == (
        "Invalid QIDO-RS query. Duplicate AttributeId 'PatientID'. Each attribute is only allowed to be specified once."
    )
