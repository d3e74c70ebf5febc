"""Which attributes a search returns, and from where their values come."""

import pytest

from azdicom_emulator.storage.query_tags import Level
from azdicom_emulator.studies.search_results import plan_results
from azdicom_emulator.studies.search_returns import RETURNED, Include, Resource, returned_tags

STUDY_V2 = {0x00080020, 0x00080050, 0x00080090, 0x00081030, 0x00100010, 0x00100020, 0x00100030, 0x0020000D}
SERIES_V2 = {0x00080060, 0x00081090, 0x0020000E, 0x00400244}
INSTANCE_V2 = {0x00080018}
EVERYTHING = Include(everything=True)
NOTHING_MORE = Include()
MODEL_NAME = 0x00081090


@pytest.mark.parametrize(
    ("resource", "tags"),
    [
        (Resource.ALL_STUDIES, STUDY_V2),
        (Resource.ALL_SERIES, STUDY_V2 | SERIES_V2),
        (Resource.ALL_INSTANCES, STUDY_V2 | SERIES_V2 | INSTANCE_V2),
        (Resource.STUDY_SERIES, SERIES_V2),
        (Resource.STUDY_INSTANCES, SERIES_V2 | INSTANCE_V2),
        (Resource.STUDY_SERIES_INSTANCES, INSTANCE_V2),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_version_2_returns_few_attributes_of_the_levels_of_the_route(resource: Resource, tags: set[int]) -> None:
    """Conformance statement v2, default attributes; service source: QueryResponseBuilder (search §7.1)."""
    assert returned_tags(resource, 2, NOTHING_MORE, ()) == tags


@pytest.mark.parametrize(
    ("resource", "version", "include", "count"),
    [
        (Resource.ALL_STUDIES, 1, NOTHING_MORE, 13),
        (Resource.STUDY_SERIES, 1, NOTHING_MORE, 8),
        (Resource.STUDY_SERIES_INSTANCES, 1, NOTHING_MORE, 10),
        (Resource.ALL_STUDIES, 2, EVERYTHING, 24),
        (Resource.STUDY_SERIES, 2, EVERYTHING, 12),
        (Resource.STUDY_SERIES_INSTANCES, 2, EVERYTHING, 10),
    ],
)
def test_version_1_and_all_return_more(resource: Resource, version: int, include: Include, count: int) -> None:
    """Service source: number of tags in each set of QueryResponseBuilder (search §7.1)."""
    assert len(returned_tags(resource, version, include, ())) == count


@pytest.mark.parametrize("resource", Resource, ids=lambda resource: resource.name)
def test_all_is_the_same_in_both_versions(resource: Resource) -> None:
    """Service source: one set of all tags a level (search §7.1)."""
    assert returned_tags(resource, 1, EVERYTHING, ()) == returned_tags(resource, 2, EVERYTHING, ())


def test_included_attributes_and_filters_are_returned_besides_the_defaults() -> None:
    """Conformance statement v2: includefield adds, filters are always returned (search §7.1)."""
    tags = returned_tags(Resource.ALL_STUDIES, 2, Include(frozenset({0x00080030, 0x00091001})), (0x00080061,))
    assert tags == STUDY_V2 | {0x00080030, 0x00091001, 0x00080061}


def test_all_lacks_the_model_name_unless_the_documentation_is_followed() -> None:
    """Service source against conformance statement; quirk search.all_has_model_name (search §7.1)."""
    for resource in (Resource.ALL_SERIES, Resource.STUDY_SERIES, Resource.STUDY_INSTANCES):
        assert MODEL_NAME not in returned_tags(resource, 2, EVERYTHING, ())
        assert MODEL_NAME in returned_tags(resource, 2, EVERYTHING, (), all_has_model_name=True)
    assert MODEL_NAME not in returned_tags(Resource.ALL_STUDIES, 2, EVERYTHING, (), all_has_model_name=True)


def test_the_table_names_every_attribute_as_the_standard_does() -> None:
    """PS3.6: keywords of the attributes in the table of returned attributes."""
    from pydicom.datadict import keyword_for_tag

    assert [(hex(tag), keyword) for _, tag, keyword, _ in RETURNED if keyword_for_tag(tag) != keyword] == []


@pytest.mark.parametrize(
    ("level", "added", "attributes", "metadata"),
    [
        pytest.param(Level.STUDY, set(), STUDY_V2, False, id="study: the index has it all"),
        pytest.param(
            Level.STUDY, {0x00080060}, STUDY_V2 | {0x00080060}, False, id="study with an attribute of a series"
        ),
        pytest.param(Level.STUDY, {0x00201209}, STUDY_V2 | {0x00201209}, False, id="study with the count of a series"),
        pytest.param(Level.STUDY, {0x00080030}, set(), True, id="study: the index lacks StudyTime"),
        pytest.param(
            Level.STUDY, {0x00080030, 0x00080061}, STUDY_V2 | {0x00080061}, True, id="study: index over metadata"
        ),
        pytest.param(Level.STUDY, {0x00201206}, set(), True, id="study: NumberOfStudyRelatedSeries is never computed"),
        pytest.param(
            Level.SERIES,
            SERIES_V2 | {0x00080061},
            STUDY_V2 | SERIES_V2 | {0x00080061},
            False,
            id="series: all in index",
        ),
        pytest.param(
            Level.SERIES,
            SERIES_V2 | {0x00080031, 0x00201209},
            SERIES_V2 | {0x00201209},
            True,
            id="series over metadata",
        ),
        pytest.param(
            Level.SERIES, SERIES_V2 | {0x00080031, 0x00080061}, set(), True, id="series: no overlay of a study"
        ),
        pytest.param(Level.INSTANCE, SERIES_V2 | INSTANCE_V2, set(), True, id="instance: always its own metadata"),
        pytest.param(Level.INSTANCE, {0x00201208, 0x00080061}, set(), True, id="instance: nothing is computed"),
    ],
)
def test_values_come_from_the_index_when_it_has_all_of_them(
    level: Level, added: set[int], attributes: set[int], metadata: bool
) -> None:
    """Service source: QueryService, where results are read from (search §8)."""
    plan = plan_results(level, frozenset(STUDY_V2 | added))
    assert (set(plan.attributes), plan.metadata) == (attributes, metadata)
    assert plan.returned == tuple(sorted(STUDY_V2 | added))
