"""Second meanings of filters that find nothing: which there are, and when there is none."""

import pytest

from azdicom_emulator.storage.query_tags import CORE_TAGS, Level
from azdicom_emulator.storage.selection import AnyOf, Between, Exact, Filter, Match, NameWords, Selection, Wildcard
from azdicom_emulator.studies.search_extensions import UID_LISTS, WILDCARDS, widen

PATIENT_NAME, PATIENT_ID, STUDY_DATE, STUDY_UID = 0x00100010, 0x00100020, 0x00080020, 0x0020000D


def selection(*filters: tuple[int, str, Match]) -> Selection:
    return Selection(
        level=Level.STUDY,
        filters=tuple(Filter(CORE_TAGS[tag], match, value) for tag, value, match in filters),
        offset=4,
        limit=5,
    )


@pytest.mark.parametrize(
    ("tag", "value", "match", "extension"),
    [
        (PATIENT_ID, "AB*", Wildcard("ab*"), WILDCARDS),
        (PATIENT_ID, "?É\0", Wildcard("?é"), WILDCARDS),
        (PATIENT_NAME, "Té*^?", Wildcard("te*^?"), WILDCARDS),
        (STUDY_UID, "1.2, 1.3\\1.4,,", AnyOf(("1.2", "1.3", "1.4")), UID_LISTS),
        (STUDY_UID, "\\", AnyOf(()), UID_LISTS),
    ],
)
def test_a_filter_has_a_second_meaning(tag: int, value: str, match: Match, extension: str) -> None:
    """Extensions search.wildcards and search.uid_lists (seed-features §8)."""
    widened = widen(selection((tag, value, Exact(value))), lambda _: True)
    assert widened is not None
    assert widened.extensions == (extension,)
    assert [each.match for each in widened.selection.filters] == [match]
    assert (widened.selection.offset, widened.selection.limit) == (4, 5)


@pytest.mark.parametrize(
    ("tag", "value"),
    [(PATIENT_ID, "A,B\\C"), (STUDY_UID, "1.2*"), (STUDY_UID, "1.2"), (STUDY_DATE, "20200101"), (PATIENT_NAME, "A^B")],
)
def test_a_filter_has_no_second_meaning(tag: int, value: str) -> None:
    """Wildcards are for text, lists for UIDs (seed-features §8)."""
    assert widen(selection((tag, value, Exact(value))), lambda _: True) is None


def test_filters_without_a_second_meaning_keep_their_first() -> None:
    """Both meanings apply together, and the rest of the query stays exact (seed-features §8)."""
    dates = Between("20200101", "20201231")
    widened = widen(
        selection(
            (STUDY_DATE, "20200101-20201231", dates),
            (PATIENT_ID, "P*", Exact("p*")),
            (PATIENT_NAME, "Jo?", NameWords(("jo",))),
            (STUDY_UID, "1.2,1.3", Exact("1.2,1.3")),
        ),
        lambda _: True,
    )
    assert widened is not None
    assert widened.extensions == (WILDCARDS, UID_LISTS)
    assert [each.match for each in widened.selection.filters] == [
        dates,
        Wildcard("p*"),
        Wildcard("jo?"),
        AnyOf(("1.2", "1.3")),
    ]


def test_an_extension_that_is_switched_off_takes_no_part() -> None:
    """`--extension search.wildcards=off`, `--strict` (http §13)."""
    searched = selection((PATIENT_ID, "P*", Exact("p*")), (STUDY_UID, "1.2,1.3", Exact("1.2,1.3")))
    widened = widen(searched, lambda name: name == UID_LISTS)
    assert widened is not None
    assert widened.extensions == (UID_LISTS,)
    assert [each.match for each in widened.selection.filters] == [Exact("p*"), AnyOf(("1.2", "1.3"))]
    assert widen(searched, lambda _: False) is None
