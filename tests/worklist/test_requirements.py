"""What a workitem needs: every row of the requirement tables, and how the service tells of the first violation."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from azdicom_emulator.dicom.json_data_set import parse_data_set
from azdicom_emulator.storage.worklist import WorkitemState
from azdicom_emulator.worklist.requirements import (
    CODES,
    CREATE,
    UPDATE,
    Attribute,
    Rule,
    create_violation,
    final_attributes,
    final_state_violation,
    first_violation,
    modules,
    update_violation,
    written,
)
from tests.support.client import Emulator
from tests.worklist.workitems import PERFORMED, SMALLEST, WITH_VALUE, Client, a_workitem, element

MISSING = "The required tag '{}' is missing."
NO_VALUE = "The value for tag '{}' is missing."
BLANK = "The attribute with tag '{}' must not be empty."
FORBIDDEN = "The attribute with tag '{}' cannot be present."

# Missing, present but empty, a blank text, a value: worklist §3.2.
EXPECTED: dict[str, tuple[str | None, str | None, str | None, str | None]] = {
    "1": (MISSING, NO_VALUE, BLANK, None),
    **dict.fromkeys(("2", "2/1"), (MISSING, None, None, None)),
    **dict.fromkeys(("3", "3/1", "3/2", "1C", "1C/1", "1C/2"), (None, NO_VALUE, BLANK, None)),
    "2C": (None, None, None, None),
    "X": (None, FORBIDDEN, FORBIDDEN, FORBIDDEN),
}
CONTENTS: tuple[dict[str, Any] | None, ...] = (None, element("LO"), element("LO", "  "), element("LO", "value"))


def rows(attributes: tuple[Attribute, ...], path: tuple[Attribute, ...] = ()) -> Iterator[tuple[Attribute, ...]]:
    """Each row with the sequences above it; macros are walked where they are used, two levels deep."""
    for attribute in attributes:
        yield (*path, attribute)
        if len(path) < 2:
            yield from rows(attribute.items, (*path, attribute))


RULE_OF: dict[int, Callable[[Attribute], Rule]] = {
    CREATE: lambda each: CODES[each.codes[CREATE]],
    UPDATE: lambda each: CODES[each.codes[UPDATE]],
}
ROWS = [row for module in modules().values() for row in rows(module)]


def by_name(row: tuple[Attribute, ...]) -> str:
    return ".".join(attribute.keyword for attribute in row)


def only(row: tuple[Attribute, ...]) -> Attribute:
    """The row's requirement without those of the attributes beside it and below it."""
    *above, last = row
    found = Attribute(last.tag, last.keyword, last.codes)
    for attribute in reversed(above):
        found = Attribute(attribute.tag, attribute.keyword, ("2C", "2C"), (found,))
    return found


def around(row: tuple[Attribute, ...], content: dict[str, Any] | None) -> dict[str, Any]:
    """A data set in which the row's attribute has this content."""
    data_set: dict[str, Any] = {} if content is None else {row[-1].tag: content}
    for attribute in reversed(row[:-1]):
        data_set = {attribute.tag: element("SQ", data_set)}
    return data_set


@pytest.mark.parametrize("row", ROWS, ids=by_name)
def test_every_row_is_enforced_as_its_codes_say(row: tuple[Attribute, ...]) -> None:
    """Service source; worklist §3.2 to §3.9: create and update, missing, empty, blank and filled."""
    for column in (CREATE, UPDATE):
        for content, message in zip(CONTENTS, EXPECTED[row[-1].codes[column]], strict=True):
            data_set = parse_data_set(around(row, content))

            found = first_violation(data_set, [only(row)], RULE_OF[column])

            assert found == (message and message.format(written(row[-1].tag))), (column, content)


def test_tables_have_the_rows_of_the_service() -> None:
    """Service source; worklist §3.3 to §3.8: rows of each module, and what is in the nested ones."""
    assert {name: len(module) for name, module in modules().items()} == {
        "SOP Common": 33,
        "Scheduled Procedure Information": 18,
        "Relationship": 20,
        "Patient Demographic": 36,
        "Patient Medical": 15,
        "Visit Identification": 12,
        "Visit Status": 4,
        "Visit Admission": 11,
        "Progress Information": 2,
        "Performed Procedure Information": 1,
    }


def test_keywords_of_the_tables_are_those_of_the_standard() -> None:
    """PS3.6: tag and keyword of every row belong together."""
    from pydicom.datadict import keyword_for_tag

    wrong = {
        (each.tag, each.keyword) for row in ROWS for each in row if keyword_for_tag(int(each.tag, 16)) != each.keyword
    }

    assert wrong == set()


@pytest.mark.parametrize("state", [WorkitemState.COMPLETED, WorkitemState.CANCELED])
@pytest.mark.parametrize("row", list(rows(final_attributes())), ids=by_name)
def test_every_row_of_the_final_states_is_enforced(row: tuple[Attribute, ...], state: WorkitemState) -> None:
    """Service source; worklist §9: R for both, P for COMPLETED, X for CANCELED, RC and O never."""
    needed = row[-1].codes[0] in {"COMPLETED": ("R", "P"), "CANCELED": ("R", "X")}[state]
    complete = {
        **SMALLEST,
        **PERFORMED,
        "00080016": element("UI", "1.2"),
        "00080018": element("UI", "1.2"),
        "00404010": element("DT", "20240101"),
        "00741000": element("CS", "x"),
        "00741002": element("SQ", {"00404052": element("DT", "2024"), "0074100E": element("SQ", {})}),
    }
    without = {tag: value for tag, value in complete.items() if tag != row[0].tag}
    if len(row) > 1:
        item = dict(complete[row[0].tag]["Value"][0])
        item.pop(row[1].tag, None)
        without[row[0].tag] = element("SQ", item)

    assert final_state_violation(parse_data_set(complete), state) is None
    message = final_state_violation(parse_data_set(without), state)
    assert message == (MISSING.format(written(row[min(len(row), 2) - 1].tag)) if needed else None)


@pytest.mark.parametrize(
    ("data_set", "message"),
    [
        (a_workitem(t00081195=None), "The required tag '(0008,1195)' is missing."),
        (a_workitem(t00081195=element("UI", "1.2")), "The attribute with tag '(0008,1195)' must be empty."),
        (a_workitem(t00081195=element("UI", " ")), "The attribute with tag '(0008,1195)' must be empty."),
        (a_workitem(t00081195=None, t00741200=None), "The required tag '(0008,1195)' is missing."),
        (a_workitem(t00741200=None, t00100010=None), "The required tag '(0074,1200)' is missing."),
        (a_workitem(t00101030=element("DS")), "The value for tag '(0010,1030)' is missing."),
        (a_workitem(t00380014=element("SQ")), "The value for tag '(0038,0014)' is missing."),
        (a_workitem(t00081084=element("SQ", {})), "The required tag '(0008,0104)' is missing."),
        (a_workitem(t00402400=element("LT")), None),
        (a_workitem(t00104000=element("LT")), "The attribute with tag '(0010,4000)' must not be empty."),
        (a_workitem(t00741002=element("SQ", {"00741004": element("DS", 5)})), FORBIDDEN.format("(0074,1004)")),
        (a_workitem(t00741224=element("SQ", {"00081150": element("UI", "1")})), MISSING.format("(0008,1155)")),
    ],
)
def test_first_violation_of_a_create_is_told(data_set: dict[str, Any], message: str | None) -> None:
    """Service source and end-to-end tests; worklist §3.2: Transaction UID first, then module by module."""
    of_service = {
        "00080016": element("UI", "1"),
        "00080018": element("UI", "1"),
        "00404010": element("DT", "2024"),
        "00741000": element("CS", "SCHEDULED"),
        "00741202": element("LO", "worklist"),
    }

    assert create_violation(parse_data_set({**data_set, **of_service})) == message


@pytest.mark.parametrize(
    ("data_set", "message"),
    [
        ({"00080018": element("UI", "1.2")}, FORBIDDEN.format("(0008,0018)")),
        ({"00100010": element("PN")}, FORBIDDEN.format("(0010,0010)")),
        ({"00741000": element("CS", "COMPLETED")}, FORBIDDEN.format("(0074,1000)")),
        ({"00741216": element("SQ", {})}, MISSING.format("(0040,4033)")),
        ({"00741216": element("SQ", {"00404033": element("SQ")})}, None),
        ({"00741204": element("LO")}, NO_VALUE.format("(0074,1204)")),
        ({"00081195": element("UI", "1.2")}, None),
        ({}, None),
    ],
)
def test_first_violation_of_an_update_is_told(data_set: dict[str, Any], message: str | None) -> None:
    """Service source; worklist §3, column U."""
    sent = {"00404010": element("DT", "2024"), **data_set}

    assert update_violation(parse_data_set(sent)) == message


@pytest.mark.parametrize("tag", sorted(SMALLEST))
def test_create_without_a_required_attribute_is_refused(shared_emulator: Emulator, tag: str) -> None:
    """worklist §3.10, §14: each mandatory attribute in turn, missing."""
    client = Client(shared_emulator)

    answer = client.create("1.2.3", {key: value for key, value in SMALLEST.items() if key != tag})

    assert (answer.status, answer.json()) == (400, MISSING.format(written(tag)))
    assert answer.headers["Warning"] is None


@pytest.mark.parametrize("tag", WITH_VALUE)
def test_create_with_an_empty_attribute_that_needs_a_value_is_refused(shared_emulator: Emulator, tag: str) -> None:
    """worklist §3.6: some are named by two modules, and the stricter one counts."""
    answer = Client(shared_emulator).create("1.2.3", {**SMALLEST, tag: {"vr": SMALLEST[tag]["vr"]}})

    assert (answer.status, answer.json()) == (400, NO_VALUE.format(written(tag)))
