"""Second meanings of a search that found nothing: wildcards and UID lists, which the managed service does not have."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from azdicom_emulator.storage.folding import fold_name, fold_text
from azdicom_emulator.storage.selection import AnyOf, Filter, Match, Selection, Wildcard

WILDCARDS = "search.wildcards"
UID_LISTS = "search.uid_lists"
FINDS_NOTHING = "find nothing (204)"

TEXT_VRS = ("AE", "CS", "LO", "PN", "SH")
UID_SEPARATORS = re.compile(r"[,\\]")


@dataclass(frozen=True, slots=True)
class Widened:
    """What to search for instead, and the names of the extensions that this takes."""

    selection: Selection
    extensions: tuple[str, ...]


def widen(selection: Selection, is_offered: Callable[[str], bool]) -> Widened | None:
    """The selection with all second meanings that its filters have; None: they have none.

    is_offered: whether the extension of a name may act. To be searched only when `selection` has no result on any page,
    so that every answer that the managed service gives stays as it is.
    """
    used: list[str] = []
    filters: list[Filter] = []
    for each in selection.filters:
        name, match = _second_meaning(each)
        if match is None or not is_offered(name):
            filters.append(each)
            continue
        filters.append(replace(each, match=match))
        if name not in used:
            used.append(name)
    return Widened(replace(selection, filters=tuple(filters)), tuple(used)) if used else None


def _second_meaning(each: Filter) -> tuple[str, Match | None]:
    value = each.value
    if each.tag.vr == "UI" and UID_SEPARATORS.search(value):
        pieces = (piece.strip(" \0") for piece in UID_SEPARATORS.split(value))
        return UID_LISTS, AnyOf(tuple(piece for piece in pieces if piece))
    if each.tag.vr in TEXT_VRS and ("*" in value or "?" in value):
        fold = fold_name if each.tag.vr == "PN" else fold_text
        return WILDCARDS, Wildcard(fold(value) or "")
    return "", None
