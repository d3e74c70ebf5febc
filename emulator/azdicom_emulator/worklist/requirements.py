"""Whether a data set has what its transaction needs: reads the requirement tables, finds the first violation."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from azdicom_emulator.dicom.elements import SINGLE_VALUE_VRS
from azdicom_emulator.dicom.json_data_set import DataSet, Element, items_of
from azdicom_emulator.dicom.worklist_tags import TRANSACTION_UID
from azdicom_emulator.storage.worklist import WorkitemState
from azdicom_emulator.worklist.requirement_tables import FINAL_STATE, MACROS, MODULES

MISSING = "The required tag '{tag}' is missing."
NO_VALUE = "The value for tag '{tag}' is missing."
BLANK = "The attribute with tag '{tag}' must not be empty."
FORBIDDEN = "The attribute with tag '{tag}' cannot be present."
NOT_EMPTY = "The attribute with tag '{tag}' must be empty."


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of an attribute that is missing, empty, blank text, or has a value; None: nothing is wrong."""

    missing: str | None = None
    empty: str | None = None
    blank: str | None = None
    filled: str | None = None


NEEDED = Rule(MISSING, NO_VALUE, BLANK)
NO_RULE = Rule()
CODES: Mapping[str, Rule] = {
    "1": NEEDED,
    **dict.fromkeys(("2", "2/1"), Rule(MISSING)),
    **dict.fromkeys(("3", "3/1", "3/2", "1C", "1C/1", "1C/2"), Rule(None, NO_VALUE, BLANK)),
    "2C": NO_RULE,
    "X": Rule(None, FORBIDDEN, FORBIDDEN, FORBIDDEN),
    "2 and EMPTY": Rule(MISSING, None, NOT_EMPTY, NOT_EMPTY),
}
"""Of creates and updates (worklist §3.2). An optional attribute that is present needs a value."""

FINAL_CODES: Mapping[str, frozenset[WorkitemState]] = {
    "R": frozenset((WorkitemState.COMPLETED, WorkitemState.CANCELED)),
    "P": frozenset((WorkitemState.COMPLETED,)),
    "X": frozenset((WorkitemState.CANCELED,)),
    "RC": frozenset(),
    "O": frozenset(),
}
"""The final states for which an attribute is needed, as by code 1 (worklist §9)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of the tables; `codes`: create and update, or the one of a final state."""

    tag: str
    keyword: str
    codes: tuple[str, ...]
    items: tuple["Attribute", ...] = ()


CREATE, UPDATE = 0, 1
"""Positions in `Attribute.codes`."""

TRANSACTION_UID_OF_CREATE = Attribute(TRANSACTION_UID, "TransactionUID", ("2 and EMPTY",))


def create_violation(data_set: DataSet) -> str | None:
    """What the service says of the first violation of a create, None: there is none (worklist §3.2)."""
    of_lock = first_violation(data_set, [TRANSACTION_UID_OF_CREATE], lambda each: CODES[each.codes[CREATE]])
    return of_lock or first_violation(data_set, attributes(), lambda each: CODES[each.codes[CREATE]])


def update_violation(data_set: DataSet) -> str | None:
    """As `create_violation`, of what an update sends."""
    return first_violation(data_set, attributes(), lambda each: CODES[each.codes[UPDATE]])


def final_state_violation(data_set: DataSet, state: WorkitemState) -> str | None:
    """As `create_violation`, of a workitem that is to be COMPLETED or CANCELED (worklist §9)."""
    return first_violation(
        data_set, final_attributes(), lambda each: NEEDED if state in FINAL_CODES[each.codes[0]] else NO_RULE
    )


def first_violation(
    data_set: DataSet, checked: Iterable[Attribute], rule_of: Callable[[Attribute], Rule]
) -> str | None:
    """In the order of `checked`; the items of a sequence come right after it."""
    for attribute in checked:
        element = data_set.get(attribute.tag)
        message = _message(rule_of(attribute), element)
        if message is not None:
            return message.format(tag=written(attribute.tag))
        if element is None or not attribute.items:
            continue
        for item in items_of(data_set, attribute.tag):
            if (found := first_violation(item, attribute.items, rule_of)) is not None:
                return found
    return None


def written(tag: str) -> str:
    """`(0074,1000)`: lower case, in parentheses."""
    return f"({tag[:4]},{tag[4:]})".lower()


@cache
def modules() -> Mapping[str, tuple[Attribute, ...]]:
    """The attributes of each module."""
    return {name: parse_table(table) for name, table in MODULES.items()}


@cache
def attributes() -> tuple[Attribute, ...]:
    """All modules in the order in which they are checked."""
    return tuple(each for module in modules().values() for each in module)


@cache
def final_attributes() -> tuple[Attribute, ...]:
    return parse_table(FINAL_STATE)


@dataclass(slots=True)
class _Line:
    """A line of a table with the lines below it."""

    tag: str
    keyword: str
    codes: tuple[str, ...]
    macro: str
    below: list["_Line"] = field(default_factory=list)


def parse_table(table: str) -> tuple[Attribute, ...]:
    """The attributes of a table in the form of `requirement_tables`."""
    top: list[_Line] = []
    levels = [top]
    for line in _included(table):
        depth = line.count(">")
        tag, keyword, *rest = line.replace("> ", "").split()
        macro = rest.pop()[1:-1] if rest[-1].startswith("[") else ""
        parsed = _Line(tag, keyword, tuple(rest), macro)
        levels[depth].append(parsed)
        levels[depth + 1 :] = [parsed.below]
    return tuple(map(_attribute, top))


def _included(table: str) -> Iterable[str]:
    for line in table.strip().splitlines():
        if line.startswith("include "):
            yield from _included(MACROS[line.removeprefix("include ")])
        else:
            yield line


@cache
def _macro(name: str) -> tuple[Attribute, ...]:
    return parse_table(MACROS[name])


def _attribute(line: _Line) -> Attribute:
    items = _macro(line.macro) if line.macro else tuple(map(_attribute, line.below))
    return Attribute(line.tag, line.keyword, line.codes, items)


def _message(rule: Rule, element: Element | None) -> str | None:
    if element is None:
        return rule.missing
    if element["vr"] in SINGLE_VALUE_VRS:
        return rule.filled if (element["Value"][0] or "").strip() else rule.blank
    values = element.get("Value") or element.get("InlineBinary") or element.get("BulkDataURI")
    if not values:
        return rule.empty
    return rule.filled if any(not _is_blank(value) for value in values) else rule.blank


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
