"""What the value of an attribute filter means, by VR."""

import pytest

from azdicom_emulator.storage.query_tags import Level, QueryTag
from azdicom_emulator.storage.selection import Between, Exact, Match, NameWords
from azdicom_emulator.studies.search_values import EMPTY_RANGE, parse_value
from azdicom_emulator.web.errors import BadRequestError


def parsed(vr: str, value: str, *, fuzzy: bool = False) -> Match | None:
    tag = QueryTag(tag=0x00090010, keyword="TheKeyword", vr=vr, level=Level.STUDY)
    return parse_value(tag, value, fuzzy=fuzzy)


@pytest.mark.parametrize(
    ("vr", "value", "match"),
    [
        ("UI", "1.2,3\\4*", Exact("1.2,3\\4*")),
        ("UI", "1.2\0", Exact("1.2")),
        ("LO", "CAFÉ", Exact("café")),
        ("LO", "abc\0", Exact("abc")),
        ("CS", "CT\\MR", Exact("ct\\mr")),
        ("SH", "A*?", Exact("a*?")),
        ("AE", "AET", Exact("aet")),
        ("AS", "064Y", Exact("064y")),
        ("PN", "Hall^X^Tá=", Exact("hall^x^ta=")),
        ("DA", "20190101", Exact("20190101")),
        ("DA", "20190101-20191231", Between("20190101", "20191231")),
        ("DA", " 20190101 - 20190101 ", Between("20190101", "20190101")),
        ("DA", "-20191231", Between("00010101", "20191231")),
        ("DA", "20190101-", Between("20190101", "99991231")),
        ("DT", "2020", Exact("20200101000000.000000")),
        ("DT", "202003", Exact("20200301000000.000000")),
        ("DT", "20200304050607.5", Exact("20200304050607.500000")),
        ("DT", "2019-2020021503", Between("20190101000000.000000", "20200215030000.000000")),
        ("DT", "2019-", Between("20190101000000.000000", "99991231235959.999999")),
        ("DT", "-2019", Between("00010101000000.000000", "20190101000000.000000")),
        ("TM", "07", Exact("070000.000000")),
        ("TM", "0710", Exact("071000.000000")),
        ("TM", "071011.12", Exact("071011.120000")),
        ("TM", "07:10:11", Exact("071011.000000")),
        ("TM", "07-0830", Between("070000.000000", "083000.000000")),
        ("TM", "-08", Between("000000.000000", "080000.000000")),
        ("TM", "08-", Between("080000.000000", "240000.000000")),
        ("IS", "0003", Exact(3)),
        ("SS", "-12", Exact(-12)),
        ("UL", "+7", Exact(7)),
        ("FD", "-1.5e3", Exact(-1500.0)),
        ("FL", ".25", Exact(0.25)),
    ],
)
def test_a_value_is_read_by_its_vr(vr: str, value: str, match: Match) -> None:
    """Conformance statement v2, search matching; service source: value parsers (search §5.5)."""
    assert parsed(vr, value) == match


@pytest.mark.parametrize(
    ("vr", "value", "message"),
    [
        *(
            (
                "DA",
                value,
                (
                    f"Invalid query: specified Date value '{part}' is invalid for attribute 'TheKeyword'. "
                    "Date should be valid and formatted as yyyyMMdd."
                ),
            )
            for value, part in (
                ("2019", "2019"),
                ("201901", "201901"),
                ("2019-01", "2019"),
                ("2019-01-01", "2019-01-01"),
                ("2019/01/01", "2019/01/01"),
                ("2019.01.01", "2019.01.01"),
                ("20190230", "20190230"),
                ("20190101-20190230", "20190230"),
                ("٢٠١٩٠١٠١", "٢٠١٩٠١٠١"),
            )
        ),
        (
            "DA",
            "20200101-20190101",
            (
                "Invalid query: specified date range '20200101-20190101' is invalid.\n"
                "The first part date 20200101 should be lesser than or equal to the second part date 20190101."
            ),
        ),
        ("DA", "-", EMPTY_RANGE),
        ("DT", " - ", EMPTY_RANGE),
        ("TM", "-", EMPTY_RANGE),
        (
            "DT",
            "20200101 0700",
            (
                "Invalid query: specified DateTime value '20200101+0700' for attribute TheKeyword "
                "contains offset which is not supported."
            ),
        ),
        (
            "DT",
            "2020-0700",
            (
                "Invalid query: specified date range '2020-0700' is invalid.\n"
                "The first part DateTime 2020 should be lesser than or equal to the second part DateTime 0700."
            ),
        ),
        (
            "DT",
            "2020/01 x",
            (
                "Invalid query: specified DateTime value '2020%2F01+x' is invalid for attribute 'TheKeyword'. "
                "DateTime should be valid and formatted as yyyyMMddHHmmss.FFFFFF where yyyy is mandatory."
            ),
        ),
        (
            "TM",
            "25",
            (
                "Invalid query: specified Time value '25' is invalid for parameter 'TheKeyword'. "
                "Time should be valid and formatted as HHmmss.FFFFFF where HH is mandatory."
            ),
        ),
        (
            "TM",
            "08-07",
            (
                "Invalid query: specified date range '08-07' is invalid.\n"
                "The first part time 08 should be lesser than or equal to the second part time 07."
            ),
        ),
        ("IS", "x", "Failed to convert parameter value from a String to a Int64."),
        (
            "US",
            "1.5",
            "Invalid query: specified value '1.5' extended query tag with path 'TheKeyword' is not a valid long value.",
        ),
        (
            "FL",
            "x",
            "Invalid query: specified value 'x' extended query tag with path 'TheKeyword' is not a valid double value.",
        ),
    ],
)
def test_a_value_that_its_vr_does_not_allow_is_refused(vr: str, value: str, message: str) -> None:
    """Service source: value parsers and their texts (search §5.5)."""
    with pytest.raises(BadRequestError) as refused:
        parsed(vr, value)
    assert refused.value.message == message


def test_a_range_without_any_end_is_explained() -> None:
    """Service source: InvalidRangeValues (search §5.5.1)."""
    assert EMPTY_RANGE == (
        "Invalid query: specified range is invalid.\nBoth parts in the range cannot be empty.\n"
        "For details on valid range queries, please refer to Search Matching section in Conformance Statement "
        "(https://github.com/microsoft/dicom-server/blob/main/docs/resources/conformance-statement.md#search-matching)."
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [("Jo^Dö", ("jo", "do")), ("o'neil-smith=x*", ("o", "neil", "smith", "x")), ("^^ = *", ())],
)
def test_a_fuzzy_name_is_split_into_folded_words(value: str, words: tuple[str, ...]) -> None:
    """Conformance statement v2, fuzzy matching (search §6)."""
    assert parsed("PN", value, fuzzy=True) == NameWords(words)


def test_fuzzy_matching_leaves_other_attributes_exact() -> None:
    """Service source: only PN takes part in fuzzy matching (search §6)."""
    assert parsed("LO", "Jo Do", fuzzy=True) == Exact("jo do")


def test_a_quote_is_refused_in_a_fuzzy_name_only() -> None:
    """Service source: InvalidTagValueWithFuzzyMatch, with its trailing space (search §6)."""
    with pytest.raises(BadRequestError) as refused:
        parsed("PN", 'a"b', fuzzy=True)
    assert refused.value.message == (
        "Invalid query: specified tag 'TheKeyword' value 'a\"b' contains unsupported character '\"'. "
        "Character is not supported with Fuzzy match, try exact match or removing the invalid character. "
    )
    assert parsed("PN", 'a"b') == Exact('a"b')


def test_a_vr_that_cannot_be_searched_has_no_meaning() -> None:
    """Service source: no value parser for other VRs (search §5.5)."""
    assert parsed("SQ", "x") is None
